/*
 * Sends the tables of tests/lib/near_misses.mjs to both front ends. After each row, both gave the same bytes in
 * one well-formed response without a secret, opencode got no request, and the flow waits. After each table the
 * good callback succeeds.
 */
import assert from 'node:assert/strict'
import net from 'node:net'
import { after, before, describe, test } from 'node:test'
import { fcgiExchange, fcgiRequest } from '../lib/fcgi.mjs'
import { COOKIE, metaVariables, startFrontends } from '../lib/frontends.mjs'
import * as nearMisses from '../lib/near_misses.mjs'
import {
  NAVIGATION, OWN_FORM, assertCleanLogs, assertDelivered, assertSafe, assertSame, assertSucceeds, begunFlow, flowStatus,
} from '../lib/signin.mjs'

let site
before(async () => (site = await startFrontends({ web: false })))
after(() => site?.stop())

const defined = (all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
let turn = 0

/*
 * Sends request(flow, value) for each [name, value] of a table.
 *   problem: of the page; shows: the page may name the flow's state, in its link to the provider
 */
async function refuseAll(rows, request, status, { problem, shows, begin, where = site } = {}) {
  const flow = await begunFlow(site, begin)
  const connections = where.standin.connections.length
  const secrets = [flow.cookie, flow.code, ...(shows ? [] : [flow.state])]
  for (const [name, value] of rows) {
    const asked = request(flow, value)
    const answers = await Promise.all(where.frontends.map(async (frontend) => [frontend.name, await frontend.send({ ...asked, headers: defined(asked.headers) })]))
    for (const [frontend, answer] of answers) {
      assert.equal(answer.status, status, `${name}, ${frontend}: ${answer.body.slice(0, 300)}`)
      assertSafe(answer, `${name}, ${frontend}`)
      if (problem) assert.equal(/data-problem="([\w-]+)"/.exec(answer.body)?.[1], problem, `${name}, ${frontend}`)
      if (shows) assert.match(answer.body, /role="?alert/, `${name}, ${frontend}`)
      const text = JSON.stringify(answer.headers) + answer.body
      for (const secret of secrets) assert.ok(!text.includes(secret), `${name}, ${frontend} shows a secret`)
    }
    assertSame(answers)
    assert.equal(where.standin.connections.length, connections, `${name}: opencode was not asked`)
    assert.equal((await flowStatus(site, flow)).state, 'waiting', name)
  }
  assertCleanLogs(where)
  await assertSucceeds(site, flow, site.frontends[turn++ % site.frontends.length])
}

const ask = (flow, query) => ({ target: `${flow.path}?${query}`, headers: { ...NAVIGATION, ...flow.cookies } })
const callback = (flow, query) => ask(flow, query(flow))
const form = (flow, body, headers = {}) => ({ method: 'POST', target: flow.page, body, headers: { ...OWN_FORM, ...flow.cookies, ...headers } })
const paste = (flow, text) => form(flow, `address=${encodeURIComponent(text(flow))}`)

describe('the query', () => {
  for (const [place, rows] of Object.entries(nearMisses.damaged)) {
    test(`what is no text, ${place}: 400`, () => refuseAll(rows, callback, 400, { problem: 'bad-encoding' }))
  }
  test('each parameter twice, however its name is spelt: 400', () => refuseAll(nearMisses.twice, callback, 400, { problem: 'duplicate-parameter' }))
  test('what is nearly the state: 400', () => refuseAll(Object.entries(nearMisses.states), (f, state) => ask(f, `code=${f.code}&state=${state(f.state)}`), 400))
  test('the same in what a provider declines: 400', () =>
    refuseAll(Object.entries(nearMisses.states), (f, state) => ask(f, `error=access_denied&error_description=${f.code}&state=${state(f.state)}`), 400))
  test('what only looks like a second one, or like damage, is delivered word for word', async () => {
    for (const more of ['&Code=2&STATE=3', '&code%5B%5D=2', '&code.x=2&xcode=3', '&a=%252525&b=%25zz', '&a=%C2%80%E2%80%AE%F4%8F%BF%BF', '&%C3%A4=1',
    '&a&b=&c==', '&&&']) {
      for (const frontend of site.frontends) {
        const flow = await begunFlow(site)
        const mark = site.standin.connections.length
        assert.equal((await frontend.send(ask(flow, flow.query + more))).status, 303, more)
        assertDelivered(site, flow, mark, flow.query + more)
      }
    }
    assertCleanLogs(site)
  })
})

describe('Host', () => {
  const host = (flow, value) => ({ ...ask(flow, flow.query), vars: { HTTP_HOST: value } })
  test('what names no host: 421', () => refuseAll(nearMisses.hosts.map((value) => [value, value]), host, 421))
  test('where a url is configured, every other: 421', async () => {
    const named = await startFrontends({ ini: { opencode: { url: 'https://opencode.example.com' } }, web: false })
    try {
      const rows = (list) => list.map((value) => [value, value])
      await refuseAll(rows([...nearMisses.hosts.slice(0, 20), ...nearMisses.foreign]), host, 421, { where: named })
      const begin = { method: 'POST', target: '/provider/x/oauth/authorize', body: '{"method":0}' }
      await refuseAll(rows(nearMisses.foreign), (f, value) => ({ ...begin, headers: { ...f.cookies, 'Content-Type': 'application/json' },
      vars: { HTTP_HOST: value } }), 421, { where: named })
    } finally {
      await named.stop()
    }
  })
})

describe('cookies', () => {
  const cookie = (flow, value) => ({ ...ask(flow, flow.query), headers: { ...NAVIGATION, Cookie: value(flow.cookie) } })
  test('what is nearly this browser’s: the 400 of an unknown state', () => refuseAll(Object.entries(nearMisses.cookies), cookie, 400, { problem: 'unknown-flow' }))
  test('more than 64 KiB: 431', () => refuseAll(Object.entries(nearMisses.manyCookies), cookie, 431, { problem: 'header-too-long' }))
  test('others’, up to 64 KiB and any number of them: passed over', async () => {
    for (const [name, value] of Object.entries(nearMisses.foreignCookies)) {
      for (const frontend of site.frontends) {
        const flow = await begunFlow(site)
        const before = site.standin.connections.length
        const headers = { Cookie: value(flow.cookie) }
        assert.equal((await frontend.send({ target: flow.page, headers })).status, 200, `${name}, ${frontend.name}: the flow page`)
        const answer = await frontend.send({ ...ask(flow, flow.query), headers: { ...NAVIGATION, ...headers } })
        assert.equal(answer.status, 303, `${name}, ${frontend.name}: ${answer.body.slice(0, 300)}`)
        assertDelivered(site, flow, before)
      }
    }
    assertCleanLogs(site)
  })
  test('more meta-variables than any request has: the connection is closed, and the worker goes on', async () => {
    const send = (size) => fcgiExchange(site.nginx.worker.socket, fcgiRequest(metaVariables({ target: '/signin/health', headers: { 'X-A': 'x'.repeat(size) } })))
    assert.match((await send(140_000)).stdout, /^Status: 200 /)
    assert.equal((await send(150_000)).stdout, '')
    assert.match((await send(100)).stdout, /^Status: 200 /)
  })
  test('over https the name for http is none, and the other way round it is none here', async () => {
    const secure = { HTTP_HOST: 'opencode.example.com', HTTPS: 'on' }
    for (const frontend of site.frontends) {
      const flow = await begunFlow(site)
      const send = (Cookie, vars) => frontend.send({ target: `${flow.page}/status`, headers: { Cookie }, vars })
      assert.equal((await send(`${COOKIE}=${flow.cookie}`, secure)).status, 400)
      assert.equal((await send(`__Host-${COOKIE}=${flow.cookie}`, secure)).status, 200)
      assert.equal((await send(`__Host-${COOKIE}=${flow.cookie}`)).status, 400)
      assert.equal((await send(`${COOKIE}=x; __Host-${COOKIE}=${flow.cookie}`, secure)).status, 200, 'a spoofed one beside it changes nothing')
      await assertSucceeds(site, flow, frontend)
    }
  })
})

describe('who sends it', () => {
  test('a form of anybody else: 403', () =>
    refuseAll(Object.entries(nearMisses.senders), (f, headers) => form(f, `address=${encodeURIComponent(`${f.redirect}?${f.query}`)}`, headers), 403))
  test('the same on the start page: 403', () =>
    refuseAll(Object.entries(nearMisses.senders), (f, headers) => ({ ...form(f, 'provider=x&method=0', headers), target: '/signin/start' }), 403))
  test('a begin that another site caused: 403', () =>
    refuseAll(Object.entries(nearMisses.begins), (f, headers) => ({ ...form(f, '{"method":0,"inputs":{}}', headers),
    target: `/provider/${f.provider}/oauth/authorize` }), 403))
  test('a callback that nobody opened: 403', () =>
    refuseAll(nearMisses.fetchers.map((headers) => [JSON.stringify(headers), headers]), (f, headers) => {
      const request = ask(f, f.query)
      return { ...request, headers: { ...request.headers, ...headers } }
    }, 403))
})

describe('what is pasted', () => {
  test('nearly the right address: 400, and nobody is contacted at the address', async () => {
    let visits = 0
    const listener = net.createServer((socket) => { visits++; socket.destroy() }).listen(0, '127.0.0.1')
    await new Promise((resolve) => listener.once('listening', resolve))
    try {
      await refuseAll(Object.entries(nearMisses.addresses), paste, 400, { shows: true, begin: { port: listener.address().port } })
    } finally {
      await new Promise((resolve) => listener.close(resolve))
    }
    assert.equal(visits, 0, 'all went over the socket')
  })
  const taken = async (rows, query = (flow) => flow.query) => {
    for (const [name, text] of Object.entries(rows)) {
      for (const frontend of site.frontends) {
        const flow = await begunFlow(site)
        const mark = site.standin.connections.length
        const answer = await frontend.send(paste(flow, text))
        assert.equal(answer.status, 303, `${name}, ${frontend.name}: ${answer.body.slice(0, 300)}`)
        assertDelivered(site, flow, mark, query(flow))
      }
    }
    assertCleanLogs(site)
  }
  test('as people and programs hand it on: taken', () => taken(nearMisses.handed))
  test('a code and the state alone: taken', () => taken(nearMisses.pairs, (flow) => `code=${flow.code}&state=${flow.state}`))
})
