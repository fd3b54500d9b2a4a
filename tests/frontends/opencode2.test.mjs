/*
 * Sign-ins in opencode 2 through each front end, against its stand-in: each kind of method, what is delivered and
 * how the verdict is found, and which begins replace which.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { HOST, startFrontends } from '../lib/frontends.mjs'
import { NAVIGATION, OWN_FORM, assertCleanLogs, assertSafe, flowStatus, goodCallback, newCookie } from '../lib/signin.mjs'
import {
  askLine, assertAttemptSucceeds, beginAttempt, begunAttempt, browser, calls, connectPath, deleteLine, deliveryOf, flowOf, line, paste, postForm,
  seen, stateOf,
} from '../lib/signin2.mjs'
import { METHODS, formMethod, makeStandin2, mcpServer, openai } from '../lib/standin2.mjs'

let site, opencode
before(async () => (site = await startFrontends()))
after(() => site?.stop())
beforeEach(async () => {
  opencode = makeStandin2()
  site.standin.answer = opencode.answer
  // so that it is known which opencode this is
  assert.equal((await site.fcgi.send({ target: '/signin/' })).status, 200)
})
afterEach(() => assertCleanLogs(site))

const PUBLIC = `http://${HOST}/mcp/oauth/callback`
const shows = async (flow) => (await site.fcgi.send({ target: flow.page, headers: flow.cookies })).body
const mcp = (server, more) => ({ integration: server.integrationID, method: server.integrationID, ...more })

/* What the browser's own machine sends to a listener, when it is opencode's too. */
const direct = (flow, query = flow.query) => opencode.answer({
  method: 'GET', host: `127.0.0.1:${flow.port}`, path: flow.path, target: `${flow.path}?${query}`, headers: {},
})

describe('ChatGPT in the browser', () => {
  test('begun as it came, pasted or brought by the edited address, delivered word for word', async () => {
    for (const frontend of site.frontends) {
      for (const bring of [(flow) => paste(flow, `${flow.redirect}?${flow.query}`), (flow) => goodCallback(flow)]) {
        const [flow, requests] = await seen(site, () => begunAttempt(site, opencode, { frontend }))
        assert.deepEqual(requests.map(line), ['GET plugin /listeners', `POST opencode ${connectPath('openai')}`])
        assert.equal(requests[1].body, '{"methodID":"chatgpt-browser"}')
        assert.match(await shows(flow), /Sign in to ChatGPT|ChatGPT/)
        const { expires_in: left } = await flowStatus(site, flow)
        assert.ok(left > 590 && left <= 600, `${left} s are left`)
        const [answer, delivered] = await calls(site, () => frontend.send(bring(flow)))
        assert.equal(answer.status, 303, answer.body)
        assert.deepEqual(delivered.slice(0, 2), deliveryOf(flow))
        assert.equal(await stateOf(site, flow), 'done')
        const [again, none] = await calls(site, () => frontend.send(goodCallback(flow)))
        assert.equal(again.status, 303)
        assert.deepEqual(none, [])
      }
    }
  })

  test('the exchange takes a while: asked until it is known', async () => {
    for (const frontend of site.frontends) {
      const flow = await begunAttempt(site, opencode, { frontend })
      opencode.exchange = () => new Promise((resolve) => setTimeout(resolve, 300))
      const [, delivered] = await calls(site, () => frontend.send(goodCallback(flow)))
      assert.ok(delivered.filter((text) => text === askLine(flow)).length > 2)
      assert.equal(await stateOf(site, flow), 'done')
    }
  })

  test('the exchange is refused', async () => {
    const flow = await begunAttempt(site, opencode)
    opencode.exchange = () => 'Request failed: 400 CANARY'
    await site.fcgi.send(goodCallback(flow))
    assert.equal(await stateOf(site, flow), 'failed refused-by-provider')
    assert.ok(!(await shows(flow)).includes('CANARY'))
  })

  test('declined: told to the listener once, nothing is asked', async () => {
    for (const frontend of site.frontends) {
      const flow = await begunAttempt(site, opencode, { frontend })
      const query = `error=access_denied&error_description=CANARY&state=${flow.state}`
      const [answer, delivered] = await calls(site, () => frontend.send(goodCallback(flow, query)))
      assert.equal(answer.status, 303)
      assert.deepEqual(delivered, [deliveryOf(flow, query)[0]])
      assert.equal(await stateOf(site, flow), 'declined')
      assert.equal(flow.attempt.status, 'failed')
    }
  })

  test('port 1455 is taken: the redirect URI says 1457, and so does the page', async () => {
    opencode.taken.add(1455)
    for (const frontend of site.frontends) {
      const flow = await begunAttempt(site, opencode, { frontend })
      assert.equal(flow.redirect, 'http://localhost:1457/auth/callback')
      assert.match(await shows(flow), /localhost:1457/)
      await assertAttemptSucceeds(site, flow, { frontend })
    }
  })

  test('both ports are taken, by nobody that we know: opencode’s answer, or a page that says so', async () => {
    opencode.taken.add(1455).add(1457)
    const [flow, requests] = await calls(site, () => beginAttempt(site, opencode))
    assert.equal(flow.answer.status, 400)
    assert.match(JSON.parse(flow.answer.body).message, /already in use/)
    assert.deepEqual(requests, [`POST opencode ${connectPath('openai')}`])
    const answer = await site.fcgi.send(postForm('/signin/start', { provider: 'openai', method: 'chatgpt-browser' }))
    assert.equal(answer.status, 502)
    assert.match(answer.body, /data-problem="begin-refused"/)
  })
})

describe('ChatGPT’s token sharing', () => {
  const sharing = { method: 'chatgpt-token-sharing' }
  const query = (flow) => `code=${flow.code}&client_id=app_1&state=${flow.state}`

  test('the first method of the start page; its random port; the client_id goes along; done and confirmed', async () => {
    const start = await site.fcgi.send({ target: '/signin/' })
    const methods = [...start.body.matchAll(/data-provider="openai" data-method="([^"]*)"/g)].map(([, id]) => id)
    assert.deepEqual(methods, ['chatgpt-token-sharing', 'chatgpt-browser', 'chatgpt-headless'])
    for (const frontend of site.frontends) {
      const flow = await begunAttempt(site, opencode, { ...sharing, frontend })
      assert.match(flow.redirect, /^http:\/\/127\.0\.0\.1:4\d{4}\/auth\/callback$/)
      await assertAttemptSucceeds(site, flow, { frontend, query: query(flow) })
      assert.equal(flow.attempt.received.get('client_id'), 'app_1')
    }
  })

  test('its page says 400 after the exchange: refused by the provider', async () => {
    for (const frontend of site.frontends) {
      const flow = await begunAttempt(site, opencode, { ...sharing, frontend })
      opencode.exchange = () => 'ChatGPT sign-in finished without token sharing.'
      await frontend.send(goodCallback(flow, query(flow)))
      assert.equal(await stateOf(site, flow), 'failed refused-by-provider')
    }
  })

  test('the browser was there before us: 409, and the attempt tells how it went', async () => {
    const flow = await begunAttempt(site, opencode, sharing)
    let finish
    opencode.exchange = () => new Promise((resolve) => (finish = resolve))
    const local = direct(flow)
    const running = site.fcgi.send(goodCallback(flow))
    setTimeout(() => finish(), 400)
    assert.equal((await running).status, 303)
    assert.equal((await local).status, 200)
    assert.equal(await stateOf(site, flow), 'done')
  })

  test('two browsers at once, each with a port of its own: both end well', async () => {
    const flows = [await begunAttempt(site, opencode, sharing), await begunAttempt(site, opencode, sharing)]
    for (const flow of flows.reverse()) await assertAttemptSucceeds(site, flow, { query: query(flow) })
  })
})

describe('an MCP server', () => {
  test('a loopback redirect URI: its page is the verdict, its name opencode’s', async () => {
    for (const frontend of site.frontends) {
      for (const [why, expected] of [[undefined, 'done'], ['invalid_grant', 'failed refused-by-provider']]) {
        const server = mcpServer('issue <b>tracker</b>')
        opencode.servers = [server]
        opencode.exchange = () => why
        const flow = await begunAttempt(site, opencode, mcp(server, { frontend }))
        assert.ok((await shows(flow)).includes('issue &lt;b&gt;tracker&lt;/b&gt;'))
        await frontend.send(paste(flow, `${flow.redirect}?${flow.query}`))
        assert.equal(await stateOf(site, flow), expected)
        const page = await shows(flow)
        assert.ok(page.includes('issue &lt;b&gt;tracker&lt;/b&gt;') && !page.includes(server.integrationID))
      }
    }
  })

  test('a public redirect URI: the answer is unchanged, the redirect goes to the port that the plugin names', async () => {
    for (const frontend of site.frontends) {
      const server = mcpServer('wiki', { redirect: PUBLIC })
      opencode.servers = [server]
      const [flow, begun] = await seen(site, () => beginAttempt(site, opencode, mcp(server, { frontend })))
      assert.equal(JSON.parse(flow.answer.body).data.url, flow.attempt.url)
      assert.deepEqual(begun.map(line).filter((text) => text.includes('plugin')), ['GET plugin /listeners', 'GET plugin /listeners'], 'before and after')
      const query = `${flow.query}&iss=${encodeURIComponent('https://auth.example.net')}`
      const [answer, delivered] = await calls(site, () => frontend.send(goodCallback(flow, query)))
      assert.equal(answer.status, 303, answer.body)
      assert.deepEqual(delivered.slice(0, 2), [`GET 127.0.0.1:${flow.port} /mcp/oauth/callback?${query}`, askLine(flow)])
      assert.equal(await stateOf(site, flow), 'done')
    }
  })

  test('the plugin cannot name ports: the recommended one is found, another is not, and then nothing stays behind', async () => {
    opencode.lists = false
    const recommended = mcpServer('wiki', { redirect: PUBLIC, port: 19876 })
    const other = mcpServer('other', { redirect: PUBLIC, port: 23456 })
    opencode.servers = [recommended, other]
    const flow = await beginAttempt(site, opencode, mcp(recommended))
    await assertAttemptSucceeds(site, flow)
    const [refused, begun] = await calls(site, () => beginAttempt(site, opencode, mcp(other)))
    assert.equal(refused.answer.status, 409)
    assert.equal(begun.at(-1), deleteLine(refused))
    assert.equal((await site.fcgi.send({ target: `${refused.page}/status`, headers: refused.cookies })).status, 400, 'not recorded')
  })

  test('from the start page, by its name; connected at once', async () => {
    const server = mcpServer('two words/é', { redirect: PUBLIC })
    opencode.servers = [server, mcpServer('open', { status: 'connected' })]
    const start = await site.fcgi.send({ target: '/signin/' })
    const [name] = [...start.body.matchAll(/data-mcp="([^"]*)"/g)].map(([, one]) => one)
    assert.equal(name, 'two%20words%2F%C3%A9')
    assert.ok(!start.body.includes(server.integrationID), 'not among the providers')
    const cookie = newCookie()
    const answer = await site.fcgi.send(postForm('/signin/start', { mcp: name }, { cookie }))
    const flow = flowOf(opencode.newest, cookie)
    assert.equal(answer.header('location'), flow.page, answer.body)
    await assertAttemptSucceeds(site, flow)
    const connected = (await site.fcgi.send({ target: '/signin/' })).body.match(/<p class="good">connected/g)
    assert.equal(connected.length, 2)
  })

  test('two browsers at two servers, and at the same one: all end well', async () => {
    const servers = [mcpServer('one'), mcpServer('two')]
    opencode.servers = servers
    const flows = []
    for (const server of [servers[0], servers[1], servers[0]]) flows.push(await begunAttempt(site, opencode, mcp(server)))
    for (const flow of flows.reverse()) await assertAttemptSucceeds(site, flow)
    assert.ok(opencode.attempts.every(({ deleted }) => !deleted))
  })

  test('a server that wants none, or that is gone: told, nothing is begun', async () => {
    opencode.servers = [{ ...mcpServer('plain'), integrationID: undefined }]
    for (const mcpName of ['plain', 'gone']) {
      const answer = await site.fcgi.send(postForm('/signin/start', { mcp: mcpName }))
      assert.equal(answer.status, 409)
      assert.match(answer.body, /data-problem="begin-needless"/)
    }
    assert.equal(opencode.attempts.length, 0)
  })
})

describe('what does not come home by a redirect', () => {
  test('a device code, or a code that is typed in opencode: unchanged and unrecorded', async () => {
    opencode.integrations[0].methods.push(METHODS.typed)
    for (const method of ['chatgpt-headless', 'typed']) {
      const { answer, attempt, page, cookies } = await beginAttempt(site, opencode, { method })
      assert.equal(JSON.parse(answer.body).data.url, attempt.url)
      assert.equal(answer.header('set-cookie'), undefined)
      assert.equal((await site.fcgi.send({ target: `${page}/status`, headers: cookies })).status, 400)
    }
  })

  test('a code to copy, from the start page: it goes with the finishing call, and the attempt tells how it went', async () => {
    opencode.integrations[0].methods.push(METHODS.typed)
    for (const frontend of site.frontends) {
      for (const [why, state] of [[undefined, 'done'], ['Request failed: 400', 'failed']]) {
        opencode.exchange = async () => why
        const cookie = newCookie()
        const begun = await frontend.send(postForm('/signin/start', { provider: 'openai', method: 'typed' }, { cookie }))
        assert.equal(begun.status, 303, begun.body)
        const flow = { page: begun.header('location'), cookies: browser(cookie) }
        const { id } = opencode.attempts.at(-1)
        assert.match(await shows(flow), /Paste the code here/)
        const [answer, requests] = await calls(site, () => frontend.send(postForm(flow.page, { address: 'CANARYcode#x1' }, { cookie })))
        assert.equal(answer.status, 303, answer.body)
        assert.deepEqual(requests, [`POST opencode ${connectPath('openai', id)}/complete`, `GET opencode ${connectPath('openai', id)}`])
        assert.equal(opencode.attempts.at(-1).received, 'CANARYcode#x1')
        assert.equal((await flowStatus(site, flow)).state, state)
      }
    }
    const cookie = newCookie()
    const page = (await site.fcgi.send(postForm('/signin/start', { provider: 'openai', method: 'typed' }, { cookie }))).header('location')
    const usual = site.standin.answer
    site.standin.answer = (r) => (r.path.endsWith('/complete') ? { status: 502, body: '' } : usual(r))
    const lost = await site.fcgi.send(postForm(page, { address: 'CANARYcode#x1' }, { cookie }))
    site.standin.answer = usual
    assert.equal(lost.status, 503, 'opencode got nothing')
    assert.equal((await flowStatus(site, { page, cookies: browser(cookie) })).state, 'waiting')
    assertCleanLogs(site)
  })

  test('from the start page a device code is shown, and opencode is asked nothing more', async () => {
    for (const frontend of site.frontends) {
      const [answer, requests] = await calls(site, () => frontend.send(postForm('/signin/start', { provider: 'openai', method: 'chatgpt-headless' })))
      assert.equal(answer.status, 200, answer.body)
      assert.ok(answer.body.includes('https://auth.example.net/device'))
      assert.deepEqual(requests, [`POST opencode ${connectPath('openai')}`])
      assertSafe(answer)
    }
  })
})

describe('what opencode does not know', () => {
  test('an integration, a method: its own 404 for its window, a page for ours', async () => {
    for (const [integration, method, tag] of [
      ['none', 'x', 'IntegrationNotFoundError'], ['openai', 'none', 'IntegrationMethodNotFoundError'],
    ]) {
      for (const frontend of site.frontends) {
        const { answer } = await beginAttempt(site, opencode, { integration, method, frontend })
        assert.equal(answer.status, 404)
        assert.equal(JSON.parse(answer.body)._tag, tag)
        assert.equal(answer.header('set-cookie'), undefined)
        const page = await frontend.send(postForm('/signin/start', { provider: integration, method }))
        assert.equal(page.status, 502)
        assert.match(page.body, /data-problem="begin-refused"/)
        assertSafe(page)
      }
    }
  })

  test('a payload that is none, another type: its own answer', async () => {
    for (const [body, type, status] of [['[]', 'application/json', 400], ['{"methodID":7}', 'application/json', 400], ['{', 'application/json', 400],
      ['{"methodID":"chatgpt-browser"}', 'text/plain', 415]]) {
      const { answer } = await beginAttempt(site, opencode, { body, headers: { 'Content-Type': type } })
      assert.equal(answer.status, status, body)
    }
    assert.equal(opencode.attempts.length, 0)
  })

  test('the attempt, once the listener took the response: done, but unconfirmed; nobody asks who opencode is', async () => {
    const flow = await begunAttempt(site, opencode)
    opencode.exchange = (attempt) => {
      attempt.deleted = true
      return true
    }
    const [, requests] = await seen(site, () => site.fcgi.send(goodCallback(flow)))
    assert.deepEqual(requests.map(line), deliveryOf(flow))
    assert.equal(await stateOf(site, flow), 'done unconfirmed')
  })

  test('the attempt, while it waits: the page goes on waiting, and asks one question', async () => {
    const flow = await begunAttempt(site, opencode)
    flow.attempt.deleted = true
    const [state, requests] = await seen(site, () => stateOf(site, flow))
    assert.equal(state, 'waiting')
    assert.deepEqual(requests.map(line), [askLine(flow)])
  })
})

describe('a browser on opencode’s own machine reaches the listener without us', () => {
  test('the waiting page learns it: done, failed, expired', async () => {
    for (const frontend of site.frontends) {
      for (const [end, expected] of [
        [(flow) => direct(flow), 'done'],
        [(flow) => direct(flow, `error=access_denied&state=${flow.state}`), 'failed refused-by-provider'],
        [(flow) => opencode.end(flow.attempt, 'expired'), 'expired'],
      ]) {
        const flow = await begunAttempt(site, opencode, { frontend })
        assert.equal(await stateOf(site, flow, frontend), 'waiting')
        await end(flow)
        assert.equal(await stateOf(site, flow, frontend), expected)
        const [answer, none] = await calls(site, () => frontend.send(goodCallback(flow)))
        assert.equal(answer.status, 303)
        assert.deepEqual(none, [])
      }
    }
  })
})

describe('which begin replaces which', () => {
  const ports = () => opencode.listening()

  test('the same browser: the older is deleted once, after the newer was let in; the newer ends well', async () => {
    for (const frontend of site.frontends) {
      for (const method of ['chatgpt-browser', 'chatgpt-token-sharing']) {
        const cookie = newCookie()
        const first = await begunAttempt(site, opencode, { cookie, method, frontend })
        const [second, requests] = await calls(site, () => begunAttempt(site, opencode, { cookie, method, frontend }))
        assert.deepEqual(requests, [`POST opencode ${connectPath('openai')}`, deleteLine(first)])
        assert.equal(await stateOf(site, first), 'superseded')
        const [answer, none] = await calls(site, () => frontend.send(goodCallback(first)))
        assert.equal(answer.status, 303)
        assert.deepEqual(none, [])
        await assertAttemptSucceeds(site, second, { frontend })
      }
    }
  })

  test('only one port is left: the older is deleted first, and opencode is asked again', async () => {
    opencode.taken.add(1457)
    for (const frontend of site.frontends) {
      const cookie = newCookie()
      const first = await begunAttempt(site, opencode, { cookie, frontend })
      const [second, requests] = await calls(site, () => begunAttempt(site, opencode, { cookie, frontend }))
      const begin = `POST opencode ${connectPath('openai')}`
      assert.deepEqual(requests, [begin, deleteLine(first), begin])
      assert.equal(await stateOf(site, first), 'superseded')
      await assertAttemptSucceeds(site, second, { frontend })
    }
  })

  test('somebody else’s: 409, nothing is deleted, and it ends well', async () => {
    opencode.taken.add(1457)
    for (const frontend of site.frontends) {
      const first = await begunAttempt(site, opencode, { frontend })
      const [second, requests] = await calls(site, () => beginAttempt(site, opencode, { frontend }))
      assert.equal(second.answer.status, 409)
      assert.match(JSON.parse(second.answer.body).data.message, /^Somebody else is signing in/)
      assert.equal(second.answer.header('set-cookie'), undefined)
      const page = await frontend.send(postForm('/signin/start', { provider: 'openai', method: 'chatgpt-browser' }, { cookie: newCookie() }))
      assert.equal(page.status, 409)
      assert.match(page.body, /data-problem="begin-taken"/)
      assert.ok(requests.every((text) => !text.startsWith('DELETE')))
      assert.equal(await stateOf(site, first), 'waiting')
      await assertAttemptSucceeds(site, first, { frontend })
    }
  })

  test('somebody else’s on 1455, mine on 1457: both end well', async () => {
    const first = await begunAttempt(site, opencode)
    const second = await begunAttempt(site, opencode)
    assert.deepEqual(ports(), [1455, 1457])
    await assertAttemptSucceeds(site, first)
    await assertAttemptSucceeds(site, second)
  })

  test('a begin that opencode refuses deletes nothing: no password, a wrong payload, a wrong answer to its form, no such method', async () => {
    const form = [{ type: 'string', key: 'account', required: true }]
    opencode.integrations[0].methods.push(formMethod(form))
    for (const frontend of site.frontends) {
      const cookie = newCookie()
      const first = await begunAttempt(site, opencode, { cookie, frontend })
      opencode.password = 'secret'
      const [locked, one] = await calls(site, () => beginAttempt(site, opencode, { cookie, frontend }))
      opencode.password = undefined
      assert.equal(locked.answer.status, 401)
      assert.equal(locked.answer.header('www-authenticate'), 'Basic realm="Secure Area"')
      const others = await calls(site, async () => [
        await beginAttempt(site, opencode, { cookie, frontend, body: '{"methodID":7}' }),
        await beginAttempt(site, opencode, { cookie, frontend, method: 'form', answer: {} }),
        await beginAttempt(site, opencode, { cookie, frontend, method: 'none' }),
        { answer: await frontend.send(postForm('/signin/start', { provider: 'openai', method: 'form', 'input.account': '' }, { cookie })) },
      ])
      assert.deepEqual(others[0].map(({ answer }) => answer.status), [400, 400, 404, 400])
      assert.deepEqual([...one, ...others[1]].filter((text) => text.startsWith('DELETE')), [])
      assert.equal(await stateOf(site, first), 'waiting')
      await assertAttemptSucceeds(site, first, { frontend })
    }
  })

  test('a stranger who knows an attempt’s id deletes nothing through us', async () => {
    const flow = await begunAttempt(site, opencode)
    for (const method of ['DELETE', 'GET', 'POST']) {
      for (const frontend of [site.cgi, site.fcgi]) {
        const [answer, requests] = await calls(site, () => frontend.send({ method, target: connectPath('openai', flow.attempt.id), headers: OWN_FORM, body: method === 'POST' ? '{}' : undefined }))
        assert.equal(answer.status, 404)
        assert.deepEqual(requests, [])
      }
    }
    await assertAttemptSucceeds(site, flow)
  })
})

describe('in a project', () => {
  const at = '?location%5Bdirectory%5D=%2Fsrv%2Fa%20b'
  for (const [name, place] of [['named by the query', { query: at }], ['named by the header', { headers: { 'x-opencode-directory': '%2Fsrv%2Fa%20b' } }]]) {
    test(`${name}: each call about the attempt names it too`, async () => {
      const server = mcpServer('wiki')
      opencode.servers = [server]
      const cookie = newCookie()
      const first = await begunAttempt(site, opencode, mcp(server, { cookie, ...place }))
      const [flow, begun] = await seen(site, () => begunAttempt(site, opencode, mcp(server, { cookie, ...place })))
      const [, finished] = await seen(site, () => site.fcgi.send(goodCallback(flow)))
      const own = [...begun, ...finished].filter(({ path }) => path.startsWith('/api/'))
      assert.ok(own.some(({ method }) => method === 'DELETE'))
      for (const request of own) {
        if (place.query) assert.ok(request.target.endsWith(at), request.target)
        else assert.equal(request.headers['x-opencode-directory'], '%2Fsrv%2Fa%20b')
      }
      assert.equal(await stateOf(site, flow), 'done')
      assert.equal(await stateOf(site, first), 'superseded')
    })
  }
})

describe('the rest', () => {
  test('a cookie that never came back: the ask page, confirmed by whoever opencode lets in', async () => {
    opencode.password = 'secret'
    const Authorization = opencode.authorization
    for (const frontend of site.frontends) {
      const flow = await begunAttempt(site, opencode, { cookie: null, frontend, headers: { Authorization } })
      const asked = await frontend.send({ target: `${flow.path}?${flow.query}`, headers: NAVIGATION })
      assert.equal(asked.status, 200)
      const confirm = (headers) => frontend.send({ method: 'POST', target: flow.page, body: `confirm=yes&callback=${encodeURIComponent(flow.query)}`, headers: { ...OWN_FORM, ...headers } })
      assert.equal((await confirm({})).status, 401)
      const [answer, requests] = await calls(site, () => confirm({ Authorization }))
      assert.equal(answer.status, 303, answer.body)
      assert.deepEqual(requests.slice(0, 3), ['GET opencode /api/mcp', ...deliveryOf(flow)])
      assert.equal(flow.attempt.status, 'complete')
    }
  })

  test('adopted from a terminal by whoever opencode lets in, delivered to its listener alone', async () => {
    for (const frontend of site.frontends) {
      const cookie = newCookie()
      const { url, ...attempt } = (await beginAttempt(site, opencode, { method: 'chatgpt-token-sharing', cookie: null })).attempt
      // as if it had been begun elsewhere, where we did not see it
      const state = `${attempt.state}x`
      const flow = { ...flowOf({ ...attempt, state }, cookie), port: attempt.port }
      opencode.attempts.at(-1).state = state
      const [answer, requests] = await calls(site, () => frontend.send(postForm('/signin/adopt', { address: url.replace(attempt.state, state) }, { cookie })))
      assert.equal(answer.header('location'), flow.page, answer.body)
      assert.deepEqual(requests, ['GET opencode /api/mcp'])
      const [, delivered] = await calls(site, () => frontend.send(paste(flow, `?${flow.query}`)))
      assert.deepEqual(delivered, [deliveryOf(flow)[0]])
      assert.equal(await stateOf(site, flow), 'done unconfirmed')
    }
  })

  test('begun on the start page, it can be begun again there', async () => {
    for (const frontend of site.frontends) {
      const cookie = newCookie()
      await frontend.send(postForm('/signin/start', { provider: 'openai', method: 'chatgpt-token-sharing' }, { cookie }))
      const first = flowOf(opencode.newest, cookie)
      await frontend.send(goodCallback(first, `error=access_denied&state=${first.state}`))
      const answer = await frontend.send(postForm('/signin/start', { again: first.id }, { cookie }))
      const second = flowOf(opencode.newest, cookie)
      assert.equal(answer.header('location'), second.page, answer.body)
      await assertAttemptSucceeds(site, second, { frontend })
    }
  })

  test('the first list of a project is empty for a moment: the start page waits for the next', async () => {
    opencode.wakes = 2
    const answer = await site.fcgi.send({ target: '/signin/' })
    assert.match(answer.body, /data-provider="openai"/)
  })
})
