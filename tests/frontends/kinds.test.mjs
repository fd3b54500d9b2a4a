/*
 * Each kind of sign-in through each front end: MCP servers, tokens in a fragment, providers without a state, the
 * integration API, terminals, and sign-ins that begin on the start page. The stand-in for opencode records the
 * exact requests that it gets.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, afterEach, before, describe, test } from 'node:test'
import { HOST, startFrontends } from '../lib/frontends.mjs'
import {
  NAVIGATION, OWN_FORM, assertCleanLogs, assertSafe, assertSame, beginFlow, begunFlow, cookies, flowId, flowStatus, newCookie,
} from '../lib/signin.mjs'
import { authorizeUrl, json } from '../lib/standin.mjs'

let site
before(async () => (site = await startFrontends()))
after(() => site?.stop())
afterEach(() => {
  site.standin.answer = () => undefined
  assertCleanLogs(site)
})

let count = 0
const word = (kind) => `CANARY${kind}${Date.now().toString(36)}${++count}`
const line = (request) => request && `${request.method} ${request.host} ${request.target}`
const same = { 'Sec-Fetch-Site': 'same-origin' }

/* What opencode sees of something. */
async function seen(action) {
  const mark = site.standin.connections.length
  const answer = await action()
  return [answer, site.standin.since(mark)]
}

const post = (frontend, target, fields, cookie, headers = {}) =>
  frontend.send({
    method: 'POST', target, body: new URLSearchParams(fields).toString(),
    headers: { ...OWN_FORM, ...(cookie ? cookies(cookie) : {}), ...headers },
  })
const state = async (flow) => {
  const answer = await flowStatus(site, flow)
  return answer.reason ? `${answer.state} ${answer.reason}` : answer.state
}
const flowOf = (secret, cookie) => ({ page: `/signin/flow/${flowId(secret)}`, id: flowId(secret), cookies: cookies(cookie), cookie })

/* A call that begins, answered by the stand-in with a JSON. */
async function begin(frontend, target, answer, { body = '{}', cookie = newCookie() } = {}) {
  site.standin.answer = (r) => (r.path === target ? json(answer) : undefined)
  const headers = { 'Content-Type': 'application/json', ...same, ...cookies(cookie) }
  return { cookie, answer: await frontend.send({ method: 'POST', target, headers, body }) }
}

describe('MCP', () => {
  async function beginMcp(frontend, redirect, name = `m${++count}`) {
    const secret = word('state')
    const url = authorizeUrl({ state: secret, redirect })
    const { answer, cookie } = await begin(frontend, `/mcp/${name}/auth`, { authorizationUrl: url, oauthState: secret })
    assert.equal(answer.status, 200, answer.body)
    return { ...flowOf(secret, cookie), name, url, state: secret, code: word('code'), answer }
  }
  const LOOPBACK = 'http://127.0.0.1:19876/mcp/oauth/callback'
  const query = (flow) => `code=${flow.code}&state=${flow.state}`
  const byCode = (flow) => `POST opencode /mcp/${flow.name}/auth/callback`

  test('a loopback redirect URI: the listener first, then by code', async () => {
    for (const frontend of site.frontends) {
      const flow = await beginMcp(frontend, LOOPBACK)
      assert.deepEqual(JSON.parse(flow.answer.body), { authorizationUrl: `http://${HOST}${flow.page}`, oauthState: flow.state })
      site.standin.answer = (r) => (r.host === 'opencode' ? json({ status: 'connected' }) : { status: 400, body: 'Authorization failed' })
      const [answer, calls] = await seen(() => post(frontend, flow.page, { address: `${LOOPBACK}?${query(flow)}` }, flow.cookie))
      assert.equal(answer.status, 303, answer.body)
      assert.deepEqual(calls.map(line), [`GET 127.0.0.1:19876 /mcp/oauth/callback?${query(flow)}`, byCode(flow)])
      assert.deepEqual(JSON.parse(calls[1].body), { code: flow.code, state: flow.state })
      assert.equal(await state(flow), 'done')
    }
  })

  test('an issuer that came goes with the code', async () => {
    const flow = await beginMcp(site.fcgi, LOOPBACK)
    const iss = 'https://auth.example.net/tenant'
    site.standin.answer = (r) => (r.host === 'opencode' ? json({ status: 'connected' }) : { status: 400, body: '' })
    const [, calls] = await seen(() => post(site.fcgi, flow.page, { address: `${LOOPBACK}?${query(flow)}&iss=${encodeURIComponent(iss)}` }, flow.cookie))
    assert.deepEqual(JSON.parse(calls[1].body), { code: flow.code, state: flow.state, iss })
    assert.equal(await state(flow), 'done')
  })

  test('a listener that takes it is enough; the verdict is the server’s state', async () => {
    for (const [status, expected] of [['connected', 'done'], ['failed', 'failed refused-by-provider']]) {
      const flow = await beginMcp(site.fcgi, LOOPBACK)
      site.standin.answer = (r) => (r.path === '/mcp' ? json({ [flow.name]: { status } }) : undefined)
      const [, calls] = await seen(() => post(site.fcgi, flow.page, { address: `?${query(flow)}` }, flow.cookie))
      assert.deepEqual(calls.map(line), [`GET 127.0.0.1:19876 /mcp/oauth/callback?${query(flow)}`, 'GET opencode /mcp'])
      assert.equal(await state(flow), expected)
    }
  })

  test('a redirect URI of ours: the answer is unchanged, the provider’s redirect finishes it', async () => {
    for (const frontend of site.frontends) {
      const flow = await beginMcp(frontend, `http://${HOST}/mcp/oauth/callback`)
      assert.deepEqual(JSON.parse(flow.answer.body), { authorizationUrl: flow.url, oauthState: flow.state })
      site.standin.answer = () => json({ status: 'connected' })
      const target = `/mcp/oauth/callback?${query(flow)}`
      const [answer, calls] = await seen(() => frontend.send({ target, headers: { ...NAVIGATION, ...flow.cookies } }))
      assert.equal(answer.status, 303, answer.body)
      assert.equal(answer.header('location'), flow.page)
      assert.deepEqual(calls.map(line), [byCode(flow)])
      assert.equal(await state(flow), 'done')
      const [, again] = await seen(() => frontend.send({ target, headers: { ...NAVIGATION, ...flow.cookies } }))
      assert.deepEqual(again, [])
    }
  })

  test('another browser, another state, another path, no state: refused, and the good one still works', async () => {
    const flow = await beginMcp(site.fcgi, `http://${HOST}/mcp/oauth/callback`)
    const bad = [
      [`/mcp/oauth/callback?${query(flow)}`, cookies(newCookie())],
      [`/mcp/oauth/callback?code=${flow.code}&state=x`, flow.cookies],
      [`/mcp/oauth/callback?code=${flow.code}`, flow.cookies],
      [`/auth/callback?${query(flow)}`, flow.cookies],
    ]
    for (const frontend of site.frontends) {
      for (const [target, headers] of bad) {
        const [answer, calls] = await seen(() => frontend.send({ target, headers: { ...NAVIGATION, ...headers } }))
        assert.equal(answer.status, 400)
        assert.deepEqual(calls, [])
      }
    }
    site.standin.answer = () => json({ status: 'connected' })
    await site.fcgi.send({ target: `/mcp/oauth/callback?${query(flow)}`, headers: { ...NAVIGATION, ...flow.cookies } })
    assert.equal(await state(flow), 'done')
  })

  test('how it went, by what opencode answers', async () => {
    const table = [
      [json({ status: 'failed', error: 'CANARY <script>' }), 'failed refused-by-provider'],
      [json({ status: 'needs_auth' }), 'failed refused-by-provider'],
      [json({}), 'done unconfirmed'],
      [json({ name: 'x' }, 500), 'failed listener-gone'],
      [json({ name: 'x' }, 404), 'failed listener-gone'],
      [{ status: 401, body: '' }, 'failed opencode-auth'],
      ['close', 'failed opencode-gone'],
    ]
    for (const [given, expected] of table) {
      const flow = await beginMcp(site.fcgi, `http://${HOST}/mcp/oauth/callback`)
      site.standin.answer = () => given
      await site.fcgi.send({ target: `/mcp/oauth/callback?${query(flow)}`, headers: { ...NAVIGATION, ...flow.cookies } })
      assert.equal(await state(flow), expected)
      assert.ok(!(await site.fcgi.send({ target: flow.page, headers: flow.cookies })).body.includes('CANARY'))
    }
  })

  test('declined: nothing is sent', async () => {
    for (const redirect of [LOOPBACK, `http://${HOST}/mcp/oauth/callback`]) {
      const flow = await beginMcp(site.fcgi, redirect)
      const [, calls] = await seen(() => site.fcgi.send({
        target: `/mcp/oauth/callback?error=access_denied&state=${flow.state}`, headers: { ...NAVIGATION, ...flow.cookies },
      }))
      assert.deepEqual(calls, [])
      assert.equal(await state(flow), 'declined')
    }
  })

  test('no sign-in needed, an error, a foreign redirect URI: unchanged and unrecorded', async () => {
    const url = authorizeUrl({ state: 'x', redirect: 'https://elsewhere.example/mcp/oauth/callback' })
    for (const given of [{ authorizationUrl: '', oauthState: 'x' }, { authorizationUrl: url, oauthState: 'x' }]) {
      const { answer } = await begin(site.fcgi, '/mcp/open/auth', given)
      assert.deepEqual(JSON.parse(answer.body), given)
      assert.equal(answer.header('set-cookie'), undefined)
    }
  })
})

describe('a token in the fragment', () => {
  const beginToken = async (frontend) => {
    const secret = word('state')
    const url = authorizeUrl({ state: secret, redirect: 'http://localhost:1456/auth/callback' }).replace('=code', '=token')
    const flow = await begunFlow(site, { frontend, state: secret, inputs: { url } })
    return { ...flow, token: word('token') }
  }
  const dead = (flow, more = '') => `http://localhost:1456/auth/callback#access_token=${flow.token}&token_type=bearer&expires_in=99&state=${flow.state}${more}`

  test('pasted: what the listener’s own page would post, then the finishing call', async () => {
    for (const frontend of site.frontends) {
      const flow = await beginToken(frontend)
      const [answer, calls] = await seen(() => post(frontend, flow.page, { address: dead(flow) }, flow.cookie))
      assert.equal(answer.status, 303, answer.body)
      assert.deepEqual(calls.map(line), ['POST localhost:1456 /auth/token', `POST opencode /provider/${flow.provider}/oauth/callback`])
      assert.deepEqual(JSON.parse(calls[0].body), { access_token: flow.token, expires_in: '99', state: flow.state })
      assert.equal(await state(flow), 'done')
    }
  })

  test('what does not fit is refused, and the right address still works', async () => {
    const flow = await beginToken(site.fcgi)
    const table = [
      ['http://localhost:1456/auth/callback', 'paste-no-token'],
      [`http://localhost:1456/auth/callback?access_token=${flow.token}&state=${flow.state}`, 'paste-no-token'],
      [dead({ ...flow, state: 'another' }), 'paste-other-flow'],
      [dead(flow).replace(/&state=.*/, ''), 'no-state'],
      [dead(flow, '&code=x'), 'response-mode'],
      [dead(flow, '&error=x'), 'code-and-error'],
      [dead(flow).replace('1456', '1457'), 'paste-other-site'],
    ]
    for (const [address, problem] of table) {
      const [answer, calls] = await seen(() => post(site.fcgi, flow.page, { address }, flow.cookie))
      assert.equal(answer.status, 400, problem)
      assert.deepEqual(calls, [])
    }
    await post(site.fcgi, flow.page, { address: `#${dead(flow).split('#')[1]}` }, flow.cookie)
    assert.equal(await state(flow), 'done')
  })

  test('declined there', async () => {
    const flow = await beginToken(site.fcgi)
    const [, calls] = await seen(() => post(site.fcgi, flow.page, {
      address: `http://localhost:1456/auth/callback#error=access_denied&state=${flow.state}`,
    }, flow.cookie))
    assert.deepEqual(calls.map(line), ['POST localhost:1456 /auth/token'])
    assert.equal(JSON.parse(calls[0].body).error, 'access_denied')
    assert.equal(await state(flow), 'declined')
  })

  test('an edited address comes without it: the page names this browser’s sign-ins, and only those', async () => {
    const flow = await beginToken(site.fcgi)
    const ask = (cookie) => site.frontends.map(async (frontend) => [frontend.name, await frontend.send({ target: '/auth/callback', headers: { ...NAVIGATION, ...cookies(cookie) } })])
    const [own, others] = [await Promise.all(ask(flow.cookie)), await Promise.all(ask(newCookie()))]
    assertSame(own)
    for (const [, answer] of own) {
      assert.equal(answer.status, 400)
      assert.ok(answer.body.includes(`href="${flow.page}"`))
      assertSafe(answer)
    }
    for (const [, answer] of others) assert.ok(!answer.body.includes(flow.id))
    assert.equal(await state(flow), 'waiting')
  })

  test('a code on its path is no answer to it', async () => {
    const flow = await beginToken(site.fcgi)
    const [answer, calls] = await seen(() => site.fcgi.send({
      target: `/auth/callback?code=x&state=${flow.state}`, headers: { ...NAVIGATION, ...flow.cookies },
    }))
    assert.equal(answer.status, 400)
    assert.deepEqual(calls, [])
  })
})

describe('no state', () => {
  test('only the flow page can finish it', async () => {
    for (const frontend of site.frontends) {
      const redirect = `http://127.0.0.1:${30000 + ++count}/callback`
      const url = authorizeUrl({ redirect, more: `&code_challenge=${count}` })
      const begun = await beginFlow(site, { frontend, inputs: { url } })
      const flow = { ...flowOf(url, begun.cookie), provider: begun.provider, code: word('code') }
      assert.equal(JSON.parse(begun.answer.body).url, `http://${HOST}${flow.page}`)
      const [refused, none] = await seen(() => frontend.send({ target: `/callback?code=${flow.code}`, headers: { ...NAVIGATION, ...flow.cookies } }))
      assert.equal(refused.status, 400)
      assert.deepEqual(none, [])
      const [answer, calls] = await seen(() => post(frontend, flow.page, { address: `${redirect}?code=${flow.code}` }, flow.cookie))
      assert.equal(answer.status, 303, answer.body)
      assert.deepEqual(calls.map(line), [
        `GET ${new URL(redirect).host} /callback?code=${flow.code}`, `POST opencode /provider/${flow.provider}/oauth/callback`,
      ])
      assert.equal(await state(flow), 'done')
    }
  })
})

describe('the integration API', () => {
  async function beginIntegration(frontend, more = {}) {
    const secret = word('state')
    const id = `con_${++count}`
    const given = {
      location: { directory: '/srv' },
      data: { attemptID: id, url: authorizeUrl({ state: secret, redirect: 'http://localhost:1455/auth/callback' }), instructions: 'x', mode: 'auto', ...more },
    }
    const target = `/api/integration/i${count}/connect/oauth`
    const { answer, cookie } = await begin(frontend, target, given, { body: '{"methodID":"browser","inputs":{}}' })
    return { ...flowOf(secret, cookie), attempt: id, code: word('code'), state: secret, answer, given }
  }
  const address = (flow) => `http://localhost:1455/auth/callback?code=${flow.code}&state=${flow.state}`

  test('begun, delivered to the listener, and asked how it went until that is known', async () => {
    for (const frontend of site.frontends) {
      const flow = await beginIntegration(frontend)
      const answer = JSON.parse(flow.answer.body)
      assert.equal(answer.data.url, `http://${HOST}${flow.page}`)
      assert.equal(answer.data.attemptID, flow.attempt)
      assert.deepEqual(answer.location, flow.given.location)
      const { expires_in } = await flowStatus(site, flow)
      assert.ok(expires_in > 590 && expires_in <= 600, 'as long as opencode waits for it')
      const verdicts = ['pending', 'complete']
      site.standin.answer = (r) => (r.path.includes('/attempt/') ? json({ data: { status: verdicts.shift() } }) : undefined)
      const [, calls] = await seen(() => post(frontend, flow.page, { address: address(flow) }, flow.cookie))
      const ask = `GET opencode /api/integration/attempt/${flow.attempt}`
      assert.deepEqual(calls.map(line), [`GET localhost:1455 /auth/callback?code=${flow.code}&state=${flow.state}`, ask, ask])
      assert.equal(await state(flow), 'done')
    }
  })

  test('how it went', async () => {
    for (const [given, expected] of [
      [json({ data: { status: 'failed' } }), 'failed refused-by-provider'],
      [json({ name: 'x' }, 500), 'done unconfirmed'],
      [{ status: 401, body: '' }, 'failed opencode-auth'],
    ]) {
      const flow = await beginIntegration(site.fcgi)
      site.standin.answer = (r) => (r.path.includes('/attempt/') ? given : undefined)
      await post(site.fcgi, flow.page, { address: address(flow) }, flow.cookie)
      assert.equal(await state(flow), expected)
    }
  })

  test('what we do not know passes through', async () => {
    for (const more of [{ mode: 'code' }, { attemptID: '../x' }, { attemptID: undefined }, { url: 'https://device.example/' }]) {
      const flow = await beginIntegration(site.fcgi, more)
      assert.deepEqual(JSON.parse(flow.answer.body), JSON.parse(JSON.stringify(flow.given)))
    }
  })
})

describe('from a terminal', () => {
  const url = (secret) => authorizeUrl({ state: secret, redirect: 'http://localhost:1455/auth/callback' })

  test('adopted by whoever opencode lets in, delivered to its listener alone', async () => {
    for (const frontend of site.frontends) {
      const [secret, cookie, code] = [word('state'), newCookie(), word('code')]
      const flow = flowOf(secret, cookie)
      const [answer, calls] = await seen(() => post(frontend, '/signin/adopt', { address: `Go to: ${url(secret).replace('&', '\n│  &')}\n` }, cookie))
      assert.equal(answer.status, 303, answer.body)
      assert.equal(answer.header('location'), flow.page)
      assert.deepEqual(calls.map(line), ['GET opencode /provider/auth'])
      const [, delivered] = await seen(() => post(frontend, flow.page, { address: `?code=${code}&state=${secret}` }, cookie))
      assert.deepEqual(delivered.map(line), [`GET localhost:1455 /auth/callback?code=${code}&state=${secret}`])
      assert.equal(await state(flow), 'done unconfirmed')
      const again = await post(frontend, '/signin/adopt', { address: url(secret) }, cookie)
      assert.equal(again.header('location'), flow.page, 'known already')
    }
  })

  test('where the listener sends the browser next, if that is the listener itself', async () => {
    const shapes = {
      'Codex CLI': ['http://localhost:1455/auth/callback', 'http://localhost:1455/success?id_token=a.b.c&x=%20', '/success?id_token=a.b.c&x=%20'],
      'a path': ['http://localhost:8085/oauth2callback', '/done?x', '/done?x'],
      'an MCP client on a port of its own': ['http://127.0.0.1:41234/callback', 'http://localhost:41234/', '/'],
      'Gemini CLI, to a page of the web': ['http://localhost:38011/oauth2callback', 'https://developers.example/success'],
      'another port': ['http://localhost:1455/auth/callback', 'http://localhost:1456/success'],
      'another host': ['http://localhost:1455/auth/callback', 'http://evil.example:1455/success'],
      'credentials': ['http://localhost:1455/auth/callback', 'http://a@localhost:1455/success'],
      'no scheme': ['http://localhost:1455/auth/callback', '//evil.example/success'],
      'no address': ['http://localhost:1455/auth/callback', 'javascript:alert(1)'],
      'nowhere': ['http://localhost:1455/auth/callback', undefined],
    }
    for (const frontend of site.frontends) {
      for (const [name, [redirect, location, next]] of Object.entries(shapes)) {
        const [secret, cookie] = [word('state'), newCookie()]
        const { host, pathname } = new URL(redirect)
        await post(frontend, '/signin/adopt', { address: authorizeUrl({ state: secret, redirect }) }, cookie)
        site.standin.answer = (r) => r.path === pathname ? { status: 302, headers: location ? { Location: location } : {}, body: '' }
          : r.host === host ? { status: 302, headers: { Location: '/again' }, body: '' } : undefined
        const flow = flowOf(secret, cookie)
        const [, calls] = await seen(() => post(frontend, flow.page, { address: `?code=c&state=${secret}` }, cookie))
        assert.deepEqual(calls.map(line), [`GET ${host} ${pathname}?code=c&state=${secret}`, ...(next ? [`GET ${host} ${next}`] : [])], name)
        assert.equal(await state(flow), 'done unconfirmed')
        site.standin.answer = () => undefined
      }
    }
  })

  test('refused: what is no such address, and whom opencode does not let in', async () => {
    const good = url(word('state'))
    for (const [address, problem] of [
      ['', 'adopt-text'], ['hello', 'adopt-text'], ['https://example.net/', 'adopt-text'],
      ['http://localhost:1455/auth/callback?code=x&state=y', 'adopt-callback'],
      [good.replace('localhost%3A1455', 'evil.example'), 'adopt-redirect'], ['javascript:alert(1)', 'adopt-text'],
      [good.replace('1455', readFileSync(site.site.iniFile, 'utf8').match(/^port = (\d+)$/m)[1]), 'adopt-redirect'],
    ]) {
      const answer = await post(site.fcgi, '/signin/adopt', { address }, newCookie())
      assert.equal(answer.status, 400, problem)
      assert.match(answer.body, /role="alert"/)
      assertSafe(answer)
    }
    site.standin.answer = () => ({ status: 401, body: '' })
    const answer = await post(site.fcgi, '/signin/adopt', { address: good }, newCookie())
    assert.equal(answer.status, 401)
    assert.equal(answer.header('www-authenticate'), 'Basic realm="Secure Area"')
  })
})

describe('the start page', () => {
  test('asks opencode with the visitor’s own credentials; the same bytes from every front end', async () => {
    const cookie = newCookie()
    const answers = []
    for (const frontend of site.frontends) {
      const headers = { ...cookies(cookie), Authorization: 'Basic eDp5' }
      const [answer, calls] = await seen(() => frontend.send({ target: '/signin/?directory=%2Fsrv', headers }))
      assert.equal(answer.status, 200, answer.body)
      assert.deepEqual(calls.map((r) => [line(r), r.headers.authorization]), ['/provider/auth', '/provider', '/mcp'].map((path) => [`GET opencode ${path}?directory=%2Fsrv`, 'Basic eDp5']))
      assertSafe(answer)
      answers.push([frontend.name, answer])
    }
    assertSame(answers)
  })

  test('opencode’s 401 passes through; what else goes wrong has its page', async () => {
    for (const [given, status] of [[{ status: 401, body: '' }, 401], [{ status: 200, body: '<html>' }, 502], ['close', 502], [json([]), 502]]) {
      site.standin.answer = () => given
      for (const frontend of site.frontends) {
        const answer = await frontend.send({ target: '/signin/' })
        assert.equal(answer.status, status)
        assert.equal(answer.header('www-authenticate'), status === 401 ? 'Basic realm="Secure Area"' : undefined)
      }
    }
  })

  test('begins as opencode’s own window would, for the visitor, in the project', async () => {
    for (const frontend of site.frontends) {
      const [secret, cookie, provider] = [word('state'), newCookie(), `s${++count}`]
      site.standin.answer = (r) => (r.method === 'POST' ? json({ url: authorizeUrl({ state: secret, redirect: 'http://localhost:1455/auth/callback' }), method: 'auto' }) : undefined)
      const fields = { provider, method: '1', 'input.account': 'a b' }
      const [answer, calls] = await seen(() => post(frontend, '/signin/start?directory=%2Fsrv', fields, cookie, { Authorization: 'Basic eDp5' }))
      assert.equal(answer.status, 303, answer.body)
      assert.equal(answer.header('location'), flowOf(secret, cookie).page)
      assert.deepEqual(calls.map(line), [`POST opencode /provider/${provider}/oauth/authorize?directory=%2Fsrv`])
      assert.equal(calls[0].headers.authorization, 'Basic eDp5')
      assert.deepEqual(JSON.parse(calls[0].body), { method: 1, inputs: { account: 'a b' } })
    }
  })

  test('refused before opencode is asked', async () => {
    const table = [
      [{ provider: '../x', method: '0' }, {}, 400], [{ provider: 'x', method: '-1' }, {}, 400], [{ provider: 'x' }, {}, 400],
      [{ mcp: 'a/b' }, {}, 400], [{ mcp: '..' }, {}, 400], [{}, {}, 400], [{ again: 'x' }, {}, 400], [{ again: 'A'.repeat(22) }, {}, 400],
      [{ mcp: 'demo' }, { 'Sec-Fetch-Site': 'cross-site' }, 403], [{ mcp: 'demo' }, { 'Sec-Fetch-Site': undefined }, 403],
      [{ mcp: 'demo' }, { 'Content-Type': 'text/plain' }, 415],
    ]
    for (const [fields, headers, status] of table) {
      for (const frontend of site.frontends) {
        const [answer, calls] = await seen(() => post(frontend, '/signin/start', fields, newCookie(), headers))
        assert.equal(answer.status, status, JSON.stringify(fields))
        assert.deepEqual(calls, [])
      }
    }
  })

  test('what opencode does not begin, or not in a way that could come home, is told', async () => {
    const elsewhere = { url: authorizeUrl({ state: 'x', redirect: 'https://elsewhere.example/' }), method: 'auto' }
    const table = [
      [json({ name: 'x' }, 500), 502], [json({ name: 'x' }, 400), 400], [{ status: 401, body: '' }, 401], [json({}), 502],
      [json(elsewhere), 409], [json({ url: 'javascript:alert(1)', method: 'code' }), 409],
      [json({ url: authorizeUrl({ state: 'x', redirect: 'http://localhost:1455/', more: '&response_mode=form_post' }), method: 'auto' }), 409],
      [json({ url: 'https://a.example/?next=https%3A%2F%2Fb.example%2F', method: 'auto', instructions: 'Go there' }), 409], [json({ url: 'javascript:alert(1)', method: 'auto' }), 409],
    ]
    for (const [given, status] of table) {
      site.standin.answer = () => given
      const [answer, calls] = await seen(() => post(site.fcgi, '/signin/start', { provider: 'x', method: '0' }, newCookie()))
      assert.equal(answer.status, status, JSON.stringify(given))
      assert.equal(calls.length, 1)
      assertSafe(answer)
    }
  })

  test('an MCP server at which opencode fails once is tried a second time; then the page names the likely causes', async () => {
    for (const frontend of site.frontends) {
      for (const failures of [1, 2]) {
        let asked = 0
        const url = authorizeUrl({ state: `mcp-${frontend.name}-${failures}`, redirect: 'http://127.0.0.1:19876/mcp/oauth/callback' })
        site.standin.answer = (r) => r.path === '/mcp/demo/auth'
          ? ++asked > failures ? json({ authorizationUrl: url, oauthState: 'x' }) : json({ name: 'UnknownError' }, 500)
          : undefined
        const answer = await post(frontend, '/signin/start', { mcp: 'demo' }, newCookie())
        assert.equal(asked, 2)
        assert.equal(answer.status, failures === 1 ? 303 : 502, answer.body)
        assertSafe(answer)
        if (failures === 2) assert.match(answer.body, /allows no public redirect address .*redirectUri.*cannot be reached.*client id/)
      }
    }
  })

  test('a code to copy: the finishing call carries it, once', async () => {
    for (const frontend of site.frontends) {
      for (const [verdict, state] of [[json(true), 'done'], [json({ name: 'ProviderAuthOauthCallbackFailed' }, 400), 'failed'], ['refuse', 'waiting']]) {
        const cookie = newCookie()
        const provider = `typed${++count}`
        site.standin.answer = () => json({ url: 'https://code.example/', method: 'code', instructions: '<b>CODE</b>' })
        const begun = await post(frontend, '/signin/start', { provider, method: '1' }, cookie)
        assert.equal(begun.status, 303, begun.body)
        const flow = { page: begun.header('location'), cookies: cookies(cookie) }
        const page = await frontend.send({ target: flow.page, headers: flow.cookies })
        assert.ok(page.body.includes('href="https://code.example/"') && page.body.includes('&lt;b&gt;CODE&lt;/b&gt;'))
        assertSafe(page)
        site.standin.answer = () => verdict
        if (verdict === 'refuse') {
          const [answer, calls] = await seen(() => post(frontend, flow.page, { address: 'hello world' }, cookie))
          assert.equal(answer.status, 400)
          assert.deepEqual(calls, [])
        } else {
          const [answer, calls] = await seen(() => post(frontend, flow.page, { address: ' "CANARYcode#x%"\n' }, cookie))
          assert.equal(answer.status, 303)
          assert.deepEqual(calls.map(line), [`POST opencode /provider/${provider}/oauth/callback`])
          assert.deepEqual(JSON.parse(calls[0].body), { method: 1, code: 'CANARYcode#x%' })
        }
        assert.equal((await flowStatus(site, flow)).state, state)
      }
    }
    assertCleanLogs(site)
  })

  test('an authorize URL of another shape: pasted like all others, and no device code', async () => {
    for (const frontend of site.frontends) {
      const [cookie, provider] = [newCookie(), `shape${++count}`]
      const url = `https://openrouter.example/auth?callback_url=http%3A%2F%2Flocalhost%3A54549%2Fcallback%2F${provider}&code_challenge=E9&scope=a&scope=b`
      site.standin.answer = (r) => (r.path.endsWith('/authorize') ? json({ url, method: 'auto' }) : undefined)
      const [begun, calls] = await seen(() => post(frontend, '/signin/start', { provider, method: '0' }, cookie))
      assert.equal(begun.status, 303, begun.body)
      assert.equal(calls.length, 1)
      const page = begun.header('location')
      const [answer, requests] = await seen(() => post(frontend, page, { address: `http://localhost:54549/callback/${provider}?code=C123` }, cookie))
      assert.equal(answer.status, 303, answer.body)
      assert.deepEqual(requests.map(line), [`GET localhost:54549 /callback/${provider}?code=C123`, `POST opencode /provider/${provider}/oauth/callback`])
    }
  })

  test('an automatic sign-in that comes back nowhere: opencode asks for it, and no code is spoken of', async () => {
    site.standin.answer = (r) => (r.path.endsWith('/callback') ? 'hang' : json({ url: 'https://poll.example/login?uuid=1&challenge=2', method: 'auto', instructions: 'Sign in.' }))
    const [answer, calls] = await seen(() => post(site.fcgi, '/signin/start', { provider: 'poll', method: '0' }, newCookie()))
    assert.equal(answer.status, 200, answer.body)
    assert.equal(calls.length, 2)
    assert.match(answer.body, /Sign in at poll/)
    assert.doesNotMatch(answer.body, /Enter that code/)
  })

  test('a device code: shown, and opencode is set to ask for it', async () => {
    const device = { url: 'https://device.example/?a=1&b=2', method: 'auto', instructions: 'Enter code: <AB-CD>' }
    const answers = []
    for (const frontend of site.frontends) {
      site.standin.answer = (r) => (r.path.endsWith('/callback') ? 'hang' : json(device))
      const [answer, calls] = await seen(() => post(frontend, '/signin/start?directory=%2Fsrv', { provider: 'x', method: '1' }, newCookie()))
      assert.equal(answer.status, 200, answer.body)
      assert.deepEqual(calls.map(line), ['authorize', 'callback'].map((end) => `POST opencode /provider/x/oauth/${end}?directory=%2Fsrv`))
      assert.equal(calls[1].body, '{"method":1}')
      assert.ok(answer.body.includes('Enter code: &lt;AB-CD&gt;') && answer.body.includes('href="https://device.example/?a=1&amp;b=2"'))
      assertSafe(answer)
      answers.push([frontend.name, answer])
    }
    assertSame(answers)
    site.standin.answer = (r) => (r.path.endsWith('/callback') ? json({ name: 'x' }, 500) : json(device))
    assert.equal((await post(site.fcgi, '/signin/start', { provider: 'x', method: '1' }, newCookie())).status, 502)
  })
})
