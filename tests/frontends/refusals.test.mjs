/*
 * Sends every callback, form and begin of tests/lib/refusals.mjs through every front end. All give the same
 * bytes, opencode gets no request, no secret is shown or logged, and the good callback succeeds afterwards.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { COOKIE, startFrontends } from '../lib/frontends.mjs'
import { begins, pastes, queries, senders, tokens } from '../lib/refusals.mjs'
import { afterEvery } from '../lib/invariants.mjs'
import { NAVIGATION, OWN_FORM, assertCleanLogs, assertSame, assertSucceeds, begunFlow, newCookie } from '../lib/signin.mjs'

let site
before(async () => (site = await startFrontends()))
after(() => site?.stop())

let turn = 0

/*
 * Sends request(flow) through the front ends and checks the invariants; then sends the good callback, each
 * time through the next front end.
 *   shows: the answer may hold what its sender sent or knows (the ask page, the flow page's link)
 */
async function refuse({ request, status, header = {}, body, shows = false, web = true, begin, frontends }) {
  const flow = await begunFlow(site, begin)
  const since = site.standin.connections.length
  const answers = []
  for (const frontend of frontends ?? site.frontends.filter((f) => web || !f.web)) {
    const answer = await frontend.send(request(flow))
    assert.equal(answer.status, status, `${frontend.name}: ${answer.body.slice(0, 400)}`)
    for (const [name, value] of Object.entries(header)) assert.equal(answer.header(name), value, `${frontend.name}: ${name}`)
    if (body) assert.match(answer.body, body, frontend.name)
    answers.push([frontend.name, answer])
  }
  assertSame(answers)
  await afterEvery(site, flow, { since, answers, shows, frontend: site.frontends[turn++ % site.frontends.length] })
}

const callback = (query, extra = {}) => (flow) => ({
  ...extra,
  target: `${extra.path ?? flow.path}${query === undefined ? '' : `?${query(flow)}`}`,
  headers: { ...NAVIGATION, ...flow.cookies, ...extra.headers },
})

const long = (flow, bytes) => `${flow.query}&x=${'x'.repeat(4000)}&y=`.padEnd(bytes, 'y')

describe('query and encoding: 400', () => {
  for (const [name, query] of Object.entries(queries)) {
    test(name, () => refuse({ request: callback(query), status: 400, body: /<main/ }))
  }
  for (const bytes of [8193, 9500]) {
    test(`a query of ${bytes} bytes: 414`, () => refuse({ request: callback((f) => long(f, bytes)), status: 414 }))
  }
  test('a query of 30,000 bytes: 414', () => refuse({ request: callback((f) => long(f, 30_000)), status: 414, web: false }))
  test('as CGI a query of 100,000 bytes: 414', () =>
    refuse({ request: callback((f) => long(f, 100_000)), status: 414, frontends: [site.cgi] }))
  test('a query of 100,000 bytes: 414 from the web server itself', async () => {
    const flow = await begunFlow(site)
    const connections = site.standin.connections.length
    for (const frontend of site.frontends.filter((f) => f.web)) {
      const answer = await frontend.send(callback((f) => long(f, 100_000))(flow))
      assert.equal(answer.status, 414, frontend.name)
    }
    assert.equal(site.standin.connections.length, connections)
    assertCleanLogs(site)
    await assertSucceeds(site, flow)
  })
  for (const bytes of [1024 * 1024, 100 * 1024 * 1024]) {
    test(`FastCGI with a query of ${bytes / 1024 / 1024} MiB: refused or cut off, and the worker lives`, async () => {
      const flow = await begunFlow(site)
      const connections = site.standin.connections.length
      const status = await site.fcgi.send(callback((f) => long(f, bytes))(flow)).then((answer) => answer.status, () => 414)
      assert.ok([400, 414].includes(status), String(status))
      assert.equal(site.standin.connections.length, connections)
      assertCleanLogs(site)
      await assertSucceeds(site, flow)
    })
  }
})

describe('method, path, environment', () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'HEAD', 'PROPFIND', 'get']) {
    test(`${method} on the callback: 405`, () =>
      refuse({
        request: callback((f) => f.query, { method, headers: { Origin: 'https://evil.example', 'Access-Control-Request-Method': 'GET' } }),
        status: 405,
        header: { allow: 'GET' },
        // some servers turn a method that they do not know away by themselves
        web: ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'].includes(method),
      }))
  }
  test('TRACE: 405 (web servers say so themselves)', () =>
    refuse({ request: callback((f) => f.query, { method: 'TRACE' }), status: 405, header: { allow: 'GET' }, web: false }))
  for (const dest of ['image', 'iframe', 'script', 'style', 'empty', 'object']) {
    test(`a callback fetched as ${dest}: 403`, () =>
      refuse({ request: callback((f) => f.query, { headers: { 'Sec-Fetch-Dest': dest } }), status: 403 }))
  }
  for (const [name, value] of [['Sec-Purpose', 'prefetch'], ['Sec-Purpose', 'prefetch;prerender'], ['Purpose', 'prefetch']]) {
    test(`${name}: ${value}: 403`, () =>
      refuse({ request: callback((f) => f.query, { headers: { [name]: value } }), status: 403 }))
  }
  for (const path of ['/auth//callback', '/auth/./callback', '/auth/%63allback', '//auth/callback', '/AUTH/callback', '/auth/callback%00', '/auth/callback%2f', '/auth/callback;x']) {
    test(`${path} is no callback: 404`, () => refuse({ request: callback((f) => f.query, { path }), status: 404, web: false }))
  }
  test("another provider's path", () => refuse({ request: callback((f) => f.query, { path: '/callback' }), status: 400 }))
  test('an absolute form is reduced to its path', () =>
    refuse({ request: callback((f) => `code=${f.code}&state=wrong`, { path: 'http://evil.example/auth/callback' }), status: 400, web: false }))

  const variables = [
    'GATEWAY_INTERFACE', 'SCRIPT_NAME', 'SERVER_PROTOCOL', 'SERVER_SOFTWARE', 'SERVER_NAME', 'SERVER_PORT',
    'REMOTE_ADDR', 'REQUEST_SCHEME', 'QUERY_STRING', 'REQUEST_METHOD', 'REQUEST_URI',
  ]
  for (const name of variables) {
    test(`without ${name}`, () => {
      const status = name === 'REQUEST_METHOD' ? 405 : 400
      return refuse({ request: callback(() => 'code=x&state=wrong', { vars: { [name]: undefined } }), status, web: false })
    })
  }
  test('as CGI without REQUEST_METHOD and GATEWAY_INTERFACE it is a program by hand: usage, 64', async () => {
    const { metaVariables, runCgi } = await import('../lib/frontends.mjs')
    const vars = metaVariables({ target: '/auth/callback', vars: { REQUEST_METHOD: undefined, GATEWAY_INTERFACE: undefined } })
    const answer = await runCgi(site.site, vars)
    assert.equal(answer.code, 64)
    assert.equal(answer.stdout, '')
  })
  test('arguments beside a request are not read', () =>
    refuse({
      request: callback(() => '--config=/tmp/evil', { cgi: { args: ['--config=/tmp/evil', '-h', '--version'] } }),
      status: 400,
      web: false,
    }))
  test('a GET with a body: the body is not read', () =>
    refuse({ request: callback(() => 'code=x&state=wrong', { body: 'x'.repeat(10_000) }), status: 400 }))
  test('a Proxy header', () => refuse({ request: callback(() => 'code=x&state=wrong', { headers: { Proxy: 'http://127.0.0.1:9' } }), status: 400 }))
})

describe('the body of a form', () => {
  const form = (extra) => (flow) => ({
    method: 'POST',
    target: flow.page,
    body: 'address=x',
    ...extra,
    headers: { ...OWN_FORM, ...flow.cookies, ...extra.headers },
  })
  const headers = (type) => form({ headers: { 'Content-Type': type } })
  for (const value of [undefined, '-1']) {
    test(`Content-Length ${value}: 411`, () => refuse({ request: form({ vars: { CONTENT_LENGTH: value } }), status: 411, web: false }))
  }
  for (const value of ['-2', '+9', '9x', '0x9', ' 9', '99999999999999999999', '1e1']) {
    test(`Content-Length ${JSON.stringify(value)}: 400`, () => refuse({ request: form({ vars: { CONTENT_LENGTH: value } }), status: 400, web: false }))
  }
  test('shorter than Content-Length: 400', () => refuse({ request: form({ vars: { CONTENT_LENGTH: '100' } }), status: 400, shows: true, web: false }))
  test('64 KiB: 413', () => refuse({ request: form({ body: `address=${'x'.repeat(65536)}` }), status: 413 }))
  test('32,769 bytes: 413', () => refuse({ request: form({ body: 'a'.repeat(32769) }), status: 413 }))
  test('no content type: 415', () => refuse({ request: headers(undefined), status: 415, web: false }))
  for (const type of ['multipart/form-data; boundary=x', 'text/plain', 'application/json', 'application/x-www-form-urlencodedx']) {
    test(`${type}: 415`, () => refuse({ request: headers(type), status: 415 }))
  }
  const defined = (all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
  for (const [name, given] of Object.entries(senders)) {
    test(`a form from ${name}: 403`, () =>
      refuse({
        request: (flow) => {
          const request = form({ headers: given, body: `address=${encodeURIComponent(`${flow.redirect}?${flow.query}`)}` })(flow)
          return { ...request, headers: defined(request.headers) }
        },
        status: 403,
      }))
  }
})

describe('cookies and browsers', () => {
  const cookie = (value) => callback((f) => f.query, { headers: { Cookie: value } })
  const without = (flow) => ({ target: `${flow.path}?${flow.query}`, headers: NAVIGATION })
  test('no cookie: the 400 of an unknown state', () => refuse({ request: without, status: 400 }))
  test("another browser's cookie", () => refuse({ request: cookie(`${COOKIE}=${newCookie()}`), status: 400 }))
  test('they get the very page of an unknown state', async () => {
    const flow = await begunFlow(site)
    const stranger = await site.fcgi.send(without(flow))
    const unknown = await site.fcgi.send({ target: `${flow.path}?code=x&state=unknown`, headers: NAVIGATION })
    assert.equal(stranger.body, unknown.body)
    assert.deepEqual(stranger.headers, unknown.headers)
    await assertSucceeds(site, flow)
  })
  for (const [name, value] of Object.entries(tokens)) {
    test(name, () =>
      refuse({
        request: (flow) => cookie(value(flow))(flow),
        status: 400,
        // web servers turn control bytes away themselves
        web: name !== 'a control byte',
      }))
  }
  test('64 KiB of cookies without ours: 400, as with none', () => refuse({ request: cookie(`a=${'x'.repeat(65_000)}`), status: 400 }))
  test('500 cookies without ours: 400', () =>
    refuse({ request: cookie(Array.from({ length: 500 }, (_, i) => `c${i}=1`).join('; ')), status: 400 }))
  test('more than 64 KiB of cookies: 431, with what to do', () =>
    refuse({ request: (f) => cookie(`a=${'x'.repeat(65_536)}; ${COOKIE}=${f.cookie}`)(f), status: 431, web: false, body: /64 KiB of cookies/ }))
  test('no cookie ever came back: the ask page, and no GET binds', () =>
    refuse({ begin: { cookie: null }, request: without, status: 200, shows: true, body: /name="?confirm/ }))
  test("another browser's cookie on an offered flow: the ask page", () =>
    refuse({ begin: { cookie: null }, request: cookie(`${COOKIE}=${newCookie()}`), status: 200, shows: true, body: /name="?confirm/ }))
  for (const [name, more] of [['flow page', ''], ['status', '/status']]) {
    test(`the ${name} of another browser: 400`, () =>
      refuse({ request: (f) => ({ target: `${f.page}${more}`, headers: { Cookie: `${COOKIE}=${newCookie()}` } }), status: 400 }))
  }
  test("another browser's form: 400", () =>
    refuse({
      request: (f) => ({
        method: 'POST', target: f.page, headers: { ...OWN_FORM, Cookie: `${COOKIE}=${newCookie()}` },
        body: `address=${encodeURIComponent(`${f.redirect}?${f.query}`)}`,
      }),
      status: 400,
    }))
  test('an id that is none: 400', () =>
    refuse({ request: (f) => ({ target: '/signin/flow/..%2f..%2fetc%2fpasswd', headers: f.cookies }), status: 400, web: false }))

  for (const [name, headers] of Object.entries(begins)) {
    test(`a begin by ${name}: 403, opencode not asked`, () =>
      refuse({
        request: (f) => ({
          method: 'POST', target: `/provider/${f.provider}/oauth/authorize`, body: '{"method":0}',
          headers: Object.fromEntries(Object.entries({ ...f.cookies, ...headers }).filter(([, value]) => value !== undefined)),
        }),
        status: 403,
        body: /^\{"name": ?"UnknownError", ?"data": ?\{"message":/,
      }))
  }
})

describe('what is pasted: 400, and told what to copy', () => {
  const paste = (text) => (flow) => ({
    method: 'POST', target: flow.page, headers: { ...OWN_FORM, ...flow.cookies },
    body: `address=${encodeURIComponent(text(flow))}`,
  })
  for (const [name, text] of Object.entries(pastes)) {
    test(name, () => refuse({ request: paste(text), status: 400, shows: true, body: /role="?alert/ }))
  }
  test('binary: 400', () =>
    refuse({
      request: (f) => ({
        method: 'POST', target: f.page, headers: { ...OWN_FORM, ...f.cookies }, body: 'address=\x00\xff\xfe%00%ff\x7f\x01',
      }),
      status: 400,
      shows: true,
      body: /role="?alert/,
    }))
  test('no field: 400', () =>
    refuse({ request: (f) => ({ method: 'POST', target: f.page, headers: { ...OWN_FORM, ...f.cookies }, body: 'x=y' }), status: 400, shows: true }))
})
