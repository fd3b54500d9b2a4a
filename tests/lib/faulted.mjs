/*
 * The requests that the tests of faults send, and the checks after each: the response is well-formed, nothing is
 * delivered twice, "done" is never false, and the sign-in can be finished afterwards or its page says why not.
 */
import assert from 'node:assert/strict'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { planFlow } from './fault.mjs'
import { afterEvery, assertFlowFiles, assertWholeStore, deliveries } from './invariants.mjs'
import { assertSafe, beginFlow, begunFlow, flowStatus, goodCallback } from './signin.mjs'

/*
 * kinds: {name: [make, judge, step]}. make() gives {flow, request}; judge(flow, since, answer, hit) looks after
 *   the request, whose answer may be undefined, and gives a word for the outcome; step: of the calls that are
 *   tried, every nth is enough
 * late: flows that were claimed and have no end · left(name): whether a file may lie about in the store
 */
export function faulted(site) {
  const late = []
  const begun = []
  const left = (name) => name === 'limit.new' || begun.some((flow) => name.startsWith(flow.id))

  function assertAnswer(flow, answer, statuses, shows) {
    assert.ok(statuses.includes(answer.status), `${answer.status} ${answer.body.slice(0, 300)}`)
    assertSafe(answer)
    const text = JSON.stringify(answer.headers) + answer.body
    for (const secret of [flow.code, flow.cookie, ...(shows ? [] : [flow.state])]) assert.ok(!text.includes(secret), 'a secret in the answer')
  }

  /* The good callback: 303 and the flow has an end that is true, or an error and it waits. */
  async function judgeCallback(flow, since, answer) {
    if (answer) assertAnswer(flow, answer, [303, 502, 503, 504])
    const { state, reason } = await flowStatus(site, flow)
    const seen = deliveries(site, flow, since)
    assert.ok(seen.listener <= 1 && seen.finishing <= 1, JSON.stringify(seen))
    if (answer?.status === 303) assert.notEqual(state, 'waiting')
    if (state === 'waiting') assert.deepEqual(seen, { listener: 0, finishing: 0 })
    if (state === 'done') assert.deepEqual(seen, reason ? { ...seen, listener: 1 } : { listener: 1, finishing: 1 })
    if (state === 'failed') assert.match(reason, /^(?:timeout|listener-gone|opencode-gone)$/)
    if (state === 'delivering') late.push(flow)
    await afterEvery(site, flow, { state, left })
    return reason ? `${state} ${reason}` : state
  }

  /* A begin: recorded and answered so, or not recorded and told so. */
  async function judgeBegin(flow, since, answer, hit = '') {
    begun.push(flow)
    // of a body that cannot be read only part is there
    const statuses = /^0,|\[\{fd=0,/.test(hit) ? [200, 400] : [200, 502, 503, 504]
    if (answer) assertAnswer(flow, answer, statuses, true)
    const status = await site.fcgi.send({ target: `${flow.page}/status`, headers: flow.cookies })
    const there = readdirSync(site.store).includes(flow.id)
    assert.equal(status.status, there ? 200 : 400)
    if (answer?.status === 200) assert.ok(there && answer.body.includes(flow.page), answer.body)
    if (there) await afterEvery(site, flow, { left })
    else assertFlowFiles(site.store, flow, false)
    assertWholeStore(site.store, left)
    const next = await beginFlow(site, { provider: flow.provider, port: flow.port })
    assert.equal(next.answer.status, 200)
    return there ? 'recorded' : 'not recorded'
  }

  /* Something that is only looked at: right, or told that it cannot be. The flow waits on. */
  const judgeLook = (good) => async (flow, since, answer) => {
    if (answer) assertAnswer(flow, answer, [200, 503], true)
    if (answer?.status === 200) assert.match(answer.body, good)
    await afterEvery(site, flow, { left })
    return answer ? String(answer.status) : 'no answer'
  }

  const callback = async () => {
    const flow = await begunFlow(site)
    return { flow, request: goodCallback(flow) }
  }
  const begin = () => planFlow(site)
  const look = (target) => async () => {
    const flow = await begunFlow(site)
    rmSync(join(site.store, 'note-health-'), { force: true }) // opencode is to be asked anew
    return { flow, request: { target: target(flow), headers: flow.cookies } }
  }

  const kinds = {
    'a callback': [callback, judgeCallback, 2],
    'a begin': [begin, judgeBegin, 4],
    'a flow page': [look((flow) => flow.page), judgeLook(/data-state="waiting"/), 2],
    'a status': [look((flow) => `${flow.page}/status`), judgeLook(/"state":"waiting"/), 4],
    'health': [look(() => '/signin/health'), judgeLook(/"status":"ok"/), 4],
  }
  return { kinds, late, left }
}

/* How often each outcome was seen. */
export function told(results) {
  const sum = {}
  for (const result of results) sum[result] = (sum[result] ?? 0) + 1
  return `${results.length} faults: ${Object.entries(sum).map(([word, n]) => `${n} ${word}`).join(', ')}`
}
