/*
 * After a sign-in, its code, state, cookie and password are in none of these places: the memory of the running
 * worker, the store, the logs, and what other processes can read of ours in /proc.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { execFile } from 'node:child_process'
import { chmodSync, closeSync, existsSync, openSync, readFileSync, readSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { after, before, describe, test } from 'node:test'
import { NAVIGATION, OWN_FORM, assertCleanLogs, assertSucceeds, begunFlow, flowStatus, goodCallback } from '../lib/signin.mjs'
import { metaVariables, startFrontends } from '../lib/frontends.mjs'
import { fcgiExchange, fcgiRequest } from '../lib/fcgi.mjs'
import { CGI, SANITIZED, WORKER, cleanEnv, give, unprivileged } from '../lib/front.mjs'
import { accepts, scratch, startProgram, until } from '../lib/net.mjs'
import { json } from '../lib/standin.mjs'

const root = process.getuid() === 0
let site, pid
before(async () => {
  site = await startFrontends()
  // setpriv becomes the worker
  pid = site.nginx.worker.pid
})
after(() => site?.stop())

/* The writable memory of a process: [{name, bytes}]. */
function memory(pid) {
  const fd = openSync(`/proc/${pid}/mem`, 'r')
  try {
    return readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n').flatMap((line) => {
      const map = /^([0-9a-f]+)-([0-9a-f]+) rw\S+ \S+ \S+ \S+ *(.*)$/.exec(line)
      if (!map) return []
      const [start, end] = [BigInt(`0x${map[1]}`), BigInt(`0x${map[2]}`)]
      const bytes = Buffer.alloc(Number(end - start))
      try {
        readSync(fd, bytes, 0, bytes.length, start)
      } catch {
        return [] // a guard page
      }
      return [{ name: `${map[3] || 'anonymous'} ${map[1]}`, bytes }]
    })
  } finally {
    closeSync(fd)
  }
}

/* Where in the worker's memory one of the secrets stands: ["NAME in MAP at OFFSET: …"]. */
function found(secrets) {
  const maps = memory(pid)
  assert.ok(maps.some(({ name }) => name.startsWith('[heap]')))
  return Object.entries(secrets).flatMap(([what, secret]) =>
    maps.flatMap(({ name, bytes }) => {
      const at = bytes.indexOf(secret)
      return at < 0 ? [] : [`${what} in ${name} at ${at}: ${JSON.stringify(bytes.toString('latin1', Math.max(0, at - 60), at + 100))}`]
    }),
  )
}

const secretsOf = (flow) => ({ state: flow.state, code: flow.code, cookie: flow.cookie })

/* What others see of a process of ours; who is not root sees hardly anything. */
function outside(pid) {
  const read = (name) => readFileSync(`/proc/${pid}/${name}`, 'latin1')
  if (!root) {
    assert.throws(() => read('environ'), { code: 'EACCES' })
    return read('cmdline')
  }
  return [read('cmdline'), read('environ'), ...readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try { return readlinkSync(`/proc/${pid}/fd/${fd}`) } catch { return '' }
  })].join('\n')
}

const unreadable = root ? SANITIZED && 'the sanitizer has a heap of its own' : 'reading its memory takes root'
describe('the live worker, after a delivery', { skip: unreadable }, () => {
  /* the answer is out a moment before its request is forgotten */
  const gone = async (secrets) => {
    const last = []
    await until('they are gone', () => {
      last.splice(0, last.length, ...found(secrets))
      return last.length === 0
    }, 3000).catch(() => {})
    assert.deepEqual(last, [])
  }

  test('a secret that is there is found', () => {
    const name = site.nginx.worker.socket
    assert.notDeepEqual(found({ name }), [])
  })
  test('a callback', async () => {
    const flow = await begunFlow(site)
    await assertSucceeds(site, flow)
    await gone(secretsOf(flow))
  })
  test('a pasted address', async () => {
    const flow = await begunFlow(site)
    const address = encodeURIComponent(`${flow.redirect}?${flow.query}`)
    const answer = await site.fcgi.send({ method: 'POST', target: flow.page, body: `address=${address}`, headers: { ...OWN_FORM, ...flow.cookies } })
    assert.equal(answer.status, 303)
    await gone(secretsOf(flow))
  })
  test('begun and finished with a password', async () => {
    const password = `CANARYpassword${randomBytes(12).toString('hex')}`
    const Authorization = `Basic ${Buffer.from(`opencode:${password}`).toString('base64')}`
    const flow = await begunFlow(site, { headers: { Authorization } })
    const good = goodCallback(flow)
    const answer = await site.fcgi.send({ ...good, headers: { ...good.headers, Authorization } })
    assert.equal(answer.status, 303)
    assert.deepEqual(await flowStatus(site, flow), { state: 'done', expires_in: 0 })
    await gone({ ...secretsOf(flow), password, authorization: Authorization.slice(6) })
  })
  test('the ask page, and confirmed', async () => {
    const flow = await begunFlow(site, { cookie: null })
    const asked = await site.fcgi.send({ target: goodCallback(flow).target, headers: NAVIGATION })
    assert.equal(asked.status, 200)
    const body = `confirm=yes&callback=${encodeURIComponent(flow.query)}`
    const answer = await site.fcgi.send({ method: 'POST', target: flow.page, body, headers: OWN_FORM })
    assert.equal(answer.status, 303, answer.body)
    await gone(secretsOf(flow))
  })
  test('an exchange that the provider refused, one that it declined, one that opencode never answered', async () => {
    const ends = {
      'refused-by-provider': (r) => (/oauth\/callback$/.test(r.path) ? json({ name: 'BadRequest' }, 400) : undefined),
      declined: () => undefined,
      'opencode-gone': (r) => (r.host !== 'opencode' ? undefined : 'close'),
    }
    for (const [word, answer] of Object.entries(ends)) {
      const flow = await begunFlow(site)
      site.standin.answer = answer
      const query = word === 'declined' ? `error=access_denied&error_description=${flow.code}&state=${flow.state}` : flow.query
      assert.equal((await site.fcgi.send(goodCallback(flow, query))).status, 303, word)
      site.standin.answer = () => undefined
      const { state, reason } = await flowStatus(site, flow)
      assert.ok([state, reason].includes(word), `${state} ${reason}`)
      await gone(secretsOf(flow))
    }
  })
  test('a token in a fragment', async () => {
    const flow = await begunFlow(site)
    const token = `CANARYtoken${randomBytes(16).toString('hex')}`
    const address = encodeURIComponent(`${flow.redirect}#access_token=${token}&state=${flow.state}`)
    const answer = await site.fcgi.send({ method: 'POST', target: flow.page, body: `address=${address}`, headers: { ...OWN_FORM, ...flow.cookies } })
    assert.equal(answer.status, 400, 'where a code is expected')
    await assertSucceeds(site, flow)
    await gone({ ...secretsOf(flow), token })
  })
  test('through nginx, over connections that are kept', async () => {
    const frontend = site.frontends.find(({ name }) => name === 'nginx-fcgi')
    for (let i = 0; i < 3; i++) {
      const flow = await begunFlow(site, { frontend })
      await assertSucceeds(site, flow, frontend)
      await gone(secretsOf(flow))
    }
  })
  test('refused: a wrong state, a code that comes twice, a query that is too long, a connection that is kept', async () => {
    const flow = await begunFlow(site)
    const junk = `CANARYjunk${randomBytes(16).toString('hex')}`
    for (const query of [`code=${junk}&state=x`, `code=${junk}&code=${junk}&state=${junk}`, `code=${junk}&state=x&x=${'x'.repeat(9000)}`]) {
      await site.fcgi.send({ target: `/auth/callback?${query}`, headers: { ...NAVIGATION, ...flow.cookies } })
    }
    await gone({ junk })
  })
})

test('the store: no code ever, no cookie, and no state when the sign-in is over', async () => {
  const dump = () => readdirSync(site.store).map((name) => {
    const path = join(site.store, name)
    try { return `${name} ${readlinkSync(path)}` } catch { return `${name} ${readFileSync(path, 'latin1')}` }
  }).join('\n')
  const flow = await begunFlow(site)
  assert.ok(dump().includes(flow.state), 'in the link to the provider, while it waits')
  await assertSucceeds(site, flow)
  for (const [what, secret] of Object.entries(secretsOf(flow))) assert.ok(!dump().includes(secret), what)
})

test('the process list and open files say nothing', async () => {
  const flow = await begunFlow(site)
  await assertSucceeds(site, flow)
  const seen = outside(pid)
  for (const [what, secret] of Object.entries(secretsOf(flow))) assert.ok(!seen.includes(secret), what)
  assertCleanLogs(site)
})

describe('to = syslog', { skip: !root && 'a /dev of its own takes root' }, () => {
  const SETUP = 'mount -t tmpfs tmpfs /dev && mknod -m 666 /dev/null c 1 3 && ln -s "$0" /dev/log && exec "$@"'
  let folder, sink, ini
  const said = () => readFileSync(join(folder.path, 'said'), 'latin1')
  const inside = (file, args) => ['unshare', ['--mount', 'sh', '-c', SETUP, join(folder.path, 'log'), file, ...args]]
  before(async () => {
    folder = scratch('syslog')
    chmodSync(folder.path, 0o755)
    writeFileSync(join(folder.path, 'said'), '')
    sink = startProgram('socat', ['-u', `UNIX-RECV:${folder.path}/log,mode=666`, `OPEN:${folder.path}/said,append`])
    await until('the log is there', () => existsSync(join(folder.path, 'log')))
    ini = join(folder.path, 'opencode-callback.ini')
    writeFileSync(ini, readFileSync(site.site.iniFile, 'utf8') + '\n[log]\nto = syslog\n', { mode: 0o644 })
  })
  after(async () => {
    await sink?.stop()
    folder?.remove()
  })
  test('as CGI: every line, and no secret', async () => {
    const flow = await begunFlow(site)
    for (const [target, status] of [['/auth/callback?code=CANARY&state=CANARY', 400], [goodCallback(flow).target, 303]]) {
      const vars = metaVariables({ target, headers: { ...NAVIGATION, ...flow.cookies } })
      const [program, args] = inside(...unprivileged(CGI))
      const { stdout } = await promisify(execFile)(program, args, { env: { ...cleanEnv({ OPENCODE_CALLBACK_CONFIG: ini }), ...vars }, encoding: 'latin1' })
      assert.match(stdout, new RegExp(`^Status: ${status} `))
    }
    await until('the end is logged', () => said().includes(`flow=${flow.id}`) && said().includes('result=done'))
    assert.match(said(), /opencode-callback(\[\d+\])?: .*event=refused why=unknown-flow/)
    assert.doesNotMatch(said(), /CANARY/)
  })
  test('as a worker: the same', async () => {
    const flow = await begunFlow(site)
    const socket = join(folder.path, 'worker.sock')
    give(folder.path)
    const worker = startProgram(...inside(...unprivileged(WORKER, ['-c', ini, '-s', socket])), { env: cleanEnv() })
    await until('it accepts', () => accepts({ path: socket }))
    const answer = await fcgiExchange(socket, fcgiRequest(metaVariables(goodCallback(flow))))
    assert.match(answer.stdout, /^Status: 303 /)
    await until('the end is logged', () => said().includes(`event=flow-ended flow=${flow.id}`))
    assert.doesNotMatch(said(), /CANARY/)
    assert.deepEqual(await worker.stop('SIGTERM'), { code: 0, signal: null })
    assert.equal(worker.output(), '')
  })
})
