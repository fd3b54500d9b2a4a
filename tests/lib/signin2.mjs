/*
 * Sign-ins against the stand-in for opencode 2 (standin2.mjs): begins one, sends its good callback, and checks
 * what opencode saw of it. What a flow is here is what signin.mjs makes of one.
 */
import assert from 'node:assert/strict'
import { COOKIE, HOST } from './frontends.mjs'
import { OWN_FORM, assertSafe, flowId, flowStatus, goodCallback, newCookie } from './signin.mjs'

/* A request as opencode, its plugin or a listener is asked: the plugin's header names opencode too. */
export const line = (request) => request && `${request.method} ${request.headers['opencode-callback-to'] ?? request.host} ${request.target}`

/* What is asked to find out which opencode it is, and where it listened before a begin. */
const ASIDE = ['GET opencode /global/health', 'GET opencode /api/info', 'GET opencode /api/health', 'GET plugin /listeners']

/* What opencode sees of something: [its result, the requests]. */
export async function seen(site, action) {
  const mark = site.standin.connections.length
  const result = await action()
  return [result, site.standin.since(mark)]
}

/* The same as lines, without those questions. */
export async function calls(site, action) {
  const [result, requests] = await seen(site, action)
  return [result, requests.map(line).filter((text) => !ASIDE.includes(text))]
}

/* The Cookie header of a browser: with our cookie, and with those of opencode. */
export function browser(cookie, session) {
  const all = [cookie && `${COOKIE}=${cookie}`, session].filter(Boolean)
  return all.length ? { Cookie: all.join('; ') } : {}
}

export const connectPath = (integration, attempt) => `/api/integration/${integration}/connect/oauth${attempt ? `/${attempt}` : ''}`
export const askLine = (flow) => `GET opencode ${connectPath(flow.provider, flow.attempt.id)}`
export const deleteLine = (flow) => `DELETE opencode ${connectPath(flow.provider, flow.attempt.id)}`

/* The flow of an attempt that opencode has begun for a browser. */
export function flowOf(attempt, cookie, { session, since } = {}) {
  const { state, code, port, path, redirect, integration } = attempt
  const id = flowId(state)
  return {
    attempt, provider: integration, port, path, state, code, redirect, id, cookie, session, since, cookies: browser(cookie, session),
    query: `code=${code}&scope=openid%20profile&state=${state}`, page: `/signin/flow/${id}`,
  }
}

/*
 * Begins as opencode's own window does. The answer: of the call, with a flow of the attempt if there is one.
 *   cookie: undefined makes one (the flow is bound to it); null sends none (one is offered)
 *   session: cookies of opencode; answer, label: of the payload; body: another payload
 */
export async function beginAttempt(site, opencode, options = {}) {
  const {
    integration = 'openai', method = 'chatgpt-browser', answer, label, cookie = newCookie(), session, headers = {}, frontend = site.fcgi,
    query = '', body = JSON.stringify({ methodID: method, answer, label }),
  } = options
  const own = () => opencode.attempts.filter((attempt) => attempt.integration === integration)
  const before = own().length
  const since = site.standin.connections.length
  const reply = await frontend.send({
    method: 'POST', target: connectPath(integration) + query, body,
    headers: { 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'same-origin', ...browser(cookie, session), ...headers },
  })
  const offered = new RegExp(`^${COOKIE}=([A-Za-z0-9_-]{43});`).exec(reply.header('set-cookie') ?? '')?.[1]
  if (own().length === before) return { answer: reply }
  return { answer: reply, ...flowOf(own().at(-1), cookie ?? offered, { session, since }) }
}

/* beginAttempt, and the proof that it was recorded: opencode's window is led to our page. */
export async function begunAttempt(site, opencode, options) {
  const flow = await beginAttempt(site, opencode, options)
  assert.equal(flow.answer.status, 200, flow.answer.body)
  assert.ok(flow.attempt, flow.answer.body)
  const { data } = JSON.parse(flow.answer.body)
  assert.equal(data.attemptID, flow.attempt.id)
  assert.equal(data.url, `http://${HOST}${flow.page}`)
  return flow
}

/* "done", or "failed refused-by-provider" */
export async function stateOf(site, flow, frontend) {
  const { state, reason } = await flowStatus(site, flow, frontend)
  return reason ? `${state} ${reason}` : state
}

/* What a listener, and then opencode, is asked of a delivery. */
export const deliveryOf = (flow, query = flow.query) => [`GET ${new URL(flow.redirect).hostname}:${flow.port} ${flow.path}?${query}`, askLine(flow)]

/* The good callback of a flow succeeds, with one delivery, and the verdict is opencode's. */
export async function assertAttemptSucceeds(site, flow, { frontend = site.fcgi, query = flow.query } = {}) {
  const [answer, lines] = await calls(site, () => frontend.send(goodCallback(flow, query)))
  assert.equal(answer.status, 303, `${frontend.name}: the good callback\n${answer.body}`)
  assert.equal(answer.header('location'), flow.page)
  assertSafe(answer, 'the good callback')
  // who is known by cookies is asked for first, and the verdict may take more than one question
  const [listener, ask] = deliveryOf(flow, query)
  assert.equal(lines.filter((text) => text === listener).length, 1, lines.join('\n'))
  assert.deepEqual([...new Set(lines)].sort(), [listener, ask].sort())
  assert.equal(flow.attempt.status, 'complete')
  assert.equal(await stateOf(site, flow), 'done')
}

/* A form of our pages. */
export const postForm = (target, fields, { cookie, session, headers = {} } = {}) => ({
  method: 'POST', target, body: new URLSearchParams(fields).toString(), headers: { ...OWN_FORM, ...browser(cookie, session), ...headers },
})

export const paste = (flow, address) => postForm(flow.page, { address }, flow)
