/*
 * Stands for opencode 2.x, of which only a preview can be run here: what its public source and documents say
 * of its calls, its listeners and its sessions. standin.mjs listens on the socket and records the requests;
 * its `answer` is then this one's. The plugin is in it too: it refuses what the plugin refuses, names the ports
 * that are listened on, and leads a request to opencode or to a listener.
 *
 *   const opencode = makeStandin2({ password: 'secret' })
 *   standin.answer = opencode.answer
 */
import { randomBytes } from 'node:crypto'
import { authorizeUrl, json } from './standin.mjs'

export const REALM = 'Basic realm="Secure Area"'

/* The page that any path of no API has, without a password. */
export const UI = { status: 200, headers: { 'Content-Type': 'text/html' }, body: '<!doctype html><title>OpenCode</title>' }

const ATTEMPT_MS = 600_000
const PORTS = [1455, 1457]

/* What the plugin lets through to opencode. An older plugin knows only the first table. */
const NAME = '(?:[\\w.~!$&\'()*+,=:@-]|%[0-9a-fA-F]{2})+'
const allowed = (rows) => rows.map(([methods, path]) => [methods, new RegExp(`^${path.replaceAll('{}', () => NAME)}$`)])
const EVERY = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
const OLD = allowed([
  [EVERY, '/provider/{}/oauth/authorize'], [EVERY, '/mcp/{}/auth'], [EVERY, '/mcp/{}/auth/authenticate'],
  [EVERY, '/api/integration/{}/connect/oauth'], [['POST'], '/provider/{}/oauth/callback'], [['POST'], '/mcp/{}/auth/callback'],
  [['POST'], '/instance/dispose'], [['GET'], '/provider'], [['GET'], '/provider/auth'], [['GET'], '/mcp'], [['GET'], '/global/health'],
  [['GET'], '/api/integration'], [['GET', 'DELETE'], '/api/integration/attempt/{}'],
])
const NEW = [...OLD, ...allowed([
  [['GET'], '/api/integration/{}'], [['GET', 'DELETE'], '/api/integration/{}/connect/oauth/{}'],
  [['POST'], '/api/integration/{}/connect/oauth/{}/complete'], [['GET'], '/api/mcp'], [['GET'], '/api/health'], [['GET'], '/api/info'],
])]
const LISTENER = /^(?:localhost|127\.0\.0\.1|\[::1\]):([1-9][0-9]{3,4})$/

const FORBIDDEN = { status: 403, headers: { 'Content-Type': 'text/plain' }, body: '403 Forbidden\n' }
const NOBODY = { status: 502, headers: { 'Content-Type': 'text/plain' }, body: '502 Bad Gateway\n' }

const page = (status, text) => ({ status, headers: { 'Content-Type': 'text/html' }, body: `<!doctype html><p>${text}</p>` })
const tagged = (status, _tag, more) => json({ _tag, ...more }, status)
const refused = (message, kind = 'integration_authorization') => tagged(400, 'InvalidRequestError', { message, kind })

let count = 0
const secret = (kind) => `CANARY${kind}${++count}${randomBytes(24).toString('base64url')}`

/* A sign-in method, and what it does that the list does not tell: listen is [ports] or 'random'. */
const oauth = (id, label, more = {}) => ({ type: 'oauth', id, label, host: 'localhost', path: '/auth/callback', ...more })
export const METHODS = {
  sharing: oauth('chatgpt-token-sharing', 'Sign in with ChatGPT', { listen: 'random', host: '127.0.0.1', waits: true, once: true }),
  browser: oauth('chatgpt-browser', 'ChatGPT Pro/Plus (browser)', { listen: PORTS }),
  headless: oauth('chatgpt-headless', 'ChatGPT Pro/Plus (headless)', { device: true }),
  typed: oauth('typed', 'A code that opencode shows', { mode: 'code' }),
}

/* A method with a form: fields as opencode lists them. */
export const formMethod = (form, more) => oauth('form', 'With a form', { listen: 'random', host: '127.0.0.1', form, ...more })

export const openai = () => ({
  id: 'openai', name: 'OpenAI', methods: [METHODS.sharing, METHODS.browser, METHODS.headless, { type: 'key' }, { type: 'env', names: ['OPENAI_API_KEY'] }],
  connections: [],
})

/* An MCP server that wants a sign-in. redirect, port: what is configured for it. */
export const mcpServer = (name, { redirect, port, status = 'needs_auth', id = `mcp_${Buffer.from(name).toString('hex').padEnd(16, '0').slice(0, 16)}` } = {}) => ({
  name, status, integrationID: id, redirect, port,
})

/* Whether one of a field's conditions holds. A condition on what was not answered does not. */
function holds(when, value) {
  if (value === undefined) return false
  const hit = Array.isArray(value) ? value.includes(when.value) : value === when.value
  return when.op === 'eq' ? hit : !hit
}

/* What is wrong with the value of a field, or undefined. */
function fieldFault({ key, type, required, options, custom, minimum, maximum }, value) {
  if (type === 'string') {
    if (typeof value !== 'string') return `Expected string for form field: ${key}`
    if (required && value === '') return `Missing required form field: ${key}`
    if (options && !custom && !options.some((option) => option.value === value)) return `Invalid option for form field: ${key}`
  } else if (type === 'number' || type === 'integer') {
    if (typeof value !== 'number') return `Expected number for form field: ${key}`
    if (type === 'integer' && !Number.isInteger(value)) return `Expected integer for form field: ${key}`
    if (value < minimum) return `Form field is too small: ${key}`
    if (value > maximum) return `Form field is too large: ${key}`
  } else if (type === 'boolean') {
    if (typeof value !== 'boolean') return `Expected boolean for form field: ${key}`
  } else if (type === 'multiselect') {
    if (!Array.isArray(value) || value.some((item) => typeof item !== 'string')) return `Expected string array for form field: ${key}`
    if (required && value.length === 0) return `Missing required form field: ${key}`
    if (!custom && value.some((item) => !options.some((option) => option.value === item))) return `Invalid option for form field: ${key}`
  }
  return undefined
}

/* What is wrong with the answer to a form, or undefined. What is not asked must not be answered. */
function answerFault(form, answer) {
  const unknown = Object.keys(answer).find((key) => !form.some((field) => field.key === key))
  if (unknown !== undefined) return `Unknown form field: ${unknown}`
  for (const field of form) {
    const value = answer[field.key]
    if (field.type === 'external') {
      if (value !== true) return `External form field must be acknowledged: ${field.key}`
      continue
    }
    const active = (field.when ?? []).every((when) => holds(when, answer[when.key]))
    if (value === undefined) {
      if (field.required && active) return `Missing required form field: ${field.key}`
      continue
    }
    if (!active) return `Form field is not active: ${field.key}`
    const fault = fieldFault(field, value)
    if (fault) return fault
  }
  return undefined
}

const isValue = (value) => ['string', 'number', 'boolean'].includes(typeof value) || (Array.isArray(value) && value.every((item) => typeof item === 'string'))
const isAnswer = (value) => value === undefined || (typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isValue))

/* What a request brought, which standin.mjs keeps byte by byte. */
export const jsonBody = (request) => JSON.parse(Buffer.from(request.body, 'latin1').toString())

/* The payload of a begin; undefined if it is none. opencode ignores what it does not know, such as inputs. */
function payload(request) {
  try {
    const { methodID, answer, label } = jsonBody(request)
    if (typeof methodID !== 'string' || !isAnswer(answer) || !['undefined', 'string'].includes(typeof label)) return undefined
    return { methodID, answer: answer ?? {}, label }
  } catch {
    return undefined
  }
}

/*
 *   password      none lets everybody in
 *   integrations  [{id, name, methods, connections}], methods of METHODS and the like; servers: of mcpServer()
 *   plugin        'new', or 'old': it knows opencode 1 only
 *   wakes         how many lists are empty at first, as the first of a project are
 *   lists         whether the plugin can name the ports that are listened on
 * The answer, besides answer(request): attempts, all so far; newest; the settings, which may be changed;
 *   exchange(attempt) tells how the exchange of a code goes: a text is why it fails, true never ends ·
 *   pair(host) is the cookie of a browser that was signed in at that host; forget(cookie) ends that ·
 *   listening() the ports
 */
export function makeStandin2({ password, integrations = [openai()], servers = [], version = '2.0.27', plugin = 'new', wakes = 0, lists = true } = {}) {
  const sessions = new Set()
  const self = {
    password, integrations, servers, version, plugin, wakes, lists, attempts: [],
    taken: new Set(), // ports that another program listens on
    exchange: () => undefined,
  }
  let port = 40_000

  Object.defineProperty(self, 'newest', { get: () => self.attempts.at(-1) })
  const pending = () => self.attempts.filter(({ listens }) => listens)
  self.listening = () => pending().map((attempt) => attempt.port)
  self.authorization = `Basic ${Buffer.from(`opencode:${password}`).toString('base64')}`

  /* Each server is an integration too, whose one method has the same id. */
  const all = () => [...self.integrations, ...self.servers.map(({ name, integrationID, redirect, port: own, status }) => ({
    id: integrationID, name, connections: status === 'connected' ? [{ type: 'credential', id: 'cred_m', label: 'default' }] : [],
    methods: [oauth(integrationID, name, { listen: own ? [own] : 'random', host: '127.0.0.1', path: redirect ? new URL(redirect).pathname : '/callback', redirect, waits: true })],
  }))]
  const located = (data) => json({ location: { directory: '/srv' }, data })
  const shown = ({ type, id, label, form, names }) => ({ type, id, label, form, names })

  const cookieName = (host) => `opencode_session_${(host ?? '').replace(/[^A-Za-z0-9]/g, '_')}`
  self.pair = (host) => {
    const cookie = `${cookieName(host)}=${secret('session')}`
    sessions.add(cookie)
    return cookie
  }
  self.forget = (cookie) => sessions.delete(cookie)

  /* Its cookie counts only with the Host that it was given at, and not for a page of elsewhere. */
  function hasSession({ headers, host }) {
    const own = (headers.cookie ?? '').split('; ').find((cookie) => cookie.startsWith(`${cookieName(host)}=`))
    const foreign = headers.origin !== undefined && !(URL.canParse(headers.origin) && new URL(headers.origin).host === host)
    return Boolean(own) && !foreign && sessions.has(own)
  }

  function letsIn(request) {
    if (self.password === undefined) return true
    const token = new URLSearchParams(request.target.split('?')[1]).get('auth_token')
    return (token ? `Basic ${token}` : request.headers.authorization) === self.authorization || hasSession(request)
  }

  /* A browser's own dialog would hide the page that made a fetch(): only a navigation is challenged. */
  function unauthorized({ headers }) {
    const mode = headers['sec-fetch-mode']
    const challenge = mode === undefined || mode === 'navigate' ? { 'WWW-Authenticate': REALM } : {}
    return json({ _tag: 'UnauthorizedError', message: 'Authentication required' }, 401, challenge)
  }

  function listenAt(method) {
    if (method.device || method.mode === 'code') return undefined
    if (method.listen === 'random') return port++
    return method.listen.find((one) => !self.taken.has(one) && !self.listening().includes(one)) ?? null
  }

  function begin(request, id) {
    if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) return { status: 415, body: '' }
    const given = payload(request)
    if (!given) return refused('Expected an object with a methodID', 'Payload')
    const integration = all().find((one) => one.id === id)
    if (!integration) return tagged(404, 'IntegrationNotFoundError', { integrationID: id, message: `Integration not found: ${id}` })
    const method = integration.methods.find((one) => one.type === 'oauth' && one.id === given.methodID)
    if (!method) return tagged(404, 'IntegrationMethodNotFoundError', { integrationID: id, methodID: given.methodID, message: `Integration method not found: ${given.methodID}` })
    const fault = method.form && answerFault(method.form, given.answer)
    if (fault) return refused(fault)
    const at = listenAt(method)
    if (at === null) return refused(`This sign-in needs local port ${method.listen.join(' or ')}, but it is already in use.`)
    const state = secret('state')
    const redirect = method.redirect ?? `http://${method.host}:${at}${method.path}`
    const url = at === undefined ? 'https://auth.example.net/device' : authorizeUrl({ state, redirect })
    const attempt = {
      id: `con_${++count}x${randomBytes(6).toString('hex')}`, integration: id, method, answer: given.answer, label: given.label, redirect, state, url,
      code: secret('code'), port: at, path: method.path, listens: at !== undefined, status: 'pending',
      time: { created: Date.now(), expires: Date.now() + ATTEMPT_MS },
    }
    self.attempts.push(attempt)
    const { id: attemptID, time } = attempt
    return located({ attemptID, url, instructions: 'Complete authorization in your browser.', mode: method.mode ?? 'auto', time })
  }

  function end(attempt, status, message) {
    if (attempt.status !== 'pending') return
    Object.assign(attempt, { status, message, listens: false })
    if (status !== 'complete') return
    const server = self.servers.find((one) => one.integrationID === attempt.integration)
    if (server) server.status = 'connected'
    else self.integrations.find((one) => one.id === attempt.integration)?.connections.push({ type: 'credential', id: `cred_${++count}`, label: 'default' })
  }
  self.end = end

  async function exchange(attempt) {
    const why = await self.exchange(attempt)
    if (why === true) return new Promise(() => {})
    end(attempt, why ? 'failed' : 'complete', why)
    return why
  }

  /* A listener: what is wrong with a request ends its sign-in, whatever the method. */
  async function listen(request, attempt) {
    if (request.path !== attempt.path) return page(404, 'Not found')
    const query = new URLSearchParams(request.target.split('?')[1])
    const error = query.get('error_description') ?? query.get('error')
    const fault = error ?? (query.get('state') !== attempt.state ? 'Invalid OAuth state' : query.get('code') ? undefined : 'Missing authorization code')
    if (fault) {
      end(attempt, 'failed', fault)
      return page(400, 'Authorization failed')
    }
    if (attempt.received) return attempt.method.once ? page(409, 'OAuth callback already received') : page(200, 'Authorization successful')
    attempt.received = query
    if (!attempt.method.waits) {
      exchange(attempt)
      return page(200, 'Authorization successful')
    }
    return (await exchange(attempt)) ? page(400, 'Authorization failed') : page(200, 'Authorization successful')
  }

  const missing = (integrationID, attemptID) =>
    tagged(404, 'IntegrationAttemptNotFoundError', { integrationID, attemptID, message: `OAuth attempt not found: ${attemptID}` })

  function attemptCall(request, id, attemptID) {
    const attempt = self.attempts.find((one) => one.id === attemptID && one.integration === id && !one.deleted)
    if (request.method === 'DELETE') {
      if (attempt) Object.assign(attempt, { deleted: true, listens: false, status: 'deleted' })
      return { status: 204 }
    }
    if (!attempt) return missing(id, attemptID)
    const { status, message, time } = attempt
    return located({ status, message, time })
  }

  /* Of a code to copy: 204, or an empty 500; how it went the attempt tells. */
  async function completeCall(request, id, attemptID) {
    const attempt = self.attempts.find((one) => one.id === attemptID && one.integration === id && one.status === 'pending')
    const { code } = JSON.parse(request.body)
    if (!attempt || attempt.method.mode !== 'code' || typeof code !== 'string') return { status: 500, body: '' }
    attempt.received = code
    return (await exchange(attempt)) ? { status: 500, body: '' } : { status: 204 }
  }

  function integrationCall(request) {
    const [, id, connect, attemptID, complete] = /^\/api\/integration\/([^/]+)(\/connect\/oauth(?:\/([^/]+)(\/complete)?)?)?$/.exec(request.path) ?? []
    if (id === undefined) return undefined
    if (complete) return request.method === 'POST' ? completeCall(request, id, attemptID) : undefined
    if (attemptID !== undefined && ['GET', 'DELETE'].includes(request.method)) return attemptCall(request, id, attemptID)
    if (connect && attemptID === undefined && request.method === 'POST') return begin(request, id)
    if (connect || request.method !== 'GET') return undefined
    const integration = all().find((one) => one.id === id)
    if (!integration) return tagged(404, 'IntegrationNotFoundError', { integrationID: id, message: `Integration not found: ${id}` })
    return located({ ...integration, methods: integration.methods.map(shown) })
  }

  function server(request) {
    if (!request.path.startsWith('/api/')) return request.method === 'GET' ? UI : { status: 404, body: '' }
    if (!letsIn(request)) return unauthorized(request)
    if (request.path === '/api/info' && request.method === 'GET') {
      return json({ version: self.version, pid: 4711, urls: ['http://127.0.0.1:4096'], paths: { tmp: '/tmp' } })
    }
    if (request.path === '/api/integration' && request.method === 'GET') {
      return located(self.wakes-- > 0 ? [] : all().map((one) => ({ ...one, methods: one.methods.map(shown) })))
    }
    if (request.path === '/api/mcp' && request.method === 'GET') {
      return located(self.servers.map(({ name, status, integrationID }) => ({ name, status: { status }, integrationID })))
    }
    return integrationCall(request) ?? json({ _tag: 'RouteNotFound' }, 404)
  }

  self.answer = (request) => {
    const to = self.plugin === 'new' ? request.headers['opencode-callback-to'] : undefined
    const target = to ?? request.host
    if (target === 'opencode') {
      const known = (self.plugin === 'old' ? OLD : NEW).some(([methods, path]) => methods.includes(request.method) && path.test(request.path))
      return known ? server(request) : FORBIDDEN
    }
    if (target === 'plugin' && self.plugin === 'new' && request.target === '/listeners') return json({ listeners: self.lists ? self.listening() : null })
    const at = Number(LISTENER.exec(target)?.[1])
    if (!(at >= 1024)) return FORBIDDEN
    const attempt = pending().find((one) => one.port === at)
    return attempt ? listen(request, attempt) : NOBODY
  }
  return self
}
