/*
 * An opencode 2 that answers badly, at each call that is made of it: the lists of the start page, a begin and what
 * is looked up beside it, a listener, the questions about an attempt, its deletion. Each gets its answer in order,
 * nothing of what came is shown, and the good callback of what waits succeeds. And what is found out when the time of
 * a sign-in is over.
 */
import assert from 'node:assert/strict'
import { renameSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { bad, head, hidden } from '../lib/bad_answers.mjs'
import { laterFrontend } from '../lib/fault.mjs'
import { HOST, startFrontends } from '../lib/frontends.mjs'
import { assertNoCrash, assertWholeStore } from '../lib/invariants.mjs'
import { OWN_FORM, assertCleanLogs, assertSafe, flowStatus, goodCallback, newCookie } from '../lib/signin.mjs'
import { assertAttemptSucceeds, beginAttempt, begunAttempt, calls, connectPath, deleteLine, line, postForm, seen, stateOf } from '../lib/signin2.mjs'
import { METHODS, formMethod, makeStandin2, mcpServer } from '../lib/standin2.mjs'
import { authorizeUrl, json } from '../lib/standin.mjs'

const root = process.getuid() === 0
let site, opencode
before(async () => {
  site = await startFrontends({ web: false, ini: { worker: { threads: 64 } } })
  opencode = makeStandin2()
  site.standin.answer = opencode.answer
  assert.equal((await site.fcgi.send({ target: '/signin/' })).status, 200)
})
after(() => site?.stop())

/* Besides bad_answers.mjs: other statuses, empty values, and what opencode 1 answers to its own calls. */
const table = {
  ...bad,
  '403': { status: 403, body: 'EVIL' },
  '502': { status: 502, body: 'EVIL' },
  '503': json({ code: 'service_starting', message: 'EVIL' }, 503),
  'nothing': { status: 200, body: '' },
  'null': json(null),
  'an empty object': json({}),
  'data of another type': json({ location: {}, data: 'EVIL' }),
  'data of nothing': json({ location: {}, data: null }),
  'opencode 1’s list of methods': json({ openai: [{ type: 'oauth', label: 'EVIL' }] }),
  'opencode 1’s list of providers': json({ all: [{ id: 'EVIL' }], connected: ['EVIL'] }),
  'opencode 1’s list of servers': json({ EVIL: { status: 'needs_auth' } }),
  'opencode 1’s true': json(true),
}

let number = 0

/* A sign-in method of its own, so that nothing waits for anything else; and the header that tells its calls apart. */
function place() {
  const id = `own${++number}`
  opencode.integrations.push({ id, name: `Name ${id}`, methods: [formMethod(undefined)], connections: [] })
  const tag = `%2F${id}`
  return { integration: id, method: 'form', headers: { 'x-opencode-directory': tag }, of: (r) => r.headers['x-opencode-directory'] === tag }
}

const ours = (answer, statuses, what) => {
  assert.ok(statuses.includes(answer.status), `${what}: ${answer.status} ${answer.body.slice(0, 200)}`)
  assertSafe(answer, what)
  hidden(answer, what)
}

/*
 * Where opencode is asked: each makes what it needs, names the requests that get the bad answer, and then does
 * the request and judges it. What it returns is a flow that still waits.
 */
const places = {
  async 'the list of integrations'(frontend) {
    const { of, headers, ...own } = place()
    const flow = await begunAttempt(site, opencode, { ...own, headers, frontend })
    return {
      faulty: (r) => of(r) && r.path === '/api/integration',
      async run() {
        ours(await frontend.send({ target: '/signin/', headers }), [401, 502, 503, 504], 'the start page')
        return flow
      },
    }
  },
  async 'the list of servers'(frontend) {
    const { of, headers } = place()
    return {
      faulty: (r) => of(r) && r.path === '/api/mcp',
      async run() {
        ours(await frontend.send({ target: '/signin/', headers }), [401, 502, 503, 504], 'the start page')
        ours(await frontend.send(postForm('/signin/start', { mcp: 'x' }, { headers })), [401, 409, 502, 503, 504], 'a form')
      },
    }
  },
  async 'a begin'(frontend) {
    const { of, headers, ...own } = place()
    return {
      faulty: (r) => of(r) && r.path === connectPath(own.integration),
      async run() {
        const { answer } = await beginAttempt(site, opencode, { ...own, headers, frontend })
        assert.ok(answer.status >= 200 && answer.status < 600)
        assert.equal(answer.header('set-cookie'), undefined, 'not recorded')
        assert.equal(answer.header('location'), undefined)
        ours(await frontend.send(postForm('/signin/start', { provider: own.integration, method: 'form' }, { headers })), [400, 401, 409, 502, 503, 504], 'a form')
      },
    }
  },
  async 'the names beside a begin'(frontend) {
    const { of, headers, ...own } = place()
    return {
      faulty: (r) => of(r) && (r.path === '/api/mcp' || r.path === `/api/integration/${own.integration}`),
      async run() {
        const flow = await begunAttempt(site, opencode, { ...own, headers, frontend })
        ours(await frontend.send({ target: flow.page, headers: flow.cookies }), [200], 'the flow page')
        return flow
      },
    }
  },
  async 'a waiting attempt'(frontend) {
    const { of, headers, ...own } = place()
    const flow = await begunAttempt(site, opencode, { ...own, headers, frontend })
    return {
      faulty: (r) => of(r) && r.path === connectPath(own.integration, flow.attempt.id),
      async run() {
        ours(await frontend.send({ target: flow.page, headers: flow.cookies }), [200], 'the flow page')
        const status = await frontend.send({ target: `${flow.page}/status`, headers: flow.cookies })
        assert.equal(JSON.parse(status.body).state, 'waiting')
        return flow
      },
    }
  },
  async 'a deletion'(frontend) {
    const { of, headers, ...own } = place()
    const cookie = newCookie()
    const first = await begunAttempt(site, opencode, { ...own, headers, cookie, frontend })
    return {
      faulty: (r) => of(r) && r.method === 'DELETE',
      async run() {
        const second = await begunAttempt(site, opencode, { ...own, headers, cookie, frontend })
        assert.equal(await stateOf(site, first), 'superseded')
        return second
      },
    }
  },
  async 'whom it lets in'(frontend) {
    const { of, headers, ...own } = place()
    const flow = await begunAttempt(site, opencode, { ...own, headers, cookie: null, frontend })
    return {
      faulty: (r) => of(r) && r.path === '/api/mcp',
      async run() {
        const confirm = { method: 'POST', target: flow.page, body: `confirm=yes&callback=${encodeURIComponent(flow.query)}`, headers: { ...OWN_FORM, ...headers } }
        const answer = await frontend.send(confirm)
        assert.ok([401, 502, 503, 504].includes(answer.status), answer.body)
        hidden(answer, 'the confirmation')
        return flow
      },
    }
  },
  async 'a listener'(frontend) {
    const { headers, ...own } = place()
    const flow = await begunAttempt(site, opencode, { ...own, headers, frontend })
    return {
      faulty: (r) => r.host === `127.0.0.1:${flow.port}`,
      async run() {
        assert.equal((await frontend.send(goodCallback(flow))).status, 303)
        assert.match(await stateOf(site, flow), /^(?:done unconfirmed|failed (?:listener-gone|timeout))$/)
        ours(await frontend.send({ target: flow.page, headers: flow.cookies }), [200], 'the verdict')
        const [, none] = await calls(site, () => frontend.send(goodCallback(flow)))
        assert.ok(!none.some((text) => text?.includes(flow.code)), 'not sent again')
      },
    }
  },
  async 'the verdict'(frontend) {
    const { of, headers, ...own } = place()
    const flow = await begunAttempt(site, opencode, { ...own, headers, frontend })
    return {
      faulty: (r) => of(r) && r.path === connectPath(own.integration, flow.attempt.id),
      async run() {
        assert.equal((await frontend.send(goodCallback(flow))).status, 303)
        assert.match(await stateOf(site, flow), /^(?:done unconfirmed|failed opencode-auth)$/)
        assert.equal(flow.attempt.status, 'complete')
      },
    }
  },
}

/* All places at once, each of which gets one of the answers. */
async function everywhere(answers, chosen = Object.entries(places)) {
  const all = []
  for (const answer of answers) {
    for (const frontend of site.frontends) for (const [name, make] of chosen) all.push({ name: `${name} ${frontend.name}`, answer, ...(await make(frontend)) })
  }
  site.standin.answer = (request) => all.find(({ faulty }) => faulty(request))?.answer ?? opencode.answer(request)
  let waiting
  try {
    waiting = await Promise.all(all.map(({ name, run }) => run().catch((error) => {
      error.message = `${name}: ${error.message}`
      throw error
    })))
  } finally {
    site.standin.answer = opencode.answer
  }
  for (const flow of waiting.filter(Boolean)) await assertAttemptSucceeds(site, flow)
  assertWholeStore(site.store)
  assertCleanLogs(site)
  assertNoCrash(site.logs())
}

/* These never end. */
const slow = { ...Object.fromEntries(Object.entries(table).filter(([, { then }]) => then === 'hang')), 'nothing at all': 'hang', 'a byte a second': { drip: `${head}Content-Length: 4\r\n\r\ntrue` } }
/* After these the listener seems to have taken it: the attempt stays pending for as long as one waits for it. */
const taken = (name) => table[name].status < 400 || ['closes after the status line', 'closes in the headers'].includes(name)
const listener = Object.entries(places).filter(([name]) => name === 'a listener')
const others = Object.entries(places).filter(([name]) => name !== 'a listener')

describe('an opencode 2 that', () => {
  for (const name of Object.keys(table).filter((one) => !(one in slow))) test(name, () => everywhere([table[name]], taken(name) ? others : undefined))
  test('has a listener that seems to take it', () => everywhere(Object.keys(table).filter(taken).map((name) => table[name]), listener))
  test('never ends what it says', () => everywhere(Object.values(slow)))
})

describe('the ports that the plugin names', () => {
  const listed = (answer) => (r) => (r.host === 'plugin' ? answer : opencode.answer(r))
  const rows = {
    ...table, ...slow,
    'ports that are none': json({ listeners: ['1455', -1, 0, 80, 1023, 65536, 1e9, null, {}] }),
    'too many': json({ listeners: Array.from({ length: 500 }, (_, i) => 30_000 + i) }),
  }
  for (const [name, answer] of Object.entries(rows)) {
    test(`${name}: begins go on; where nobody knows the port, nothing stays behind`, async () => {
      const server = mcpServer(`s${++number}`, { redirect: `http://${HOST}/mcp/oauth/callback`, port: 30_000 + number })
      opencode.servers = [server]
      site.standin.answer = listed(answer)
      try {
        const [frontend, other] = number % 2 ? site.frontends : [...site.frontends].reverse()
        const { of, ...own } = place()
        await assertAttemptSucceeds(site, await begunAttempt(site, opencode, { ...own, frontend }), { frontend })
        const [refused, lines] = await calls(site, () => beginAttempt(site, opencode, { integration: server.integrationID, method: server.integrationID, frontend: other }))
        assert.equal(refused.answer.status, 409, refused.answer.body)
        assert.equal(lines.at(-1), deleteLine(refused))
        hidden(refused.answer, 'the begin')
      } finally {
        site.standin.answer = opencode.answer
      }
    })
  }
})

describe('the shapes of the one for the other', () => {
  const two = () => {
    const url = authorizeUrl({ state: `CANARYstate${++number}`, redirect: 'http://localhost:1455/auth/callback' })
    return json({ location: {}, data: { attemptID: 'con_1', url, instructions: 'x', mode: 'auto', time: {} } })
  }
  test('opencode 1’s begin answered as an attempt, and the reverse: passed on, not recorded', async () => {
    const one = () => json({ url: authorizeUrl({ state: `CANARYstate${++number}`, redirect: 'http://localhost:1455/auth/callback' }), method: 'auto', instructions: 'x' })
    for (const frontend of site.frontends) {
      for (const [target, body, answer] of [['/provider/x/oauth/authorize', '{"method":0}', two()], ['/mcp/x/auth', '{}', two()], [connectPath('x'), '{"methodID":"m"}', one()]]) {
        site.standin.answer = (r) => (r.path === target ? answer : opencode.answer(r))
        const headers = { 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'same-origin' }
        const reply = await frontend.send({ method: 'POST', target, body, headers })
        assert.deepEqual(JSON.parse(reply.body), JSON.parse(answer.body))
        assert.equal(reply.header('set-cookie'), undefined)
      }
    }
    site.standin.answer = opencode.answer
  })

  test('an attempt whose id would lead elsewhere: passed on, not recorded', async () => {
    for (const attemptID of ['../x', 'a/b', 'a?b', 'a b', '', 'x'.repeat(200), 7, null, undefined, ['con_1']]) {
      const answer = JSON.parse(two().body)
      answer.data.attemptID = attemptID
      site.standin.answer = (r) => (r.path === connectPath('x') ? json(answer) : opencode.answer(r))
      const { answer: reply } = await beginAttempt(site, opencode, { integration: 'x', method: 'm' })
      assert.deepEqual(JSON.parse(reply.body), JSON.parse(JSON.stringify(answer)))
      assert.equal(reply.header('set-cookie'), undefined)
    }
    site.standin.answer = opencode.answer
  })
})

describe('when the time of a sign-in is over', { skip: !root && 'a clock that has run on takes root' }, () => {
  const begin = async (more) => {
    const { of, headers, ...own } = place()
    const flow = await begunAttempt(site, opencode, { ...own, headers, ...more })
    return { ...flow, connect: () => opencode.integrations.at(-1).connections.push({ type: 'credential', id: 'cred_1', label: 'older' }) }
  }
  const then = () => laterFrontend(site, 601)
  const asks = (lines) => lines.map(line).filter((text) => text.startsWith('GET opencode /api/integration/'))

  test('590 seconds: it still waits', async () => {
    const flow = await begin()
    assert.equal(await stateOf(site, flow, laterFrontend(site, 590)), 'waiting')
    assert.equal((await site.fcgi.send(goodCallback(flow))).status, 303)
    assert.equal(await stateOf(site, flow), 'done')
  })

  const ends = {
    'complete': [(flow) => opencode.end(flow.attempt, 'complete'), 'done'],
    'failed': [(flow) => opencode.end(flow.attempt, 'failed', 'x'), 'failed refused-by-provider'],
    'failed, and an older account is connected': [(flow) => (flow.connect(), opencode.end(flow.attempt, 'failed', 'x')), 'failed refused-by-provider'],
    'expired': [(flow) => opencode.end(flow.attempt, 'expired'), 'expired'],
    'expired, and an older account is connected': [(flow) => (flow.connect(), opencode.end(flow.attempt, 'expired')), 'expired'],
    'pending': [() => {}, 'expired'],
    'unknown': [(flow) => (flow.attempt.deleted = true), 'expired'],
    'unknown, and the account is connected': [(flow) => (flow.connect(), (flow.attempt.deleted = true)), 'done unconfirmed'],
  }
  for (const [name, [end, expected]] of Object.entries(ends)) {
    test(`the attempt is ${name}: ${expected}, asked once`, async () => {
      const flow = await begin()
      end(flow)
      const [answer, none] = await seen(site, () => then().send(goodCallback(flow)))
      assert.equal(answer.status, 303)
      assert.ok(!none.some(({ path }) => path === flow.path), 'not delivered')
      const [state, requests] = await seen(site, () => stateOf(site, flow, then()))
      assert.equal(state, expected)
      assert.ok(asks([...none, ...requests]).length >= 1)
      const [again, quiet] = await seen(site, () => stateOf(site, flow, then()))
      assert.deepEqual([again, quiet], [expected, []])
      const page = await then().send({ target: flow.page, headers: flow.cookies })
      ours(page, [200], 'the page')
      assert.match(page.body, new RegExp(`data-state="${expected.split(' ')[0]}"`))
    })
  }

  for (const [name, answer] of Object.entries(table).filter(([, { then: hangs }]) => hangs !== 'hang')) {
    test(`${name}: the page says expired, and asks again until it can be known`, async () => {
      const flow = await begin()
      const path = connectPath(flow.provider, flow.attempt.id)
      flow.connect()
      flow.attempt.deleted = true
      site.standin.answer = (r) => (r.path === path || r.path === `/api/integration/${flow.provider}` ? answer : opencode.answer(r))
      ours(await then().send({ target: flow.page, headers: flow.cookies }), [200], 'the page')
      const { state } = await flowStatus(site, flow, then())
      site.standin.answer = opencode.answer
      assert.ok(['expired', 'done'].includes(state))
      const last = await stateOf(site, flow, then())
      assert.match(last, /^(?:done unconfirmed|expired)$/)
      assert.equal(flow.attempt.received, undefined)
    })
  }

  test('an attempt whose browser has no credentials any more is not asked for', async () => {
    opencode.password = 'secret'
    try {
      const flow = await begin({ headers: { Authorization: opencode.authorization } })
      const [state, requests] = await seen(site, () => stateOf(site, flow, then()))
      assert.deepEqual([state, requests], ['expired', []])
      opencode.end(flow.attempt, 'complete')
      const status = await then().send({ target: `${flow.page}/status`, headers: { ...flow.cookies, Authorization: opencode.authorization } })
      assert.equal(JSON.parse(status.body).state, 'done')
    } finally {
      opencode.password = undefined
    }
  })
})

test('opencode goes away and comes back between begin and callback: the claim is released, then it succeeds', async () => {
  for (const frontend of site.frontends) {
    const { of, ...own } = place()
    const flow = await begunAttempt(site, opencode, { ...own, frontend })
    renameSync(site.standin.path, `${site.standin.path}.away`)
    const answer = await frontend.send(goodCallback(flow))
    assert.equal(answer.status, 503, answer.body)
    renameSync(`${site.standin.path}.away`, site.standin.path)
    await assertAttemptSucceeds(site, flow, { frontend })
  }
})

test('token sharing whose exchange takes longer than we wait: nothing is sent twice, and the attempt is asked', async () => {
  opencode.integrations = [{ id: 'openai', name: 'OpenAI', methods: [METHODS.sharing], connections: [] }]
  opencode.exchange = () => true
  const flow = await begunAttempt(site, opencode, { method: 'chatgpt-token-sharing' })
  const [, lines] = await calls(site, () => site.fcgi.send(goodCallback(flow)))
  assert.equal(lines.filter((text) => text.includes(flow.code)).length, 1)
  assert.equal(await stateOf(site, flow), 'failed timeout')
  opencode.exchange = () => undefined
})
