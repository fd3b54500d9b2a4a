/*
 * Killed with SIGKILL at each system call of a callback, a paste, a begin and a begin from the start
 * page, as CGI and as worker: at most one delivery, every flow ends or can be finished, no lock stays.
 */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { HOST, startFrontends } from '../lib/frontends.mjs'
import { LONG, choose, faultCgi, faultWorker, laterFrontend, planFlow, recordCgi, recordWorker, startVictim, stopVictims, untraceable } from '../lib/fault.mjs'
import { afterEvery, assertFlowFiles, assertWholeStore, deliveries } from '../lib/invariants.mjs'
import { OWN_FORM, assertSafe, beginFlow, begunFlow, flowStatus, goodCallback } from '../lib/signin.mjs'

const root = process.getuid() === 0
const CLAIM_SECONDS = 31 // a claim older than that has no process any more
const LATE_SECONDS = 2000 // everything that waits now is to be cleaned up

let site
const late = [] // flows whose process died after the claim
const begun = [] // flows whose begin died

before(async () => (site = await startFrontends({ web: false, ini: { flow: { max_pending: 100_000 } } })))
after(async () => {
  await stopVictims()
  await site?.stop()
})

const callback = async () => {
  const flow = await begunFlow(site)
  return { flow, request: goodCallback(flow) }
}

const paste = async () => {
  const flow = await begunFlow(site)
  const body = `address=${encodeURIComponent(`${flow.redirect}?${flow.query}`)}`
  return { flow, request: { method: 'POST', target: flow.page, headers: { ...OWN_FORM, ...flow.cookies }, body } }
}

const begin = () => planFlow(site)

/* Its record is too long for a link. */
const longBegin = async () => {
  const { flow, request } = await planFlow(site)
  return { flow, request: { ...request, headers: { ...request.headers, 'x-opencode-directory': `%2F${'d'.repeat(1200)}` } } }
}

const start = async () => {
  const { flow, request } = await planFlow(site)
  const fields = { provider: flow.provider, method: '0', 'input.state': flow.state, 'input.redirect': flow.redirect }
  const body = new URLSearchParams(fields).toString()
  return { flow, request: { method: 'POST', target: '/signin/start', headers: { ...OWN_FORM, Cookie: request.headers.Cookie }, body } }
}

/* The next sign-in of the same provider is not held up by what is left of the last. */
async function assertNextBegin(flow) {
  const started = Date.now()
  const next = await beginFlow(site, { provider: flow.provider, port: flow.port })
  assert.equal(next.answer.status, 200, next.answer.body)
  assert.equal(JSON.parse(next.answer.body).url, `http://${HOST}${next.page}`)
  assert.ok(Date.now() - started < 1000, `a begin took ${Date.now() - started} ms`)
  return next
}

async function assertHealthy() {
  const health = await site.fcgi.send({ target: '/signin/health' })
  assert.equal(health.status, 200, health.body)
  assert.equal(JSON.parse(health.body).status, 'ok')
}

async function assertPage(flow, state, frontend = site.fcgi) {
  const page = await frontend.send({ target: flow.page, headers: flow.cookies })
  assert.equal(page.status, 200)
  assertSafe(page)
  assert.match(page.body, new RegExp(`data-state="${state}"`))
  for (const secret of [flow.code, flow.cookie]) assert.ok(!page.body.includes(secret), 'a secret on the page')
}

/* What may be left of begins that died. */
const leftOver = (name) => name === 'limit.new' || begun.some((flow) => name.startsWith(flow.id))

/* After a callback or paste that died. */
async function judgeFinish(flow, since) {
  const { state } = await flowStatus(site, flow)
  const seen = deliveries(site, flow, since)
  assert.ok(['waiting', 'delivering', 'done'].includes(state), state)
  assert.ok(seen.listener <= 1 && seen.finishing <= 1, JSON.stringify(seen))
  if (state === 'waiting') assert.deepEqual(seen, { listener: 0, finishing: 0 })
  if (state === 'done') assert.deepEqual(seen, { listener: 1, finishing: 1 })
  if (state === 'delivering') late.push(flow)
  await assertPage(flow, state)
  await afterEvery(site, flow, { state, left: leftOver })
  await assertNextBegin(flow)
  return state
}

/* After a begin that died: the flow is there as a whole, or not at all. */
async function judgeBegin(flow) {
  begun.push(flow)
  const status = await site.fcgi.send({ target: `${flow.page}/status`, headers: flow.cookies })
  const there = readdirSync(site.store).includes(flow.id)
  assert.equal(status.status, there ? 200 : 400)
  if (there) await afterEvery(site, flow, { left: leftOver })
  else assertFlowFiles(site.store, flow, false)
  assertWholeStore(site.store, leftOver)
  await afterEvery(site, await assertNextBegin(flow), { left: leftOver })
  return there ? 'recorded' : 'not recorded'
}

/* The third says which calls are tried, unless all are: every nth. */
const kinds = {
  'a callback': [callback, judgeFinish, 1],
  'a paste': [paste, judgeFinish, 8],
  'a begin': [begin, judgeBegin, 4],
  'a begin with a long record': [longBegin, judgeBegin, 8],
  'a begin from the start page': [start, judgeBegin, 8],
}

const SAMPLE = 12 // calls

/* The calls that matter most, for where a start each time is dear. */
const MATTER = /^(?:openat|symlinkat|linkat|renameat2?|unlinkat|fallocate|ftruncate|sendto|recvfrom|write|fcntl|mmap|connect|socket|close)$/

/*
 * Every nth of the calls, but of a few as many as make a sample; and each that follows on a file of a
 * begin: what such a begin leaves behind is cleaned up below.
 */
function sample(calls, step, alike) {
  const own = calls.filter((call) => !call.alike).length
  const chosen = choose(calls, { alike, others: Math.max(1, Math.min(step, Math.floor(own / SAMPLE))) })
  const behind = calls.filter((_, i) => /\.(?:new|url)"/.test(calls[i - 1]?.text ?? ''))
  return [...new Set([...chosen, ...behind])]
}

function told(calls, results) {
  const sum = {}
  for (const result of results) sum[result] = (sum[result] ?? 0) + 1
  return `${calls} calls: ${Object.entries(sum).map(([word, n]) => `${n} ${word}`).join(', ')}`
}

describe('killed as CGI at each system call', { skip: untraceable }, () => {
  for (const [name, [make, judge, step]] of Object.entries(kinds)) {
    test(name, async (t) => {
      const calls = sample(await recordCgi(site, (await make()).request), step)
      const results = []
      for (const call of calls) {
        const { flow, request } = await make()
        const since = site.standin.connections.length
        const got = await faultCgi(site, request, call, 'signal=KILL')
        if (got.hit === undefined) results.push('not reached')
        else assert.equal(got.signal, 'SIGKILL', `${call.name} ${call.nth}`)
        results.push(await judge(flow, since))
      }
      await assertHealthy()
      assert.ok(results.filter((word) => word === 'not reached').length < calls.length / 5, told(calls.length, results))
      t.diagnostic(told(calls.length, results))
    })
  }
})

describe('killed as worker', { skip: untraceable }, () => {
  for (const [name, [make, judge, step]] of Object.entries(kinds)) {
    test(name, async (t) => {
      const { calls: all } = await recordWorker(site, (await make()).request)
      const calls = sample(all.filter((call) => LONG || MATTER.test(call.name)), step, 50)
      const results = []
      for (const call of calls) {
        const { flow, request } = await make()
        const since = site.standin.connections.length
        const victim = await startVictim(site)
        const got = await faultWorker(site, victim, request, call, 'signal=KILL')
        const end = await victim.stop('SIGTERM')
        if (end.signal !== 'SIGKILL') {
          results.push('not reached')
          assert.deepEqual(end, { code: 0, signal: null }, `${call.name} ${call.nth}: ${got.error}`)
        }
        assert.doesNotMatch(victim.output(), /CANARY/)
        results.push(await judge(flow, since))
      }
      await assertHealthy()
      assert.ok(results.filter((word) => word === 'not reached').length < calls.length / 5, told(calls.length, results))
      t.diagnostic(told(calls.length, results))
    })
  }
})

describe('what they left', { skip: !root && 'a clock that has run on takes root' }, () => {
  test('a flow whose process died while it delivered: interrupted, and never sent again', async () => {
    const then = laterFrontend(site, CLAIM_SECONDS)
    const flows = LONG ? late : late.filter((_, i) => i % 4 === 0)
    assert.ok(flows.length > 5)
    const since = site.standin.connections.length
    for (const flow of flows) assert.deepEqual(await flowStatus(site, flow, then), { state: 'failed', expires_in: 0, reason: 'interrupted' })
    await assertPage(flows[0], 'failed', then)
    assert.equal((await then.send(goodCallback(flows[0]))).status, 303)
    assert.equal(site.standin.connections.length, since, 'nothing is sent')
    for (const flow of late) {
      const seen = deliveries(site, flow)
      assert.ok(seen.listener <= 1 && seen.finishing <= 1)
    }
  })
  test('files of begins that died are cleaned up with the rest', async () => {
    const then = laterFrontend(site, LATE_SECONDS)
    const orphans = () => {
      const names = new Set(readdirSync(site.store))
      return [...names].filter((name) => /^[\w-]{22}\.(?:new|url)$/.test(name) && !names.has(name.slice(0, 22)))
    }
    for (const end of ['.new', '.url']) assert.ok(orphans().some((name) => name.endsWith(end)), 'there is something to clean up')
    for (let i = 0; i < 100 && orphans().length > 0; i++) assert.equal((await beginFlow(site, { frontend: then })).answer.status, 200)
    assert.deepEqual(orphans(), [])
  })
})
