/*
 * One list of requests through every web server and front end: status, our headers and body are the
 * same, opencode is not asked, no log holds a secret; and a good callback comes home through each.
 * (The site on the loopback says https to us and has another cookie: servers.test.mjs has its part.)
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { COOKIE, startFaces } from '../lib/faces.mjs'
import { begins, pastes, queries, senders, tokens } from '../lib/refusals.mjs'
import { KINDS } from '../lib/servers.mjs'
import {
  NAVIGATION, OWN_FORM, assertCleanLogs, assertSafe, assertSame, assertSucceeds, begunFlow, flowStatus, newCookie,
} from '../lib/signin.mjs'

const kinds = Object.keys(KINDS).filter((kind) => !KINDS[kind].behind)
let site
before(async () => (site = await startFaces({ kinds })))
after(() => site?.stop())

const defined = (all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))

/* What servers answer by themselves, or pass in a form of their own: explained in conf/README.md. */
const OWN = {
  'a raw byte': ['lighttpd', 'haproxy', 'apache', 'caddy'],
  'raw UTF-8': ['lighttpd', 'haproxy', 'apache', 'caddy'],
  'a control byte': kinds,
  POST: ['lighttpd'],
  PATCH: ['lighttpd'],
  PUT: ['lighttpd'],
}
const alone = (name, kind) => (OWN[name] ?? []).some((word) => kind?.startsWith(word))

async function refuse(name, status, request) {
  const flow = await begunFlow(site)
  const connections = site.standin.connections.length
  const answers = []
  for (const face of site.faces) {
    if (face.web && alone(name, face.name)) continue
    const answer = await face.send(request(flow))
    assert.equal(answer.status, status, `${name}, ${face.name}: ${answer.body.slice(0, 300)}`)
    assertSafe(answer, face.name)
    answers.push([face.name, answer])
  }
  assertSame(answers)
  assert.equal(site.standin.connections.length, connections, 'opencode was not asked')
  assert.equal((await flowStatus(site, flow)).state, 'waiting')
}

const callback = (query, headers = {}) => (flow) => ({
  target: `${flow.path}${query === undefined ? '' : `?${query(flow)}`}`,
  headers: { ...NAVIGATION, ...flow.cookies, ...headers },
})
const form = (body, headers = {}) => (flow) => ({
  method: 'POST', target: flow.page, body: typeof body === 'function' ? body(flow) : body,
  headers: defined({ ...OWN_FORM, ...flow.cookies, ...headers }),
})

test('callbacks that are refused', async () => {
  for (const [name, query] of Object.entries(queries)) await refuse(name, 400, callback(query))
  await refuse('8,193 bytes', 414, callback((f) => `${f.query}&x=${'x'.repeat(4000)}&y=`.padEnd(8193, 'y')))
  await refuse('an image', 403, callback((f) => f.query, { 'Sec-Fetch-Dest': 'image' }))
  await refuse('a prefetch', 403, callback((f) => f.query, { 'Sec-Purpose': 'prefetch' }))
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
    await refuse(method, 405, (f) => ({ ...callback((g) => g.query)(f), method }))
  }
  await refuse('9,000 bytes of cookies', 431, callback((f) => f.query, { Cookie: `a=${'x'.repeat(9000)}` }))
  for (const [name, value] of Object.entries(tokens)) await refuse(name, 400, (f) => callback((g) => g.query, { Cookie: value(f) })(f))
  assertCleanLogs(site)
})

test('forms and begins that are refused', async () => {
  for (const [name, text] of Object.entries(pastes)) await refuse(name, 400, form((f) => `address=${encodeURIComponent(text(f))}`))
  for (const [name, headers] of Object.entries(senders)) await refuse(name, 403, form('address=x', headers))
  await refuse('64 KiB', 413, form(`address=${'x'.repeat(65536)}`))
  await refuse('32,769 bytes', 413, form('a'.repeat(32769)))
  await refuse('another type', 415, form('address=x', { 'Content-Type': 'text/plain' }))
  await refuse("another browser's", 400, form('address=x', { Cookie: `${COOKIE}=${newCookie()}` }))
  for (const [name, headers] of Object.entries(begins)) {
    await refuse(name, 403, (f) => ({
      method: 'POST', target: `/provider/${f.provider}/oauth/authorize`, body: '{"method":0}',
      headers: defined({ ...f.cookies, ...headers }),
    }))
  }
  assertCleanLogs(site)
})

test('pages and assets', async () => {
  for (const target of ['/signin/health', '/signin/nothing', '/signin']) {
    const answers = []
    for (const face of site.faces) answers.push([face.name, await face.send({ target })])
    assertSame(answers)
  }
})

for (const kind of kinds) {
  test(`${kind}: begun, finished, and shown through it`, async () => {
    const face = site.faces.find((one) => one.name === kind)
    const flow = await begunFlow(site, { face })
    await assertSucceeds(site, flow, face)
    assertCleanLogs(site)
  })
}
