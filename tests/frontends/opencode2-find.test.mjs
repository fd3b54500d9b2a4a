/*
 * Which opencode it is: found out by asking, noted, and found out again when the answers no longer fit. With the
 * stand-ins for opencode 1 and 2 on one socket, one after the other.
 */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { startFrontends } from '../lib/frontends.mjs'
import { laterFrontend } from '../lib/fault.mjs'
import { until } from '../lib/net.mjs'
import { assertCleanLogs, assertSafe, assertSucceeds, begunFlow, flowStatus, goodCallback, newCookie } from '../lib/signin.mjs'
import { assertAttemptSucceeds, beginAttempt, begunAttempt, connectPath, flowOf, line, postForm, seen, stateOf } from '../lib/signin2.mjs'
import { UI, makeStandin2, mcpServer } from '../lib/standin2.mjs'
import { json } from '../lib/standin.mjs'

let site, opencode
before(async () => (site = await startFrontends()))
after(() => site?.stop())
beforeEach(() => (opencode = makeStandin2({ servers: [mcpServer('wiki')] })))

const ONE = ['/provider/auth', '/provider', '/mcp'].map((path) => `GET opencode ${path}`)
const TWO = ['/api/integration', '/api/mcp'].map((path) => `GET opencode ${path}`)
const FOUND_ONE = ['GET opencode /global/health']
const FOUND_TWO = [...FOUND_ONE, 'GET opencode /api/info']

const replace = { one: () => (site.standin.answer = () => undefined), two: () => (site.standin.answer = opencode.answer) }

/* The start page, and what was asked for it. */
async function start(frontend = site.fcgi, headers = {}) {
  const [answer, requests] = await seen(site, () => frontend.send({ target: '/signin/', headers }))
  assertSafe(answer, 'the start page')
  return { answer, asked: requests.map(line) }
}

/* What health says, once it has asked. */
const health = (expected, headers = {}) => until(`health says ${JSON.stringify(expected)}`, async () => {
  const answer = await site.fcgi.send({ target: '/signin/health', headers })
  const said = JSON.parse(answer.body)
  for (const [name, value] of Object.entries(expected)) assert.deepEqual(said[name], value, answer.body)
  return answer
})

/* The problem that a page tells of. */
const problem = (answer) => /data-problem="([\w-]+)"/.exec(answer.body)?.[1]
const UNKNOWN = /opencode answers, but speaks no interface that this version knows/
const OUTDATED = /The plugin in opencode is older than opencode-callback/

describe('opencode 1, opencode 2, and back, on one socket', () => {
  test('each start page is right at once; the next asks nothing more', async () => {
    for (const frontend of site.frontends) {
      replace.one()
      await start(frontend)
      assert.deepEqual((await start(frontend)).asked, ONE, 'nothing more of opencode 1')
      replace.two()
      const first = await start(frontend)
      assert.match(first.answer.body, /data-method="chatgpt-token-sharing"/)
      assert.deepEqual(first.asked, [ONE[0], ...FOUND_TWO, ...TWO])
      assert.deepEqual((await start(frontend)).asked, TWO)
      replace.one()
      const back = await start(frontend)
      assert.match(back.answer.body, /data-provider="openai" data-method="0"/)
      assert.deepEqual(back.asked, [TWO[0], ...FOUND_ONE, ...ONE])
      assert.deepEqual((await start(frontend)).asked, ONE)
    }
  })

  test('health names the version of each', async () => {
    replace.one()
    await health({ status: 'ok', opencode: [{ name: '', status: 'ok', version: '1' }] })
    replace.two()
    await health({ status: 'ok', opencode: [{ name: '', status: 'ok', version: '2.0.27' }] })
    // what it is called says nothing of what it speaks
    opencode.version = '1.2.3'
    await health({ status: 'ok', opencode: [{ name: '', status: 'ok', version: '1.2.3' }] })
    assert.match((await start()).answer.body, /data-method="chatgpt-token-sharing"/)
  })

  test('sign-ins of both, begun and finished in turn; of opencode 1 nothing more is asked than before', async () => {
    for (const frontend of site.frontends) {
      replace.one()
      await start(frontend)
      const older = await begunFlow(site, { frontend })
      await assertSucceeds(site, older, frontend)
      replace.two()
      const newer = await begunAttempt(site, opencode, { frontend })
      await assertAttemptSucceeds(site, newer, { frontend })
      replace.one()
      await start(frontend)
      const [flow, begun] = await seen(site, () => begunFlow(site, { frontend }))
      assert.deepEqual(begun.map(line), [`POST opencode /provider/${flow.provider}/oauth/authorize`])
      await assertSucceeds(site, flow, frontend)
    }
    assertCleanLogs(site)
  })

  test('a begin is the first that meets the other one', async () => {
    for (const frontend of site.frontends) {
      replace.one()
      await start(frontend)
      replace.two()
      const answer = await frontend.send(postForm('/signin/start', { mcp: 'wiki' }, { cookie: newCookie() }))
      // opencode 1 would begin that without a look at its list; this one answers as to any path
      assert.ok([303, 409, 502].includes(answer.status), answer.body)
      assertSafe(answer)
      await start(frontend)
      const again = await frontend.send(postForm('/signin/start', { mcp: 'wiki' }, { cookie: newCookie() }))
      assert.equal(again.status, 303, again.body)
    }
  })

  test('an attempt that waits while opencode 1 takes the place: nothing breaks, the verdict is unconfirmed', async () => {
    for (const frontend of site.frontends) {
      opencode = makeStandin2()
      replace.two()
      await start(frontend)
      const flow = await begunAttempt(site, opencode, { frontend })
      replace.one()
      assert.equal(await stateOf(site, flow, frontend), 'waiting')
      assert.equal((await frontend.send(goodCallback(flow))).status, 303)
      assert.equal(await stateOf(site, flow), 'done unconfirmed')
    }
  })
})

describe('a form of the start page that was opened long ago', { skip: process.getuid() !== 0 && 'a clock that has run on takes root' }, () => {
  test('of opencode 1 begins what it says, without a question', async () => {
    replace.one()
    await start()
    const [answer, requests] = await seen(site, () => laterFrontend(site, 700).send(postForm('/signin/start', { provider: 'x', method: '0' })))
    assert.notEqual(answer.status, 400)
    assert.deepEqual(requests.map(line), ['POST opencode /provider/x/oauth/authorize'])
  })
  test('of opencode 2 too, although the note is too old to be believed', async () => {
    replace.two()
    await start()
    const then = laterFrontend(site, 700)
    for (const fields of [{ provider: 'openai', method: 'chatgpt-browser' }, { mcp: 'wiki' }]) {
      const cookie = newCookie()
      const answer = await then.send(postForm('/signin/start', fields, { cookie }))
      assert.equal(answer.header('location'), flowOf(opencode.newest, cookie).page, answer.body)
    }
  })
  test('of the one while the other has the place: what the page says is not begun, or begun where it belongs', async () => {
    for (const [first, then, method, expected] of [['two', 'one', '0', ['POST opencode /provider/openai/oauth/authorize']], ['one', 'two', 'chatgpt-browser', [`POST opencode ${connectPath('openai')}`]]]) {
      replace[first]()
      await start()
      replace[then]()
      const [, requests] = await seen(site, () => site.fcgi.send(postForm('/signin/start', { provider: 'openai', method })))
      assert.deepEqual(requests.map(line).filter((text) => text.startsWith('POST')), expected)
    }
  })
  test('a method of opencode 2 that opencode 1 is asked for: 400, nothing is begun', async () => {
    replace.one()
    await start()
    const [answer, requests] = await seen(site, () => site.fcgi.send(postForm('/signin/start', { provider: 'x', method: 'chatgpt-browser' })))
    assert.equal(answer.status, 400)
    assert.deepEqual(requests.map(line), FOUND_ONE)
  })
})

/* The preview of opencode 2: another name for /api/info, and a password on every path. */
const preview = (request) => {
  const to = request.headers['opencode-callback-to'] ?? request.host
  if (to !== 'opencode') return opencode.answer(request)
  if (request.headers.authorization !== opencode.authorization) return { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="Secure Area"' }, body: '' }
  if (request.path === '/api/health') return json({ healthy: true, version: '0.0.0-next', pid: 1 })
  if (request.path === '/api/info' || !request.path.startsWith('/api/')) return { status: 404, body: '' }
  return opencode.answer(request)
}

describe('a password', () => {
  beforeEach(() => (opencode.password = 'secret'))

  test('which hides only the API: the interface is known all the same', async () => {
    replace.one()
    await start()
    replace.two()
    for (const frontend of site.frontends) {
      const { answer } = await start(frontend)
      assert.equal(answer.status, 401)
      assert.equal(answer.header('www-authenticate'), 'Basic realm="Secure Area"')
      assert.equal((await start(frontend, { Authorization: opencode.authorization })).answer.status, 200)
    }
    await health({ status: 'ok', opencode: undefined })
    await health({ status: 'ok', opencode: [{ name: '', status: 'ok' }] }, { Authorization: opencode.authorization })
  })

  test('which hides every path, as in the preview: asked for it, then found out', async () => {
    replace.one()
    await start()
    site.standin.answer = preview
    const Authorization = opencode.authorization
    for (const frontend of site.frontends) {
      const { answer, asked } = await start(frontend)
      assert.equal(answer.status, 401)
      assert.equal(answer.header('www-authenticate'), 'Basic realm="Secure Area"')
      assert.ok(asked.length <= 2, asked.join('\n'))
      const refused = await beginAttempt(site, opencode, { frontend })
      assert.equal(refused.answer.status, 401)
      assert.equal(refused.answer.header('www-authenticate'), 'Basic realm="Secure Area"')
      assert.match((await start(frontend, { Authorization })).answer.body, /data-method="chatgpt-token-sharing"/)
      const flow = await begunAttempt(site, opencode, { frontend, headers: { Authorization } })
      const request = goodCallback(flow)
      assert.equal((await frontend.send(request)).status, 401)
      assert.equal((await flowStatus(site, flow)).state, 'waiting')
      assert.equal((await frontend.send({ ...request, headers: { ...request.headers, Authorization } })).status, 303)
      assert.equal(flow.attempt.status, 'complete')
    }
    await health({ status: 'ok', opencode: undefined })
    assertCleanLogs(site)
  })
})

describe('what is no opencode that we know', () => {
  const rows = {
    'pages only': () => UI,
    'a 404 for everything': () => ({ status: 404, body: 'not found' }),
    'JSON without a version': () => json({ healthy: true, version: 7 }),
    'lists': () => json(['version']),
    'a redirect': () => ({ status: 302, headers: { Location: 'http://evil.example/' }, body: '' }),
  }
  for (const [name, answer] of Object.entries(rows)) {
    test(`${name}: page and health say so, a waiting sign-in is not lost`, async () => {
      replace.two()
      await start()
      const flow = await begunAttempt(site, opencode)
      site.standin.answer = answer
      for (const frontend of site.frontends) {
        const page = await start(frontend)
        assert.equal(page.answer.status, 502)
        assert.equal(problem(page.answer), 'opencode-unknown')
        assert.match(page.answer.body, UNKNOWN)
        const form = await frontend.send(postForm('/signin/start', { mcp: 'wiki' }))
        assert.equal(form.status, 502, form.body)
        assert.equal(await stateOf(site, flow, frontend), 'waiting')
      }
      const degraded = await health({ status: 'degraded' })
      assert.equal(degraded.status, 503)
      assert.match(JSON.parse(degraded.body).reason, UNKNOWN)
      replace.two()
      await assertAttemptSucceeds(site, flow)
      await health({ status: 'ok' })
    })
  }
})

test('an older plugin in opencode 2: page and health say so', async () => {
  replace.one()
  await start()
  replace.two()
  opencode.plugin = 'old'
  for (const frontend of site.frontends) {
    const page = await start(frontend)
    assert.equal(page.answer.status, 502)
    assert.equal(problem(page.answer), 'opencode-plugin')
    assert.match(page.answer.body, OUTDATED)
    const { answer } = await beginAttempt(site, opencode, { frontend })
    assert.equal(answer.status, 502)
    assert.match(JSON.parse(answer.body).data.message, OUTDATED)
  }
  const degraded = await health({ status: 'degraded' })
  assert.match(JSON.parse(degraded.body).reason, OUTDATED)
  assert.match(site.logs(), /opencode-plugin .*hint=/)
  opencode.plugin = 'new'
  assert.equal((await start()).answer.status, 200)
  assert.equal(opencode.attempts.length, 0)
})

describe('an opencode that is not ready', () => {
  /* As opencode 2 answers while it starts, and as the plugin does when nobody listens. */
  const rows = {
    'it starts': (request) => (request.path === '/api/info' ? json({ version: '2.0.27', pid: 1, urls: [], paths: { tmp: '/tmp' } }, 503) : json({ code: 'service_starting' }, 503)),
    'nobody listens': () => ({ status: 502, headers: { 'Content-Type': 'text/plain' }, body: '502 Bad Gateway\n' }),
  }
  for (const [name, answer] of Object.entries(rows)) {
    test(`${name}: it is not taken for another one`, async () => {
      replace.two()
      await start()
      const flow = await begunAttempt(site, opencode)
      site.standin.answer = answer
      for (const frontend of site.frontends) {
        const page = await start(frontend)
        assert.equal(page.answer.status, 503)
        assert.equal(problem(page.answer), 'opencode-down')
      }
      assert.doesNotMatch(JSON.parse((await health({ status: 'degraded' })).body).reason, UNKNOWN)
      replace.two()
      assert.deepEqual((await start()).asked, TWO)
      await assertAttemptSucceeds(site, flow)
      await health({ status: 'ok' })
    })
  }
})

test('what is found is logged once', () => {
  const lines = site.logs().split('\n').filter((text) => text.includes('opencode-interface'))
  assert.ok(lines.length > 4)
  for (const text of lines) assert.match(text, /generation=[12]$/)
})
