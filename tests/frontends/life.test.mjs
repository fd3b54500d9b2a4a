/*
 * The life of a flow through each front end: what is delivered and how, who may finish the flow, what replaces
 * it, when it ends, and which begins are not recorded.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import { after, before, describe, test } from 'node:test'
import { COOKIE, HOST, startFrontends } from '../lib/frontends.mjs'
import { freePort, until } from '../lib/net.mjs'
import {
  NAVIGATION, OWN_FORM, assertCleanLogs, assertDelivered, assertSafe, assertSame, assertSucceeds, begunFlow, beginFlow,
  flowStatus, goodCallback, newCookie,
} from '../lib/signin.mjs'
import { authorizeUrl, json } from '../lib/standin.mjs'

let site
before(async () => (site = await startFrontends()))
after(() => site?.stop())

let turn = 0
const nextFrontend = () => site.frontends[turn++ % site.frontends.length]

const page = (flow, body) => ({ method: 'POST', target: flow.page, headers: { ...OWN_FORM, ...flow.cookies }, body })
const paste = (flow, text) => page(flow, `address=${encodeURIComponent(text)}`)

async function assertFlow(flow, expected, where = site) {
  const { state, reason } = await flowStatus(where, flow)
  assert.deepEqual({ state, reason }, { reason: undefined, ...expected })
}

/* What opencode sees of something, as lines. */
async function seen(action, where = site) {
  const mark = where.standin.connections.length
  const answer = await action()
  return [answer, where.standin.since(mark).map((r) => r && `${r.method} ${r.host} ${r.target}`)]
}

describe('delivered word for word', () => {
  const queries = {
    'as it came': (f) => f.query,
    'escapes': (f) => `code=a%2Bb%2Fc%3D${f.code}&state=${f.state}`,
    'small hex digits': (f) => `code=a%2bb%2fc%3d${f.code}&state=${f.state}`,
    'a plus': (f) => `code=a+b${f.code}&state=${f.state}`,
    'marks that need no escape': (f) => `code=a!$'()*,;:@/-._~b${f.code}&state=${f.state}`,
    'quotes and dots': (f) => `code=..%22'/../${f.code}&state=${f.state}`,
    'state first': (f) => `state=${f.state}&code=${f.code}`,
    'session_state and unknown parameters': (f) => `${f.query}&session_state=x.y&hd=example.com&empty=&bare`,
    'UTF-8 in another parameter': (f) => `${f.query}&name=J%C3%BCrgen%20%F0%9F%98%80`,
    'the right iss': (f) => `${f.query}&iss=https%3A%2F%2Fauth.example.net`,
    'an iss with a path': (f) => `${f.query}&iss=https%3A%2F%2Fauth.example.net%2Ftenant`,
    'an escaped name': (f) => `%63ode=${f.code}&state=${f.state}`,
    '64 parameters': (f) => `${f.query}&${Array.from({ length: 61 }, (_, i) => `p${i}=1`).join('&')}`,
    'a code of 4,096 bytes': (f) => `code=${f.code.padEnd(4096, 'c')}&state=${f.state}`,
    'a query of 8,192 bytes': (f) => `${f.query}&x=${'x'.repeat(4000)}&y=`.padEnd(8192, 'y'),
  }
  for (const [name, query] of Object.entries(queries)) {
    test(name, async () => {
      for (const frontend of site.frontends) {
        const flow = await begunFlow(site)
        const mark = site.standin.connections.length
        const answer = await frontend.send(goodCallback(flow, query(flow)))
        assert.equal(answer.status, 303, `${frontend.name}: ${answer.body}`)
        assertDelivered(site, flow, mark, query(flow))
        await assertFlow(flow, { state: 'done' })
      }
      assertCleanLogs(site)
    })
  }

  test('with one slash more behind the path', async () => {
    for (const frontend of site.frontends) {
      for (const query of [(f) => f.query, (f) => `error=access_denied&state=${f.state}`]) {
        const flow = await begunFlow(site)
        const good = goodCallback(flow, query(flow))
        const [answer, lines] = await seen(() => frontend.send({ ...good, target: good.target.replace('?', '/?') }))
        assert.equal(answer.status, 303, `${frontend.name}: ${answer.body}`)
        assert.equal(lines[0], `GET localhost:${flow.port} ${flow.path}?${query(flow)}`, 'the listener knows its path without it')
      }
    }
  })
  test('with one slash more it is the same path: other methods, other paths', async () => {
    for (const frontend of site.frontends) {
      const flow = await begunFlow(site)
      const good = goodCallback(flow)
      const ask = async (request) => {
        const [answer, lines] = await seen(() => frontend.send({ ...good, ...request }))
        assert.deepEqual(lines, [], frontend.name)
        return answer.status
      }
      for (const method of ['HEAD', 'POST', 'PUT']) assert.equal(await ask({ method, target: good.target.replace('?', '/?') }), 405, `${frontend.name} ${method}`)
      assert.equal(await ask({ target: `/callback/?${flow.query}` }), 400, `${frontend.name}: another callback path`)
      await assertSucceeds(site, flow, frontend)
    }
  })

  test('each variable that may be missing, missing', async () => {
    for (const name of ['GATEWAY_INTERFACE', 'SCRIPT_NAME', 'SERVER_PROTOCOL', 'SERVER_SOFTWARE', 'SERVER_NAME', 'SERVER_PORT', 'REMOTE_ADDR', 'REQUEST_SCHEME', 'QUERY_STRING']) {
      for (const frontend of [site.cgi, site.fcgi]) {
        const flow = await begunFlow(site)
        const answer = await frontend.send({ ...goodCallback(flow), vars: { [name]: undefined } })
        assert.equal(answer.status, 303, `${frontend.name} without ${name}`)
      }
    }
  })
  test('without REQUEST_URI, by SCRIPT_NAME and PATH_INFO', async () => {
    for (const [SCRIPT_NAME, PATH_INFO] of [['', '/auth/callback'], ['/auth/callback', undefined], ['/auth', '/callback']]) {
      for (const frontend of [site.cgi, site.fcgi]) {
        const flow = await begunFlow(site)
        const answer = await frontend.send({ ...goodCallback(flow), vars: { REQUEST_URI: undefined, SCRIPT_NAME, PATH_INFO } })
        assert.equal(answer.status, 303, `${frontend.name}, ${SCRIPT_NAME} ${PATH_INFO}`)
      }
    }
  })
  test('an absolute form is its path', async () => {
    for (const frontend of [site.cgi, site.fcgi]) {
      const flow = await begunFlow(site)
      const answer = await frontend.send({ ...goodCallback(flow), target: `http://${HOST}/auth/callback?${flow.query}` })
      assert.equal(answer.status, 303, frontend.name)
    }
  })
  test('below /cgi-bin/opencode-callback.cgi the links start with it', async () => {
    const mount = '/cgi-bin/opencode-callback.cgi'
    for (const frontend of [site.cgi, site.fcgi]) {
      const flow = await begunFlow(site)
      const vars = { SCRIPT_NAME: mount }
      const shown = await frontend.send({ target: `${mount}${flow.page}`, headers: flow.cookies, vars })
      assert.equal(shown.status, 200, frontend.name)
      assert.ok(shown.body.includes(`action="${mount}${flow.page}"`), frontend.name)
      const answer = await frontend.send({ ...goodCallback(flow), target: `${mount}/auth/callback?${flow.query}`, vars })
      assert.equal(answer.header('location'), `${mount}${flow.page}`)
    }
  })
  test('no proxy of the environment sees anything', async () => {
    let visits = 0
    const port = await freePort()
    const proxy = net.createServer((socket) => { visits++; socket.destroy() }).listen(port, '127.0.0.1')
    const url = `http://127.0.0.1:${port}`
    const names = ['http_proxy', 'HTTP_PROXY', 'ALL_PROXY', 'all_proxy', 'HTTPS_PROXY']
    const vars = Object.fromEntries(names.map((name) => [name, url]))
    for (const frontend of [site.cgi, site.fcgi]) await assertSucceeds(site, await begunFlow(site), { ...frontend, send: (request) => frontend.send({ ...request, vars }) })
    for (const frontend of site.frontends) {
      const flow = await begunFlow(site)
      const request = goodCallback(flow)
      assert.equal((await frontend.send({ ...request, headers: { ...request.headers, Proxy: url } })).status, 303)
    }
    proxy.close()
    assert.equal(visits, 0)
  })
})

describe('the other ways home', () => {
  const good = {
    'the address': (f) => `${f.redirect}?${f.query}`,
    'blanks and line ends around it': (f) => ` \r\n\t${f.redirect}?${f.query}\r\n `,
    'angle brackets': (f) => `<${f.redirect}?${f.query}>`,
    'quotes': (f) => `"${f.redirect}?${f.query}"`,
    'without its scheme': (f) => `localhost:${f.port}${f.path}?${f.query}`,
    'our own origin': (f) => `http://${HOST}${f.path}?${f.query}`,
    'only its query': (f) => `?${f.query}`,
    'only its query, without ?': (f) => f.query,
    '127.0.0.1': (f) => `http://127.0.0.1:${f.port}${f.path}?${f.query}`,
    '[::1]': (f) => `http://[::1]:${f.port}${f.path}?${f.query}`,
    'capital letters': (f) => `HTTP://LOCALHOST:${f.port}${f.path}?${f.query}`,
    'an empty fragment': (f) => `${f.redirect}?${f.query}#`,
  }
  for (const [name, text] of Object.entries(good)) {
    test(`pasted: ${name}`, async () => {
      const flow = await begunFlow(site)
      const mark = site.standin.connections.length
      const frontend = nextFrontend()
      const answer = await frontend.send(paste(flow, text(flow)))
      assert.equal(answer.status, 303, `${frontend.name}: ${answer.body}`)
      assertSafe(answer)
      assertDelivered(site, flow, mark)
      await assertFlow(flow, { state: 'done' })
      assertCleanLogs(site)
    })
  }
  test('an older browser, which sends Origin alone', async () => {
    const flow = await begunFlow(site)
    const request = paste(flow, `${flow.redirect}?${flow.query}`)
    const { 'Sec-Fetch-Site': _, ...headers } = request.headers
    const answer = await site.fcgi.send({ ...request, headers: { ...headers, Origin: `http://${HOST}` } })
    assert.equal(answer.status, 303)
  })
})

describe('declined, reloaded, replaced', () => {
  test('declined: told to the listener once, page without what came', async () => {
    for (const frontend of site.frontends) {
      const flow = await begunFlow(site)
      const query = `error=access_denied&error_description=%3Cscript%3ECANARY%3C/script%3E&error_uri=javascript:CANARY&state=${flow.state}`
      const [answer, calls] = await seen(() => frontend.send(goodCallback(flow, query)))
      assert.equal(answer.status, 303, frontend.name)
      assert.deepEqual(calls, [`GET localhost:${flow.port} ${flow.path}?${query}`])
      await assertFlow(flow, { state: 'declined' })
      const shown = await frontend.send({ target: flow.page, headers: flow.cookies })
      assert.equal(shown.status, 200)
      assert.doesNotMatch(shown.body, /CANARY|javascript:|<script>/)
      assertCleanLogs(site)
    }
  })
  test('Back and Reload after success: the page with its verdict, one delivery', async () => {
    const flow = await begunFlow(site)
    await assertSucceeds(site, flow)
    const answers = []
    const [, calls] = await seen(async () => {
      for (const frontend of site.frontends) {
        const again = await frontend.send(goodCallback(flow))
        assert.equal(again.status, 303, frontend.name)
        assert.equal(again.header('location'), flow.page)
        assert.equal((await frontend.send(paste(flow, `${flow.redirect}?${flow.query}`))).status, 303)
        const shown = await frontend.send({ target: flow.page, headers: flow.cookies })
        assert.match(shown.body, /data-state="done"/)
        answers.push([frontend.name, shown])
      }
    })
    assert.deepEqual(calls, [])
    assertSame(answers)
  })
  test('after success a stranger gets the 400 of an unknown state', async () => {
    const flow = await begunFlow(site)
    await assertSucceeds(site, flow)
    for (const frontend of site.frontends) {
      const answer = await frontend.send({ target: `${flow.path}?${flow.query}`, headers: { ...NAVIGATION, Cookie: `${COOKIE}=${newCookie()}` } })
      assert.equal(answer.status, 400, frontend.name)
    }
  })
  test('a second begin: the first is told off and superseded, the second succeeds', async () => {
    for (const frontend of site.frontends) {
      const options = { provider: 'openai', port: 1455, frontend }
      const first = await begunFlow(site, options)
      const [second, calls] = await seen(() => begunFlow(site, { ...options, cookie: first.cookie }))
      assert.deepEqual(calls, [
        'GET opencode /provider/auth',
        'GET localhost:1455 /cancel',
        'POST opencode /provider/openai/oauth/authorize',
      ])
      await assertFlow(first, { state: 'superseded' })
      const [answer, none] = await seen(() => frontend.send(goodCallback(first)))
      assert.equal(answer.status, 303)
      assert.deepEqual(none, [])
      await assertSucceeds(site, second, frontend)
    }
  })
  test('a begin that opencode refuses replaces nothing', async () => {
    const flow = await begunFlow(site, { provider: 'openai', port: 1455 })
    site.standin.answer = (r) => (r.host === 'opencode' ? { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="Secure Area"' } } : undefined)
    const second = await beginFlow(site, { provider: 'openai', port: 1455 })
    site.standin.answer = () => undefined
    assert.equal(second.answer.status, 401)
    assert.equal(second.answer.header('www-authenticate'), 'Basic realm="Secure Area"')
    await assertSucceeds(site, flow)
  })
  test('two providers at once: both work', async () => {
    const cookie = newCookie()
    const flows = [await begunFlow(site, { cookie }), await begunFlow(site, { cookie })]
    for (const flow of flows) await assertSucceeds(site, flow, nextFrontend())
  })
  test('64 good callbacks at once, over all front ends: one delivery', async () => {
    for (let round = 0; round < 3; round++) {
      const flow = await begunFlow(site)
      // A begin of the same provider holds them all up behind their look at the flow, where it still
      // waits; opencode then refuses that begin, so nothing is superseded, and the race is on.
      let open
      const gate = new Promise((resolve) => (open = resolve))
      const held = `/provider/${flow.provider}/oauth/authorize`
      site.standin.answer = (r) => (r.path === held ? gate.then(() => json({ name: 'UnknownError' }, 500)) : undefined)
      const mark = site.standin.connections.length
      const begin = beginFlow(site, { provider: flow.provider, port: flow.port, frontend: site.cgi })
      await until('the begin is under way', () => site.standin.since(mark).some((r) => r?.path === held))
      const requests = Array.from({ length: 64 }, (_, i) => site.frontends[i % site.frontends.length].send(goodCallback(flow)))
      await until('most wait for the lock', () => readFileSync('/proc/locks', 'utf8').split('->').length > 24)
      const start = site.standin.connections.length
      open()
      const answers = await Promise.all(requests)
      assert.equal((await begin).answer.status, 500)
      site.standin.answer = () => undefined
      for (const answer of answers) assert.ok([303, 503].includes(answer.status), String(answer.status))
      assert.ok(answers.filter((answer) => answer.status === 303).length > 24)
      assertDelivered(site, flow, start)
      await assertFlow(flow, { state: 'done' })
    }
  })
})

describe('whose flow it is', () => {
  const anybody = (flow) => ({ target: `${flow.path}?${flow.query}`, headers: NAVIGATION })
  const confirm = (flow, more = '', headers = {}) => ({
    method: 'POST', target: flow.page, body: `confirm=yes${more}`, headers: { ...OWN_FORM, ...headers },
  })
  test('an offered cookie that comes back binds', async () => {
    const flow = await begunFlow(site, { cookie: null })
    assert.equal((await site.fcgi.send({ target: flow.page, headers: flow.cookies })).status, 200)
    assert.equal((await site.fcgi.send(anybody(flow))).status, 400)
    await assertSucceeds(site, flow)
  })
  test('the same from every front end: the ask page', async () => {
    const flow = await begunFlow(site, { cookie: null })
    const answers = []
    for (const frontend of site.frontends) {
      const answer = await frontend.send(anybody(flow))
      assert.equal(answer.status, 200)
      assertSafe(answer)
      answers.push([frontend.name, answer])
    }
    // how long ago it began is told in words
    assertSame(answers.map(([name, answer]) => [name, { ...answer, raw: undefined, body: answer.body.replace(/began[^<]*ago/, '') }]))
  })
  test('confirmed with the callback: bound and delivered in one step', async () => {
    for (const frontend of site.frontends) {
      const flow = await begunFlow(site, { cookie: null })
      const mark = site.standin.connections.length
      const answer = await frontend.send(confirm(flow, `&callback=${encodeURIComponent(flow.query)}`))
      assert.equal(answer.status, 303, `${frontend.name}: ${answer.body}`)
      const seenCalls = site.standin.since(mark).map((r) => `${r.method} ${r.host} ${r.target}`)
      assert.deepEqual(seenCalls, [
        'GET opencode /provider/auth',
        `GET localhost:${flow.port} ${flow.path}?${flow.query}`,
        `POST opencode /provider/${flow.provider}/oauth/callback`,
      ])
      const cookie = answer.header('set-cookie').split(';')[0]
      const status = await frontend.send({ target: `${flow.page}/status`, headers: { Cookie: cookie } })
      assert.equal(JSON.parse(status.body).state, 'done')
    }
    assertCleanLogs(site)
  })
  test('not confirmed by somebody whom opencode does not let in', async () => {
    const flow = await begunFlow(site, { cookie: null })
    site.standin.answer = (r) => (r.target === '/provider/auth' ? { status: 401 } : undefined)
    const answer = await site.fcgi.send(confirm(flow, `&callback=${encodeURIComponent(flow.query)}`))
    site.standin.answer = () => undefined
    assert.equal(answer.status, 401)
    assert.equal(answer.header('www-authenticate'), 'Basic realm="Secure Area"')
    await assertSucceeds(site, flow)
  })
  test('not confirmed by another site', async () => {
    const flow = await begunFlow(site, { cookie: null })
    const [answer, calls] = await seen(() => site.fcgi.send(confirm(flow, '', { 'Sec-Fetch-Site': 'cross-site' })))
    assert.equal(answer.status, 403)
    assert.deepEqual(calls, [])
    await assertSucceeds(site, flow)
  })
  test('begun with credentials, back without: challenged before the claim', async () => {
    for (const frontend of site.frontends) {
      const authorization = { Authorization: 'Basic b3BlbmNvZGU6Q0FOQVJZ' }
      const flow = await begunFlow(site, { headers: authorization })
      const [answer, calls] = await seen(() => frontend.send(goodCallback(flow)))
      assert.equal(answer.status, 401, frontend.name)
      assert.equal(answer.header('www-authenticate'), 'Basic realm="Secure Area"')
      assert.deepEqual(calls, [])
      const request = goodCallback(flow)
      const mark = site.standin.connections.length
      assert.equal((await frontend.send({ ...request, headers: { ...request.headers, ...authorization } })).status, 303)
      assertDelivered(site, flow, mark)
      assert.equal(site.standin.since(mark)[1].headers.authorization, authorization.Authorization)
      assert.doesNotMatch(site.logs(), /b3BlbmNvZGU6Q0FOQVJZ/)
    }
  })
  test("opencode's project comes along", async () => {
    const flow = await begunFlow(site, { headers: { 'x-opencode-directory': '%2Fsrv%2Fproject' } })
    const mark = site.standin.connections.length
    await assertSucceeds(site, flow)
    assert.equal(site.standin.since(mark)[1].headers['x-opencode-directory'], '%2Fsrv%2Fproject')
  })
  test('20 sign-ins in one browser: one cookie, each works', async () => {
    const cookie = newCookie()
    const flows = []
    for (let i = 0; i < 20; i++) flows.push(await begunFlow(site, { cookie, frontend: nextFrontend() }))
    for (const flow of flows) {
      assert.equal(flow.answer.header('set-cookie'), undefined)
      await assertSucceeds(site, flow, nextFrontend())
    }
  })
})

describe('what of a begin is recorded', () => {
  test('from every front end: our flow page in place of the authorize URL, nothing else changed', async () => {
    for (const frontend of site.frontends) {
      const flow = await begunFlow(site, { frontend })
      const { url, instructions, ...rest } = JSON.parse(flow.answer.body)
      assert.deepEqual(rest, { method: 'auto' })
      assert.match(instructions, /^[A-Z][^<>]*\.$/)
      assertSafe(flow.answer)
    }
  })
  test('forwarded as it came, without our cookie', async () => {
    for (const frontend of site.frontends) {
      const mark = site.standin.connections.length
      const headers = {
        Cookie: `a=1; ${COOKIE}=${newCookie()}; b=2`, Accept: 'application/json', Origin: `http://${HOST}`,
        'x-opencode-directory': '%2Fsrv', Authorization: 'Basic eDp5',
      }
      await beginFlow(site, { frontend, headers, cookie: null })
      const [request] = site.standin.since(mark)
      assert.equal(request.host, 'opencode')
      assert.equal(request.headers.cookie, 'a=1; b=2')
      assert.equal(request.headers.accept, 'application/json')
      assert.equal(request.headers.origin, `http://${HOST}`)
      assert.equal(request.headers.authorization, 'Basic eDp5')
      assert.equal(request.headers['x-opencode-directory'], '%2Fsrv')
      assert.equal(request.headers['content-type'], 'application/json')
      assert.equal(JSON.parse(request.body).method, 0)
    }
  })
  test('more than 8 KiB of others’ cookies are not forwarded, and it begins all the same', async () => {
    for (const frontend of site.frontends) {
      const mark = site.standin.connections.length
      const own = newCookie()
      const flow = await beginFlow(site, { frontend, headers: { Cookie: `a=${'x'.repeat(60_000)}; ${COOKIE}=${own}; ${'b=1; '.repeat(500)}` }, cookie: null })
      assert.equal(flow.answer.status, 200, frontend.name)
      assert.equal(flow.answer.header('set-cookie'), undefined, 'our cookie was found')
      assert.equal(site.standin.since(mark)[0].headers.cookie, undefined)
      await assertSucceeds(site, { ...flow, cookies: { Cookie: `${COOKIE}=${own}` }, cookie: own }, frontend)
    }
  })
  const redirect = (value) => ({ redirect: value })
  const not = {
    'a device code': { inputs: { kind: 'code' } },
    'javascript: as authorize URL': { inputs: { url: 'javascript:alert(1)' } },
    'credentials in the authorize URL': { inputs: { url: authorizeUrl({ state: 'CANARY1', redirect: 'http://localhost:1455/auth/callback', origin: 'https://u:p@auth.example.net' }) } },
    'a port below 1024': redirect('http://localhost:80/auth/callback'),
    'no port': redirect('http://localhost/auth/callback'),
    'a foreign redirect': redirect('https://evil.example/auth/callback'),
    'a foreign name that begins alike': redirect('http://localhost.evil.example:1455/auth/callback'),
    'https on the loopback': redirect('https://localhost:1455/auth/callback'),
    'credentials in the redirect': redirect('http://localhost:1455@evil.example/auth/callback'),
    'another loopback address': redirect('http://127.0.0.2:1455/auth/callback'),
    'no URL at all': { inputs: { url: '' } },
  }
  for (const [name, options] of Object.entries(not)) {
    test(`not: ${name}`, async () => {
      for (const frontend of site.frontends) {
        const flow = await beginFlow(site, { ...options, frontend })
        assert.equal(flow.answer.status, 200)
        assert.equal(JSON.parse(flow.answer.body).instructions, 'x', "opencode's own answer")
        assert.equal(flow.answer.header('set-cookie'), undefined)
        const [answer, calls] = await seen(() => frontend.send(goodCallback(flow)))
        assert.equal(answer.status, 400)
        assert.deepEqual(calls, [])
      }
    })
  }
  test('an answer that is no JSON, an error, a redirect: passed on, not followed', async () => {
    const answers = [
      { status: 500, headers: { 'Content-Type': 'application/json' }, body: '{"name":"UnknownError"}' },
      { status: 200, headers: { 'Content-Type': 'text/html' }, body: '<p>hello' },
      { status: 302, headers: { Location: 'http://evil.example/' }, body: '' },
      { status: 400, headers: { 'Content-Type': 'application/json' }, body: '{"name":"BadRequest"}' },
    ]
    for (const given of answers) {
      site.standin.answer = () => given
      const results = []
      for (const frontend of site.frontends) {
        const { answer } = await beginFlow(site, { frontend })
        assert.equal(answer.status, given.status, frontend.name)
        assert.equal(answer.body, given.body)
        assert.equal(answer.header('location'), undefined)
        results.push([frontend.name, answer])
      }
      site.standin.answer = () => undefined
      assertSame(results)
    }
  })
  test('OPTIONS and DELETE on these paths pass through', async () => {
    site.standin.answer = () => json({ seen: true }, 200, { 'Access-Control-Allow-Origin': 'http://localhost:3000', Vary: 'Origin' })
    for (const frontend of site.frontends) {
      for (const [method, target] of [['OPTIONS', '/provider/openai/oauth/authorize'], ['DELETE', '/mcp/demo/auth'], ['POST', '/mcp/a%2Fb%20c/auth']]) {
        const mark = site.standin.connections.length
        const answer = await frontend.send({ method, target, headers: { 'Content-Type': 'application/json', Origin: 'http://localhost:3000' }, body: method === 'POST' ? '{}' : undefined })
        assert.equal(answer.status, 200, `${frontend.name} ${method} ${answer.body}`)
        assert.equal(answer.header('access-control-allow-origin'), 'http://localhost:3000')
        assert.deepEqual(site.standin.since(mark).map((r) => `${r.method} ${r.target}`), [`${method} ${target}`])
      }
    }
    site.standin.answer = () => undefined
  })
})

describe('time and numbers', () => {
  test('expired: its page says so, opencode is only asked whether the account is there', async () => {
    const short = await startFrontends({ ini: { flow: { lifetime: 1 } }, web: false })
    try {
      for (const [connected, expected] of [[[], { state: 'expired' }], [['openai'], { state: 'done', reason: 'unconfirmed' }]]) {
        short.standin.answer = (r) => (r.path === '/provider' ? json({ all: [], default: {}, connected }) : undefined)
        for (const frontend of short.frontends) {
          const flow = await begunFlow(short, { provider: 'openai' })
          const mark = short.standin.connections.length
          await until('the flow has ended', async () => (await flowStatus(short, flow)).state !== 'waiting')
          await assertFlow(flow, expected, short)
          const answer = await frontend.send(goodCallback(flow))
          assert.equal(answer.status, 303)
          assert.deepEqual(short.standin.since(mark).map((r) => `${r.method} ${r.target}`), ['GET /provider'])
          const shown = await frontend.send({ target: flow.page, headers: flow.cookies })
          assert.match(shown.body, new RegExp(`data-state="${expected.state}"`))
        }
      }
      assertCleanLogs(short)
    } finally {
      await short.stop()
    }
  })
  test("one client's share is used up: 429 with Retry-After, opencode not asked, the old ones live", async () => {
    const small = await startFrontends({ ini: { flow: { max_pending_per_client: 3, max_pending: 5 } }, web: false })
    try {
      const cookie = newCookie()
      const flows = [await begunFlow(small, { cookie }), await begunFlow(small, { cookie }), await begunFlow(small, { cookie })]
      for (const frontend of small.frontends) {
        const [refused, calls] = await seen(() => beginFlow(small, { cookie, frontend }), small)
        assert.equal(refused.answer.status, 429)
        assert.match(refused.answer.header('retry-after'), /^\d+$/)
        assert.equal(JSON.parse(refused.answer.body).name, 'UnknownError')
        assert.deepEqual(calls, [])
      }
      flows.push(await begunFlow(small), await begunFlow(small))
      assert.equal((await beginFlow(small)).answer.status, 429, 'all together')
      for (const flow of flows) await assertSucceeds(small, flow)
      await begunFlow(small, { cookie })
    } finally {
      await small.stop()
    }
  })
  test('another Host than the configured one: 421, health excepted', async () => {
    const named = await startFrontends({ ini: { opencode: { url: 'https://opencode.example.com' } }, web: false })
    try {
      const good = { HTTP_HOST: 'opencode.example.com', HTTPS: 'on', REQUEST_SCHEME: 'https' }
      for (const frontend of named.frontends) {
        for (const host of ['evil.example', '', 'a:b:c', 'opencode.example.com.evil.example', '127.0.0.1:8080', undefined]) {
          const vars = { ...good, HTTP_HOST: host }
          for (const target of ['/auth/callback?code=x&state=y', '/signin/', '/signin/flow/x']) {
            const answer = await frontend.send({ target, vars })
            assert.equal(answer.status, 421, `${frontend.name} ${host} ${target}`)
            assertSafe(answer)
          }
          assert.equal((await frontend.send({ target: '/signin/health', vars })).status, 200)
        }
        assert.equal((await frontend.send({ target: '/auth/callback?code=x&state=y', vars: good })).status, 400)
      }
    } finally {
      await named.stop()
    }
  })
  test('over https the cookie is __Host- and Secure; over plain http elsewhere nothing is recorded', async () => {
    for (const frontend of [site.cgi, site.fcgi]) {
      const secure = { HTTP_HOST: 'opencode.example.com', HTTPS: 'on' }
      const body = JSON.stringify({ method: 0, inputs: { state: `CANARY${frontend.name}`, redirect: 'http://localhost:1456/auth/callback' } })
      const begin = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body }
      const answer = await frontend.send({ ...begin, target: `/provider/https-${frontend.name}/oauth/authorize`, vars: secure })
      assert.match(answer.header('set-cookie'), /^__Host-opencode-callback=[A-Za-z0-9_-]{43}; Path=\/; Secure; HttpOnly; SameSite=Lax$/)
      assert.match(JSON.parse(answer.body).url, /^https:\/\/opencode\.example\.com\/signin\/flow\//)
      const plain = await frontend.send({ ...begin, target: '/provider/plain/oauth/authorize', vars: { HTTP_HOST: 'opencode.example.com' } })
      assert.equal(plain.status, 200)
      assert.equal(JSON.parse(plain.body).instructions, 'x')
      assert.equal(plain.header('set-cookie'), undefined)
      assert.equal((await frontend.send({ target: '/auth/callback?code=x&state=CANARYhttps', vars: { HTTP_HOST: 'opencode.example.com' } })).status, 403)
    }
  })
  test('the pages, assets and health are the same from every front end', async () => {
    const targets = ['/signin', '/signin/', '/signin/health', '/signin/assets/style.css', '/signin/assets/page.js', '/signin/assets/icon.svg', '/signin/assets/none', '/signin/nothing']
    for (const method of ['GET', 'HEAD']) {
      for (const target of targets) {
        const answers = []
        for (const frontend of site.frontends) {
          const answer = await frontend.send({ method, target })
          assertSafe(answer, `${frontend.name} ${target}`)
          if (method === 'HEAD') assert.equal(answer.body, '')
          answers.push([frontend.name, answer])
        }
        assertSame(answers)
      }
    }
  })
})
