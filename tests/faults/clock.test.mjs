/*
 * The clock: the time of day may jump as it likes, waiting sign-ins stay and their countdown is right.
 * What expires, and what is given up, goes by the time since the machine started.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { startFrontends } from '../lib/frontends.mjs'
import { LIBRARY, laterFrontend, preload, startVictim, stopVictims, traceCgi } from '../lib/fault.mjs'
import { until } from '../lib/net.mjs'
import { afterEvery, callsSince, deliveries } from '../lib/invariants.mjs'
import { begunFlow, flowStatus, goodCallback } from '../lib/signin.mjs'
import { json } from '../lib/standin.mjs'

const DAY = 86_400
const root = process.getuid() === 0
let site
before(async () => (site = await startFrontends({ web: false })))
after(async () => {
  await stopVictims()
  await site?.stop()
})

const in2040 = Math.round(Date.UTC(2040, 0, 1) / 1000 - Date.now() / 1000)

/* Front ends at another time of day. */
async function shifted(seconds) {
  const wrap = preload('clock', { CLOCK_SHIFT: seconds })
  const victim = await startVictim(site, { wrap })
  const cgi = { name: 'CGI', send: async (request) => (await traceCgi(site, request, wrap)).answer }
  return { frontends: [cgi, victim.frontend], stop: () => victim.stop() }
}

describe('another time of day', { skip: !existsSync(LIBRARY('clock')) && 'its library is not built' }, () => {
  for (const [name, seconds] of [['a day later', DAY], ['a day earlier', -DAY], ['in 2040', in2040], ['in 1970', -Math.round(Date.now() / 1000)]]) {
    test(`${name}: what waits goes on waiting, and what is begun there counts down here`, async () => {
      const there = await shifted(seconds)
      for (const frontend of there.frontends) {
        const flow = await begunFlow(site)
        const status = await flowStatus(site, flow, frontend)
        assert.equal(status.state, 'waiting')
        assert.ok(status.expires_in > 290 && status.expires_in <= 300, `${frontend.name}: ${status.expires_in}`)
        await afterEvery(site, flow, { frontend })
        const begun = await begunFlow(site, { frontend })
        const here = await flowStatus(site, begun)
        assert.ok(here.expires_in > 290 && here.expires_in <= 300, `${frontend.name}: ${here.expires_in}`)
        await afterEvery(site, begun)
        assert.equal((await frontend.send({ target: '/signin/health' })).status, 200)
      }
      assert.deepEqual(await there.stop(), { code: 0, signal: null })
    })
  }
})

describe('time that has run on', { skip: !root && 'a time namespace takes root' }, () => {
  test('290 seconds: it still waits; 301: expired, and opencode is asked once whether it was finished elsewhere', async () => {
    const flow = await begunFlow(site)
    assert.equal((await flowStatus(site, flow, laterFrontend(site, 290))).state, 'waiting')
    const since = site.standin.connections.length
    const then = laterFrontend(site, 301)
    const answer = await then.send(goodCallback(flow))
    assert.equal(answer.status, 303)
    assert.deepEqual(callsSince(site, since), [], 'not delivered')
    assert.deepEqual(await flowStatus(site, flow, then), { state: 'expired', expires_in: 0 })
    assert.deepEqual(callsSince(site, since), ['GET opencode /provider'])
    const page = await then.send({ target: flow.page, headers: flow.cookies })
    assert.match(page.body, /data-state="expired"/)
    assert.deepEqual(callsSince(site, since), ['GET opencode /provider'], 'once')
  })
  test('a delivery that hangs is given up after 30 seconds, not before', async () => {
    const flow = await begunFlow(site)
    let open
    const gate = new Promise((resolve) => (open = resolve))
    site.standin.answer = (r) => (r.host === 'opencode' ? undefined : gate)
    const since = site.standin.connections.length
    const running = site.fcgi.send(goodCallback(flow))
    await until('it is delivered', () => site.standin.connections.length > since)
    site.standin.answer = () => undefined
    assert.equal((await flowStatus(site, flow, laterFrontend(site, 20))).state, 'delivering')
    assert.deepEqual(await flowStatus(site, flow, laterFrontend(site, 35)), { state: 'failed', expires_in: 0, reason: 'interrupted' })
    assert.equal((await laterFrontend(site, 35).send(goodCallback(flow))).status, 303)
    assert.deepEqual(deliveries(site, flow, since), { listener: 1, finishing: 0 })
    open()
    await running
    await afterEvery(site, flow, { state: 'done' })
  })
  test('a clock behind that of the one who began: expired rather than believed', async () => {
    const flow = await begunFlow(site, { frontend: laterFrontend(site, 1000) })
    const since = site.standin.connections.length
    site.standin.answer = (r) => (r.path === '/provider' ? json({ all: [], connected: [] }) : undefined)
    assert.equal((await site.fcgi.send(goodCallback(flow))).status, 303)
    site.standin.answer = () => undefined
    assert.equal(deliveries(site, flow, since).listener, 0)
    assert.notEqual((await flowStatus(site, flow)).state, 'done')
  })
})
