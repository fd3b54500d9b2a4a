/*
 * What opencode 2 asks for before a sign-in begins: the fields of its forms on our start page, and the answer, with
 * the types that opencode takes. Names and ids may be any text.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { startFrontends } from '../lib/frontends.mjs'
import { assertWellFormed, formsOf, unescapeHtml } from '../lib/html.mjs'
import { assertCleanLogs, assertSafe, newCookie } from '../lib/signin.mjs'
import { assertAttemptSucceeds, beginAttempt, begunAttempt, calls, connectPath, flowOf, postForm, seen } from '../lib/signin2.mjs'
import { formMethod, jsonBody, makeStandin2, mcpServer } from '../lib/standin2.mjs'

let site, opencode
before(async () => (site = await startFrontends({ web: false })))
after(() => site?.stop())
beforeEach(() => {
  opencode = makeStandin2()
  site.standin.answer = opencode.answer
})
afterEach(() => assertCleanLogs(site))

const option = (value, more) => ({ value, label: `Label of ${value}`, ...more })

/* A field of each type, some of which depend on others. */
const FORM = [
  { type: 'string', key: 'host', title: 'Host', description: 'a name', placeholder: 'example.com', required: true },
  { type: 'string', key: 'role', title: 'Role' },
  { type: 'string', key: 'region', title: 'Region', options: [option('us'), option('eu', { description: 'Frankfurt' })], default: 'eu' },
  { type: 'integer', key: 'port', title: 'Port', minimum: 1, maximum: 65535, default: 443 },
  { type: 'number', key: 'wait', title: 'Seconds', default: 0.5 },
  { type: 'boolean', key: 'tls', title: 'TLS', default: true },
  { type: 'multiselect', key: 'zones', title: 'Zones', options: [option('a'), option('b'), option('c')], default: ['b'] },
  { type: 'string', key: 'name', title: 'Name', required: true, when: [{ key: 'tls', op: 'eq', value: true }] },
  { type: 'string', key: 'proxy', title: 'Proxy', when: [{ key: 'tls', op: 'eq', value: false }, { key: 'region', op: 'neq', value: 'eu' }] },
  { type: 'integer', key: 'shard', title: 'Shard', when: [{ key: 'zones', op: 'eq', value: 'c' }] },
  { type: 'boolean', key: 'secure', title: 'Secure', when: [{ key: 'port', op: 'eq', value: 8443 }] },
  { type: 'multiselect', key: 'more', title: 'More', options: [option('x')], when: [{ key: 'secure', op: 'eq', value: true }] },
]

/* The one form of an integration, as the start page has it now. */
async function formOf(form, id = 'acme') {
  opencode.integrations = [{ id, name: 'Acme', methods: [formMethod(form)], connections: [] }]
  const { body, status } = await site.fcgi.send({ target: '/signin/' })
  assert.equal(status, 200, body)
  assertWellFormed(body)
  return formsOf(body).find(({ provider }) => provider === id)
}

/* Sends the form, with changes (undefined leaves a field out): [its answer, what opencode got, the flow]. */
async function submit(frontend, { fields }, changes = {}) {
  const cookie = newCookie()
  const all = Object.fromEntries(Object.entries({ ...fields, ...changes }).filter(([, value]) => value !== undefined))
  const before = opencode.attempts.length
  const [answer, requests] = await seen(site, () => frontend.send(postForm('/signin/start', all, { cookie })))
  assertSafe(answer)
  const begin = requests.find(({ path }) => path === connectPath('acme'))
  return { answer, payload: begin && jsonBody(begin), flow: opencode.attempts.length > before ? flowOf(opencode.newest, cookie) : undefined }
}

describe('a form with fields of every type', () => {
  test('as it is shown: what opencode proposes is filled in, and sent with its type', async () => {
    const form = await formOf(FORM)
    for (const frontend of site.frontends) {
      const { answer, payload, flow } = await submit(frontend, form, { 'input.host': 'h', 'input.name': 'n' })
      assert.equal(answer.status, 303, answer.body)
      assert.equal(payload.methodID, 'form')
      assert.deepEqual(payload.answer, { host: 'h', region: 'eu', port: 443, wait: 0.5, tls: true, zones: ['b'], name: 'n' })
      assert.deepEqual(opencode.newest.answer, payload.answer)
      await assertAttemptSucceeds(site, flow, { frontend })
    }
  })

  test('beside it stand the texts that earlier previews took', async () => {
    const { payload } = await submit(site.fcgi, await formOf(FORM), { 'input.host': 'h', 'input.name': 'n' })
    assert.deepEqual(payload.inputs, {
      host: 'h', role: '', region: 'eu', port: '443', wait: '0.5', tls: 'true', name: 'n', proxy: '', shard: '',
    })
  })

  /* [what is changed, the answer as far as it differs from the first] */
  const first = { host: 'h', region: 'eu', port: 443, wait: 0.5, tls: true, zones: ['b'], name: 'n' }
  const rows = {
    'a number is a number': [{ 'input.wait': '-2.25e1' }, { wait: -22.5 }],
    'an integer, however it is written': [{ 'input.port': '8.08e2' }, { port: 808 }],
    'what is left empty is not answered': [{ 'input.port': '', 'input.wait': '' }, { port: undefined, wait: undefined }],
    'a text that looks like a number stays a text': [{ 'input.role': '007' }, { role: '007' }],
    'texts of any kind': [{ 'input.role': ' <b>"é\u{1f600}& ' }, { role: ' <b>"é\u{1f600}& ' }],
    'no box is ticked': [{ 'pick.zones.1': undefined }, { zones: [] }],
    'all boxes': [{ 'pick.zones.0': 'a', 'pick.zones.2': 'c', 'input.shard': '3' }, { zones: ['b', 'a', 'c'], shard: 3 }],
    'a box that is not ticked is a no; what depends on it is not answered, although it is filled in': [{ 'input.tls': undefined }, { tls: false, name: undefined }],
    'what needs two conditions': [{ 'input.tls': undefined, 'input.region': 'us', 'input.proxy': 'p' }, { tls: false, region: 'us', name: undefined, proxy: 'p' }],
    'and has only one of them': [{ 'input.tls': undefined, 'input.proxy': 'p' }, { tls: false, name: undefined }],
    'a condition on a number; a box that is asked then': [{ 'input.port': '8443' }, { port: 8443, secure: false }],
    'and what depends on that box': [{ 'input.port': '8443', 'input.secure': 'true', 'pick.more.0': 'x' }, { port: 8443, secure: true, more: ['x'] }],
  }
  for (const [name, [changes, differs]] of Object.entries(rows)) {
    test(name, async () => {
      const form = await formOf(FORM)
      for (const frontend of site.frontends) {
        const { answer, payload } = await submit(frontend, form, { 'input.host': 'h', 'input.name': 'n', ...changes })
        assert.equal(answer.status, 303, answer.body)
        const expected = Object.fromEntries(Object.entries({ ...first, ...differs }).filter(([, value]) => value !== undefined))
        assert.deepEqual({ ...payload.answer, zones: payload.answer.zones.sort() }, { ...expected, zones: expected.zones.sort() })
      }
    })
  }

  test('with the script: what is hidden is not sent at all, with the same result', async () => {
    const form = await formOf(FORM)
    const hidden = { 'input.tls': undefined, 'input.name': undefined, 'input.shard': undefined }
    const { answer, payload } = await submit(site.fcgi, form, { 'input.host': 'h', ...hidden })
    assert.equal(answer.status, 303, answer.body)
    assert.deepEqual(payload.answer, { host: 'h', region: 'eu', port: 443, wait: 0.5, tls: false, zones: ['b'] })
  })

  test('what opencode does not accept: a page says so, nothing is begun', async () => {
    const form = await formOf(FORM)
    for (const changes of [{ 'input.host': '' }, { 'input.name': '' }, { 'input.port': 'many' }, { 'input.port': '0' }, { 'input.port': '1.5' }, { 'input.wait': 'NaN' }, { 'input.wait': '1e999' }, { 'input.region': 'moon' },
      { 'pick.zones.0': 'z' }]) {
      for (const frontend of site.frontends) {
        const { answer } = await submit(frontend, form, { 'input.host': 'h', 'input.name': 'n', ...changes })
        assert.equal(answer.status, 400, JSON.stringify(changes))
        assert.match(answer.body, /data-problem="begin-input"/)
      }
    }
    assert.equal(opencode.attempts.length, 0)
  })

  test('something to be done elsewhere is a box to confirm', async () => {
    const form = await formOf([{ type: 'external', key: 'terms', title: 'I have accepted the terms', url: 'https://terms.example/' }])
    assert.equal((await submit(site.fcgi, form)).answer.status, 400)
    assert.deepEqual((await submit(site.fcgi, form, { 'input.terms': 'true' })).payload.answer, { terms: true })
  })

  test('it is not begun again from its verdict, but filled in anew', async () => {
    const { flow } = await submit(site.fcgi, await formOf(FORM), { 'input.host': 'h', 'input.name': 'n' })
    await site.fcgi.send({ target: `${flow.path}?error=access_denied&state=${flow.state}`, headers: flow.cookies })
    const again = await site.fcgi.send(postForm('/signin/start', { again: flow.id }, flow))
    assert.equal(again.header('location'), '/signin/')
  })

  test('from opencode’s own window the answer goes as it came, with its label', async () => {
    await formOf(FORM)
    const given = { host: 'h', port: 1, wait: 0.1, tls: false, zones: [] }
    const flow = await begunAttempt(site, opencode, { integration: 'acme', method: 'form', answer: given, label: 'work' })
    assert.deepEqual([opencode.newest.answer, opencode.newest.label], [given, 'work'])
    await assertAttemptSucceeds(site, flow)
  })
})

describe('names, labels and ids', () => {
  const ODD = {
    'markup': '"><script>alert(1)</script><b \'&amp;{name}%s',
    '300 characters': 'x'.repeat(300),
    '300 letters of two bytes': 'é'.repeat(300),
    'control bytes': 'a\x01\x08\x0b\x1b[31m\x7f\u0085\u2028\r\n\tb',
    'a direction, a joiner, a lone mark': '\u202eabc\u200d\u0301',
    'dots': '..',
    'nothing': '',
    'slashes and escapes': '../%2e%2e%2f%00?x#y',
  }
  const everywhere = (text) => ({
    integrations: [
      { id: text, name: text, methods: [formMethod([], { id: text, label: text })], connections: [{ type: 'env', name: text }] },
      { id: 'named', name: text, connections: [], methods: [formMethod([
        { type: 'string', key: text, title: text, description: text, placeholder: text, default: text, options: [{ value: text, label: text, description: text }] },
        { type: 'string', key: 'k', title: text, when: [{ key: text, op: 'neq', value: text }, { key: 'none', op: 'eq', value: text }] },
        { type: 'multiselect', key: 'm', title: text, options: [{ value: text, label: text }], default: [text] },
      ], { id: 'form', label: text }), formMethod([], { id: text, label: text })] },
    ],
    servers: [mcpServer('plain'), { name: text, status: text, integrationID: text }, { name: text, status: 'needs_auth', integrationID: 'mcp_1' }],
  })

  for (const [name, text] of Object.entries(ODD)) {
    test(`${name}: the pages hold, and each form begins something or is refused in order`, async () => {
      Object.assign(opencode, everywhere(text))
      const start = await site.fcgi.send({ target: '/signin/' })
      assert.equal(start.status, 200, start.body)
      assertSafe(start)
      assertWellFormed(start.body)
      assert.doesNotMatch(start.body, /<script>|<b /)
      const forms = formsOf(start.body).filter(({ action }) => action.startsWith('/signin/start'))
      assert.ok(forms.length > 0)
      for (const form of forms) {
        for (const frontend of site.frontends) {
          const cookie = newCookie()
          const before = opencode.attempts.length
          const answer = await frontend.send(postForm('/signin/start', form.fields, { cookie }))
          assertSafe(answer)
          if (answer.status !== 303) {
            assertWellFormed(answer.body)
            assert.ok([400, 409, 502].includes(answer.status), `${answer.status} ${answer.body}`)
            continue
          }
          assert.equal(opencode.attempts.length, before + 1)
          const page = await frontend.send({ target: answer.header('location'), headers: flowOf(opencode.newest, cookie).cookies })
          assert.equal(page.status, 200, page.body)
          assertWellFormed(page.body)
          assert.doesNotMatch(page.body, /<script>|<b /)
        }
      }
    })
  }

  test('a method’s id of any text goes to opencode as it is', async () => {
    const id = '"><b>é&%s'
    opencode.integrations[0].methods.push(formMethod([], { id, label: 'x', form: undefined }))
    const [, requests] = await seen(site, () => site.fcgi.send(postForm('/signin/start', { provider: 'openai', method: id })))
    assert.equal(jsonBody(requests.at(-1)).methodID, id)
    assert.equal(opencode.newest.method.id, id)
  })

  test('a name is cut where it is too long for a record, between letters', async () => {
    opencode.integrations.push({ id: 'long', name: `${'é'.repeat(200)}\x01`, methods: [formMethod([], { form: undefined })], connections: [] })
    const flow = await begunAttempt(site, opencode, { integration: 'long', method: 'form' })
    const page = Buffer.from((await site.fcgi.send({ target: flow.page, headers: flow.cookies })).body, 'latin1').toString()
    assert.ok(page.includes('é'.repeat(127)) && !page.includes('é'.repeat(128)))
    assert.ok(!page.includes('\ufffd'))
  })

  test('an id that no path can hold plainly: passed on, not recorded', async () => {
    opencode.integrations.push({ id: 'a%2Fb', name: 'x', methods: [formMethod([], { form: undefined })], connections: [] })
    const { answer, page, cookies, attempt } = await beginAttempt(site, opencode, { integration: 'a%2Fb', method: 'form' })
    assert.equal(JSON.parse(answer.body).data.url, attempt.url)
    assert.equal((await site.fcgi.send({ target: `${page}/status`, headers: cookies })).status, 400)
  })

  test('a NUL, which is no text in any of our pages: a page that says that the answer makes no sense', async () => {
    opencode.integrations[0].name = 'a\0b'
    const [answer] = await calls(site, () => site.fcgi.send({ target: '/signin/' }))
    assert.equal(answer.status, 502)
    assert.match(answer.body, /data-problem="opencode-answer"/)
    assert.ok(unescapeHtml(answer.body).length > 0)
  })
})

describe('lists', () => {
  const many = (count, length) => Array.from({ length: count }, (_, i) => ({
    id: `p${i}`, name: 'n'.repeat(length), methods: [formMethod([], { id: 'm', label: 'l', form: undefined })], connections: [],
  }))

  test('175 integrations, most without a sign-in: those with one are shown', async () => {
    opencode.integrations.push(...Array.from({ length: 175 }, (_, i) => ({ id: `k${i}`, name: 'K', methods: [{ type: 'key' }, { type: 'env', names: ['X'] }], connections: [] })))
    const { body } = await site.fcgi.send({ target: '/signin/' })
    assert.match(body, /data-provider="openai"/)
    assert.ok(!body.includes('>K<'))
  })

  test('more than the page shows: the rest is left out, and the log says so', async () => {
    opencode.integrations = many(500, 20)
    const { body, status } = await site.fcgi.send({ target: '/signin/' })
    assert.equal(status, 200)
    assertWellFormed(body)
    assert.equal(formsOf(body).filter(({ provider }) => provider).length, 64)
    assert.match(site.logs(), /start-page-cut/)
  })

  test('almost 1 MiB is read, more is refused; what waits is not lost', async () => {
    const flow = await begunAttempt(site, opencode)
    const { integrations } = opencode
    for (const [length, status] of [[4_900, 200], [5_500, 502]]) {
      opencode.integrations = many(200, length).map((one) => ({ ...one, methods: [{ type: 'key' }] }))
      for (const frontend of site.frontends) {
        const answer = await frontend.send({ target: '/signin/' })
        assert.equal(answer.status, status, `${length}`)
        assertWellFormed(answer.body)
      }
    }
    opencode.integrations = integrations
    await assertAttemptSucceeds(site, flow)
  })

  test('of wrong types all over: what is none is left out', async () => {
    const odd = [null, 7, 'x', [], {}, { id: 7 }, { id: 'a', methods: 7 }, { id: 'b', methods: [null, 7, {}, { type: 'oauth' }, { type: 'oauth', id: 7 }] },
      { id: 'c', name: {}, connections: {}, methods: [{ type: 'oauth', id: 'm', label: [], form: { x: 1 } }, { type: 'oauth', id: 'n', form: [null, 7, {}, { key: 7 }, { key: 'k', type: 7, title: {}, options: [null, {}, { value: 7 }], when: 7, default: {} },
        { key: 'l', type: 'integer', when: [null, 7, {}, { key: 'k' }, { key: 'k', op: 'x', value: 1 }, { key: 'k', op: 'eq', value: {} }], default: [] }] }] }]
    for (const answer of [{ data: odd }, { data: [] }]) {
      site.standin.answer = (r) => (r.path === '/api/integration' || r.path === '/api/mcp' ? { status: 200, body: JSON.stringify(answer) } : opencode.answer(r))
      const start = await site.fcgi.send({ target: '/signin/' })
      assert.equal(start.status, 200, start.body)
      assertWellFormed(start.body)
    }
  })
})
