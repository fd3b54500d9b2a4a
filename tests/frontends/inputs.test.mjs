/*
 * Inputs that no table of tests/lib holds: lengths of bodies, settings that a visitor tries to send, standard
 * files and environments of all kinds, limits under thousands of begins. The good callback succeeds after each.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { HOST, metaVariables, parseAnswer, runCgi, startFrontends } from '../lib/frontends.mjs'
import { fcgiExchange, fcgiRequest } from '../lib/fcgi.mjs'
import { BUILD, CGI, SANITIZED, WORKER, cleanEnv, startWorker, unprivileged } from '../lib/front.mjs'
import { freePort, until } from '../lib/net.mjs'
import {
  NAVIGATION, OWN_FORM, assertCleanLogs, assertDelivered, assertSafe, assertSucceeds, begunFlow, cookies, beginFlow, flowId, flowStatus, goodCallback, newCookie,
} from '../lib/signin.mjs'
import { authorizeUrl, json } from '../lib/standin.mjs'

let site, stuck
before(async () => {
  site = await startFrontends({ web: false })
  // takes ten seconds, and is looked at last
  const flow = await begunFlow(site)
  stuck = unread(flow, 'exec sleep 30').then((end) => ({ ...end, flow }))
  await until('it is delivered', async () => (await flowStatus(site, flow)).state === 'done')
})
after(() => site?.stop())

const isRoot = process.getuid() === 0
const LANES = 4 // fewer than the worker has for calls to opencode

/* A listener of no use to us: how often somebody came. */
async function trap() {
  const seen = { visits: 0, port: await freePort() }
  const server = net.createServer((socket) => { seen.visits++; socket.destroy() }).listen(seen.port, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return { ...seen, url: `http://127.0.0.1:${seen.port}`, visits: () => seen.visits, stop: () => new Promise((resolve) => server.close(resolve)) }
}

/*
 * The good callback as CGI, into a pipe that is full already, before a reader. What was said on standard
 * error, and after how many seconds it ended.
 */
function unread(flow, reader) {
  const env = { ...cleanEnv({ OPENCODE_CALLBACK_CONFIG: site.site.iniFile }), ...metaVariables(goodCallback(flow)) }
  const script = `{ dd if=/dev/zero bs=4096 count=16 status=none; "$@"; echo "ended with $?" >&2; } | ${reader}`
  const child = spawn(...unprivileged('sh', ['-c', script, 'sh', CGI]), { env, stdio: ['ignore', 'ignore', 'pipe'], detached: true })
  const start = Date.now()
  let said = ''
  return new Promise((resolve) => {
    let seconds
    child.stderr.on('data', (chunk) => {
      said += chunk.toString('latin1')
      if (seconds !== undefined || !said.includes('ended with ')) return
      seconds = (Date.now() - start) / 1000
      if (reader.includes('sleep 30')) process.kill(-child.pid, 'SIGKILL')
    })
    child.on('close', () => resolve({ said: said.replaceAll('\0', ''), seconds }))
  })
}

describe('the length of a body', () => {
  test('exactly as many bytes are read as Content-Length says, whatever follows', async () => {
    for (const frontend of site.frontends) {
      for (const [more, vars] of [['x'.repeat(10 << 20), {}], ['&address=http://evil.example/', {}], ['%zz\0', {}]]) {
        const flow = await begunFlow(site)
        const mark = site.standin.connections.length
        const body = `address=${encodeURIComponent(`${flow.redirect}?${flow.query}`)}`
        const request = { method: 'POST', target: flow.page, headers: { ...OWN_FORM, ...flow.cookies },
        body: body + more, vars: { ...vars, CONTENT_LENGTH: String(body.length) } }
        const answer = await frontend.send(request)
        assert.equal(answer.status, 303, `${frontend.name}, and ${more.length} bytes: ${answer.body.slice(0, 200)}`)
        assertDelivered(site, flow, mark)
      }
    }
    assertCleanLogs(site)
  })
  test('one byte less than there is cuts the last value, one more is a body cut off', async () => {
    for (const frontend of site.frontends) {
      for (const [off, problem] of [[-1, /role="?alert/], [1, /role="?alert/]]) {
        const flow = await begunFlow(site)
        const connections = site.standin.connections.length
        const body = `address=${encodeURIComponent(`${flow.redirect}?${flow.query}`)}`
        const answer = await frontend.send({
          method: 'POST', target: flow.page, headers: { ...OWN_FORM, ...flow.cookies }, body, vars: { CONTENT_LENGTH: String(body.length + off) },
        })
        assert.equal(answer.status, 400, frontend.name)
        assert.match(answer.body, problem)
        assertSafe(answer)
        assert.equal(site.standin.connections.length, connections)
        await assertSucceeds(site, flow, frontend)
      }
    }
  })
  test('the body of a GET is nobody’s answer, and stands before nothing', async () => {
    for (const frontend of site.frontends) {
      const flow = await begunFlow(site)
      const connections = site.standin.connections.length
      for (const body of [flow.query, `address=${encodeURIComponent(`${flow.redirect}?${flow.query}`)}`]) {
        for (const target of [flow.path, `${flow.path}?code=x&state=wrong`, `${flow.path}?`]) {
          const answer = await frontend.send({ target, headers: { ...NAVIGATION, ...flow.cookies, 'Content-Type': OWN_FORM['Content-Type'] }, body })
          assert.equal(answer.status, 400, `${frontend.name} ${target}`)
          assertSafe(answer)
        }
        const shown = await frontend.send({ target: flow.page, headers: flow.cookies, body })
        assert.equal(shown.status, 200, frontend.name)
      }
      assert.equal(site.standin.connections.length, connections)
      await assertSucceeds(site, flow, frontend)
    }
  })
})

test('no QUERY_STRING, and no ? in the address either: 400', async () => {
  for (const frontend of site.frontends) {
    const flow = await begunFlow(site)
    const connections = site.standin.connections.length
    for (const vars of [{ QUERY_STRING: undefined }, { QUERY_STRING: undefined, REQUEST_URI: undefined, SCRIPT_NAME: flow.path },
    { QUERY_STRING: undefined, REQUEST_URI: undefined, PATH_INFO: flow.path }]) {
      const answer = await frontend.send({ target: flow.path, headers: { ...NAVIGATION, ...flow.cookies }, vars })
      assert.equal(answer.status, 400, frontend.name)
      assert.match(answer.body, /data-problem="no-state"/)
      assertSafe(answer)
    }
    assert.equal(site.standin.connections.length, connections)
    await assertSucceeds(site, flow, frontend)
  }
})

describe('what a visitor cannot set', () => {
  const evil = () => {
    const ini = join(site.site.path, 'evil.ini')
    writeFileSync(ini, '[opencode]\nurl = https://evil.example\n[web]\nprefix = /evil\n', { mode: 0o644 })
    return ini
  }
  const names = (ini) => ({ OPENCODE_CALLBACK_CONFIG: ini, OPENCODE_PUBLIC_URL: 'https://evil.example', OPENCODE_TRUST_PROXY_HEADERS: 'true' })

  test('our settings, as headers: neither as CGI nor as FastCGI', async () => {
    const vars = Object.fromEntries(Object.entries(names(evil())).map(([name, value]) => [`HTTP_${name}`, value]))
    for (const frontend of site.frontends) {
      const flow = await begunFlow(site, { frontend: { ...frontend, send: (request) => frontend.send({ ...request, vars }) } })
      assert.equal((await frontend.send({ target: '/evil/health', vars })).status, 404)
      await assertSucceeds(site, flow, { ...frontend, send: (request) => frontend.send({ ...request, vars }) })
    }
  })
  test('our settings, as FastCGI parameters', async () => {
    const vars = { ...names(evil()), PATH: '/evil', LD_PRELOAD: '/evil.so', HOME: '/evil', LISTEN_FDS: '1', FCGI_WEB_SERVER_ADDRS: '192.0.2.1' }
    const frontend = { ...site.fcgi, send: (request) => site.fcgi.send({ ...request, vars }) }
    const flow = await begunFlow(site, { frontend })
    assert.equal((await frontend.send({ target: '/evil/health' })).status, 404)
    await assertSucceeds(site, flow, frontend)
  })
  test('arguments: whatever a web server makes of a query, nothing of it is looked at', async () => {
    const ini = evil()
    for (const args of [[`-c`, ini], [`-c${ini}`], [`--config=${ini}`], ['--doctor', 'http://evil.example'], ['-h'], ['--help'], ['--version'],
    ['--check-config'], ['--dump-config'], ['-s', '/tmp/evil.sock'], ['-d', 'allow_url_include=1'], ['\xad\x64'], ['x'.repeat(100_000)],
    Array(5000).fill('x')]) {
      const flow = await begunFlow(site)
      for (const vars of [{}, { GATEWAY_INTERFACE: undefined }, { REQUEST_METHOD: undefined }]) {
        const { stdout, code } = await runCgi(site.site, metaVariables({ target: '/auth/callback?code=x&state=wrong', vars }), undefined, { args })
        assert.equal(code, 0, args[0])
        const answer = parseAnswer(stdout)
        assert.equal(answer.status, vars.REQUEST_METHOD === undefined && 'REQUEST_METHOD' in vars ? 405 : 400, args[0])
        assertSafe(answer)
      }
      await assertSucceeds(site, flow, { ...site.cgi, send: (request) => site.cgi.send({ ...request, cgi: { args } }) })
    }
  })
  test('a proxy for anything, in the environment of a worker: no connection to it', async () => {
    const proxy = await trap()
    const all = ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'ALL_PROXY', 'all_proxy', 'FTP_PROXY', 'SOCKS_PROXY', 'socks_proxy']
    const env = { ...Object.fromEntries(all.map((name) => [name, proxy.url])), NO_PROXY: '', no_proxy: '' }
    const worker = await startWorker({ path: site.site.path, iniFile: site.site.iniFile }, { name: 'proxied.sock', env })
    try {
      const frontend = {
        name: 'FastCGI', send: async (request) => parseAnswer((await fcgiExchange(worker.socket, fcgiRequest(metaVariables(request), request.body))).stdout),
      }
      for (let i = 0; i < 3; i++) await assertSucceeds(site, await begunFlow(site, { frontend }), frontend)
      assert.equal((await frontend.send({ target: '/signin/' })).status, 200)
      assert.equal(proxy.visits(), 0)
    } finally {
      await worker.stop()
      await proxy.stop()
    }
  })
  test('a name to be looked up: the CGI program itself asks no resolver, and starts no program', { skip: SANITIZED && 'the sanitizers can' }, () => {
    const symbols = execFileSync('readelf', ['-W', '--dyn-syms', CGI], { encoding: 'utf8' })
    assert.match(symbols, / UND read@/)
    assert.doesNotMatch(symbols, / UND (?:gethostby\w*|getnameinfo|_*res_\w+|execv\w*|execl\w*|popen|system|posix_spawn\w*|v?fork)@/)
    // one part of it can: that which looks for the host of a Redis, of the configuration, before the sandbox closes
    const asks = readdirSync(join(BUILD, 'common'), { recursive: true }).filter((name) => name.endsWith('.o')).filter((name) =>
      / UND getaddrinfo$/m.test(execFileSync('readelf', ['-W', '-s', join(BUILD, 'common', name)], { encoding: 'utf8' })))
    assert.deepEqual(asks, ['store/redis/redis_pool.o'])
  })
})

describe('standard files', () => {
  test('a worker that was started without any: it answers', async () => {
    for (const how of ['1>&- 2>&-', '<&- >&- 2>&-']) {
      const worker = await startWorker({ path: site.site.path, iniFile: site.site.iniFile }, { name: 'closed.sock', wrap: ['sh', '-c', `exec "$@" ${how}`,
      'sh'] })
      const frontend = {
        name: 'FastCGI', send: async (request) => parseAnswer((await fcgiExchange(worker.socket, fcgiRequest(metaVariables(request), request.body))).stdout),
      }
      await assertSucceeds(site, await begunFlow(site, { frontend }), frontend)
      await worker.stop()
    }
  })
  test('a pipe that is full until later: the whole answer', async () => {
    const flow = await begunFlow(site)
    const { said } = await unread(flow, '{ sleep 0.5; exec cat >&2; }')
    assert.match(said, /Status: 303 [^]*\r\n\r\n/)
    assert.equal((await flowStatus(site, flow)).state, 'done')
  })
})

describe('the configuration', () => {
  test('missing, unreadable, no file, a pipe, open to others: a plain 500, and why stands in the log; empty is fine', async () => {
    const path = (name) => join(site.site.path, name)
    const run = (iniFile) => runCgi({ ...site.site, iniFile }, metaVariables({ target: '/signin/health' }))
    const cases = [['missing.ini', /No such file/], ['folder.ini', /is not a file/], ['fifo.ini', /is not a file/]]
    mkdirSync(path('folder.ini'))
    execFileSync('mkfifo', ['-m', '644', path('fifo.ini')])
    for (const [name, why] of cases) {
      const { stdout, stderr, code } = await run(path(name))
      const answer = parseAnswer(stdout)
      assert.deepEqual([answer.status, code], [500, 0], name)
      assertSafe(answer)
      assert.ok(!answer.body.includes(name))
      assert.match(stderr, why, name)
      const check = spawnSync(WORKER, ['-c', path(name), '--check-config'], { encoding: 'utf8', env: cleanEnv() })
      assert.equal(check.status, 78)
      assert.match(check.stderr, why, name)
    }
    if (isRoot) {
      writeFileSync(path('secret.ini'), '[web]\nprefix = /x\n', { mode: 0o600 })
      copyFileSync(CGI, path('program'))
      const env = { ...cleanEnv({ OPENCODE_CALLBACK_CONFIG: path('secret.ini') }), ...metaVariables({ target: '/x/health' }) }
      const { stdout, stderr } = spawnSync(...unprivileged(path('program'), [], { strict: true }), { encoding: 'utf8', env })
      assert.equal(parseAnswer(stdout).status, 500)
      assert.match(stderr, /secret\.ini: Permission denied/)
    }
    writeFileSync(path('empty.ini'), '', { mode: 0o644 })
    // the default store is nowhere here, which is no mistake of the file
    assert.match((await run(path('empty.ini'))).stdout, /^Status: (?:200|503) /)
    chmodSync(path('empty.ini'), 0o646)
    assert.match((await run(path('empty.ini'))).stdout, /^Status: 500 /)
  })
})

describe('many', () => {
  test('20 MCP servers in one browser: one cookie, each works; the 21st is 429, and opencode is not asked', async () => {
    const usual = await startFrontends({ ini: { flow: { max_pending_per_client: undefined } }, web: false })
    try {
      const cookie = newCookie()
      const flows = []
      const begin = async (i) => {
        const [name, state] = [`server${i}`, `CANARYstate${i}${newCookie()}`]
        const redirect = `http://${HOST}/mcp/oauth/callback`
        usual.standin.answer = (r) => (r.path === `/mcp/${name}/auth` ? json({ authorizationUrl: authorizeUrl({ state, redirect }),
        oauthState: state }) : undefined)
        const frontend = usual.frontends[i % 2]
        const answer = await frontend.send({ method: 'POST', target: `/mcp/${name}/auth`, body: '{}', headers: { 'Content-Type': 'application/json',
        'Sec-Fetch-Site': 'same-origin', ...cookies(cookie) } })
        return { answer, name, state, page: `/signin/flow/${flowId(state)}`, cookies: cookies(cookie) }
      }
      for (let i = 0; i < 20; i++) {
        flows.push(await begin(i))
        assert.equal(flows[i].answer.status, 200, flows[i].answer.body)
        assert.equal(flows[i].answer.header('set-cookie'), undefined)
      }
      const mark = usual.standin.connections.length
      for (const i of [20, 21]) {
        const { answer } = await begin(i)
        assert.equal(answer.status, 429)
        assert.match(answer.header('retry-after'), /^\d+$/)
      }
      assert.equal(usual.standin.connections.length, mark)
      usual.standin.answer = () => json({ status: 'connected' })
      for (const [i, flow] of flows.entries()) {
        const before = usual.standin.connections.length
        const answer = await usual.frontends[i % 2].send({ target: `/mcp/oauth/callback?code=CANARYcode${i}&state=${flow.state}`,
        headers: { ...NAVIGATION, ...flow.cookies } })
        assert.equal(answer.status, 303, answer.body)
        assert.deepEqual(usual.standin.since(before).map((r) => `${r.method} ${r.target} ${r.body}`),
        [`POST /mcp/${flow.name}/auth/callback {"code":"CANARYcode${i}","state":"${flow.state}"}`])
        assert.equal((await flowStatus(usual, flow)).state, 'done')
      }
      assertCleanLogs(usual)
    } finally {
      await usual.stop()
    }
  })
  test('10,000 begins, of one client and of as many: 429 at the cap, those that wait are untouched, the store stays small', async () => {
    const small = await startFrontends({ ini: { flow: { max_pending_per_client: 5, max_pending: 40 } }, web: false })
    try {
      const cookie = newCookie()
      const flows = []
      for (let i = 0; i < 5; i++) flows.push(await begunFlow(small, { cookie }))
      const lanes = async (count, pick) => {
        const statuses = {}
        await Promise.all(Array.from({ length: LANES }, async (_, lane) => {
          const socket = net.connect({ path: small.nginx.worker.socket })
          for (let i = lane; i < count; i += LANES) {
            const request = { method: 'POST', target: `/provider/q${i}/oauth/authorize`, headers: { 'Content-Type': 'application/json',
            'Sec-Fetch-Site': 'same-origin', ...cookies(pick(i)) } }
            const body = JSON.stringify({ method: 0, inputs: { state: `CANARY${i}${pick(i)}`, redirect: `http://localhost:${30000 + i}/auth/callback` } })
            const bytes = fcgiRequest(metaVariables({ ...request, body }), body, { keep: true })
            const { status } = parseAnswer((await fcgiExchange(small.nginx.worker.socket, bytes, { socket, end: false })).stdout)
            statuses[status] = (statuses[status] ?? 0) + 1
          }
          socket.destroy()
        }))
        return statuses
      }
      const mark = small.standin.connections.length
      assert.deepEqual(await lanes(5000, () => cookie), { 429: 5000 })
      assert.equal(small.standin.connections.length, mark, 'opencode was not asked')
      // begins of different accounts at the same moment may all find room for the last one
      const { 200: begun, 429: refused } = await lanes(5000, (i) => `${i}`.padStart(43, 'A'))
      assert.ok(begun >= 35 && begun < 35 + LANES, `${begun} begun`)
      assert.equal(begun + refused, 5000)
      assert.equal(small.standin.connections.length, mark + begun)
      const files = readdirSync(small.store)
      assert.ok(files.length < 4 * 40 * 2 + 10, `${files.length} files`)
      assert.ok(files.reduce((sum, name) => sum + lstatSync(join(small.store, name)).size, 0) < 1 << 20)
      for (const flow of flows) await assertSucceeds(small, flow)
      assertCleanLogs(small)
    } finally {
      await small.stop()
    }
  })
  test('100,000 entries that somebody left: a begin takes no longer', async () => {
    // in memory, as the store is in life
    const { TMPDIR } = process.env
    if (existsSync('/dev/shm')) process.env.TMPDIR = '/dev/shm'
    const full = await startFrontends({ web: false }).finally(() => (TMPDIR === undefined ? delete process.env.TMPDIR : (process.env.TMPDIR = TMPDIR)))
    try {
      const took = async () => {
        const times = []
        for (let i = 0; i < 41; i++) {
          const start = process.hrtime.bigint()
          await begunFlow(full)
          times.push(Number(process.hrtime.bigint() - start) / 1e6)
        }
        return times.sort((a, b) => a - b)[20]
      }
      const before = await took()
      const script = 'cd "$1" && seq -f "%022.0f" 1 50000 | xargs touch && seq -f "%022.0f.url" 1 50000 | xargs touch'
      execFileSync(...unprivileged('sh', ['-c', script, 'sh', full.store]))
      const after = await took()
      console.log(`# a begin: ${before.toFixed(1)} ms, with 100,000 entries ${after.toFixed(1)} ms`)
      assert.ok(after < 3 * before + 5, `${before} ms, then ${after} ms`)
      await assertSucceeds(full, await begunFlow(full))
    } finally {
      await full.stop()
    }
  })
  test('unknown states by the thousand: ten lines a second, and how many more there were', async () => {
    const flow = await begunFlow(site)
    const count = () => site.logs().split('\n').filter((line) => line.includes('event=refused')).length
    const [start, before] = [Date.now(), count()]
    const socket = net.connect({ path: site.nginx.worker.socket })
    for (let i = 0; i < 3000; i++) {
      const bytes = fcgiRequest(metaVariables({ target: `/auth/callback?code=CANARY&state=CANARY${i}`, headers: NAVIGATION }), '', { keep: true })
      await fcgiExchange(site.nginx.worker.socket, bytes, { socket, end: false })
    }
    socket.destroy()
    const seconds = Math.ceil((Date.now() - start) / 1000)
    assert.ok(count() - before <= 10 * (seconds + 1), `${count() - before} lines in ${seconds} s`)
    await until('the rest is counted', async () => {
      await site.fcgi.send({ target: '/auth/callback?code=x&state=y', headers: NAVIGATION })
      return /event=refusals-not-logged count=\d{2,}/.test(site.logs())
    })
    assertCleanLogs(site)
    await assertSucceeds(site, flow)
  })
})

test('one header of four is read: X-Real-IP, CF-Connecting-IP', async () => {
  for (const header of ['X-Real-IP', 'CF-Connecting-IP']) {
    const behind = await startFrontends({ ini: { proxy: { trust: 'loopback', header } }, web: false })
    try {
      const others = { 'X-Real-IP': '203.0.113.2', 'CF-Connecting-IP': '203.0.113.3', 'X-Forwarded-For': '203.0.113.4', Forwarded: 'for=203.0.113.5' }
      for (const [i, [given, from, address]] of [
        ['203.0.113.1', '127.0.0.1', '203.0.113.1'], ['2001:DB8::1', '127.0.0.1', '2001:db8::1'], ['203.0.113.66, 203.0.113.1', '127.0.0.1', '203.0.113.1'],
        [undefined, '127.0.0.1', '127.0.0.1'],
        ['<b>', '127.0.0.1', '127.0.0.1'], ['203.0.113.1', '192.0.2.9', '192.0.2.9'], ['', '127.0.0.1', '127.0.0.1'],
      ].entries()) {
        for (const frontend of behind.frontends) {
          const headers = Object.fromEntries(Object.entries({ ...others, [header]: given }).filter(([, value]) => value !== undefined))
          const flow = await beginFlow(behind, { cookie: null, headers, frontend: { ...frontend, send: (request) => frontend.send({ ...request, from }) } })
          assert.equal(flow.answer.status, 200)
          const line = await until('it is logged', () => behind.logs().split('\n').find((text) => text.includes('flow-begun') && text.includes(flow.id)))
          assert.equal(/ client=(\S*)/.exec(line)[1], address, `${header}, row ${i}, ${frontend.name}`)
        }
      }
    } finally {
      await behind.stop()
    }
  }
})

test('a pipe that nobody ever reads: the program ends by itself, and the flow is done', async () => {
  const { said, seconds, flow } = await stuck
  assert.match(said, /ended with 0\n/)
  assert.ok(seconds > 8 && seconds < 15, `${seconds} s`)
  assert.equal((await flowStatus(site, flow)).state, 'done')
})
