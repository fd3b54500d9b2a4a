/*
 * The real preview of opencode 2 behind both web servers: a stranger can neither end nor take over an attempt,
 * whose listener every wrong request would end; what a newer begin ends, and what it leaves alone; and an attempt
 * whose time is over. (tests/frontends/opencode2*.test.mjs has a stand-in for the stable 2.x.)
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { Client } from '../lib/client.mjs'
import { Fixture } from '../lib/fixture.mjs'
import { COOKIE, httpRequest } from '../lib/frontends.mjs'
import { startMcpServer } from '../lib/mcp.mjs'
import { exchange, until } from '../lib/net.mjs'
import { startProvider } from '../lib/provider.mjs'
import { pastes, queries, tokens } from '../lib/refusals.mjs'
import { NAVIGATION, OWN_FORM, newCookie } from '../lib/signin.mjs'
import { PLUGIN } from '../lib/opencode.mjs'
import { DONE, KINDS, REFUSED, expectEnd } from '../lib/site.mjs'
import { NEXT, cannotRun } from '../lib/versions.mjs'

const CHATGPT = { id: 'openai', method: 'chatgpt-browser', path: '/auth/callback' }
const SUPERSEDED = { state: 'superseded', expires_in: 0 }
const skip = cannotRun(NEXT) ?? false
const fixture = new Fixture()
let provider, server, opencode, fronts
before(async () => {
  if (skip) return
  provider = await startProvider()
  server = await startMcpServer()
})
after(async () => {
  await fixture.stop()
  await server?.stop()
  await provider?.stop()
})

const authorization = () => opencode.authorization.Authorization
const own = (method, target) => new Client(opencode.origin, { authorization: authorization() }).send(method, target)

async function start(ini, options) {
  opencode = await fixture.start({ provider, version: NEXT, ...options })
  const first = await fixture.serve({ kind: KINDS[0], ini })
  fronts = [first, await fixture.serve({ kind: KINDS[1], ini: { ...ini, flow: { ...ini?.flow, store: `dir:${first.storeDir}` } } })]
}

function browser(front = fronts[0]) {
  const client = new Client(front.origin, { authorization: authorization() })
  client.cookie = `${COOKIE}=${newCookie()}`
  return client
}

const begin = (client, { id, method } = CHATGPT) =>
  client.begin({ target: `/api/integration/${id}/connect/oauth`, body: JSON.stringify({ methodID: method, inputs: {} }) })

/* Begins as opencode's window does: the flow page, and the attempt's id. */
async function begun(client, what = CHATGPT) {
  const answer = await begin(client, what)
  assert.equal(answer.status, 200, answer.content)
  const { url, attemptID } = JSON.parse(answer.content).data
  return { client, id: what.id, attempt: attemptID, flow: await client.open(url) }
}

async function attempt({ id, attempt: name }) {
  const { content } = await own('GET', `/api/integration/${id}/connect/oauth/${name}`)
  return content === '' ? 'unknown' : JSON.parse(content).data.status
}

/* The same with the names of tests/lib/refusals.mjs. */
async function pending(what, approve) {
  const one = await begun(browser(), what)
  const address = new URL(await approve(one.flow.authorize))
  const { port, pathname: path } = address
  return {
    ...one, page: one.flow.path, address: address.href, port, path, redirect: `${address.origin}${path}`,
    query: address.search.slice(1), code: address.searchParams.get('code'), state: address.searchParams.get('state'),
    cookie: one.client.cookie.split('=')[1], cookies: { Cookie: one.client.cookie },
  }
}

/* One wrong request through each web server: the attempt goes on pending. */
async function refused(flow, request) {
  for (const front of fronts) {
    const asked = request(flow)
    const headers = { Host: `127.0.0.1:${front.port}`, Authorization: authorization(), ...asked.headers }
    for (const [name, value] of Object.entries(headers)) if (value === undefined) delete headers[name]
    const got = Number(/^HTTP\/1\.1 (\d{3})/.exec(await exchange({ port: front.port }, httpRequest({ ...asked, headers })))?.[1])
    assert.ok(got >= 400 && got < 500, `${front.kind}: ${got}`)
  }
  assert.equal(await attempt(flow), 'pending')
  assert.equal((await flow.client.status(flow.flow)).state, 'waiting')
}

/* And its own answer still completes it. */
async function survives(flow, request) {
  await refused(flow, request)
  assert.equal((await flow.client.paste(flow.flow, flow.address)).status, 303)
  assert.deepEqual(await flow.client.status(flow.flow), DONE)
  assert.equal(await attempt(flow), 'complete')
}

const callback = (flow, query, more = {}) => ({
  target: `${flow.path}${query === undefined ? '' : `?${query}`}`, ...more, headers: { ...NAVIGATION, ...flow.cookies, ...more.headers },
})
const form = (flow, text) => ({
  method: 'POST', target: flow.page, body: `address=${encodeURIComponent(text)}`, headers: { ...OWN_FORM, ...flow.cookies },
})

describe('a stranger', { skip }, () => {
  afterEach((t) => fixture.tidy(t))

  test('junk on the callback path leaves ChatGPT’s attempt alone', async () => {
    await start()
    const cases = [
      ...Object.entries(queries).map(([name, query]) => [name, (f) => callback(f, query?.(f))]),
      ...['POST', 'HEAD', 'DELETE', 'OPTIONS'].map((method) => [method, (f) => callback(f, f.query, { method })]),
      ...Object.entries(tokens).map(([name, value]) => [name, (f) => callback(f, f.query, { headers: { Cookie: value(f) } })]),
      ...Object.entries(pastes).map(([name, text]) => [name, (f) => form(f, text(f))]),
      ['declined by somebody else', (f) => callback(f, `error=access_denied&state=${f.state}`, { headers: { Cookie: undefined } })],
      ['declined, with a wrong state', (f) => callback(f, 'error=access_denied&state=wrong')],
      ['/cancel', (f) => callback(f, undefined, { target: '/signin/cancel' })],
    ]
    for (const [name, request] of cases) {
      try {
        await survives(await pending(CHATGPT, (url) => provider.approve(url)), request)
      } catch (error) {
        error.message = `${name}: ${error.message}`
        throw error
      }
    }
  })

  test('and an MCP server’s, wherever its listener is', async () => {
    await start()
    await fixture.knowMcp({ demo: server.remote() })
    const { integrationID: id } = JSON.parse((await own('GET', '/api/mcp')).content).data[0]
    const mcp = { id, method: id }
    const flow = await pending(mcp, (url) => server.approve(url))
    flow.query += '&scope=mcp' // the tables' rows count on one
    const wrong = { ...queries, 'declined, with a wrong state': (f) => `error=access_denied&state=x${f.state}` }
    delete wrong['an iss over http'] // as this server's own pages are
    for (const [name, query] of Object.entries(wrong)) {
      await assert.doesNotReject(refused(flow, (f) => callback(f, query?.(f))), name)
    }
    await survives(flow, (f) => callback(f, f.query, { headers: { Cookie: undefined, Authorization: undefined } }))
  })
})

describe('a newer begin', { skip }, () => {
  afterEach((t) => fixture.tidy(t))

  test('of the same browser ends the older attempt in opencode', async () => {
    await start()
    const client = browser()
    const first = await begun(client)
    const second = await begun(client)
    await expectEnd(client, first.flow, SUPERSEDED, { again: true })
    assert.notEqual(await attempt(first), 'pending')
    assert.equal(await attempt(second), 'pending')
    await client.paste(second.flow, provider.approve(second.flow.authorize))
    await expectEnd(client, second.flow, DONE)
  })

  test('that opencode does not let in ends nothing', async () => {
    await start()
    const first = await begun(browser())
    const stranger = new Client(fronts[0].origin, {})
    stranger.cookie = first.client.cookie
    assert.equal((await begin(stranger)).status, 401)
    assert.equal((await begin(browser(), { id: 'openai', method: 'no such method' })).status, 500)
    assert.equal(await attempt(first), 'pending')
    assert.equal((await first.client.status(first.flow)).state, 'waiting')
  })

  test('of another browser is told, from opencode’s window and from our start page', async () => {
    await start()
    const first = await begun(browser())
    const other = browser(fronts[1])
    const answer = await begin(other)
    assert.equal(answer.status, 409, answer.content)
    assert.match(JSON.parse(answer.content).message, /^Somebody else is signing in to this account/)
    const page = await other.form('/signin/start', opencode.chatgpt)
    assert.equal(page.status, 409)
    assert.match(page.content, /Somebody else is signing in to this account/)
    assert.equal(await attempt(first), 'pending')
    await first.client.paste(first.flow, provider.approve(first.flow.authorize))
    await expectEnd(first.client, first.flow, DONE)
  })

  test('at one MCP server, from two browsers: both attempts live, and each ends well', async () => {
    await start()
    await fixture.knowMcp({ demo: server.remote() })
    const both = []
    for (const client of [browser(), browser(fronts[1])]) both.push([client, await client.start({ mcp: 'demo' })])
    for (const [client, flow] of both.reverse()) {
      assert.equal((await client.status(flow)).state, 'waiting')
      await client.paste(flow, await server.approve(flow.authorize))
      await expectEnd(client, flow, DONE)
    }
  })
})

test('an attempt has ten minutes; one whose time is over here is told, and ended by the next begin', { skip }, async (t) => {
  await start()
  const patient = await begun(browser())
  const { expires_in: left } = await patient.client.status(patient.flow)
  assert.ok(left > 590 && left <= 600, `${left} s are left`)
  await fixture.tidy(t)

  await start({ flow: { lifetime: 2 } })
  const one = await begun(browser())
  await until('its time is over', async () => (await one.client.status(one.flow)).state === 'expired')
  assert.match((await one.client.send('GET', one.flow.path)).content, /data-state="expired"/)
  assert.equal(await attempt(one), 'pending')
  const next = await begun(one.client)
  assert.notEqual(await attempt(one), 'pending')
  await next.client.paste(next.flow, provider.approve(next.flow.authorize))
  await expectEnd(next.client, next.flow, DONE)
  await fixture.tidy(t)
})

test('a provider whose code is to be copied: from the start page, refused, and taken', { skip }, async (t) => {
  const OTHER = new URL('../lib/other-plugin2.js', import.meta.url).href
  await start(undefined, { config: { plugins: [PLUGIN, OTHER] } })
  for (const front of fronts) {
    const client = browser(front)
    const flow = await client.start({ provider: 'other', method: 'typed' })
    assert.ok(flow.authorize.startsWith('https://accounts.example.com/authorize?'))
    assert.match((await client.send('GET', flow.path)).content, /opencode says: <strong>Paste the code here\.<\/strong>/)
    assert.equal((await client.paste(flow, 'two words')).status, 400)
    await client.paste(flow, 'bad-code-9')
    await expectEnd(client, flow, REFUSED)
    const again = await client.start({ again: flow.id })
    await client.paste(again, 'good-code#state')
    await expectEnd(client, again, DONE)
    const { connections } = JSON.parse((await own('GET', '/api/integration/other')).content).data
    assert.equal(connections.length, 1)
  }
  await fixture.tidy(t)
})

test('a code alone: asked back, and delivered to the listener with the state of its sign-in', { skip }, async (t) => {
  await start()
  for (const front of fronts) {
    const client = browser(front)
    const one = await begun(client)
    const code = new URL(provider.approve(one.flow.authorize)).searchParams.get('code')
    const page = await client.paste(one.flow, code)
    assert.equal(page.status, 200)
    assert.equal(await attempt(one), 'pending')
    const callback = /name="callback" value="([^"]*)"/.exec(page.content)[1].replaceAll('&amp;', '&')
    assert.equal((await client.form(one.flow.path, { confirm: 'yes', callback })).status, 303)
    await expectEnd(client, one.flow, DONE)
  }
  await fixture.tidy(t)
})
