/*
 * One list of requests, good and bad, through every web server and front end: status, our headers and
 * body are the same, and where a server does something by itself, it is exactly what the table in
 * conf/README.md says. Nothing that is refused reaches opencode or disturbs a sign-in, no log holds a
 * secret, and the good callback comes home through each.
 * (The site on the loopback says https to us and has another cookie: tunnels.test.mjs has its part.)
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import http2 from 'node:http2'
import { after, before, test } from 'node:test'
import { COOKIE, HOST, httpRequest, startFrontends } from '../lib/frontends.mjs'
import { startFront } from '../lib/front.mjs'
import { exchange } from '../lib/net.mjs'
import * as malformed from '../lib/malformed.mjs'
import { callback, defined, form } from '../lib/malformed.mjs'
import { QUIRKS, assertQuirk, finalAnswer, quirkAnswer, readmeRow } from '../lib/server_quirks.mjs'
import { begins, pastes, queries, senders, tokens } from '../lib/refusals.mjs'
import { KINDS } from '../lib/servers.mjs'
import {
  NAVIGATION, OWN_FORM, assertCleanLogs, assertSafe, assertSame, assertSucceeds, begunFlow, beginFlow, flowId, flowStatus, goodCallback, newCookie,
} from '../lib/signin.mjs'
import { authorizeUrl, json } from '../lib/standin.mjs'

const root = new URL('../..', import.meta.url)
const kinds = Object.keys(KINDS).filter((kind) => !KINDS[kind].behind)
let site, web
before(async () => {
  site = await startFrontends({ kinds })
  web = site.frontends.filter((frontend) => frontend.web)
})
after(() => site?.stop())

/* Sends a request through a web server, with the bytes that it wants on the wire; undefined: no answer. */
async function send(frontend, request) {
  const text = httpRequest(request).toString('latin1')
  const bytes = Buffer.from(request.wire ? request.wire(text) : text, 'latin1')
  // a server that has said no may close while it is still being sent to
  const answer = await exchange({ port: site.fronts[frontend.name].port }, bytes).catch((error) => {
    if (!['ECONNRESET', 'EPIPE'].includes(error.code)) throw error
    return ''
  })
  return finalAnswer(answer)
}

const checked = new Set()
let turn = 0

/* Through every front end: refused, and the sign-in can still be finished. */
async function refuse(name, status, request) {
  const flow = await begunFlow(site)
  const connections = site.standin.connections.length
  const answers = []
  checked.add(name)
  for (const frontend of site.frontends) {
    const asked = request(flow)
    if (!frontend.web && asked.direct === false) continue
    const answer = frontend.web ? await send(frontend, asked) : await frontend.send(asked)
    const quirk = frontend.web ? quirkAnswer(name, frontend.name) : undefined
    if (quirk !== undefined) {
      assertQuirk(quirk, answer, `${name}, ${frontend.name}`)
      continue
    }
    assert.ok(answer, `${name}, ${frontend.name}: no answer`)
    assert.equal(answer.status, status, `${name}, ${frontend.name}: ${answer.body.slice(0, 300)}`)
    assertSafe(answer, `${name}, ${frontend.name}`)
    answers.push([frontend.name, answer])
  }
  if (answers.length) assertSame(answers)
  assert.equal(site.standin.connections.length, connections, `${name}: opencode was not asked`)
  assert.equal((await flowStatus(site, flow)).state, 'waiting', name)
  await assertSucceeds(site, flow, site.frontends[turn++ % site.frontends.length])
}

async function refuseAll(rows) {
  for (const [name, [status, request]] of Object.entries(rows)) await refuse(name, status, request)
  assertCleanLogs(site)
}

test('callbacks that are refused', async () => {
  for (const [name, query] of Object.entries(queries)) await refuse(name, 400, callback(query))
  await refuse('8,193 bytes', 414, callback((f) => `${f.query}&x=${'x'.repeat(4000)}&y=`.padEnd(8193, 'y')))
  await refuse('an image', 403, callback((f) => f.query, { 'Sec-Fetch-Dest': 'image' }))
  await refuse('a prefetch', 403, callback((f) => f.query, { 'Sec-Purpose': 'prefetch' }))
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
    await refuse(method, 405, (f) => ({ ...callback((g) => g.query)(f), method }))
  }
  await refuse('63 KiB of cookies, none of them ours', 400, callback((f) => f.query, { Cookie: `a=${'x'.repeat(64_000)}` }))
  for (const [name, value] of Object.entries(tokens)) await refuse(name, 400, (f) => callback((g) => g.query, { Cookie: value(f) })(f))
  assertCleanLogs(site)
})

test('forms and begins that are refused', async () => {
  for (const [name, text] of Object.entries(pastes)) await refuse(`pasted: ${name}`, 400, form((f) => `address=${encodeURIComponent(text(f))}`))
  for (const [name, headers] of Object.entries(senders)) await refuse(`from ${name}`, 403, form('address=x', headers))
  await refuse('64 KiB', 413, form(`address=${'x'.repeat(65536)}`))
  await refuse('32,769 bytes', 413, form('a'.repeat(32769)))
  await refuse('another type', 415, form('address=x', { 'Content-Type': 'text/plain' }))
  await refuse("another browser's", 400, form('address=x', { Cookie: `${COOKIE}=${newCookie()}` }))
  for (const [name, headers] of Object.entries(begins)) {
    await refuse(`begun by ${name}`, 403, (f) => ({
      method: 'POST', target: `/provider/${f.provider}/oauth/authorize`, body: '{"method":0}',
      headers: defined({ ...f.cookies, ...headers }),
    }))
  }
  assertCleanLogs(site)
})

test('what no browser sends: the protocol', () => refuseAll(malformed.protocol))
test('what no browser sends: methods', () => refuseAll(malformed.methods))
test('what no browser sends: bytes', () => refuseAll(malformed.bytes))
test('other ways to write our paths', () => refuseAll(malformed.paths))
test('begins in another spelling, which opencode would take, do not reach it', () => refuseAll(malformed.spellings))
test('nor on the loopback, behind a tunnel', async () => {
  // nobody is there, so what goes to opencode is 502
  const front = await startFront({ kind: 'nginx-loopback', opencodePort: 9, opencodeSocket: site.standin.path })
  try {
    for (const [path, [, request]] of Object.entries(malformed.spellings)) {
      const { status } = finalAnswer(await exchange({ port: front.port }, httpRequest(request({ provider: 'p' }))))
      assert.ok([400, 404].includes(status), `${path}: ${status}`)
    }
  } finally {
    await front.stop()
  }
})
test('begins with all that a name can hold are ours', () => refuseAll(malformed.names))

test('paths that only look like ours are opencode’s, everywhere', async () => {
  for (const target of malformed.theirs) {
    for (const frontend of web) {
      const answer = await send(frontend, { target, headers: NAVIGATION })
      assert.equal(answer.body, `opencode GET ${target}`, frontend.name)
    }
  }
})

test('the table of conf/README.md is what was measured', () => {
  for (const { of } of QUIRKS) for (const name of of) assert.ok(checked.has(name), `no request is called ${name}`)
  const readme = readFileSync(new URL('conf/README.md', root), 'utf8')
  const rows = /## What a web server answers by itself\n[^]*?\n\| --- .*\n((?:\|.*\n)+)/.exec(readme)?.[1].trimEnd().split('\n')
  assert.deepEqual(rows, QUIRKS.map(readmeRow))
})

/* The same from all, for requests that are each sent about a flow of their own: its secrets are exchanged for words. */
function plain(answer, flow) {
  const names = [[flow.id, 'ID'], [flow.state, 'STATE'], [flow.code, 'CODE'], [flow.provider, 'PROVIDER'], [String(flow.port), 'PORT']]
  const swap = (text) => names.reduce((done, [from, to]) => done.replaceAll(from, to), text).replace(new RegExp(`${COOKIE}=[\\w-]{43}`), `${COOKIE}=TOKEN`)
  const headers = answer.headers.map(([name, value]) => [name, swap(value)])
  const body = swap(answer.body).replace(/"pending":\d+/, '"pending":N')
  return { status: answer.status, body, headers, header: (name) => headers.find(([given]) => given === name)?.[1] }
}

/* request: a function of a flow; each front end gets a new one, on which prepare has been called. */
async function sameOfEach(what, status, request, { options, prepare = async () => {} } = {}) {
  const answers = []
  for (const frontend of site.frontends) {
    const flow = await begunFlow(site, options)
    await prepare(flow)
    const answer = await frontend.send(request(flow))
    assert.equal(answer.status, status, `${what}, ${frontend.name}: ${answer.body.slice(0, 300)}`)
    assertSafe(answer, `${what}, ${frontend.name}`)
    answers.push([frontend.name, plain(answer, flow)])
  }
  assertSame(answers)
  return answers[0][1]
}

const own = (flow) => flow.cookies
const finish = async (flow) => assert.equal((await site.fcgi.send(goodCallback(flow))).status, 303)
const decline = (flow) => ({ ...goodCallback(flow, `error=access_denied&state=${flow.state}`) })

test('pages, status and health, and the HEAD of each', async () => {
  const cases = {
    'the start page': [() => '/signin/', /form /],
    'the flow page': [(f) => f.page, /data-state="waiting"/],
    'the flow page, done': [(f) => f.page, /data-state="done"/, finish],
    'the flow page, declined': [(f) => f.page, /data-state="declined"/, async (f) => void (await site.fcgi.send(decline(f)))],
    'the status': [(f) => `${f.page}/status`, /"state":"waiting"/],
    'the status, done': [(f) => `${f.page}/status`, /^\{"state":"done","expires_in":0\}$/, finish],
    health: [() => '/signin/health', /^\{"status":"ok",/],
  }
  for (const [what, [target, says, prepare]] of Object.entries(cases)) {
    const ask = (method) => (f) => ({ method, target: target(f), headers: own(f) })
    // the start page lists what waits in this browser: the flow that is asked about, and nothing else
    const got = await sameOfEach(what, 200, ask('GET'), { prepare })
    assert.match(got.body, says, what)
    const head = await sameOfEach(`HEAD of ${what}`, 200, ask('HEAD'), { prepare })
    assert.equal(head.body, '', what)
    assert.deepEqual(head.headers.filter(([name]) => name !== 'content-length'), got.headers.filter(([name]) => name !== 'content-length'), what)
  }
})

test('assets, byte for byte, and the HEAD of each', async () => {
  for (const name of ['style.css', 'page.js', 'icon.svg']) {
    const bytes = readFileSync(new URL(`common/view/assets/${name}`, root), 'latin1')
    for (const headers of [{}, { Range: 'bytes=0-9' }, { 'Accept-Encoding': 'gzip, br' }, { 'If-None-Match': '*' }, { 'If-Modified-Since': new Date().toUTCString() }]) {
      const got = await sameOfEach(name, 200, () => ({ target: `/signin/assets/${name}`, headers }))
      assert.equal(got.body, bytes, name)
    }
    assert.equal((await sameOfEach(name, 200, () => ({ method: 'HEAD', target: `/signin/assets/${name}` }))).body, '')
  }
  for (const target of ['/signin/nothing', '/signin/assets/nothing', '/signin/assets/']) await sameOfEach(target, 404, () => ({ target }))
})

test('begins: the JSON, the cookie', async () => {
  for (const options of [{}, { cookie: null }]) {
    const answers = []
    for (const frontend of site.frontends) {
      const flow = await beginFlow(site, { ...options, frontend })
      assert.equal(flow.answer.status, 200, frontend.name)
      answers.push([frontend.name, plain(flow.answer, flow)])
    }
    assertSame(answers)
    const [[, answer]] = answers
    assert.equal(JSON.parse(answer.body).url, `http://${HOST}/signin/flow/ID`)
    assert.equal(answer.header('set-cookie') !== undefined, options.cookie === null)
  }
})

test('other methods on the paths of begins pass through us, everywhere the same', async () => {
  const preflight = { Origin: 'https://evil.example', 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type' }
  for (const request of [
    { method: 'OPTIONS', target: '/provider/x/oauth/authorize', headers: preflight }, { method: 'DELETE', target: '/mcp/a%2Fb/auth', headers: {} },
    { method: 'GET', target: '/api/integration/x/connect/oauth?directory=%2Fa%20b', headers: {} }, { method: 'TRACE', target: '/mcp/x/auth', headers: {} },
  ]) {
    const answers = []
    for (const frontend of site.frontends) {
      if (request.method === 'TRACE' && frontend.web && quirkAnswer('TRACE', frontend.name)) continue
      const mark = site.standin.connections.length
      answers.push([frontend.name, await frontend.send(request)])
      assert.deepEqual(site.standin.since(mark).map((seen) => `${seen.method} ${seen.target}`), [`${request.method} ${request.target}`], frontend.name)
    }
    assertSame(answers)
  }
})

test('the ask page, and redirects', async () => {
  const ask = await sameOfEach('the ask page', 200, (f) => ({ target: `${f.path}?${f.query}`, headers: NAVIGATION }), { options: { cookie: null } })
  assert.match(ask.body, /name="confirm" value="yes"|value="yes"[^>]* name="confirm"/)

  const to = async (what, location, request, more) => assert.equal((await sameOfEach(what, 303, request, more)).header('location'), location, what)
  await to('the prefix', '/signin/', (f) => ({ target: '/signin?x=y', headers: own(f) }))
  const begin = (target, body) => (f) => {
    const url = authorizeUrl({ state: f.next, redirect: f.redirect })
    site.standin.answer = (request) => (request.path === `/provider/${f.provider}/oauth/authorize` ? json({ url, method: 'auto' }) : undefined)
    return { ...form(body, {})(f), target }
  }
  // a begin leads to the page of the new flow, of another state
  const next = async (flow) => Object.assign(flow, { next: `CANARYstate${flow.id}`, id: flowId(`CANARYstate${flow.id}`), old: flow.id })
  await to('a start', '/signin/flow/ID', begin('/signin/start', (f) => `provider=${f.provider}&method=0`), { prepare: next })
  await to('a start once more, of one with answers that nobody keeps', '/signin/', begin('/signin/start', (f) => `again=${f.old}`), { prepare: next })
  site.standin.answer = () => undefined
  const printed = (flow) => `address=${encodeURIComponent(authorizeUrl({ state: flow.next, redirect: flow.redirect }))}`
  await to('a terminal’s', '/signin/flow/ID', (f) => ({ ...form(printed)(f), target: '/signin/adopt' }), {
    prepare: next,
  })
  await to('a callback', '/signin/flow/ID', (f) => goodCallback(f))
  await to('a declined one', '/signin/flow/ID', decline)
  await to('a callback once more', '/signin/flow/ID', (f) => goodCallback(f), { prepare: finish })
  await to('a paste', '/signin/flow/ID', form((f) => `address=${encodeURIComponent(`${f.redirect}?${f.query}`)}`))
  await to('a confirmed one', '/signin/flow/ID', (f) => ({ ...form(`confirm=yes&callback=${encodeURIComponent(f.query)}`, { Cookie: `${COOKIE}=${newCookie()}` })(f) }), {
    options: { cookie: null },
  })
  assertCleanLogs(site)
})

test('opencode’s challenge', async () => {
  site.standin.answer = (request) => (request.headers.authorization ? undefined : { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="Secure Area"' } })
  try {
    const answers = []
    for (const frontend of site.frontends) answers.push([frontend.name, await frontend.send({ target: '/signin/' })])
    assertSame(answers)
    assert.equal(answers[0][1].status, 401)
    assert.equal(answers[0][1].header('www-authenticate'), 'Basic realm="Secure Area"')
    const inside = []
    for (const frontend of site.frontends) inside.push([frontend.name, await frontend.send({ target: '/signin/health', headers: { Authorization: 'Basic eDp5' } })])
    assertSame(inside)
    assert.match(inside[0][1].body, /"version"/)
  } finally {
    site.standin.answer = () => undefined
  }
})

for (const kind of kinds) {
  test(`${kind}: begun, finished, and shown through it`, async () => {
    const frontend = site.frontends.find((one) => one.name === kind)
    const flow = await begunFlow(site, { frontend })
    await assertSucceeds(site, flow, frontend)
    assertCleanLogs(site)
  })
}

/* One request over HTTP/2; a header may have a list of values. */
function send2(session, { method = 'GET', target, headers = {}, body }) {
  return new Promise((resolve, reject) => {
    const all = { ':method': method, ':path': target }
    for (const [name, value] of Object.entries(headers)) all[name.toLowerCase()] = value
    if (body !== undefined) all['content-length'] = Buffer.byteLength(body)
    const stream = session.request(all, { endStream: body === undefined })
    const answer = { body: '' }
    stream.on('response', (got) => {
      const own = Object.entries(got).filter(([name]) => !/^:|^(?:date|server|content-length|alt-svc)$/.test(name))
      Object.assign(answer, { status: got[':status'], headers: own.sort() })
    })
    stream.setEncoding('latin1').on('data', (chunk) => (answer.body += chunk)).on('end', () => resolve(answer)).on('error', reject)
    if (body !== undefined) stream.end(body)
  })
}

/* Apache has HTTP/2 in a module of its own, which the shipped file does not ask for. */
for (const kind of kinds.filter((name) => !name.startsWith('apache'))) {
  test(`${kind}: HTTP/2 like HTTP/1.1`, async () => {
    const front = await startFront({
      kind, tls: true, host: 'localhost', opencodePort: 9, opencodeSocket: site.standin.path, ini: { flow: { store: `dir:${site.store}` } },
    })
    const session = http2.connect(`https://localhost:${front.port}`, { rejectUnauthorized: false })
    try {
      const flow = await begunFlow(site)
      // browsers send each cookie in a field of its own
      const crumbs = { Cookie: ['a=b', `__Host-${COOKIE}=${flow.cookie}`, 'c=d'] }
      const status = await send2(session, { target: `${flow.page}/status`, headers: crumbs })
      assert.deepEqual([status.status, JSON.parse(status.body).state], [200, 'waiting'])
      const asset = await send2(session, { target: '/signin/assets/page.js' })
      assert.equal(asset.body, readFileSync(new URL('common/view/assets/page.js', root), 'latin1'))
      const paste = { method: 'POST', target: flow.page, headers: { ...OWN_FORM, ...crumbs }, body: 'address=x' }
      assert.match((await send2(session, paste)).body, /data-state="waiting"/)
      for (const query of [`code=${flow.code}&state=x`, `${flow.query}&state=x`, 'error=access_denied', '', `${flow.query}&x=${'x'.repeat(4000)}&y=`.padEnd(8193, 'y')]) {
        const target = `${flow.path}?${query}`
        const refused = await send2(session, { target, headers: { ...NAVIGATION, ...crumbs } })
        const like = await site.fcgi.send({ target, headers: { ...NAVIGATION, ...flow.cookies } })
        assert.deepEqual([refused.status, refused.body], [like.status, like.body], query)
        assert.deepEqual(refused.headers, like.headers.filter(([name]) => name !== 'content-length'), query)
      }
      for (const target of ['/Provider//x/oauth/authorize/', '/provider/x/oauth/authorize;x', '/mcp/x/auth;/..%2f..%2f..%2f']) {
        const headers = { 'Content-Type': 'text/plain', 'Sec-Fetch-Site': 'cross-site' }
        const refused = await send2(session, { method: 'POST', target, headers, body: '{}' })
        assert.ok([403, 404].includes(refused.status), `${target}: ${refused.status}`)
      }
      const mark = site.standin.connections.length
      const done = await send2(session, { target: `${flow.path}?${flow.query}`, headers: { ...NAVIGATION, ...crumbs } })
      assert.deepEqual([done.status, done.headers.find(([name]) => name === 'location')?.[1]], [303, flow.page])
      assert.equal(site.standin.since(mark)[0].target, `${flow.path}?${flow.query}`)
      assert.ok(!front.logs().includes('CANARY'))
    } finally {
      session.destroy()
      await front.stop()
    }
  })
}
