/*
 * Settings that decide about a sign-in, through both front ends: which issuer may answer for which provider,
 * where opencode's password comes from, how many calls to opencode may run at once, and which opencode of
 * several owns a sign-in.
 */
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { metaVariables, parseAnswer, startFrontends } from '../lib/frontends.mjs'
import { fcgiExchange, fcgiRequest } from '../lib/fcgi.mjs'
import { give, startWorker } from '../lib/front.mjs'
import { scratch, until } from '../lib/net.mjs'
import { afterEvery, deliveries } from '../lib/invariants.mjs'
import {
  NAVIGATION, OWN_FORM, assertCleanLogs, assertDelivered, assertSafe, assertSucceeds, begunFlow, cookies, flowStatus, goodCallback,
  newCookie,
} from '../lib/signin.mjs'
import { json } from '../lib/standin.mjs'

/* Sends to a worker that the test has started. */
const sender = (worker) => async (request) =>
  parseAnswer((await fcgiExchange(worker.socket, fcgiRequest(metaVariables(request), request.body))).stdout)

const PAIRED = 'https://auth.example.net' // where the flows of the stand-in begin
const ISSUER = 'https://issuer.example/tenant'

describe('[flow] issuers', () => {
  let site
  const pairs = `https://another.example=${ISSUER}/other ${PAIRED}=${ISSUER} ${PAIRED}=https://second.example`
  before(async () => (site = await startFrontends({ web: false, ini: { flow: { issuers: pairs } } })))
  after(() => site?.stop())
  const answering = (flow, iss) => goodCallback(flow, `${flow.query}&iss=${encodeURIComponent(iss)}`)

  test('each issuer that is paired with the authorize URL is believed', async () => {
    for (const frontend of site.frontends) {
      for (const iss of [ISSUER, 'https://second.example']) {
        const flow = await begunFlow(site)
        const since = site.standin.connections.length
        assert.equal((await frontend.send(answering(flow, iss))).status, 303, `${frontend.name} ${iss}`)
        assertDelivered(site, flow, since, `${flow.query}&iss=${encodeURIComponent(iss)}`)
        await afterEvery(site, flow, { state: 'done' })
      }
    }
  })

  test('and no other, not even the authorize URL’s own origin: 400, and the good callback still works', async () => {
    const wrong = [PAIRED, `${PAIRED}/`, `${ISSUER}/`, `${ISSUER}x`, ISSUER.slice(0, -1), `${ISSUER}/other`, 'https://issuer.example', ISSUER.toUpperCase(), '']
    for (const frontend of site.frontends) {
      for (const iss of wrong) {
        const flow = await begunFlow(site)
        const since = site.standin.connections.length
        const answer = await frontend.send(answering(flow, iss))
        assert.equal(answer.status, 400, `${frontend.name} ${iss}`)
        await afterEvery(site, flow, { since, answers: [[frontend.name, answer]], frontend })
      }
    }
  })

  const UNPAIRED = 'https://third.example'
  const hidden = (page, name) => new RegExp(`name="${name}" value="([^"]*)"`).exec(page)?.[1].replaceAll('&amp;', '&')
  const confirm = (flow, callback, more = {}) => ({
    method: 'POST', target: flow.page, headers: { ...OWN_FORM, ...flow.cookies },
    body: new URLSearchParams({ confirm: 'yes', issuer: 'yes', callback, ...more }).toString(),
  })

  test('without a pair: the origin of the sign-in is right, and about another host the user is asked', async () => {
    for (const frontend of site.frontends) {
      const own = await begunFlow(site, { origin: UNPAIRED })
      assert.equal((await frontend.send(answering(own, `${UNPAIRED}/tenant`))).status, 303)
      await afterEvery(site, own, { state: 'done' })

      for (const [paste, iss] of [[false, ISSUER], [true, ISSUER], [false, `${UNPAIRED}.evil.example`], [false, 'https://other.example:8443']]) {
        const flow = await begunFlow(site, { origin: UNPAIRED })
        const since = site.standin.connections.length
        const request = answering(flow, iss)
        const page = await frontend.send(paste
          ? confirm(flow, '', { confirm: '', issuer: '', address: `${flow.redirect}?${request.target.split('?')[1]}` })
          : request)
        assert.equal(page.status, 200, page.body)
        assertSafe(page)
        assert.match(page.body, /id="issuer"/)
        assert.match(page.body, /You signed in at <strong>third\.example<\/strong>/)
        assert.ok(page.body.includes(`comes from <strong>${iss.slice('https://'.length)}</strong>`))
        assert.equal(site.standin.connections.length, since, 'opencode is not touched')
        assert.equal((await flowStatus(site, flow)).state, 'waiting')
        await until('the log has the line', () => site.logs().includes(`event=issuer-differs flow=${flow.id}`))
        assert.ok(site.logs().includes(`line="issuers = ${UNPAIRED}=${iss}"`))
        const callback = hidden(page.body, 'callback')
        assert.equal(callback, request.target.split('?')[1])
        assert.equal((await frontend.send(confirm(flow, callback))).status, 303)
        assertDelivered(site, flow, since, callback)
        await afterEvery(site, flow, { state: 'done' })
      }
    }
  })

  test('the user’s word counts for this answer, in this browser, and never against a pair', async () => {
    const cases = {
      'another sign-in’s answer': async (flow) => [confirm(flow, (await begunFlow(site, { origin: UNPAIRED })).query), 400],
      'another browser': async (flow) => [{ ...confirm(flow, `${flow.query}&iss=${ISSUER}`), headers: { ...OWN_FORM, ...cookies(newCookie()) } }, 400],
      'another site': async (flow) => [{ ...confirm(flow, `${flow.query}&iss=${ISSUER}`), headers: { ...OWN_FORM, ...flow.cookies, 'Sec-Fetch-Site': 'cross-site' } }, 403],
      'no name of a server': async (flow) => [confirm(flow, `${flow.query}&iss=${encodeURIComponent('javascript:alert(1)')}`), 400],
      'the code in it': async (flow) => [confirm(flow, `${flow.query}&iss=https%3A%2F%2F${flow.code.toLowerCase()}.example%2F${flow.code}`), 400],
      'plain http': async (flow) => [confirm(flow, `${flow.query}&iss=http%3A%2F%2Fissuer.example`), 400],
      'credentials in it': async (flow) => [confirm(flow, `${flow.query}&iss=https%3A%2F%2Fa%40issuer.example`), 400],
      'a query in it': async (flow) => [confirm(flow, `${flow.query}&iss=https%3A%2F%2Fissuer.example%3Fx`), 400],
      '301 bytes': async (flow) => [confirm(flow, `${flow.query}&iss=https%3A%2F%2Fissuer.example%2F${'x'.repeat(278)}`), 400],
    }
    for (const [name, make] of Object.entries(cases)) {
      for (const frontend of site.frontends) {
        const flow = await begunFlow(site, { origin: UNPAIRED })
        const [request, status] = await make(flow)
        const since = site.standin.connections.length
        const answer = await frontend.send(request)
        assert.equal(answer.status, status, name)
        await afterEvery(site, flow, { since, answers: [[name, answer]], shows: true, frontend })
      }
    }
    const paired = await begunFlow(site)
    const since = site.standin.connections.length
    const answer = await site.fcgi.send(confirm(paired, `${paired.query}&iss=https%3A%2F%2Fother.example`))
    assert.equal(answer.status, 400)
    await afterEvery(site, paired, { since, answers: [['paired', answer]], shows: true, frontend: site.fcgi })
  })

  test('a sign-in of nobody’s is confirmed first, then its issuer', async () => {
    const flow = await begunFlow(site, { cookie: null, origin: UNPAIRED })
    const { Cookie, ...headers } = answering(flow, ISSUER).headers
    const ask = await site.fcgi.send({ ...answering(flow, ISSUER), headers })
    assert.match(ask.body, /id="ask"/)
    const browser = newCookie()
    const second = await site.fcgi.send({ ...confirm(flow, hidden(ask.body, 'callback'), { issuer: '' }), headers: { ...OWN_FORM, ...cookies(browser) } })
    assert.match(second.body, /id="issuer"/)
    const end = await site.fcgi.send({ ...confirm(flow, hidden(second.body, 'callback')), headers: { ...OWN_FORM, ...cookies(browser) } })
    assert.equal(end.status, 303)
    flow.cookies = cookies(browser)
    await afterEvery(site, flow, { state: 'done' })
  })
})

describe('[opencode] password_file', () => {
  const folder = scratch('password')
  const file = join(folder.path, 'password')
  const authorization = { Authorization: 'Basic dmlzaXRvcjpvd24=' }
  let site
  before(async () => {
    give(folder.path)
    site = await startFrontends({ web: false, ini: { opencode: { password_file: file, username: 'somebody' } } })
  })
  after(async () => {
    await site?.stop()
    folder.remove()
  })
  const write = (text) => {
    rmSync(file, { recursive: true, force: true })
    writeFileSync(file, text, { mode: 0o600 })
    give(file)
  }
  const basic = (text) => `Basic ${Buffer.from(text).toString('base64')}`

  test('its first line is the password, for a sign-in that began with one', async () => {
    for (const [text, password] of [['CANARYpass', 'CANARYpass'], ['CANARY pä:ss\r\nsecond', 'CANARY pä:ss'], [`${'x'.repeat(1024)}\n`, 'x'.repeat(1024)]]) {
      write(text)
      for (const frontend of site.frontends) {
        const flow = await begunFlow(site, { headers: authorization })
        const since = site.standin.connections.length
        assert.equal((await frontend.send(goodCallback(flow))).status, 303)
        const [listener, finishing] = site.standin.since(since)
        assert.equal(listener.headers.authorization, undefined)
        assert.equal(finishing.headers.authorization, basic(`somebody:${password}`))
        await afterEvery(site, flow, { state: 'done' })
      }
    }
  })

  test('the visitor’s own goes before', async () => {
    write('CANARYpass\n')
    const flow = await begunFlow(site, { headers: authorization })
    const since = site.standin.connections.length
    const request = goodCallback(flow)
    assert.equal((await site.fcgi.send({ ...request, headers: { ...request.headers, ...authorization } })).status, 303)
    assert.equal(site.standin.since(since)[1].headers.authorization, authorization.Authorization)
  })

  const complaints = () => site.logs().split('\n').filter((line) => line.includes(`event=password-file file=${file} cause=`))
  const broken = {
    'missing': () => rmSync(file, { recursive: true, force: true }),
    'empty': () => write(''),
    'without a first line': () => write('\nsecond\n'),
    'too long': () => write(`${'x'.repeat(1025)}\n`),
    'a folder': () => {
      rmSync(file, { recursive: true, force: true })
      mkdirSync(file)
    },
  }
  for (const [name, breakIt] of Object.entries(broken)) {
    test(`${name}: the visitor is asked, before the claim, and the log says why`, async () => {
      for (const frontend of site.frontends) {
        breakIt()
        const flow = await begunFlow(site, { headers: authorization })
        const since = site.standin.connections.length
        const said = complaints().length
        const answer = await frontend.send(goodCallback(flow))
        assert.equal(answer.status, 401, frontend.name)
        assertSafe(answer)
        assert.equal(site.standin.connections.length, since, 'opencode is not touched')
        assert.equal((await flowStatus(site, flow)).state, 'waiting')
        await until('the log says why', () => complaints().length > said)
        write('CANARYpass\n')
        await assertSucceeds(site, flow, frontend)
      }
      assertCleanLogs(site)
    })
  }
})

describe('[opencode] login = own', () => {
  const folder = scratch('own')
  const file = join(folder.path, 'password')
  const guard = { Authorization: 'Basic Z3VhcmQ6Z3VhcmQ=' }
  const own = `Basic ${Buffer.from('opencode:CANARYpass').toString('base64')}`
  let site
  before(async () => {
    give(folder.path)
    writeFileSync(file, 'CANARYpass\n', { mode: 0o600 })
    give(file)
    site = await startFrontends({ web: false, ini: { opencode: { login: 'own', password_file: file } } })
  })
  after(async () => {
    await site?.stop()
    folder.remove()
  })

  test('every call to opencode has password_file’s, none what the visitor brings', async () => {
    for (const frontend of site.frontends) {
      const since = site.standin.connections.length
      const flow = await begunFlow(site, { headers: guard })
      const request = goodCallback(flow)
      assert.equal((await frontend.send({ ...request, headers: { ...request.headers, Authorization: guard.Authorization } })).status, 303)
      assert.equal((await frontend.send({ target: '/signin/', headers: guard })).status, 200)
      const calls = site.standin.since(since).filter(({ host }) => host === 'opencode')
      assert.ok(calls.length >= 4)
      for (const { headers, path } of calls) assert.equal(headers.authorization, own, path)
      await afterEvery(site, flow, { state: 'done' })
    }
    assertCleanLogs(site)
  })

  test('a 401 of opencode’s asks nobody for a password', async () => {
    site.standin.answer = () => ({ status: 401, headers: { 'WWW-Authenticate': 'Basic realm="Secure Area"' }, body: '' })
    try {
      for (const frontend of site.frontends) {
        const answer = await frontend.send({ target: '/signin/', headers: guard })
        assert.equal(answer.status, 502)
        assert.equal(answer.headers['www-authenticate'], undefined)
        assertSafe(answer)
      }
    } finally {
      site.standin.answer = () => undefined
    }
  })
})

describe('[web] http = private', () => {
  let site
  before(async () => (site = await startFrontends({ web: false, ini: { web: { http: 'private' } } })))
  after(() => site?.stop())

  test('a form is known by its Origin alone, and its page lets the browser send one', async () => {
    for (const frontend of site.frontends) {
      const host = { Host: 'myserver.lan:8080' }
      const flow = await begunFlow(site)
      const page = await frontend.send({ target: flow.page, headers: { ...flow.cookies, ...host } })
      assert.equal(page.status, 200)
      assert.equal(page.header('referrer-policy'), 'same-origin')
      const form = { ...flow.cookies, ...host, 'Content-Type': 'application/x-www-form-urlencoded' }
      const body = new URLSearchParams({ address: `${flow.redirect}?${flow.query}` }).toString()
      for (const Origin of ['null', 'http://evil.lan:8080', 'https://myserver.lan:8080', undefined]) {
        const refused = await frontend.send({ method: 'POST', target: flow.page, headers: { ...form, ...(Origin ? { Origin } : {}) }, body })
        assert.equal(refused.status, 403, Origin)
      }
      const taken = await frontend.send({ method: 'POST', target: flow.page, headers: { ...form, Origin: 'http://myserver.lan:8080' }, body })
      assert.equal(taken.status, 303)
      await afterEvery(site, flow, { state: 'done' })
    }
  })

  test('the answer to a callback sends no referrer at all, or the origin alone where a form needs it', async () => {
    for (const [Host, policy] of [[undefined, 'no-referrer'], ['opencode.localhost:8080', 'no-referrer'], ['myserver.lan', 'strict-origin']]) {
      const flow = await begunFlow(site, { cookie: null })
      const { Cookie, ...headers } = goodCallback(flow).headers
      // browsers send no Sec-Fetch headers to a site that is not secure
      const sent = policy === 'strict-origin' ? { Host } : { ...headers, ...(Host ? { Host } : {}) }
      const ask = await site.fcgi.send({ ...goodCallback(flow), headers: sent })
      assert.match(ask.body, /id="ask"/)
      assert.equal(ask.header('referrer-policy'), policy, Host)
    }
  })

  test('a public name stays refused, and the page names the setting', async () => {
    for (const frontend of site.frontends) {
      const answer = await frontend.send({ target: '/signin/', headers: { Host: 'opencode.example.com' } })
      assert.equal(answer.status, 403)
      assert.match(answer.body, /http = private/)
    }
  })
})

describe('[worker] threads', () => {
  let site
  let worker
  before(async () => {
    site = await startFrontends({ web: false })
    worker = await startWorker(site.site, { name: 'one-call.sock', args: ['-t', '3'] })
  })
  after(async () => {
    await worker?.stop()
    await site?.stop()
  })

  test('one call to opencode at once: what else needs one is told to come again, and nothing is lost', async () => {
    const send = sender(worker)
    const frontend = { name: 'a worker with one call', send }
    const form = (target, fields, cookies) =>
      ({ method: 'POST', target, headers: { ...OWN_FORM, ...cookies }, body: new URLSearchParams(fields).toString() })
    const api = (target) =>
      ({ method: 'POST', target, headers: { 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'same-origin' }, body: '{"method":0}' })
    const [waiting, open, ended] = [await begunFlow(site), await begunFlow(site, { cookie: null }), await begunFlow(site)]
    await assertSucceeds(site, ended)

    let release
    const gate = new Promise((resolve) => (release = resolve))
    site.standin.answer = (r) => (r.path === '/provider/held/oauth/authorize' ? gate : undefined)
    const since = site.standin.connections.length
    const held = send(api('/provider/held/oauth/authorize'))
    await until('a call is under way', () => site.standin.connections.length > since)
    const requests = {
      'the good callback': goodCallback(waiting),
      'the good paste': form(waiting.page, { address: `${waiting.redirect}?${waiting.query}` }, waiting.cookies),
      'a confirmation': form(open.page, { confirm: 'yes', callback: open.query }),
      'a begin': api('/provider/another/oauth/authorize'),
      'the button of an MCP server': api('/mcp/demo/auth/authenticate'),
      'a sign-out': { method: 'DELETE', target: '/mcp/demo/auth', headers: { 'Sec-Fetch-Site': 'same-origin' } },
      'the start page': { target: '/signin/' },
      'a begin on the start page': form('/signin/start', { mcp: 'demo' }),
      'loading the account': form(ended.page, { load: 'yes' }, ended.cookies),
    }
    for (const [name, request] of Object.entries(requests)) {
      const answer = await send(request)
      assert.equal(answer.status, 503, `${name}: ${answer.body}`)
      assertSafe(answer, name)
    }
    assert.equal((await send({ target: waiting.page, headers: waiting.cookies })).status, 200, 'what needs none is answered')
    assert.equal(site.standin.connections.length, since + 1, 'opencode saw nothing of them')
    release(json({ url: 'https://device.example/', method: 'code' }))
    assert.equal((await held).status, 200)
    site.standin.answer = () => undefined

    await assertSucceeds(site, waiting, frontend)
    assert.equal((await send(requests['a confirmation'])).status, 303)
    assert.deepEqual(deliveries(site, open), { listener: 1, finishing: 1 })
    assertCleanLogs(site)
  })
})

describe('several opencodes', () => {
  test('a sign-in of one is unknown to the other, with the same store and the same browser', async () => {
    const folder = scratch('several')
    const site = await startFrontends({ web: false })
    const other = { HTTP_HOST: 'two.example', HTTPS: 'on', REQUEST_SCHEME: 'https' }
    const own = { HTTP_HOST: 'one.example', HTTPS: 'on', REQUEST_SCHEME: 'https' }
    const iniFile = join(folder.path, 'several.ini')
    const sections = ['one', 'two'].map((name) => `[opencode ${name}]\nurl = https://${name}.example\nsocket = ${site.standin.path}\n`)
    writeFileSync(iniFile, `${sections.join('')}[flow]\nstore = dir:${site.store}\n`, { mode: 0o644 })
    give(folder.path, iniFile)
    const worker = await startWorker({ path: site.site.path, iniFile }, { name: 'several.sock' })
    const send = sender(worker)
    try {
      const [cookie, state, code] = [newCookie(), `CANARYstate${Date.now()}`, 'CANARYcode']
      const headers = { Cookie: `__Host-opencode-callback=${cookie}` }
      const begun = await send({
        method: 'POST', target: '/provider/openai/oauth/authorize', vars: own,
        headers: { ...headers, 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'same-origin' },
        body: JSON.stringify({ method: 0, inputs: { state, redirect: 'http://localhost:1455/auth/callback' } }),
      })
      const page = new URL(JSON.parse(begun.body).url)
      assert.equal(page.origin, 'https://one.example')
      const since = site.standin.connections.length
      const callback = { target: `/auth/callback?code=${code}&state=${state}`, headers: { ...headers, ...NAVIGATION } }
      assert.equal((await send({ ...callback, vars: other })).status, 400)
      assert.equal((await send({ target: page.pathname, headers, vars: other })).status, 400)
      assert.equal(site.standin.connections.length, since)
      assert.equal((await send({ ...callback, vars: own })).status, 303)
      assert.equal(JSON.parse((await send({ target: `${page.pathname}/status`, headers, vars: own })).body).state, 'done')
    } finally {
      await worker.stop()
      await site.stop()
      folder.remove()
    }
  })
})
