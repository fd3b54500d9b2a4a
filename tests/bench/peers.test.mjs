/*
 * The peers of the benchmark do our job: through a web server, on one store, each answers as our worker
 * does, delivers what it delivers, once, and leaves waiting what it leaves waiting.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { accepts, freePort, request, scratch, startProgram, until } from '../lib/net.mjs'
import { flowId } from '../lib/signin.mjs'
import { makePages, missing, peers } from './peers/peers.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const build = resolve(here, '../..', process.env.BUILD_DIR || 'build')
const there = peers.filter((peer) => missing(peer).length === 0)
const BURST = 60
const cookies = { Cookie: `opencode-callback=${'T'.repeat(43)}` }
const AT_ONCE = 64 // callbacks of one sign-in
const WAITING = 6

let folder
let store
let host
let servers = [] // {name, port}: our worker first, then the peers
let seen = [] // each connection that came to opencode's socket, as text
let gate // what comes to opencode waits for it
const programs = []
const path = (name) => join(folder.path, name)

async function start(name, file, args, options) {
  const program = startProgram(file, args, { cwd: '/', ...options })
  programs.push(program)
  await until(`${name} accepts`, () => {
    if (!program.running()) throw new Error(program.output())
    return accepts({ path: path(name) })
  })
  return program
}

/* opencode's socket: what comes is written down and goes on to the stand-in. */
function listen() {
  const server = net.createServer((from) => {
    const to = net.connect({ path: path('standin.sock') })
    const at = seen.push('') - 1
    from.on('data', async (bytes) => {
      seen[at] += bytes.toString('latin1')
      await gate
      to.write(bytes)
    })
    from.on('error', () => to.destroy())
    to.on('error', () => from.destroy())
    to.pipe(from)
  })
  return new Promise((resolve) => server.listen(path('opencode.sock'), () => resolve(server)))
}

let listener

function writeNginx(locations) {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${path(`nginx-${name}`)};`)
  const blocks = locations.map(({ port, body }) => `server { listen 127.0.0.1:${port}; location / { ${body} } }`)
  writeFileSync(
    path('nginx.conf'),
    `daemon off; worker_processes 1; pid ${path('nginx.pid')}; error_log ${path('nginx.log')} error;
    ${process.getuid() === 0 ? 'user root;' : ''}
    events { worker_connections 512; }
    http { access_log off; large_client_header_buffers 4 66k; ${temporary.join('\n')} ${blocks.join('\n')} }`,
  )
}

before(async () => {
  folder = scratch('peers')
  const memory = existsSync('/dev/shm') ? '/dev/shm' : folder.path
  store = join(memory, `opencode-callback-peers-${process.pid}`)
  mkdirSync(store, { mode: 0o700 })
  execFileSync(process.env.CC ?? 'cc', ['-std=c11', '-D_GNU_SOURCE', '-pthread', '-o', path('standin'), join(here, 'standin.c')])
  await start('standin.sock', path('standin'), [path('standin.sock'), '4'])
  listener = await listen()

  const port = await freePort()
  host = `127.0.0.1:${port}`
  const publicUrl = `http://${host}`
  const opencodeSocket = path('opencode.sock')
  writeFileSync(
    path('peers.ini'),
    `[opencode]\nurl = ${publicUrl}\nsocket = ${opencodeSocket}\n[flow]\nstore = dir:${store}\n` +
      `max_pending_per_client = 1000\n[limit]\nrate = 1/min\nburst = ${BURST}\n`,
    { mode: 0o644 },
  )
  await start('worker.sock', join(build, 'opencode-callback.fcgi'), [
    '-c', path('peers.ini'), '-s', path('worker.sock'), '-t', '32',
  ])
  const pages = await makePages(folder.path, { cgi: join(build, 'opencode-callback.cgi'), opencodeSocket, publicUrl })
  const names = ['REQUEST_METHOD $request_method', 'REQUEST_URI $request_uri', 'QUERY_STRING $query_string',
    'CONTENT_TYPE $content_type', 'CONTENT_LENGTH $content_length', 'REMOTE_ADDR $remote_addr']
  servers = [{
    name: 'our worker', port,
    body: `fastcgi_pass unix:${path('worker.sock')}; ${names.map((name) => `fastcgi_param ${name};`).join(' ')}`,
  }]
  const settings = { store, opencodeSocket, publicUrl, pages, processes: 16, rate: 1, burst: BURST }
  for (const peer of there) {
    const { program, nginx } = await peer.start(folder.path, settings)
    programs.push(program)
    servers.push({ name: peer.name, port: await freePort(), body: nginx })
  }
  writeNginx(servers)
  const nginx = startProgram('nginx', ['-c', path('nginx.conf'), '-e', path('nginx.log')], {
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
  })
  programs.push(nginx)
  await until('nginx accepts', () => {
    if (!nginx.running()) throw new Error(nginx.output())
    return accepts({ port })
  })
})

after(async () => {
  for (const program of programs.reverse()) await program.stop()
  listener?.close()
  execFileSync('rm', ['-rf', store])
  folder?.remove()
})

const send = (server, target, { headers = cookies, method = 'GET', from, as = host } = {}) =>
  request({ port: server.port, ...(from && { localAddress: from }) }, method, target, { host: as, headers })

const finished = async () => Number((await request({ path: path('standin.sock') }, 'GET', '/count')).body)

let count = 0

/* Begins a sign-in through our worker; each spends an allowance, so they come from many addresses. */
async function begin(given = cookies) {
  const number = ++count
  const headers = { ...given, 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'same-origin' }
  const where = { port: servers[0].port, localAddress: `127.0.1.${number % 250 + 1}` }
  const answer = await request(where, 'POST', `/provider/p${number}/oauth/authorize`, {
    host, headers, body: '{"method":0,"inputs":{}}',
  })
  const state = `bench-state-${String(number).padStart(9, '0')}`
  const page = `/signin/flow/${flowId(state)}`
  assert.equal(answer.status, 200, answer.body)
  assert.ok(answer.body.includes(page), answer.body)
  const offered = /opencode-callback=[\w-]{43}/.exec(answer.headers['set-cookie'] ?? '')?.[0]
  return {
    number, page, target: `/auth/callback?code=a%2Fb&scope=x%20y&state=${state}`,
    headers: offered ? { Cookie: offered } : given,
  }
}

/* A second sign-in of the same provider, which a begin would not leave waiting beside the first. */
function begunBeside(flow) {
  const state = `beside-${flow.number}`
  const record = readlinkSync(join(store, flow.page.split('/').at(-1)))
  symlinkSync(record.replace(/^id=.*$/m, `id=${flowId(state)}`), join(store, flowId(state)))
  return { ...flow, page: `/signin/flow/${flowId(state)}`, target: `/auth/callback?code=c&state=${state}` }
}

/* Programs of this name that have a file of the store open as their descriptor 9. */
function holdersOf9(name) {
  const open = (pid) => {
    try {
      return readFileSync(`/proc/${pid}/comm`, 'utf8') === `${name}\n` && readlinkSync(`/proc/${pid}/fd/9`).startsWith(store)
    } catch {
      return false // it has ended
    }
  }
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && open(pid)).length
}

/*
 * How many wait for a lock of a file in the store, or of the peers' own below it. The shell's lock was
 * taken by flock(1), which has ended: in a container /proc/locks hides it, and who waits for it.
 */
function waiters() {
  const files = readdirSync(store, { recursive: true }).map((name) => lstatSync(join(store, name)).ino)
  const waiting = readFileSync('/proc/locks', 'utf8').split('\n').filter((line) => line.includes(' -> '))
  const listed = waiting.filter((line) => files.includes(Number(/:(\d+) \d+ \S+$/.exec(line)?.[1]))).length
  return Math.max(listed, holdersOf9('flock'))
}

async function stateOf(flow) {
  const answer = await send(servers[0], `${flow.page}/status`, { headers: flow.headers, from: '127.0.0.200' })
  assert.equal(answer.status, 200, answer.body)
  return JSON.parse(answer.body)
}

/* What one delivery sends: heads are compared by request line, Host and body. */
const told = () => seen.map((text) => [text.split('\r\n')[0], /\r\nHost: ([^\r]*)/i.exec(text)?.[1], text.split('\r\n\r\n')[1]])

/* The name of a test of every server; ours shows that the test itself is right. */
function each(what, check) {
  test(what, async (t) => {
    for (const server of servers) await t.test(server.name, () => check(server))
  })
}

test('every peer is there', (t) => {
  const absent = peers.flatMap((peer) => missing(peer))
  if (absent.length > 0) t.skip(`not installed: ${absent.join(', ')}`)
})

describe('a good callback', () => {
  each('is delivered once, word for word, and the flow page says so', async (server) => {
    const flow = await begin()
    const before = await finished()
    seen = []
    const answer = await send(server, flow.target)
    assert.equal(answer.status, 303, answer.body)
    assert.equal(answer.headers.location, flow.page)
    assert.equal(answer.headers['cache-control'], 'no-store')
    assert.match(answer.headers['content-security-policy'], /^default-src 'none'; /)
    assert.deepEqual(told(), [
      [`GET ${flow.target} HTTP/1.1`, `localhost:${2000 + flow.number}`, ''],
      [`POST /provider/p${flow.number}/oauth/callback HTTP/1.1`, 'opencode', '{"method":0}'],
    ])
    assert.deepEqual(await stateOf(flow), { state: 'done', expires_in: 0 })
    assert.ok(!readdirSync(store).includes(`${flow.page.split('/').at(-1)}.url`), 'the authorize URL is gone')

    const again = await send(server, flow.target)
    assert.equal(again.status, 303)
    assert.equal(again.headers.location, flow.page)
    assert.equal(await finished(), before + 1)
  })

  each(`of which ${AT_ONCE} come at once is delivered once`, async (server) => {
    const flow = await begin()
    const before = await finished()
    const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => send(server, flow.target)))
    assert.deepEqual(answers.filter(({ status }) => status !== 303), [])
    assert.equal(await finished(), before + 1)
    assert.equal((await stateOf(flow)).state, 'done')
  })

  each('waits while another of its provider is delivered, and then one of several wins', async (server) => {
    const first = await begin()
    const second = begunBeside(first)
    const before = await finished()
    let open
    gate = new Promise((resolve) => (open = resolve))
    seen = []
    const all = [send(server, first.target)]
    try {
      await until('the first is on its way', () => seen.length === 1 && seen[0] !== '')
      for (let i = 0; i < WAITING; i++) all.push(send(server, second.target))
      // in Node nobody can see who waits, but it takes one after the other
      if (server.name === 'Node') assert.equal((await send(server, '/auth/callback')).status, 400)
      else await until('the others wait for the lock', () => waiters() === WAITING, 5000)
      assert.equal(seen.length, 1)
    } finally {
      open()
    }
    for (const { status } of await Promise.all(all)) assert.equal(status, 303)
    assert.equal(await finished(), before + 2)
    assert.equal((await stateOf(first)).state, 'done')
    assert.equal((await stateOf(second)).state, 'done')
  })

  each('with the issuer that was asked', async (server) => {
    const flow = await begin()
    const answer = await send(server, `${flow.target}&iss=https%3A%2F%2Fauth.example.com%2Ftenant`)
    assert.equal(answer.status, 303)
    assert.equal((await stateOf(flow)).state, 'done')
  })

  each('by which the cookie comes back that was offered', async (server) => {
    const flow = await begin({})
    assert.equal((await send(server, flow.target, { headers: flow.headers })).status, 303)
    assert.equal((await stateOf(flow)).state, 'done')
  })

  each('that says no is told to the listener only', async (server) => {
    const flow = await begin()
    const before = await finished()
    seen = []
    const target = flow.target.replace('code=a%2Fb', 'error=access_denied')
    assert.equal((await send(server, target)).status, 303)
    assert.deepEqual(told(), [[`GET ${target} HTTP/1.1`, `localhost:${2000 + flow.number}`, '']])
    assert.equal((await stateOf(flow)).state, 'declined')
    assert.equal(await finished(), before)
  })
})

/* What is refused, made from the target of a good callback. */
const refused = {
  'an unknown state': (good) => `${good}x`,
  'a duplicate code': (good) => `${good}&code=b`,
  'the same unknown name twice': (good) => `${good}&%40=1&@=2`,
  'a bad escape': (good) => `${good}&x=%4`,
  'a NUL': (good) => `${good}&x=%00`,
  'no UTF-8': (good) => `${good}&x=%ed%a0%80`,
  'a value that is no UTF-8': (good) => `${good}&x=%c0%af`,
  'a ? in the query': (good) => `${good}&x=?`,
  'no code': (good) => good.replace('code=a%2Fb&', ''),
  'an empty code': (good) => good.replace('a%2Fb', ''),
  'no state': () => '/auth/callback?code=c',
  'code and error': (good) => `${good}&error=denied`,
  'another kind of answer': (good) => `${good}&id_token=x`,
  'another issuer': (good) => `${good}&iss=http%3A%2F%2Fauth.example.com`,
  'a name of a shell': (good) => `${good}&x[$(touch+/dev/shm/never)]=1&x[$(touch+/dev/shm/never)]=1`,
  'another path': (good) => good.replace('/auth/callback', '/auth/callback2'),
  'too many parameters': (good) => `${good}${'&'.repeat(3)}${Array.from({ length: 62 }, (_, i) => `&p${i}`).join('')}`,
  'a value that is too long': (good) => `${good}&x=${'y'.repeat(4097)}`,
  'a query that is too long': (good) => `${good}&x=${'y'.repeat(4096)}&z=${'y'.repeat(4096)}`,
}
const otherwise = {
  'another browser': { headers: { Cookie: `opencode-callback=${'U'.repeat(43)}` } },
  'no cookie': { headers: {} },
  'the cookie twice': { headers: { Cookie: `${cookies.Cookie}; ${cookies.Cookie}` } },
  'a header that is too long': { headers: { ...cookies, 'Sec-Purpose': 'x'.repeat(8193) } },
  'a prefetch': { headers: { ...cookies, 'Sec-Purpose': 'prefetch;prerender' } },
  'a picture': { headers: { ...cookies, 'Sec-Fetch-Dest': 'image' } },
  'another host': { as: 'elsewhere.example' },
  'another method': { method: 'POST' },
  HEAD: { method: 'HEAD' },
}
const OF_ALL = [
  'cache-control', 'content-security-policy', 'referrer-policy', 'x-content-type-options', 'x-frame-options',
  'content-type', 'allow',
]

describe('a callback that is refused, with the same bytes as ours, and the sign-in still waits', () => {
  const cases = [
    ...Object.entries(refused).map(([what, make]) => [what, make, {}]),
    ...Object.entries(otherwise).map(([what, options]) => [what, (good) => good, options]),
  ]
  for (const [what, make, options] of cases) {
    test(what, async () => {
      const flow = await begin()
      const before = await finished()
      const ours = await send(servers[0], make(flow.target), options)
      assert.ok(ours.status >= 400 && ours.status < 500, `${ours.status}`)
      for (const server of servers.slice(1)) {
        const theirs = await send(server, make(flow.target), options)
        assert.equal(theirs.status, ours.status, server.name)
        for (const name of OF_ALL) assert.equal(theirs.headers[name], ours.headers[name], `${server.name}: ${name}`)
        // ours names this browser's sign-ins that wait, where the answer may have got lost
        if (!/\/signin\/flow\//.test(ours.body)) assert.equal(theirs.body, ours.body, server.name)
        assert.equal((await stateOf(flow)).state, 'waiting', server.name)
      }
      assert.equal(await finished(), before)
    })
  }

  test('a name in the query is no command', () => assert.equal(existsSync('/dev/shm/never'), false))
})

describe('what is not refused', () => {
  each('unusual but valid parameters', async (server) => {
    const flow = await begin()
    const target = `${flow.target}&&%40=1&*=2&x]=3&$(x)=4&\\=5&%c3%a9=%f0%9f%98%80&"='&a=%5cx41+%25`
    seen = []
    assert.equal((await send(server, target)).status, 303)
    assert.equal(told()[0][0], `GET ${target} HTTP/1.1`)
    assert.equal((await stateOf(flow)).state, 'done')
  })

  each('5,000 cookies of others, 58 KiB of them', async (server) => {
    for (const others of ['a=b; '.repeat(5000), `a=${'b'.repeat(60_000)}; `]) {
      const flow = await begin()
      assert.equal((await send(server, flow.target, { headers: { Cookie: others + cookies.Cookie } })).status, 303)
    }
  })

  each('the public name without its port', async (server) => {
    const flow = await begin()
    assert.equal((await send(server, flow.target, { as: '127.0.0.1' })).status, 303)
  })
})

describe('the allowance', () => {
  each('is spent by refusals, and a sign-in of this browser is finished all the same', async (server) => {
    const from = '127.0.0.3'
    const junk = () => send(server, '/auth/callback?code=c&state=unknown', { from })
    for (let i = 0; i < BURST; i++) assert.equal((await junk()).status, 400, `${i + 1} of ${BURST}`)
    const over = await junk()
    assert.equal(over.status, 429)
    assert.match(over.headers['retry-after'], /^(?:[1-9]|[1-5]\d|60)$/)
    assert.match(over.body, /Too many requests came from your address/)
    const flow = await begin()
    assert.equal((await send(server, flow.target, { from })).status, 303)
    assert.equal((await stateOf(flow)).state, 'done')
    assert.equal((await send(server, '/auth/callback?code=c&state=unknown', { from: '127.0.0.4' })).status, 400)
  })
})

test('while opencode is away: 503, and the sign-in still waits', async () => {
  const flows = []
  for (const server of servers) flows.push([server, await begin()])
  await new Promise((resolve) => listener.close(resolve))
  for (const [server, flow] of flows) {
    const answer = await send(server, flow.target)
    assert.equal(answer.status, 503, `${server.name}: ${answer.body}`)
    assert.match(answer.body, /opencode cannot be reached/, server.name)
  }
  listener = await listen()
  for (const [server, flow] of flows) {
    assert.equal((await stateOf(flow)).state, 'waiting', server.name)
    assert.equal((await send(server, flow.target)).status, 303, server.name)
    assert.equal((await stateOf(flow)).state, 'done', server.name)
  }
})
