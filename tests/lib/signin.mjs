/*
 * Sign-ins against the stand-in for opencode: begins one, sends its good callback, and checks every response
 * (invariants.mjs checks the rest).
 */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { COOKIE, HOST } from './frontends.mjs'

export const flowId = (state) => createHash('sha256').update(state).digest('base64url').slice(0, 22)

/* A cookie of a browser, with a word in it that must turn up nowhere. */
export const newCookie = () => `CANARY${randomBytes(40).toString('base64url')}`.slice(0, 43)

/* The header by which a browser is known. */
export const cookies = (cookie) => ({ Cookie: `${COOKIE}=${cookie}` })

export const NAVIGATION = { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Dest': 'document', 'Sec-Fetch-Mode': 'navigate' }
export const OWN_FORM = { 'Content-Type': 'application/x-www-form-urlencoded', 'Sec-Fetch-Site': 'same-origin' }

export const SECURITY = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

/* Every answer of ours: one well-formed response with all security headers. */
export function assertSafe(answer, what = 'the answer') {
  for (const [name, value] of Object.entries(SECURITY)) assert.equal(answer.header(name), value, `${what}: ${name}`)
  // over plain http a form tells where it comes from only with same-origin
  const page = (answer.header('content-type') ?? '').startsWith('text/html')
  assert.match(answer.header('referrer-policy') ?? '', page ? /^(no-referrer|same-origin|strict-origin)$/ : /^no-referrer$/, `${what}: referrer-policy`)
  const policy = answer.header('content-security-policy') ?? ''
  assert.match(policy, /^default-src 'none'; /, what)
  assert.doesNotMatch(policy, /unsafe-|\*|https?:|data:/, what)
  assert.match(answer.header('cache-control') ?? '', /^no-store$|^public, max-age=31536000, immutable$/, what)
  for (const name of ['content-type', 'content-length', 'location', 'cache-control', 'allow']) {
    assert.ok(answer.headers.filter(([given]) => given === name).length <= 1, `${what}: one ${name}`)
  }
  const length = answer.header('content-length')
  if (length !== undefined && answer.body !== '') assert.equal(Number(length), answer.body.length, `${what}: its length`)
  const location = answer.header('location')
  if (location !== undefined) assert.match(location, /^\/[A-Za-z0-9/._-]*$/, `${what}: a path of our own`)
  assert.equal(answer.headers.filter(([name]) => name.startsWith('access-control-')).length, 0, what)
}

let count = 0

/*
 * A sign-in of a provider of its own, so that none replaces another.
 *   cookie: undefined makes one (the flow is bound to it); null sends none (one is offered)
 */
export async function beginFlow(site, options = {}) {
  const number = ++count
  const {
    cookie = newCookie(), provider = `p${number}`, port = 20000 + number, path = '/auth/callback',
    state = `CANARYstate${randomBytes(24).toString('base64url')}`, headers = {}, inputs = {}, frontend = site.fcgi,
    origin,
  } = options
  const redirect = options.redirect ?? `http://localhost:${port}${path}`
  const since = site.standin?.connections.length
  const answer = await frontend.send({
    method: 'POST',
    target: `/provider/${provider}/oauth/authorize`,
    headers: {
      'Content-Type': 'application/json',
      'Sec-Fetch-Site': 'same-origin',
      ...(cookie ? { Cookie: `${COOKIE}=${cookie}` } : {}),
      ...headers,
    },
    body: JSON.stringify({ method: 0, inputs: { state, redirect, origin, ...inputs } }),
  })
  const offered = new RegExp(`^${COOKIE}=([A-Za-z0-9_-]{43}); Path=/; HttpOnly; SameSite=Lax$`).exec(answer.header('set-cookie') ?? '')
  const code = `CANARYcode${randomBytes(12).toString('hex')}`
  const flow = {
    answer, provider, port, path, state, code, id: flowId(state), redirect, since,
    cookie: cookie ?? offered?.[1],
    query: `code=${code}&scope=openid%20profile&state=${state}`,
    page: `/signin/flow/${flowId(state)}`,
  }
  flow.cookies = cookies(flow.cookie)
  return flow
}

/* beginFlow, and the proof that it was recorded. */
export async function begunFlow(site, options) {
  const flow = await beginFlow(site, options)
  assert.equal(flow.answer.status, 200, flow.answer.body)
  assert.equal(JSON.parse(flow.answer.body).url, `http://${HOST}${flow.page}`)
  return flow
}

export async function flowStatus(site, flow, frontend = site.fcgi) {
  const answer = await frontend.send({ target: `${flow.page}/status`, headers: flow.cookies })
  assert.equal(answer.status, 200, answer.body)
  return JSON.parse(answer.body)
}

export const goodCallback = (flow, query = flow.query) => ({
  target: `${flow.path}?${query}`,
  headers: { ...NAVIGATION, ...flow.cookies },
})

/* What opencode is to see of one finished sign-in: its listener's GET word for word, then one POST. */
export function assertDelivered(site, flow, before, query = flow.query) {
  const seen = site.standin.since(before)
  assert.deepEqual(
    seen.map((request) => request && `${request.method} ${request.host} ${request.target}`),
    [`GET localhost:${flow.port} ${flow.path}?${query}`, `POST opencode /provider/${flow.provider}/oauth/callback`],
  )
  assert.equal(seen[1].body, '{"method":0}')
}

/* The good callback succeeds, with exactly one delivery. */
export async function assertSucceeds(site, flow, frontend = site.fcgi) {
  const before = site.standin.connections.length
  const answer = await frontend.send(goodCallback(flow))
  assert.equal(answer.status, 303, `${frontend.name}: the good callback\n${answer.body}`)
  assert.equal(answer.header('location'), flow.page)
  assertSafe(answer, 'the good callback')
  assertDelivered(site, flow, before)
  assert.deepEqual(await flowStatus(site, flow), { state: 'done', expires_in: 0 })
}

/* No code, state or cookie of a test in what was logged since mark. */
export function assertCleanLogs(site, mark = 0) {
  const line = site.logs().slice(mark).split('\n').find((text) => text.includes('CANARY'))
  assert.equal(line, undefined, `a secret in a log: ${line}`)
}

/* Without the countdown, which may tick between two front ends, and the length that it changes. */
function still(text) {
  const clock = /data-expires-in="\d+"|Expires in [^<]*|begun [^<]* ago|"expires_in":\d+/g
  if (text.search(clock) < 0) return text
  return text.replace(clock, '(clock)').replace(/^(Content-Length: )\d+/m, '$1(clock)')
}

/*
 * The same from every front end: CGI and FastCGI give the very same bytes; behind a web server status,
 * headers and body are the same, and how the body's end is told is the server's (Apache may
 * send chunks).
 */
export function assertSame(answers) {
  const own = (answer) => answer.headers.filter(([name]) => name !== 'content-length')
  const [[first, expected], ...others] = answers
  for (const [name, answer] of others) {
    const what = `${name} like ${first}`
    assert.equal(answer.status, expected.status, what)
    assert.equal(still(answer.body), still(expected.body), what)
    assert.deepEqual(own(answer), own(expected), what)
    if (answer.raw !== undefined && expected.raw !== undefined) assert.equal(still(answer.raw), still(expected.raw), what)
  }
}
