/*
 * Both front ends behind another proxy. The client's address (in the log, on the ask page, in the limit of
 * sign-ins) and the public origin (cookie, flow page, same-origin check) come from the proxy's headers if the
 * configuration trusts that proxy, and from nobody else's. The trusted peer is 127.0.0.1; 127.0.0.2 is not trusted.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { after, before, describe, test } from 'node:test'
import { COOKIE, HOST, metaVariables, runCgi, startFrontends } from '../lib/frontends.mjs'
import { WORKER, cleanEnv } from '../lib/front.mjs'
import { scratch, until } from '../lib/net.mjs'
import { NAVIGATION, assertSafe, assertSucceeds, beginFlow, begunFlow, flowStatus, goodCallback } from '../lib/signin.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const PROXY = '127.0.0.1'
const STRANGER = '127.0.0.2'
const PUBLIC = 'https://opencode.example.com'

/* The shipped files drop what others say of the client; behind a trusted proxy those lines are left out. */
const letThrough = (text) => text.replaceAll(/^\s*(fastcgi_param HTTP_(FORWARDED|X|CF)|RequestHeader unset (Forwarded|X-|CF-)).*\n/gm, '')

/* The same front end, with a peer of one's own and headers that this peer adds. */
const through = (frontend, from, headers) => ({
  ...frontend,
  send: (request) => frontend.send({ ...request, from, headers: { ...request.headers, ...headers } }),
})

const logLines = (site, ...words) => site.logs().split('\n').filter((line) => words.every((word) => line.includes(word)))

/* Begins without a cookie: counted for the address, and the callback is asked about. */
async function assertClient(site, frontend, from, headers, address) {
  const flow = await beginFlow(site, { cookie: null, frontend: through(frontend, from, headers) })
  assert.equal(flow.answer.status, 200, flow.answer.body)
  const what = `${frontend.name} from ${from} with ${JSON.stringify(headers)}`
  const line = await until(`${what} is logged`, () => logLines(site, 'flow-begun', flow.id)[0])
  assert.equal(/ client=(\S*)/.exec(line)[1], address, what)
  const answer = await frontend.send({ target: goodCallback(flow).target, headers: NAVIGATION })
  assert.equal(answer.status, 200, answer.body)
  assertSafe(answer)
  assert.ok(answer.body.includes(`<strong>${address}</strong>`), what)
}

async function assertOrigin(site, frontend, from, headers, origin) {
  const { answer, id } = await beginFlow(site, { cookie: null, frontend: through(frontend, from, headers) })
  const what = `${frontend.name} from ${from} with ${JSON.stringify(headers)}`
  const cookie = answer.header('set-cookie')
  assert.equal(answer.status, 200, answer.body)
  assert.equal(JSON.parse(answer.body).url, `${origin}/signin/flow/${id}`, what)
  if (origin.startsWith('https:')) assert.match(cookie, new RegExp(`^__Host-${COOKIE}=[\\w-]{43}; Path=/; Secure; HttpOnly; SameSite=Lax$`), what)
  else assert.match(cookie, new RegExp(`^${COOKIE}=[\\w-]{43}; Path=/; HttpOnly; SameSite=Lax$`), what)
}

/* A form of an older browser, which tells where it comes from by its Origin only. */
async function postFrom(site, frontend, from, headers) {
  const flow = await begunFlow(site)
  const answer = await through(frontend, from, headers).send({
    method: 'POST', target: flow.page, body: 'address=x',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', Origin: PUBLIC, ...flow.cookies, Cookie: `__Host-${flow.cookies.Cookie}; ${flow.cookies.Cookie}` },
  })
  assertSafe(answer)
  assert.equal((await flowStatus(site, flow)).state, 'waiting')
  await assertSucceeds(site, flow)
  return answer
}

const addresses = {
  'X-Forwarded-For': [
    [{ 'X-Forwarded-For': '203.0.113.1' }, '203.0.113.1'],
    [{ 'X-Forwarded-For': '203.0.113.66, 203.0.113.1' }, '203.0.113.1'],
    [{ 'X-Forwarded-For': ['203.0.113.66', '203.0.113.1'] }, '203.0.113.1'],
    [{ 'X-Forwarded-For': '203.0.113.66, 203.0.113.1:4711, 127.0.0.1' }, '203.0.113.1'],
    [{ 'X-Forwarded-For': '[2001:DB8:1::1]:4711' }, '2001:db8:1::1'],
    [{ 'X-Forwarded-For': '::ffff:203.0.113.1' }, '203.0.113.1'],
    [{ 'X-Forwarded-For': '127.0.0.1' }, PROXY],
    [{ 'X-Forwarded-For': '203.0.113.1, <b>' }, PROXY],
    [{ 'X-Real-IP': '203.0.113.1', Forwarded: 'for=203.0.113.2', 'CF-Connecting-IP': '203.0.113.3' }, PROXY],
    [{ 'X-Real-IP': '203.0.113.1', 'X-Forwarded-For': '203.0.113.2', Forwarded: 'for=203.0.113.3' }, '203.0.113.2'],
  ],
  Forwarded: [
    [{ Forwarded: 'for=203.0.113.66, for=203.0.113.1;proto=https' }, '203.0.113.1'],
    [{ Forwarded: ['for=203.0.113.66', 'for="[2001:db8:1::1]:4711"'] }, '2001:db8:1::1'],
    [{ Forwarded: 'for="[2001:db8::1]:4711";proto=https, for=_hidden' }, PROXY],
    [{ Forwarded: 'for="203.0.113.66, for=203.0.113.1' }, PROXY],
    [{ Forwarded: `${'for=127.0.0.1,'.repeat(500)}for=127.0.0.1` }, PROXY],
    [{ Forwarded: `for=203.0.113.1,${'for=_a,'.repeat(998)}for=_a` }, PROXY],
    [{ Forwarded: `${'for=_a,'.repeat(999)}for=203.0.113.1` }, '203.0.113.1'],
    [{ Forwarded: 'for=203.0.113.1', 'X-Forwarded-For': '203.0.113.2' }, '203.0.113.1'],
    [{ 'X-Forwarded-For': '203.0.113.2' }, PROXY],
  ],
}

const plain = `http://${HOST}`
const origins = {
  'X-Forwarded-For': [
    [{ 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'opencode.example.com' }, PUBLIC],
    [{ 'X-Forwarded-Proto': 'http, https', 'X-Forwarded-Host': 'evil.example, opencode.example.com' }, PUBLIC],
    [{ 'X-Forwarded-Proto': ['http', 'https'], 'X-Forwarded-Host': ['evil.example', 'Opencode.Example.com:443'] }, PUBLIC],
    [{ 'X-Forwarded-Proto': 'https' }, `https://${HOST}`],
    [{ 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'a/b' }, `https://${HOST}`],
    [{ 'X-Forwarded-Proto': 'javascript' }, plain],
    [{ Forwarded: 'proto=https;host=opencode.example.com' }, plain],
  ],
  Forwarded: [
    [{ Forwarded: 'for=203.0.113.1;proto=https;host=opencode.example.com' }, PUBLIC],
    [{ Forwarded: 'host=evil.example, host="opencode.example.com:443";proto=HTTPS' }, PUBLIC],
    [{ Forwarded: 'proto=https;host="opencode.example.com' }, plain],
    [{ 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'opencode.example.com' }, plain],
  ],
}

for (const header of ['X-Forwarded-For', 'Forwarded']) {
  describe(`the configured header is ${header}`, () => {
    let site
    before(async () => (site = await startFrontends({ ini: { proxy: { trust: PROXY, header } }, edit: letThrough })))
    after(() => site?.stop())

    test('the address in the log and on the ask page is the client’s', async () => {
      for (const [headers, address] of addresses[header]) {
        for (const frontend of site.frontends) await assertClient(site, frontend, PROXY, headers, address)
      }
    })
    test('a stranger’s headers change nothing', async () => {
      for (const [headers] of addresses[header]) {
        for (const frontend of site.frontends) await assertClient(site, frontend, STRANGER, headers, STRANGER)
      }
      for (const [headers] of origins[header]) {
        for (const frontend of site.frontends) await assertOrigin(site, frontend, STRANGER, headers, plain)
      }
    })
    test('cookie and flow page are those of the public origin', async () => {
      for (const [headers, origin] of origins[header]) {
        for (const frontend of site.frontends) await assertOrigin(site, frontend, PROXY, headers, origin)
      }
    })
    test('a form of that origin is our own', async () => {
      const [headers] = origins[header][0]
      for (const frontend of site.frontends) {
        const own = await postFrom(site, frontend, PROXY, headers)
        assert.equal(own.status, 400, `${frontend.name}: read, and no address`)
        assert.match(own.body, /name="address"/)
        assert.equal((await postFrom(site, frontend, STRANGER, headers)).status, 403, frontend.name)
        assert.equal((await postFrom(site, frontend, PROXY, {})).status, 403, frontend.name)
      }
    })
    test('names with underscores do not pass the web servers', async () => {
      const headers = header === 'Forwarded' ? { X_Forwarded_Host: 'evil.example' } : { X_Forwarded_For: '203.0.113.66', X_Forwarded_Proto: 'https' }
      for (const frontend of site.frontends.filter((one) => one.web)) {
        await assertClient(site, frontend, PROXY, headers, PROXY)
        await assertOrigin(site, frontend, PROXY, headers, plain)
      }
    })
    test('a header over 8 KiB is refused, whoever sends it', async () => {
      for (const frontend of site.frontends) {
        for (const from of [PROXY, STRANGER]) {
          const answer = await through(frontend, from, { [header]: 'x'.repeat(8193) }).send({ target: '/auth/callback?code=x&state=y' })
          assert.equal(answer.status, 431, frontend.name)
          assertSafe(answer)
        }
      }
    })
  })
}

describe('sign-ins are counted', () => {
  let site
  const begin = (frontend, from, address) => beginFlow(site, { cookie: null, frontend: through(frontend, from, { 'X-Forwarded-For': address }) })
  const status = async (...args) => (await begin(...args)).answer.status
  before(async () => {
    site = await startFrontends({ edit: letThrough, ini: { proxy: { trust: PROXY }, flow: { max_pending_per_client: 3 } } })
  })
  after(() => site?.stop())

  test('for the client behind the proxy, IPv6 for its /64', async () => {
    for (const [i, frontend] of site.frontends.entries()) {
      for (let n = 1; n <= 3; n++) assert.equal(await status(frontend, PROXY, `2001:db8:1:${i}:${n}::${n}`), 200, frontend.name)
      assert.equal(await status(frontend, PROXY, `2001:db8:1:${i}:9::9`), 429, frontend.name)
      assert.equal(await status(frontend, PROXY, `2001:db8:2:${i}::1`), 200, frontend.name)
      assert.equal(await status(frontend, PROXY, `::ffff:203.0.113.${i}`), 200, frontend.name)
      assert.equal(await status(frontend, PROXY, `203.0.113.${i}:80`), 200, frontend.name)
      assert.equal(await status(frontend, PROXY, `203.0.113.66, 203.0.113.${i}`), 200, frontend.name)
      assert.equal(await status(frontend, PROXY, `203.0.113.${i}`), 429, frontend.name)
    }
  })
  test('a stranger spends his own allowance, never that of the address that he names', async () => {
    for (const [i, frontend] of site.frontends.entries()) {
      const stranger = `127.0.0.${i + 2}`
      for (let n = 0; n < 3; n++) assert.equal(await status(frontend, stranger, `198.51.100.${i}`), 200, frontend.name)
      for (let n = 0; n < 5; n++) assert.equal(await status(frontend, stranger, `198.51.100.${100 + n}`), 429, frontend.name)
      assert.equal(await status(frontend, PROXY, `198.51.100.${i}`), 200, frontend.name)
    }
  })
})

describe('nobody is trusted', () => {
  let site
  before(async () => (site = await startFrontends({ edit: letThrough })))
  after(() => site?.stop())

  test('the headers are ignored, and the log says so: a worker once', async () => {
    const headers = { ...addresses['X-Forwarded-For'].at(-1)[0], ...origins['X-Forwarded-For'][0][0] }
    assert.deepEqual(logLines(site, 'proxy-not-trusted'), [])
    for (const from of [STRANGER, PROXY, PROXY]) {
      for (const frontend of site.frontends) {
        await assertClient(site, frontend, from, headers, from)
        await assertOrigin(site, frontend, from, headers, plain)
      }
    }
    const told = site.nginx.worker.output().split('\n').filter((line) => line.includes('proxy-not-trusted'))
    assert.equal(told.length, 1)
    assert.match(told[0], /warning.* peer=127\.0\.0\.\d .*\[proxy\] trust/)
  })
  test('OPENCODE_TRUST_PROXY_HEADERS: the process’s own environment decides, FastCGI parameters do not', async () => {
    const vars = { OPENCODE_TRUST_PROXY_HEADERS: 'true' }
    const headers = { 'X-Forwarded-For': '203.0.113.1' }
    const set = (frontend) => ({ ...frontend, send: (request) => frontend.send({ ...request, vars: { ...vars, ...request.vars } }) })
    await assertClient(site, set(site.cgi), PROXY, headers, '203.0.113.1')
    await assertClient(site, set(site.cgi), 'unix:', headers, '203.0.113.1')
    await assertClient(site, set(site.cgi), '10.0.0.1', headers, '10.0.0.1')
    await assertClient(site, set(site.fcgi), PROXY, headers, PROXY)
  })
})

describe('what is shipped', () => {
  let folder
  before(() => (folder = scratch('shipped')))
  after(() => folder?.remove())

  /* A copy that nobody else can write, whatever the checkout's modes are. */
  const shipped = (file) => {
    const copy = join(folder.path, 'copy.ini')
    writeFileSync(copy, readFileSync(join(root, file)), { mode: 0o644 })
    return copy
  }
  const worker = (...args) => execFileSync(WORKER, args, { encoding: 'utf8', env: cleanEnv() })

  test('Cloudflare’s ranges are accepted, and its visitors known', async () => {
    const file = shipped('conf/cloudflare/trust.ini')
    assert.match(worker('-c', file, '--check-config'), /^configuration ok/)
    const dump = worker('-c', file, '--dump-config')
    assert.match(dump, /^header = CF-Connecting-IP$/m)
    assert.equal(dump.match(/^(?:\t|trust = )[0-9a-f.:]+\/\d+$/gm).length, 22)
    writeFileSync(file, dump)
    assert.equal(worker('-c', file, '--dump-config'), dump, 'what is dumped reads back')
    const headers = { 'CF-Connecting-IP': '203.0.113.1', 'X-Forwarded-For': '203.0.113.66' }
    const logged = async (from) => {
      const vars = metaVariables({ target: '/auth/callback', from, headers })
      const { stderr } = await runCgi({ iniFile: file, path: folder.path }, vars)
      return / client=(\S*)/.exec(stderr)?.[1]
    }
    for (const peer of ['172.64.0.1', '131.0.75.255', '2606:4700::1', '::ffff:104.16.0.1']) assert.equal(await logged(peer), '203.0.113.1', peer)
    for (const peer of ['172.72.0.1', '131.0.76.0', '2606:4701::1', '127.0.0.1']) assert.equal(await logged(peer), peer)
  })
  test('the sample configuration says the defaults', () => {
    const file = shipped('conf/opencode-callback.ini')
    const none = join(folder.path, 'empty.ini')
    writeFileSync(none, '', { mode: 0o644 })
    assert.equal(worker('-c', file, '--dump-config'), worker('-c', none, '--dump-config'))
  })
})
