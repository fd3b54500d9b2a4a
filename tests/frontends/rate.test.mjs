/*
 * The rate limit. All front ends share one allowance for each client. Refused requests and begins use it up,
 * nothing else does. A client without allowance can still finish its sign-in.
 */
import assert from 'node:assert/strict'
import http from 'node:http'
import { after, before, describe, test } from 'node:test'
import { COOKIE, HOST, startFrontends } from '../lib/frontends.mjs'
import {
  NAVIGATION, OWN_FORM, assertCleanLogs, assertSafe, assertSame, assertSucceeds, beginFlow, begunFlow, flowStatus, newCookie,
} from '../lib/signin.mjs'

const BURST = 8
let site
let next = 10
const client = () => `127.0.0.${++next}`
const junk = (from) => ({ target: '/auth/callback?code=CANARYjunk&state=CANARYjunk', headers: NAVIGATION, from })
const lines = (...words) => site.logs().split('\n').filter((line) => words.every((word) => line.includes(word)))

/* Uses up what a client has, through all front ends in turn. */
async function useUp(from) {
  for (let i = 0; i < BURST; i++) {
    const frontend = site.frontends[i % site.frontends.length]
    assert.equal((await frontend.send(junk(from))).status, 400, `${i + 1} of ${BURST}, ${frontend.name}`)
  }
}

describe('eight, and one more each minute', () => {
  before(async () => (site = await startFrontends({ ini: { limit: { rate: '1/min', burst: BURST } } })))
  after(() => site?.stop())

  test('refused requests: then 429, the same from every front end, with the time to wait', async () => {
    const from = client()
    await useUp(from)
    const answers = []
    for (const frontend of site.frontends) {
      const answer = await frontend.send(junk(from))
      assert.equal(answer.status, 429, frontend.name)
      assert.match(answer.header('retry-after'), /^(?:5\d|60)$/, frontend.name)
      assert.match(answer.body, /Too many requests came from your address/)
      assertSafe(answer, frontend.name)
      answers.push([frontend.name, { ...answer, raw: undefined, headers: answer.headers.filter(([name]) => name !== 'retry-after') }])
    }
    assertSame(answers)
    assert.equal((await site.fcgi.send(junk(client()))).status, 400, 'another client is not concerned')
    assertCleanLogs(site)
  })

  test('every kind of refusal counts', async () => {
    const kinds = {
      'no such page': [404, { target: '/signin/nothing' }],
      'wrong method': [405, { target: '/auth/callback', method: 'DELETE' }],
      'a form of another site': [403, { method: 'POST', target: '/signin/start', body: 'x=y', headers: { ...OWN_FORM, 'Sec-Fetch-Site': 'cross-site' } }],
      'a begin of another site': [403, { method: 'POST', target: '/provider/p/oauth/authorize', body: '{}', headers: { 'Content-Type': 'text/plain', 'Sec-Fetch-Site': 'cross-site' } }],
      'a flow page of nobody': [400, { target: '/signin/flow/AAAAAAAAAAAAAAAAAAAAAA' }],
      'a query that is too long': [414, { target: `/auth/callback?${'x'.repeat(8193)}` }],
    }
    for (const [name, [status, request]] of Object.entries(kinds)) {
      const from = client()
      for (let i = 0; i < BURST; i++) assert.equal((await site.fcgi.send({ ...request, from })).status, status, name)
      assert.equal((await site.cgi.send({ ...request, from })).status, 429, name)
    }
  })

  test('begins count, whether good or not; at the end opencode is not asked', async () => {
    const from = client()
    const frontend = { send: (request) => site.fcgi.send({ ...request, from }) }
    const flows = []
    for (let i = 0; i < BURST; i++) flows.push(await begunFlow(site, { frontend }))
    for (const which of site.frontends) {
      const before = site.standin.connections.length
      const { answer } = await beginFlow(site, { frontend: { send: (request) => which.send({ ...request, from }) } })
      assert.equal(answer.status, 429, which.name)
      assert.match(JSON.parse(answer.body).data.message, /^Too many requests came from your address/)
      assert.equal(site.standin.connections.length, before)
    }
    for (const flow of flows.slice(0, 2)) await assertSucceeds(site, flow, frontend)
  })

  test('pages, status, assets and health cost nothing', async () => {
    const from = client()
    const flow = await begunFlow(site, { frontend: { send: (request) => site.fcgi.send({ ...request, from }) } })
    const free = ['/signin/', '/signin/health', '/signin/assets/nothing', '/signin/flow/AAAAAAAAAAAAAAAAAAAAAA/status', flow.page, `${flow.page}/status`]
    for (const target of free) {
      for (let i = 0; i < BURST + 2; i++) {
        const answer = await site.fcgi.send({ target, from, headers: flow.cookies })
        assert.ok([200, 400, 404, 503].includes(answer.status), `${target}: ${answer.status}`)
      }
    }
    for (let i = 0; i < BURST - 1; i++) assert.equal((await site.fcgi.send(junk(from))).status, 400)
    assert.equal((await site.fcgi.send(junk(from))).status, 429)
    for (const target of free) assert.notEqual((await site.fcgi.send({ target, from, headers: flow.cookies })).status, 429, target)
  })

  test('a sign-in of his is finished by whoever has nothing left: callback and paste', async () => {
    for (const frontend of site.frontends) {
      const from = client()
      const own = { ...frontend, send: (request) => frontend.send({ ...request, from }) }
      const [edited, pasted] = [await begunFlow(site, { frontend: own }), await begunFlow(site, { frontend: own })]
      for (let i = 0; i < BURST; i++) await frontend.send(junk(from))
      assert.equal((await frontend.send(junk(from))).status, 429)
      for (let i = 0; i < BURST; i++) {
        const wrong = await own.send({ method: 'POST', target: pasted.page, body: 'address=nonsense', headers: { ...OWN_FORM, ...pasted.cookies } })
        assert.equal(wrong.status, 400, 'his own mistake')
      }
      await assertSucceeds(site, edited, own)
      const address = encodeURIComponent(`${pasted.redirect}?${pasted.query}`)
      const good = await own.send({ method: 'POST', target: pasted.page, body: `address=${address}`, headers: { ...OWN_FORM, ...pasted.cookies } })
      assert.equal(good.status, 303, good.body)
      assert.deepEqual(await flowStatus(site, pasted), { state: 'done', expires_in: 0 })
    }
  })

  test("nobody spends another's: forwarding headers, names that were made up", async () => {
    const [victim, from] = [client(), client()]
    for (let i = 0; i < 3 * BURST; i++) {
      const headers = { 'X-Forwarded-For': victim, 'X-Real-IP': victim, Forwarded: `for=${victim}`, 'CF-Connecting-IP': victim, Cookie: `${COOKIE}=${newCookie()}` }
      const answer = await site.frontends[i % 4].send({ ...junk(from), headers: { ...NAVIGATION, ...headers } })
      assert.equal(answer.status, i < BURST ? 400 : 429, 'rotating cookies and headers changes nothing')
    }
    await useUp(victim)
  })

  test('IPv6: one /64 is one client', async () => {
    const send = (address) => site.cgi.send({ ...junk(), vars: { REMOTE_ADDR: address } })
    for (let i = 0; i < BURST; i++) assert.equal((await send(`2001:db8:1:2:${i}::${i}`)).status, 400)
    assert.equal((await send('2001:db8:1:2:ffff::1')).status, 429)
    assert.equal((await send('2001:db8:1:3::1')).status, 400)
  })

  test('the log says it once, and goes quiet for all processes', async () => {
    const from = client()
    await useUp(from)
    for (let i = 0; i < 20; i++) for (const frontend of site.frontends) assert.equal((await frontend.send(junk(from))).status, 429)
    assert.equal(lines(`client=${from}`, 'why=rate').length, 1)
    assert.ok(lines(`client=${from}`).length <= BURST + 1)
  })
})

/* Junk over kept connections, as fast as n of them go, until told to end: how many of each status. */
function flood(port, n) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: n })
  const seen = {}
  let on = true
  const send = () => new Promise((resolve) => {
    const request = http.get({ port, agent, path: `/auth/callback?code=CANARY&state=CANARY${Math.random()}`, headers: { Host: HOST, ...NAVIGATION } }, (answer) => {
      seen[answer.statusCode] = (seen[answer.statusCode] ?? 0) + 1
      answer.resume().on('end', resolve)
    })
    request.on('error', () => ((seen.error = (seen.error ?? 0) + 1), resolve()))
  })
  const start = Date.now()
  const done = Promise.all(Array.from({ length: n }, async () => { while (on) await send() }))
  return {
    seen,
    count: () => Object.values(seen).reduce((a, b) => a + b, 0),
    async stop() {
      on = false
      await done
      agent.destroy()
      return Object.values(seen).reduce((a, b) => a + b, 0) / ((Date.now() - start) / 1000)
    },
  }
}

describe('as shipped: 30, and 60 each minute', () => {
  before(async () => (site = await startFrontends({ ini: { limit: { rate: '60/min', burst: 30 } } })))
  after(() => site?.stop())

  test('junk from everywhere during a sign-in, all by one proxy that is not trusted: it succeeds, opencode sees its own two calls', async () => {
    const flow = await begunFlow(site, { frontend: site.frontends.find((frontend) => frontend.name === 'nginx-fcgi') })
    const before = site.standin.connections.length
    const rain = flood(site.nginx.port, 8)
    while (rain.count() < 2000) await new Promise((resolve) => setImmediate(resolve))
    assert.equal(site.standin.connections.length, before)
    for (const name of ['nginx-fcgi', 'apache-cgi', 'CGI']) {
      const frontend = site.frontends.find((one) => one.name === name)
      if (name === 'nginx-fcgi') await assertSucceeds(site, flow, frontend)
      else assert.equal((await frontend.send({ target: flow.page, headers: flow.cookies })).status, 200, name)
    }
    const rate = await rain.stop()
    assert.deepEqual(Object.keys(rain.seen).sort(), ['400', '429'], JSON.stringify(rain.seen))
    assert.ok(rain.seen[400] <= 30 + 60, JSON.stringify(rain.seen))
    console.log(`# ${Math.round(rate)} junk callbacks a second`)
    assert.ok(site.logs().split('\n').filter((line) => line.includes('event=refused')).length < 100)
    assertCleanLogs(site)
  })
})
