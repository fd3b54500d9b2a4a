/*
 * Events that meet a sign-in in the middle: opencode's socket is gone when the provider answers, two people
 * confirm one sign-in, a newer sign-in replaces it, its time ends during a call. No sign-in is lost, nothing is
 * sent twice, and the same sign-in can be finished afterwards. Also requests beside a begin, and statuses that
 * cannot be given.
 */
import assert from 'node:assert/strict'
import { renameSync, rmSync } from 'node:fs'
import net from 'node:net'
import { after, afterEach, before, describe, test } from 'node:test'
import { HOST, startFrontends } from '../lib/frontends.mjs'
import { give } from '../lib/front.mjs'
import { until } from '../lib/net.mjs'
import { afterEvery, callsSince, deliveries } from '../lib/invariants.mjs'
import {
  NAVIGATION, OWN_FORM, assertCleanLogs, assertSafe, assertSame, assertSucceeds, beginFlow, begunFlow, cookies, flowId, flowStatus, goodCallback, newCookie,
} from '../lib/signin.mjs'
import { authorizeUrl, json } from '../lib/standin.mjs'

let site
before(async () => (site = await startFrontends({ web: false })))
after(() => site?.stop())
afterEach(() => {
  site.standin.answer = () => undefined
  assertCleanLogs(site)
})

let count = 0
const word = (kind) => `CANARY${kind}${Date.now().toString(36)}${++count}`
const same = { 'Sec-Fetch-Site': 'same-origin' }
const form = (target, fields, headers) => ({ method: 'POST', target, headers: { ...OWN_FORM, ...headers }, body: new URLSearchParams(fields).toString() })
const state = async (flow) => {
  const answer = await flowStatus(site, flow)
  return answer.reason ? `${answer.state} ${answer.reason}` : answer.state
}

/* A sign-in to an MCP server, and the request that finishes it. */
async function begunMcp(redirect) {
  const [secret, code, cookie, name] = [word('state'), word('code'), newCookie(), `server${++count}`]
  const url = authorizeUrl({ state: secret, redirect })
  site.standin.answer = (r) => (r.path === `/mcp/${name}/auth` ? json({ authorizationUrl: url, oauthState: secret }) : undefined)
  const headers = { 'Content-Type': 'application/json', ...same, ...cookies(cookie) }
  assert.equal((await site.fcgi.send({ method: 'POST', target: `/mcp/${name}/auth`, headers, body: '{}' })).status, 200)
  site.standin.answer = (r) => (r.path.startsWith('/mcp') ? json(r.path === '/mcp' ? { [name]: { status: 'connected' } } : { status: 'connected' }) : undefined)
  const flow = { name, page: `/signin/flow/${flowId(secret)}`, cookies: cookies(cookie) }
  return { ...flow, finish: { target: `/mcp/oauth/callback?code=${code}&state=${secret}`, headers: { ...NAVIGATION, ...flow.cookies } } }
}

/* A provider that answers nobody before a finishing call waits, begun on the start page. */
async function begunPoe() {
  const [code, cookie, port] = [word('code'), newCookie(), 31000 + ++count]
  const redirect = `http://127.0.0.1:${port}/callback`
  const url = authorizeUrl({ redirect, more: `&code_challenge=${count}` })
  site.standin.answer = (r) => (r.path === '/provider/poe/oauth/authorize' ? json({ url, method: 'auto', instructions: 'x' }) : undefined)
  assert.equal((await site.fcgi.send(form('/signin/start', { provider: 'poe', method: '0' }, cookies(cookie)))).status, 303)
  const flow = { port, page: `/signin/flow/${flowId(url)}`, cookies: cookies(cookie) }
  return { ...flow, finish: form(flow.page, { address: `${redirect}?code=${code}` }, flow.cookies) }
}

/* Leaves a socket behind that nobody listens at. */
async function deadSocket(path) {
  const server = net.createServer().listen(`${path}.new`)
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject))
  renameSync(`${path}.new`, path)
  await new Promise((resolve) => server.close(resolve))
  give(path)
}

describe('opencode’s socket, when a sign-in is to be finished', () => {
  const kinds = {
    'a provider': async () => {
      const flow = await begunFlow(site)
      return { ...flow, finish: goodCallback(flow) }
    },
    'an MCP server, to its listener': () => begunMcp('http://127.0.0.1:19876/mcp/oauth/callback'),
    'an MCP server, directly': () => begunMcp(`http://${HOST}/mcp/oauth/callback`),
    'a provider that is told first': begunPoe,
  }
  for (const [name, begun] of Object.entries(kinds)) {
    for (const [how, make] of [['is gone', async () => {}], ['refuses', deadSocket]]) {
      test(`${how}: ${name}: 503, the claim is released, the same request works later`, async () => {
        const { path } = site.standin
        for (const frontend of site.frontends) {
          const flow = await begun()
          const since = site.standin.connections.length
          renameSync(path, `${path}.away`)
          try {
            await make(path)
            for (let i = 0; i < 2; i++) {
              const answer = await frontend.send(flow.finish)
              assert.equal(answer.status, 503, `${frontend.name}: ${answer.body}`)
              assertSafe(answer)
              assert.equal(await state(flow), 'waiting')
            }
          } finally {
            rmSync(path, { force: true })
            renameSync(`${path}.away`, path)
          }
          assert.equal(site.standin.connections.length, since, 'nothing was sent')
          assert.equal((await frontend.send(flow.finish)).status, 303, frontend.name)
          assert.equal(await state(flow), 'done')
        }
      })
    }
  }

  test('an MCP server’s verdict does not come in time: handed over, unconfirmed, and not sent again', async () => {
    const flow = await begunMcp(`http://${HOST}/mcp/oauth/callback`)
    site.standin.answer = () => 'hang'
    const since = site.standin.connections.length
    assert.equal((await site.fcgi.send(flow.finish)).status, 303)
    assert.equal(await state(flow), 'done unconfirmed')
    assert.equal((await site.fcgi.send(flow.finish)).status, 303)
    assert.deepEqual(callsSince(site, since), [`POST opencode /mcp/${flow.name}/auth/callback`])
  })
})

describe('the time of a sign-in', () => {
  test('it ends while its answer waits for another begin of the same server: nothing is delivered', async () => {
    const short = await startFrontends({ web: false, ini: { flow: { lifetime: 1 } } })
    try {
      const cookie = newCookie()
      const post = (target, frontend = short.fcgi) =>
        frontend.send({ method: 'POST', target, headers: { 'Content-Type': 'application/json', ...same, ...cookies(cookie) }, body: '{}' })
      const begun = async (name) => {
        const [secret, code] = [word('state'), word('code')]
        short.standin.answer = () => json({ authorizationUrl: authorizeUrl({ state: secret, redirect: `http://${HOST}/mcp/oauth/callback` }) })
        assert.equal((await post(`/mcp/${name}/auth`)).status, 200)
        return { page: `/signin/flow/${flowId(secret)}`, cookies: cookies(cookie), target: `/mcp/oauth/callback?code=${code}&state=${secret}`, code }
      }
      for (const frontend of short.frontends) {
        const [flow, other] = [await begun('one'), await begun('two')]
        let open
        const gate = new Promise((resolve) => (open = resolve))
        short.standin.answer = (r) => (r.path === '/mcp/one/auth' ? gate : json({ status: 'connected' }))
        const since = short.standin.connections.length
        const begin = post('/mcp/one/auth')
        await until('another begin is under way', () => short.standin.connections.length > since)
        const callback = frontend.send({ target: flow.target, headers: { ...NAVIGATION, ...flow.cookies } })
        // that of the flow itself would end it
        await until('its time is over', async () => (await flowStatus(short, other)).state !== 'waiting')
        open(json({ authorizationUrl: '' }))
        assert.equal((await begin).status, 200)
        assert.equal((await callback).status, 303)
        assert.ok(!short.standin.connections.some(({ raw }) => raw.includes(flow.code)), 'the code stays here')
        assert.notEqual((await flowStatus(short, flow)).state, 'waiting')
      }
      assertCleanLogs(short)
    } finally {
      await short.stop()
    }
  })
})

describe('a sign-in that is bound to nobody', () => {
  test('confirmed by many at once: one of them has it, the others know nothing of it, one delivery', async () => {
    const flow = await begunFlow(site, { cookie: null })
    const browsers = Array.from({ length: 8 }, newCookie)
    let open
    const gate = new Promise((resolve) => (open = resolve))
    site.standin.answer = (r) => (r.path === '/provider/auth' ? gate : undefined)
    const since = site.standin.connections.length
    const send = (cookie, i) =>
      site.frontends[i % site.frontends.length].send(form(flow.page, { confirm: 'yes', callback: flow.query }, cookies(cookie)))
    const sent = browsers.map(send)
    // a worker keeps two of its eight threads for what needs no opencode
    await until('all ask', () => site.standin.connections.length === since + browsers.length)
    open(json({}))
    const answers = await Promise.all(sent)
    assert.deepEqual(answers.map((answer) => answer.status).sort(), [303, ...Array(browsers.length - 1).fill(400)])
    const winner = answers.findIndex((answer) => answer.status === 303)
    for (const [i, cookie] of browsers.entries()) {
      const shown = await site.fcgi.send({ target: flow.page, headers: cookies(cookie) })
      assert.equal(shown.status, i === winner ? 200 : 400)
    }
    assert.deepEqual(deliveries(site, flow), { listener: 1, finishing: 1 })
  })

  test('the offered cookie comes back many times at once: the flow is bound, one delivery', async () => {
    for (let round = 0; round < 3; round++) {
      const flow = await begunFlow(site, { cookie: null })
      const answers = await Promise.all(Array.from({ length: 24 }, (_, i) => site.frontends[i % 4 === 0 ? 0 : 1].send(goodCallback(flow))))
      // beyond six at once the worker may say that it is busy
      for (const answer of answers) assert.ok([303, 503].includes(answer.status), `${answer.status} ${answer.body}`)
      assert.ok(answers.some((answer) => answer.status === 303))
      assert.deepEqual(deliveries(site, flow), { listener: 1, finishing: 1 })
      assert.equal(await state(flow), 'done')
    }
  })

  test('replaced by a newer one: neither page nor callback nor confirmation knows it any more', async () => {
    const flow = await begunFlow(site, { cookie: null })
    await begunFlow(site, { provider: flow.provider, port: flow.port })
    const since = site.standin.connections.length
    const requests = {
      'the page': { target: flow.page },
      'the callback': { ...goodCallback(flow), headers: NAVIGATION },
      'the confirmation': form(flow.page, { confirm: 'yes', callback: flow.query }),
    }
    for (const [name, request] of Object.entries(requests)) {
      const answers = []
      for (const frontend of site.frontends) answers.push([frontend.name, await frontend.send(request)])
      assertSame(answers)
      assert.equal(answers[0][1].status, 400, name)
    }
    assert.equal(site.standin.connections.length, since)
  })

  test('the callback that comes with the confirmation is an answer of another kind: 400, opencode untouched', async () => {
    for (const frontend of site.frontends) {
      const secret = word('state')
      const url = authorizeUrl({ state: secret, redirect: 'http://localhost:1456/auth/callback' }).replace('=code', '=token')
      const begun = await beginFlow(site, { cookie: null, state: secret, inputs: { url } })
      const flow = { ...begun, page: `/signin/flow/${flowId(secret)}` }
      const since = site.standin.connections.length
      const answer = await frontend.send(form(flow.page, { confirm: 'yes', callback: `code=${flow.code}&state=${secret}` }))
      assert.equal(answer.status, 400, frontend.name)
      assert.deepEqual(callsSince(site, since), ['GET opencode /provider/auth'])
      assert.equal(await state(flow), 'waiting')
    }
  })
})

describe('the project of a sign-in', () => {
  test('its workspace comes along, from a header or from the query', async () => {
    for (const frontend of site.frontends) {
      const flow = await begunFlow(site, { frontend, headers: { 'x-opencode-workspace': 'wrk_1', 'x-opencode-directory': '%2Fsrv' } })
      const since = site.standin.connections.length
      await assertSucceeds(site, flow, frontend)
      const [listener, finishing] = site.standin.since(since)
      assert.equal(listener.headers['x-opencode-workspace'], undefined, 'a listener has none')
      assert.deepEqual(['workspace', 'directory'].map((name) => finishing.headers[`x-opencode-${name}`]), ['wrk_1', '%2Fsrv'])
    }
  })

  const long = 'x'.repeat(4097)
  test('one that no record can hold: passed on as it came, nothing recorded', async () => {
    for (const frontend of site.frontends) {
      for (const [name, value] of [['x-opencode-directory', long], ['x-opencode-workspace', long], ['x-opencode-directory', '\xff']]) {
        const since = site.standin.connections.length
        const { answer } = await beginFlow(site, { frontend, headers: { [name]: value } })
        assert.equal(answer.status, 200, answer.body)
        assert.match(JSON.parse(answer.body).url, /^https:\/\/auth\.example\.net\//)
        assert.equal(answer.header('set-cookie'), undefined)
        assert.equal(site.standin.since(since)[0].headers[name], value)
      }
    }
  })

  test('and what we would have to remember is refused before opencode is asked', async () => {
    const since = site.standin.connections.length
    for (const frontend of site.frontends) {
      for (const headers of [{ 'x-opencode-directory': long }, { 'x-opencode-workspace': long }]) {
        assert.equal((await frontend.send({ target: '/signin/', headers })).status, 414)
        assert.equal((await frontend.send(form('/signin/start', { mcp: 'demo' }, headers))).status, 400)
      }
      assert.equal((await frontend.send({ target: `/signin/?directory=${long}` })).status, 414)
    }
    assert.equal(site.standin.connections.length, since)
  })

  test('begun once more: what a method asks for is asked again, on the start page of the same project', async () => {
    for (const [headers, expected] of [[{ 'x-opencode-directory': '%2Fsrv%2Fa' }, '/signin/?directory=%2Fsrv%2Fa'], [{}, '/signin/']]) {
      const flow = await begunFlow(site, { headers })
      const answer = await site.fcgi.send(form('/signin/start', { again: flow.id }, flow.cookies))
      assert.equal(answer.status, 303)
      assert.equal(answer.header('location'), expected)
    }
  })
})

describe('a sign-in that a terminal began', () => {
  test('ended, its page has no button to begin it again, and nothing else begins it', async () => {
    const [secret, cookie] = [word('state'), newCookie()]
    const flow = { id: flowId(secret), page: `/signin/flow/${flowId(secret)}`, cookies: cookies(cookie) }
    const address = authorizeUrl({ state: secret, redirect: 'http://localhost:1455/auth/callback' })
    assert.equal((await site.fcgi.send(form('/signin/adopt', { address }, flow.cookies))).status, 303)
    assert.equal((await site.fcgi.send(form(flow.page, { address: `?error=access_denied&state=${secret}` }, flow.cookies))).status, 303)
    const since = site.standin.connections.length
    for (const frontend of site.frontends) {
      const shown = await frontend.send({ target: flow.page, headers: flow.cookies })
      assert.match(shown.body, /data-state="declined"/)
      assert.doesNotMatch(shown.body, /data-again/)
      assert.equal((await frontend.send(form('/signin/start', { again: flow.id }, flow.cookies))).status, 400)
      assert.equal((await frontend.send(form(flow.page, { load: 'yes' }, flow.cookies))).status, 303)
    }
    assert.equal(site.standin.connections.length, since)
  })

  test('an authorize URL of 9,000 bytes, or of a host with a long name: refused, opencode not asked', async () => {
    const good = authorizeUrl({ state: 'x', redirect: 'http://localhost:1455/auth/callback' })
    const since = site.standin.connections.length
    for (const address of [`${good}&x=${'x'.repeat(9000)}`, good.replace('auth.example.net', `${'a.'.repeat(130)}net`), good.replace('https:', 'ftp:')]) {
      const answer = await site.fcgi.send(form('/signin/adopt', { address }, cookies(newCookie())))
      assert.equal(answer.status, 400)
      assertSafe(answer)
    }
    assert.deepEqual(callsSince(site, since).filter((line) => line.startsWith('POST')), [])
  })
})

describe('plain http, elsewhere than on the loopback', () => {
  const vars = { HTTP_HOST: 'opencode.example.com' }
  const own = { Origin: 'http://opencode.example.com', 'Sec-Fetch-Site': undefined }
  const requests = {
    'the start page': [{ target: '/signin/' }, /https/],
    'a flow page': [{ target: `/signin/flow/${'A'.repeat(22)}` }, /https/],
    'a flow’s status': [{ target: `/signin/flow/${'A'.repeat(22)}/status` }, /"error"/],
    'a begin there': [form('/signin/start', { mcp: 'demo' }, own), /https/],
    'a terminal’s address': [form('/signin/adopt', { address: 'x' }, own), /https/],
    'a pasted address': [form(`/signin/flow/${'A'.repeat(22)}`, { address: 'x' }, own), /https/],
    'the button of an MCP server': [
      { method: 'POST', target: '/mcp/demo/auth/authenticate', headers: { ...own, 'Content-Type': 'application/json' }, body: '{}' }, /"name":"UnknownError"/,
    ],
  }
  for (const [name, [request, body]] of Object.entries(requests)) {
    test(`${name}: 403, opencode not asked`, async () => {
      const since = site.standin.connections.length
      const answers = []
      for (const frontend of site.frontends) answers.push([frontend.name, await frontend.send({ ...request, vars })])
      assertSame(answers)
      for (const [, answer] of answers) {
        assert.equal(answer.status, 403, answer.body)
        assert.match(answer.body, body)
        assertSafe(answer)
      }
      assert.equal(site.standin.connections.length, since)
    })
  }
})

describe('beside a begin', () => {
  test('HEAD, and DELETE with a body, reach opencode as they came', async () => {
    for (const frontend of site.frontends) {
      for (const request of [
        { method: 'HEAD', target: '/provider/openai/oauth/authorize?x=1' },
        { method: 'DELETE', target: '/mcp/demo/auth', headers: { 'Content-Type': 'application/json' }, body: '{"keep":true}' },
      ]) {
        site.standin.answer = () => ({ status: 200, headers: { 'Content-Type': 'application/json' }, body: request.method === 'HEAD' ? '' : '{"seen":true}' })
        const since = site.standin.connections.length
        const answer = await frontend.send({ ...request, headers: { ...same, ...request.headers } })
        assert.equal(answer.status, 200, `${frontend.name} ${request.method}: ${answer.body}`)
        assert.equal(answer.body, request.method === 'HEAD' ? '' : '{"seen":true}')
        const [seen] = site.standin.since(since)
        assert.deepEqual([seen.method, seen.target, seen.body], [request.method, request.target, request.body ?? ''])
        assert.equal(site.standin.connections.length, since + 1)
      }
    }
  })

  test('a begin whose body is shorter than it says: 400, opencode not asked', async () => {
    for (const frontend of site.frontends) {
      for (const [method, target] of [['POST', '/provider/openai/oauth/authorize'], ['DELETE', '/mcp/demo/auth']]) {
        const since = site.standin.connections.length
        const answer = await frontend.send({ method, target, headers: { ...same, 'Content-Type': 'application/json' }, body: '{"me', vars: { CONTENT_LENGTH: '12' } })
        assert.equal(answer.status, 400, `${frontend.name} ${method}`)
        assert.equal(site.standin.connections.length, since)
      }
    }
  })

  test('a second click on the button of another server, or in another project, begins there', async () => {
    const cookie = newCookie()
    const click = (name, headers = {}) =>
      site.fcgi.send({ method: 'POST', target: `/mcp/${name}/auth/authenticate`, headers: { 'Content-Type': 'application/json', ...same, ...cookies(cookie), ...headers }, body: '{}' })
    site.standin.answer = (r) => (/^\/mcp\/[^/]+\/auth$/.test(r.path)
      ? json({ authorizationUrl: authorizeUrl({ state: word('state'), redirect: 'http://127.0.0.1:19876/mcp/oauth/callback' }) })
      : undefined)
    const begins = async (...args) => {
      const since = site.standin.connections.length
      const answer = await click(...args)
      assert.equal(answer.status, 409, answer.body)
      return callsSince(site, since).filter((line) => line.startsWith('POST')).length
    }
    assert.equal(await begins('one'), 1)
    assert.equal(await begins('one'), 0, 'the same one waits')
    assert.equal(await begins('two'), 1)
    assert.equal(await begins('two'), 0)
    assert.equal(await begins('one', { 'x-opencode-directory': '%2Fsrv' }), 1)
  })
})

describe('a status that cannot be told', () => {
  test('a method that it does not have, a prefetch, an unknown flow: JSON, as the script expects it', async () => {
    const flow = await begunFlow(site)
    const since = site.standin.connections.length
    const target = `${flow.page}/status`
    for (const [request, status] of [
      [{ method: 'POST', target, headers: flow.cookies, body: '' }, 405],
      [{ target, headers: { ...flow.cookies, 'Sec-Purpose': 'prefetch' } }, 403],
      [{ target, headers: cookies(newCookie()) }, 400],
    ]) {
      const answers = []
      for (const frontend of site.frontends) answers.push([frontend.name, await frontend.send(request)])
      assertSame(answers)
      const [[, answer]] = answers
      assert.equal(answer.status, status)
      assert.equal(answer.header('allow'), status === 405 ? 'GET, HEAD' : undefined)
      assert.match(answer.header('content-type'), /^application\/json/)
      assert.equal(typeof JSON.parse(answer.body), 'object')
    }
    await afterEvery(site, flow, { since })
  })
})
