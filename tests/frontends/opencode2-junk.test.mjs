/*
 * What must not reach an attempt of opencode 2, which one wrong request to its listener ends: the tables of
 * tests/lib with requests that we refuse, and what strangers, other tabs and other sign-ins send. After each, opencode
 * got no request and the attempt is pending; then the good callback succeeds.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { HOST, startFrontends } from '../lib/frontends.mjs'
import * as malformed from '../lib/malformed.mjs'
import * as nearMisses from '../lib/near_misses.mjs'
import { pastes, queries, senders } from '../lib/refusals.mjs'
import { NAVIGATION, OWN_FORM, assertCleanLogs, assertSafe, assertSame, cookies, goodCallback, newCookie } from '../lib/signin.mjs'
import { assertAttemptSucceeds, begunAttempt, beginAttempt, calls, connectPath, deliveryOf, stateOf } from '../lib/signin2.mjs'
import { makeStandin2, mcpServer } from '../lib/standin2.mjs'

let site, opencode
before(async () => (site = await startFrontends({ web: false })))
after(() => site?.stop())
beforeEach(async () => {
  opencode = makeStandin2({ servers: [mcpServer('wiki', { redirect: `http://${HOST}/mcp/oauth/callback` })] })
  site.standin.answer = opencode.answer
  await site.fcgi.send({ target: '/signin/' })
})
afterEach(() => assertCleanLogs(site))

const KINDS = {
  'ChatGPT in the browser': () => begunAttempt(site, opencode),
  'token sharing': () => begunAttempt(site, opencode, { method: 'chatgpt-token-sharing' }),
  'an MCP server': () => beginAttempt(site, opencode, { integration: opencode.servers[0].integrationID, method: opencode.servers[0].integrationID }),
}

let turn = 0
const next = (all) => all[turn++ % all.length]
const defined = (all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))

/*
 * Sends request(flow, value) for each [name, value, status] of a table, through both front ends.
 *   begin: of the flow; shows: the answer may hold what its sender sent or knows
 */
async function refuseAll(rows, request, status, { problem, begin = next(Object.values(KINDS)), shows = false } = {}) {
  const flow = await begin()
  const secrets = [flow.cookie, ...(shows ? [] : [flow.code, flow.state])]
  assert.ok(rows.length > 0)
  for (const [name, value, own = status] of rows) {
    const asked = request(flow, value)
    const mark = site.standin.connections.length
    const answers = await Promise.all(site.frontends.map(async (frontend) => [frontend.name, await frontend.send({ ...asked, headers: defined(asked.headers) })]))
    assert.equal(site.standin.connections.length, mark, `${name}: opencode was not asked`)
    for (const [frontend, answer] of answers) {
      assert.equal(answer.status, own, `${name}, ${frontend}: ${answer.body.slice(0, 300)}`)
      assertSafe(answer, `${name}, ${frontend}`)
      if (problem) assert.equal(/data-problem="([\w-]+)"/.exec(answer.body)?.[1], problem, `${name}, ${frontend}`)
      for (const secret of secrets) assert.ok(!(JSON.stringify(answer.headers) + answer.body).includes(secret), `${name}, ${frontend} shows a secret`)
    }
    assertSame(answers)
    assert.equal(flow.attempt.status, 'pending', name)
  }
  assert.equal(await stateOf(site, flow), 'waiting')
  await assertAttemptSucceeds(site, flow, { frontend: next(site.frontends) })
}

const ask = (flow, query) => ({ target: query === undefined ? flow.path : `${flow.path}?${query}`, headers: { ...NAVIGATION, ...flow.cookies } })
const callback = (flow, query) => ask(flow, query?.(flow))
const form = (flow, body, headers = {}) => ({ method: 'POST', target: flow.page, body, headers: { ...OWN_FORM, ...flow.cookies, ...headers } })
const made = (flow, make) => make(flow)

/* The rows of malformed.mjs that meta-variables can say. */
const rowsOf = async (table) => {
  const sample = { path: '/auth/callback', page: '/signin/flow/x', query: 'q', code: 'c', state: 's', provider: 'p', cookies: {}, port: 1455 }
  return Object.entries(table).filter(([, [, make]]) => make(sample).direct !== false).map(([name, [status, make]]) => [name, make, status])
}

describe('on the callback paths', () => {
  for (const [kind, begin] of Object.entries(KINDS)) {
    test(`${kind}: queries that are none of its own`, () => refuseAll(Object.entries(queries), callback, 400, { begin, shows: true }))
  }
  for (const [place, rows] of Object.entries(nearMisses.damaged)) {
    test(`what is no text, ${place}`, () => refuseAll(rows, callback, 400, { problem: 'bad-encoding' }))
  }
  test('each parameter twice', () => refuseAll(nearMisses.twice, callback, 400, { problem: 'duplicate-parameter' }))
  test('what is nearly the state', () => refuseAll(Object.entries(nearMisses.states), (f, state) => ask(f, `code=${f.code}&state=${state(f.state)}`), 400))
  test('an error with what is nearly the state', () =>
    refuseAll(Object.entries(nearMisses.states), (f, state) => ask(f, `error=access_denied&state=${state(f.state)}`), 400))
  test('an error without a state, with an empty one', () => refuseAll([['none', 'error=access_denied'], ['empty', 'error=access_denied&state=']], ask, 400))
  test('what no browser sends: the protocol', async () => refuseAll(await rowsOf(malformed.protocol), made, 400, { shows: true, begin: KINDS['ChatGPT in the browser'] }))
  test('what no browser sends: methods, HEAD and POST among them', async () => {
    const method = (name) => (f) => ({ ...ask(f, f.query), method: name, ...(name === 'GET' ? {} : { body: name === 'POST' ? '' : undefined }) })
    const more = ['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'].map((name) => [name, method(name), 405])
    await refuseAll([...(await rowsOf(malformed.methods)), ...more], made, 405)
  })
  test('what no browser sends: bytes', async () => refuseAll(await rowsOf(malformed.bytes), made, 400, { shows: true, begin: KINDS['ChatGPT in the browser'] }))
  test('other ways to write the path', async () => refuseAll(await rowsOf(malformed.paths), made, 404, { shows: true, begin: KINDS['ChatGPT in the browser'] }))
  test('another browser’s cookie, and what is nearly this one’s', () => refuseAll(
    [['another', () => cookies(newCookie()).Cookie], ...Object.entries(nearMisses.cookies)],
    (f, value) => ({ ...ask(f, f.query), headers: { ...NAVIGATION, Cookie: value(f.cookie) } }), 400, { problem: 'unknown-flow' },
  ))
  test('more than 64 KiB of cookies', () => refuseAll(Object.entries(nearMisses.manyCookies), (f, value) => ({ ...ask(f, f.query), headers: { ...NAVIGATION, Cookie: value(f.cookie) } }), 431))
  test('fetched by a page, or before anybody asked', () => refuseAll(nearMisses.fetchers.map((headers) => [JSON.stringify(headers), headers]), (f, headers) => {
    const request = ask(f, f.query)
    return { ...request, headers: { ...request.headers, ...headers } }
  }, 403))
  test('the path of another redirect URI', () => refuseAll(['/callback', '/oauth-callback', '/oauth2callback'].map((path) => [path, path]),
    (f, path) => ({ ...ask(f, f.query), target: `${path}?${f.query}` }), 400))
})

describe('on our pages', () => {
  test('pasted texts that are no answer', () => refuseAll(Object.entries(pastes), (f, text) => form(f, `address=${encodeURIComponent(typeof text === 'function' ? text(f) : text)}`), 400,
    { shows: true, begin: KINDS['ChatGPT in the browser'] }))
  test('pasted addresses that are nearly right', () => refuseAll(Object.entries(nearMisses.addresses), (f, text) => form(f, `address=${encodeURIComponent(text(f))}`), 400,
    { shows: true, begin: KINDS['ChatGPT in the browser'] }))
  test('forms of others', () => refuseAll([...Object.entries(senders), ...Object.entries(nearMisses.senders)],
    (f, headers) => form(f, `address=${encodeURIComponent(`${f.redirect}?${f.query}`)}`, headers), 403))
  test('forms of others that would begin a newer one', () => refuseAll(Object.entries(nearMisses.senders),
    (f, headers) => ({ ...form(f, `provider=${f.provider}&method=${f.attempt.method.id}`, headers), target: '/signin/start' }), 403))
  test('begins that a page of another site causes', () => refuseAll(Object.entries(nearMisses.begins),
    (f, headers) => ({ ...form(f, JSON.stringify({ methodID: f.attempt.method.id }), headers), target: connectPath(f.provider) }), 403))
  test('begins in another spelling', async () => refuseAll(await rowsOf(malformed.spellings), made, 404))
})

describe('of two sign-ins in one browser', () => {
  test('each answer finishes its own, on its own path only', async () => {
    for (const frontend of site.frontends) {
      const cookie = newCookie()
      const [server] = opencode.servers
      server.status = 'needs_auth'
      const one = await begunAttempt(site, opencode, { cookie, frontend })
      const two = await beginAttempt(site, opencode, { cookie, frontend, integration: server.integrationID, method: server.integrationID })
      for (const [flow, other] of [[one, two], [two, one]]) {
        const [answer, lines] = await calls(site, () => frontend.send({ ...goodCallback(flow), target: `${other.path}?${flow.query}` }))
        assert.equal(answer.status, 400)
        assert.deepEqual(lines, [])
        const pasted = await frontend.send(form(flow, `address=${encodeURIComponent(`${other.redirect}?${other.query}`)}`))
        assert.equal(pasted.status, 400)
      }
      // the code of one with the state of the other is an answer to the other, which its provider refuses
      const [, mixed] = await calls(site, () => frontend.send(goodCallback(one, `code=${two.code}&state=${one.state}`)))
      assert.equal(mixed[0], deliveryOf(one, `code=${two.code}&state=${one.state}`)[0])
      assert.equal(two.attempt.status, 'pending')
      await assertAttemptSucceeds(site, two, { frontend })
    }
  })
})
