/*
 * Browsers that opencode 2 knows by a session cookie of its own, and by nothing else: no page asks them for a
 * password. Their cookies go to their own opencode only, with the Host that they came with, and are kept nowhere.
 */
import assert from 'node:assert/strict'
import { chmodSync, lstatSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { fcgiExchange, fcgiRequest } from '../lib/fcgi.mjs'
import { give, makeSite, startWorker } from '../lib/front.mjs'
import { HOST, metaVariables, parseAnswer, runCgi, startFrontends } from '../lib/frontends.mjs'
import { scratch, until } from '../lib/net.mjs'
import { NAVIGATION, assertCleanLogs, flowStatus, goodCallback, newCookie } from '../lib/signin.mjs'
import {
  assertAttemptSucceeds, beginAttempt, begunAttempt, browser, calls, connectPath, deleteLine, deliveryOf, flowOf, line, postForm, seen, stateOf,
} from '../lib/signin2.mjs'
import { makeStandin2, mcpServer } from '../lib/standin2.mjs'
import { json, startStandin } from '../lib/standin.mjs'

let site, opencode, session
before(async () => (site = await startFrontends()))
after(() => site?.stop())
beforeEach(async () => {
  opencode = makeStandin2({ password: 'CANARYpassword', servers: [mcpServer('wiki')] })
  site.standin.answer = opencode.answer
  session = opencode.pair(HOST)
  assert.equal((await site.fcgi.send({ target: '/signin/', headers: browser(null, session) })).status, 200)
})
afterEach(() => {
  assertCleanLogs(site)
  for (const name of readdirSync(site.store)) {
    const path = join(site.store, name)
    const text = lstatSync(path).isSymbolicLink() ? readlinkSync(path) : readFileSync(path, 'latin1')
    assert.ok(!text.includes('CANARYsession'), name)
  }
})

const challenged = (answer) => answer.status === 401 || answer.header('www-authenticate') !== undefined

/* An answer without a challenge, and without the cookie. */
function assertOpen(answer, status, what) {
  assert.equal(answer.status, status, `${what}: ${answer.body.slice(0, 300)}`)
  assert.ok(!challenged(answer), what)
  assert.ok(!(answer.body + JSON.stringify(answer.headers)).includes('CANARYsession'), what)
}

/* How a call carries the cookies of its browser: to opencode itself, with the browser's Host, without ours. */
function assertLent(request) {
  assert.equal(request.headers['opencode-callback-to'], 'opencode', line(request))
  assert.equal(request.host, HOST)
  assert.equal(request.headers.cookie, session)
  assert.equal(request.headers.origin, undefined)
  assert.equal(request.headers.authorization, undefined)
}

const withoutCookies = (request) => request.headers.cookie === undefined && request.headers['opencode-callback-to'] === undefined

describe('a browser with a session, and no password', () => {
  test('start page, begin, flow page, callback, health: open, and each call for opencode brings the cookie', async () => {
    for (const frontend of site.frontends) {
      const cookie = newCookie()
      const own = browser(cookie, session)
      const [, requests] = await seen(site, async () => {
        assertOpen(await frontend.send({ target: '/signin/', headers: own }), 200, 'the start page')
        const flow = await begunAttempt(site, opencode, { cookie, session, frontend, headers: { Origin: `http://${HOST}` } })
        assertOpen(flow.answer, 200, 'the begin')
        assertOpen(await frontend.send({ target: flow.page, headers: own }), 200, 'the flow page')
        assert.equal(await stateOf(site, flow, frontend), 'waiting')
        assertOpen(await frontend.send(goodCallback(flow)), 303, 'the callback')
        assert.equal(await stateOf(site, flow, frontend), 'done')
        assertOpen(await frontend.send({ target: flow.page, headers: own }), 200, 'the verdict')
        const health = await frontend.send({ target: '/signin/health', headers: own })
        assertOpen(health, 200, 'health')
        assert.equal(JSON.parse(health.body).pending, 0, 'with its details')
      })
      for (const request of requests) {
        // whoever asks for all, opencode 1's question, the plugin's, and the listener
        const aside = ['/global/health', '/listeners', '/auth/callback'].includes(request.path) || (request.path === '/api/info' && withoutCookies(request))
        if (aside) assert.ok(withoutCookies(request), line(request))
        else assertLent(request)
      }
      assert.ok(requests.some(({ path }) => path === '/api/integration') && requests.some(({ path }) => path === '/api/mcp'))
    }
  })

  test('our own forms: from the start page, by name, again; adopted; the ask page', async () => {
    for (const frontend of site.frontends) {
      const cookie = newCookie()
      const who = { cookie, session, headers: { Origin: `http://${HOST}` } }
      const [, requests] = await seen(site, async () => {
        for (const fields of [{ provider: 'openai', method: 'chatgpt-token-sharing' }, { mcp: 'wiki' }]) {
          assertOpen(await frontend.send(postForm('/signin/start', fields, who)), 303, JSON.stringify(fields))
        }
        const flow = flowOf(opencode.newest, cookie, { session })
        await frontend.send(goodCallback(flow, `error=access_denied&state=${flow.state}`))
        assertOpen(await frontend.send(postForm('/signin/start', { again: flow.id }, who)), 303, 'again')
        const unbound = await begunAttempt(site, opencode, { cookie: null, session, frontend })
        const asked = await frontend.send({ target: `${unbound.path}?${unbound.query}`, headers: { ...NAVIGATION, ...browser(null, session) } })
        assertOpen(asked, 200, 'the ask page')
        assertOpen(await frontend.send(postForm(unbound.page, { confirm: 'yes', callback: unbound.query }, { session })), 303, 'its confirmation')
        assert.equal(unbound.attempt.status, 'complete')
        assertOpen(await frontend.send(postForm('/signin/adopt', { address: `${unbound.attempt.url}x` }, who)), 303, 'adopted')
      })
      for (const request of requests.filter(({ path }) => path.startsWith('/api/'))) assertLent(request)
    }
  })

  test('a newer begin deletes the older attempt for the same browser', async () => {
    const cookie = newCookie()
    const first = await begunAttempt(site, opencode, { cookie, session })
    const [second, requests] = await seen(site, () => begunAttempt(site, opencode, { cookie, session }))
    const [deletion] = requests.filter(({ method }) => method === 'DELETE')
    assert.equal(line(deletion), deleteLine(first))
    assertLent(deletion)
    await assertAttemptSucceeds(site, second)
  })

  test('60 KiB of others’ cookies beside it: it alone is lent', async () => {
    for (const frontend of site.frontends) {
      const cookie = newCookie()
      const many = `a=${'x'.repeat(40_000)}; ${session}; ${'_oauth2_proxy=CANARYsso; '.repeat(800)}z=1`
      const [flow, requests] = await seen(site, () => begunAttempt(site, opencode, { cookie, session: many, frontend, headers: { Origin: `http://${HOST}` } }))
      assertLent(requests.find(({ path }) => path === connectPath('openai')))
      for (const request of requests) assert.ok(!(request.headers.cookie ?? '').includes('CANARYsso'), line(request))
      const start = await frontend.send({ target: '/signin/', headers: browser(cookie, many) })
      assertOpen(start, 200, 'the start page')
      await assertAttemptSucceeds(site, { ...flow, cookies: browser(cookie, many) }, { frontend })
    }
  })

  test('with a password beside it, the cookie is not lent', async () => {
    const headers = { ...browser(newCookie(), session), Authorization: opencode.authorization }
    for (const frontend of site.frontends) {
      const [, requests] = await seen(site, async () => {
        assertOpen(await frontend.send({ target: '/signin/', headers }), 200, 'the start page')
        assertOpen(await frontend.send(postForm('/signin/start', { mcp: 'wiki' }, { headers })), 303, 'a form')
        const flow = flowOf(opencode.newest, undefined)
        assertOpen(await frontend.send({ ...goodCallback(flow), headers: { ...NAVIGATION, ...headers } }), 303, 'the callback')
        assert.equal(flow.attempt.status, 'complete')
      })
      for (const request of requests) assert.ok(withoutCookies(request), line(request))
      opencode.servers[0].status = 'needs_auth'
    }
  })
})

describe('without a session that counts', () => {
  /* [what, the cookies of opencode that come] */
  const rows = () => {
    const expired = opencode.pair(HOST)
    opencode.forget(expired)
    return [['none', undefined], ['an expired one', expired], ['that of another host', opencode.pair('localhost:8080')], ['other cookies', 'theme=dark; a=b']]
  }

  test('the start page and our forms are challenged', async () => {
    for (const [what, cookies] of rows()) {
      for (const frontend of site.frontends) {
        const start = await frontend.send({ target: '/signin/', headers: browser(newCookie(), cookies) })
        assert.equal(start.status, 401, what)
        assert.equal(start.header('www-authenticate'), 'Basic realm="Secure Area"')
        const form = await frontend.send(postForm('/signin/start', { provider: 'openai', method: 'chatgpt-browser' }, { cookie: newCookie(), session: cookies }))
        assert.equal(form.status, 401, what)
        const health = await frontend.send({ target: '/signin/health', headers: browser(newCookie(), cookies) })
        assert.deepEqual(JSON.parse(health.body), { status: 'ok' })
      }
    }
    assert.equal(opencode.attempts.length, 0)
  })

  test('a begin gets opencode’s own answer: a challenge only where it is no fetch()', async () => {
    for (const [what, cookies] of rows()) {
      for (const frontend of site.frontends) {
        const script = await beginAttempt(site, opencode, { session: cookies, frontend, headers: { 'Sec-Fetch-Mode': 'cors' } })
        assert.equal(script.answer.status, 401, what)
        assert.equal(script.answer.header('www-authenticate'), undefined, 'opencode’s window shows a page of its own')
        const other = await beginAttempt(site, opencode, { session: cookies, frontend })
        assert.equal(other.answer.header('www-authenticate'), 'Basic realm="Secure Area"')
      }
    }
    assert.equal(opencode.attempts.length, 0)
  })

  test('a flow begun with one, and back without: challenged before the claim, nothing is lost', async () => {
    for (const [what, cookies] of rows()) {
      for (const frontend of site.frontends) {
        const flow = await begunAttempt(site, opencode, { session, frontend })
        const stripped = { ...flow, cookies: browser(flow.cookie, cookies) }
        for (const bring of [goodCallback(stripped), postForm(flow.page, { address: `${flow.redirect}?${flow.query}` }, { cookie: flow.cookie, session: cookies })]) {
          const [answer, requests] = await calls(site, () => frontend.send(bring))
          assert.equal(answer.status, 401, what)
          assert.equal(answer.header('www-authenticate'), 'Basic realm="Secure Area"')
          assert.ok(!requests.includes(deliveryOf(flow)[0]), 'the listener got nothing')
          assert.equal((await flowStatus(site, stripped, frontend)).state, 'waiting')
        }
        await assertAttemptSucceeds(site, flow, { frontend })
      }
    }
  })

  test('back with a password instead: it is enough', async () => {
    const flow = await begunAttempt(site, opencode, { session })
    const headers = { ...NAVIGATION, ...browser(flow.cookie), Authorization: opencode.authorization }
    assert.equal((await site.fcgi.send({ ...goodCallback(flow), headers })).status, 303)
    assert.equal(flow.attempt.status, 'complete')
  })

  test('a page of another origin has no use of it', async () => {
    for (const frontend of site.frontends) {
      const headers = { Origin: 'http://127.0.0.1:9999', 'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Mode': 'cors' }
      const { answer } = await beginAttempt(site, opencode, { session, frontend, headers })
      assert.equal(answer.status, 401)
    }
    assert.equal(opencode.attempts.length, 0)
  })
})

test('opencode 1 gets no cookie that it was not sent itself', async () => {
  site.standin.answer = (r) => (r.path === '/provider/auth' ? json({ openai: [{ type: 'oauth', label: 'Browser' }] }) : undefined)
  const own = browser(newCookie(), 'theme=CANARYdark')
  const [, requests] = await seen(site, async () => {
    assert.equal((await site.fcgi.send({ target: '/signin/', headers: own })).status, 200)
    await site.fcgi.send(postForm('/signin/adopt', { address: 'https://auth.example.net/?response_type=code&client_id=c&redirect_uri=http%3A%2F%2Flocalhost%3A1455%2Fauth%2Fcallback&state=CANARYx' }, { headers: own }))
  })
  assert.ok(requests.length > 3)
  for (const request of requests) assert.ok(withoutCookies(request) || line(request) === 'GET opencode /api/integration', line(request))
})

describe('several opencodes', () => {
  const HOSTS = ['127.0.0.1:8080', 'localhost:8080']
  let folder, standins, opencodes, own, worker, frontends
  before(async () => {
    folder = scratch('several')
    chmodSync(folder.path, 0o755)
    give(folder.path)
    standins = await Promise.all(HOSTS.map((_, i) => startStandin(join(folder.path, `${i}.sock`))))
    const sections = HOSTS.map((host, i) => [`opencode ${'ab'[i]}`, { url: `http://${host}`, socket: standins[i].path }])
    own = makeSite({ ini: Object.fromEntries(sections) })
    worker = await startWorker(own)
    const cgi = async (request) => parseAnswer((await runCgi(own, metaVariables(request), request.body)).stdout)
    const fcgi = async (request) => parseAnswer((await fcgiExchange(worker.socket, fcgiRequest(metaVariables(request), request.body))).stdout)
    frontends = [['CGI', cgi], ['FastCGI', fcgi]]
  })
  after(async () => {
    await worker?.stop()
    for (const standin of standins ?? []) await standin.stop()
    own?.remove()
    folder?.remove()
  })
  beforeEach(() => {
    opencodes = HOSTS.map((_, i) => makeStandin2({ password: `CANARY${i}` }))
    standins.forEach((standin, i) => (standin.answer = opencodes[i].answer))
  })

  test('a cookie goes only to the opencode of the host that it came to; health asks the other without', async () => {
    for (const [name, send] of frontends) {
      for (const [i, host] of HOSTS.entries()) {
        const cookie = opencodes[i].pair(host)
        const vars = { HTTP_HOST: host }
        const marks = standins.map(({ connections }) => connections.length)
        const start = await send({ target: '/signin/', headers: browser(newCookie(), cookie), vars })
        assert.equal(start.status, 200, `${name} ${host}`)
        await until('what was noted of their health is old', async () => {
          const health = JSON.parse((await send({ target: '/signin/health', headers: browser(newCookie(), cookie), vars })).body)
          assert.deepEqual(health.opencode.map(({ status }) => status), ['ok', 'ok'])
          return standins[1 - i].connections.length > marks[1 - i]
        })
        const [mine, others] = [standins[i].since(marks[i]), standins[1 - i].since(marks[1 - i])]
        for (const request of mine.filter(({ headers }) => headers.cookie)) assert.deepEqual([request.headers.cookie, request.host], [cookie, host])
        assert.ok(mine.some(({ headers }) => headers.cookie))
        for (const request of others) assert.ok(withoutCookies(request), line(request))
      }
    }
    assert.ok(!worker.output().includes('CANARY'))
  })

  test('at another’s host it opens nothing', async () => {
    for (const [, send] of frontends) {
      const start = await send({ target: '/signin/', headers: browser(newCookie(), opencodes[0].pair(HOSTS[0])), vars: { HTTP_HOST: HOSTS[1] } })
      assert.equal(start.status, 401)
    }
  })
})

describe('with a password_file', () => {
  let guarded
  before(async () => {
    const folder = scratch('password')
    const file = join(folder.path, 'password')
    writeFileSync(file, 'CANARYpassword\n', { mode: 0o600 })
    give(folder.path, file)
    guarded = await startFrontends({ web: false, ini: { opencode: { password_file: file } } })
    guarded.folder = folder
  })
  after(async () => {
    await guarded?.stop()
    guarded?.folder.remove()
  })

  test('a begin takes the visitor’s cookie; what finishes the flow takes the file, and no cookie', async () => {
    guarded.standin.answer = opencode.answer
    for (const frontend of guarded.frontends) {
      await frontend.send({ target: '/signin/', headers: browser(newCookie(), session) })
      const [flow, begun] = await seen(guarded, () => begunAttempt(guarded, opencode, { session, frontend }))
      assertLent(begun.find(({ path }) => path === connectPath('openai')))
      const [answer, requests] = await seen(guarded, () => frontend.send({ ...goodCallback(flow), headers: { ...NAVIGATION, ...browser(flow.cookie) } }))
      assert.equal(answer.status, 303)
      const asks = requests.filter(({ path }) => path.startsWith('/api/'))
      assert.ok(asks.length > 0)
      for (const request of asks) assert.deepEqual([withoutCookies(request), request.headers.authorization], [true, opencode.authorization])
      assert.equal(flow.attempt.status, 'complete')
      assert.equal((await beginAttempt(guarded, opencode, { frontend })).answer.status, 401, 'a visitor without one may not begin')
    }
    assertCleanLogs(guarded)
  })
})
