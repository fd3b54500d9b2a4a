/*
 * A stranger can neither end nor take over a sign-in: with one pending in the real opencode, every
 * refused request goes through both web servers, and after each the good callback still completes.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Client } from '../lib/client.mjs'
import { COOKIE, httpRequest } from '../lib/frontends.mjs'
import { startFront } from '../lib/front.mjs'
import { exchange } from '../lib/net.mjs'
import { spellings } from '../lib/malformed.mjs'
import { startOpencode } from '../lib/opencode.mjs'
import { startProvider } from '../lib/provider.mjs'
import { begins, pastes, queries, senders, tokens } from '../lib/refusals.mjs'
import { NAVIGATION, OWN_FORM, newCookie } from '../lib/signin.mjs'

const PATH = '/auth/callback'
let provider, opencode, nginx, apache
let turn = 0

before(async () => {
  provider = await startProvider()
  opencode = await startOpencode({ provider })
  const where = { opencodePort: opencode.port, opencodeSocket: opencode.socket }
  nginx = await startFront({ kind: 'nginx-fcgi', ...where })
  apache = await startFront({ kind: 'apache-cgi', ...where, ini: { flow: { store: `dir:${nginx.storeDir}` } } })
})
after(async () => {
  const said = `${nginx?.logs()}${apache?.logs()}`
  await opencode?.stop()
  await apache?.stop()
  await nginx?.stop()
  await provider?.stop()
  for (const secret of provider.canaries()) assert.ok(!said.includes(secret), `a log holds ${secret}`)
})

const defined = (all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))

/* Begins in the real opencode and gets the provider's answer; the names are those of tests/lib/refusals.mjs. */
async function begun(front) {
  const client = new Client(front.origin)
  client.cookie = `${COOKIE}=${newCookie()}`
  const begin = await client.signIn()
  const address = new URL(await provider.approve(begin.authorize))
  return {
    client, begin, address: address.href, id: begin.id, page: begin.path, port: 1455, path: PATH,
    redirect: `http://localhost:1455${PATH}`,
    query: address.search.slice(1),
    code: address.searchParams.get('code'),
    state: address.searchParams.get('state'),
    cookie: client.cookie.split('=')[1],
    cookies: { Cookie: client.cookie },
  }
}

/* status: what is expected; the web servers turn some away themselves, with another 4xx. */
async function survives(request, { status } = {}) {
  const fronts = turn++ % 2 ? [nginx, apache] : [apache, nginx]
  const flow = await begun(fronts[0])
  const before = provider.exchanges.length
  for (const front of fronts) {
    const asked = request(flow)
    const headers = defined({ Host: `127.0.0.1:${front.port}`, ...asked.headers })
    const answer = await exchange({ port: front.port }, httpRequest({ ...asked, headers }))
    const got = Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])
    assert.ok(status ? got === status : got >= 400 && got < 500, `${front.kind}: ${got}`)
  }
  assert.equal((await flow.client.status(flow.begin)).state, 'waiting')
  assert.equal(provider.exchanges.length, before)
  assert.equal((await flow.client.callback(flow.address)).status, 303)
  assert.deepEqual(await flow.client.status(flow.begin), { state: 'done', expires_in: 0 })
  assert.deepEqual(provider.exchanges.slice(before), [{ code: flow.code, error: null }])
}

const callback = (flow, query, more = {}) => ({
  target: query === undefined ? PATH : `${PATH}?${query}`,
  ...more,
  headers: { ...NAVIGATION, ...flow.cookies, ...more.headers },
})
const form = (flow, text, headers = {}) => ({
  method: 'POST', target: flow.page, body: `address=${encodeURIComponent(text)}`,
  headers: { ...OWN_FORM, ...flow.cookies, ...headers },
})

describe('the query', () => {
  for (const [name, query] of Object.entries(queries)) test(name, () => survives((flow) => callback(flow, query?.(flow))))
  test('8,193 bytes', () => survives((f) => callback(f, `${f.query}&x=${'x'.repeat(4000)}&y=`.padEnd(8193, 'y')), { status: 414 }))
})

describe('the method, and who asks', () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'HEAD', 'TRACE']) {
    test(method, () => survives((f) => callback(f, f.query, { method }), { status: 405 }))
  }
  for (const dest of ['image', 'iframe', 'script']) {
    test(`fetched as ${dest}`, () => survives((f) => callback(f, f.query, { headers: { 'Sec-Fetch-Dest': dest } }), { status: 403 }))
  }
  test('a prefetch', () => survives((f) => callback(f, f.query, { headers: { 'Sec-Purpose': 'prefetch' } }), { status: 403 }))
})

describe('cookies', () => {
  test('none', () => survives((f) => callback(f, f.query, { headers: { Cookie: undefined } }), { status: 400 }))
  test("another browser's", () =>
    survives((f) => callback(f, f.query, { headers: { Cookie: `${COOKIE}=${newCookie()}` } }), { status: 400 }))
  for (const [name, value] of Object.entries(tokens)) {
    test(name, () => survives((f) => callback(f, f.query, { headers: { Cookie: value(f) } }), { status: 400 }))
  }
  test('60 KiB of others', () => survives((f) => callback(f, f.query, { headers: { Cookie: `a=${'x'.repeat(60_000)}` } }), { status: 400 }))
  for (const [name, headers] of Object.entries(senders)) {
    test(`a form from ${name}`, () => survives((f) => form(f, f.address, headers), { status: 403 }))
  }
  for (const [name, headers] of Object.entries(begins)) {
    const target = '/provider/openai/oauth/authorize'
    test(`a begin by ${name}`, () =>
      survives((f) => ({ method: 'POST', target, body: '{"method":0}', headers: { ...f.cookies, ...headers } }), { status: 403 }))
  }
})

/*
 * opencode's router takes these for the paths of begins. A form on any web page can send them, with the
 * password that the browser has: past us, each would end the sign-in that waits.
 */
describe('begins in another spelling', () => {
  const headers = { 'Content-Type': 'text/plain', 'Sec-Fetch-Site': 'cross-site' }
  const body = '{"method":0,"inputs":{}}'
  for (const spelling of Object.keys(spellings).filter((path) => path.includes('{}'))) {
    const target = spelling.replace('{}', 'openai')
    test(target, async () => {
      await survives(() => ({ method: 'POST', target, headers, body }))
      const answer = await exchange({ port: opencode.port }, httpRequest({ method: 'POST', target, headers, body }))
      assert.match(answer, /^HTTP\/1\.1 200 [^]*\{"url":"https:/, 'opencode itself takes it')
    })
  }
})

describe('what is pasted', () => {
  for (const [name, text] of Object.entries(pastes)) test(name, () => survives((f) => form(f, text(f)), { status: 400 }))
  test('64 KiB', () => survives((f) => form(f, 'x'.repeat(65536)), { status: 413 }))
  test('by another browser', () =>
    survives((f) => form(f, f.address, { Cookie: `${COOKIE}=${newCookie()}` }), { status: 400 }))
})

describe('the life of a flow', () => {
  test('declined, in another browser', () =>
    survives((f) => callback(f, `error=access_denied&state=${f.state}`, { headers: { Cookie: undefined } }), { status: 400 }))
  test('declined, with a wrong state', () => survives((f) => callback(f, 'error=access_denied&state=wrong'), { status: 400 }))
  test("on another provider's path", () =>
    survives((f) => callback(f, undefined, { target: `/callback?${f.query}` }), { status: 400 }))
  test('the listener of opencode is not to be reached through us', () =>
    survives((f) => callback(f, undefined, { target: '/signin/cancel' }), { status: 404 }))
})
