/*
 * An opencode that answers badly, wherever it is asked: a callback's listener, the finishing call, a begin,
 * the start page, health, and whether an expired sign-in was finished elsewhere. Each gets its answer in
 * order, nothing of what came is shown or followed, and the next sign-in works.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startFrontends } from '../lib/frontends.mjs'
import { laterFrontend } from '../lib/fault.mjs'
import { bad as fast, head, hidden } from '../lib/bad_answers.mjs'
import { afterEvery, deliveries } from '../lib/invariants.mjs'
import { assertSafe, beginFlow, begunFlow, flowStatus, goodCallback } from '../lib/signin.mjs'
import { json } from '../lib/standin.mjs'

const root = process.getuid() === 0
const TOTAL_MS = 10_000 // a call to opencode ends by then
let site
before(async () => (site = await startFrontends({ web: false, ini: { worker: { threads: 32 } } })))
after(() => site?.stop())

/*
 * Where opencode is asked: each makes what it needs, names the requests to opencode that get the bad answer, and
 * then does the request and judges it.
 */
const places = {
  async listener(frontend) {
    const flow = await begunFlow(site)
    return { faulty: (r) => r.host === `localhost:${flow.port}`, run: () => finish(frontend, flow) }
  },
  async finishing(frontend) {
    const flow = await begunFlow(site)
    return { faulty: (r) => r.path === `/provider/${flow.provider}/oauth/callback`, run: () => finish(frontend, flow) }
  },
  async begin(frontend) {
    const provider = `bad${++number}`
    return {
      faulty: (r) => r.path === `/provider/${provider}/oauth/authorize`,
      async run() {
        const { answer, ...flow } = await beginFlow(site, { frontend, provider })
        assert.ok([200, 302, 400, 401, 404, 500, 502, 504].includes(answer.status), String(answer.status))
        assertSafe(answer)
        assert.equal(answer.header('location'), undefined)
        const unknown = await frontend.send({ target: `${flow.page}/status`, headers: flow.cookies })
        assert.equal(unknown.status, 400, 'not recorded')
      },
    }
  },
  async start(frontend) {
    return {
      faulty: (r) => ['/provider/auth', '/provider', '/mcp'].includes(r.path),
      async run() {
        const answer = await frontend.send({ target: '/signin/' })
        assert.ok([200, 400, 401, 502, 503, 504].includes(answer.status), String(answer.status))
        assertSafe(answer)
        hidden(answer, 'the start page')
        assert.match(answer.body, /<main/)
      },
    }
  },
  async health(frontend) {
    return {
      faulty: (r) => r.path === '/global/health',
      async run() {
        const answer = await frontend.send({ target: '/signin/health' })
        assert.ok([200, 503].includes(answer.status))
        assertSafe(answer)
        hidden(answer, 'health')
        assert.ok(['ok', 'degraded'].includes(JSON.parse(answer.body).status))
      },
    }
  },
}

let number = 0

/* The good callback while opencode answers badly. */
async function finish(frontend, flow) {
  const answer = await frontend.send(goodCallback(flow))
  assert.equal(answer.status, 303, answer.body)
  const { state, reason } = await flowStatus(site, flow)
  assert.ok(['done', 'failed'].includes(state), state)
  if (state === 'failed') assert.match(reason, /^(?:timeout|listener-gone|opencode-gone|opencode-auth|refused-by-provider)$/)
  const page = await frontend.send({ target: flow.page, headers: flow.cookies })
  assert.equal(page.status, 200)
  assertSafe(page)
  hidden(page, 'the page')
  const calls = deliveries(site, flow)
  assert.equal((await frontend.send(goodCallback(flow))).status, 303)
  assert.deepEqual(deliveries(site, flow), calls, 'nothing is sent again')
  await afterEvery(site, flow, { state })
}

/* All places at once, each of which gets one of the answers. */
async function everywhere(answers) {
  const all = []
  for (const answer of answers) {
    for (const frontend of site.frontends) for (const [name, place] of Object.entries(places)) all.push({ name: `${name} ${frontend.name}`, answer, ...(await place(frontend)) })
  }
  site.standin.answer = (request) => all.find(({ faulty }) => faulty(request))?.answer
  try {
    await Promise.all(all.map(async ({ name, run }) => {
      const started = Date.now()
      await run().catch((error) => {
        error.message = `${name}: ${error.message}`
        throw error
      })
      assert.ok(Date.now() - started < 2 * TOTAL_MS + 2000, `${name} took ${Date.now() - started} ms`)
    }))
  } finally {
    site.standin.answer = () => undefined
  }
  for (const frontend of site.frontends) await afterEvery(site, await begunFlow(site, { frontend }), { frontend })
}

describe('an opencode that', () => {
  for (const [name, answer] of Object.entries(fast)) test(name, () => everywhere([answer]))
  test('sends a byte a second, or nothing', () => everywhere([{ drip: `${head}Content-Length: 4\r\n\r\ntrue` }, 'hang']))
})

describe('asked after a sign-in that has expired', { skip: !root && 'a clock that has run on takes root' }, () => {
  const setAnswer = (answer) => {
    site.standin.answer = (r) => (r.path === '/provider' ? answer : undefined)
  }
  // the list is read to its end, however long, as long as the call may take
  for (const [name, answer] of Object.entries(fast).filter(([, { then }]) => then !== 'hang')) {
    test(name, async () => {
      const then = laterFrontend(site, 301)
      const flow = await begunFlow(site)
      setAnswer(answer)
      const page = await then.send({ target: flow.page, headers: flow.cookies })
      assert.equal(page.status, 200)
      assertSafe(page)
      hidden(page, 'the page')
      assert.match(page.body, /data-state="expired"/)
      assert.deepEqual(await flowStatus(site, flow, then), { state: 'expired', expires_in: 0 })
      setAnswer(json({ all: [], connected: [flow.provider] }))
      const last = await flowStatus(site, flow, then)
      assert.deepEqual(last, { state: 'done', expires_in: 0, reason: 'unconfirmed' }, 'it is asked again, until it can be')
      site.standin.answer = () => undefined
      assert.deepEqual(deliveries(site, flow), { listener: 0, finishing: 0 })
    })
  }
})
