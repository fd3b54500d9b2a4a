/*
 * What one would write for Node in the place of opencode-callback: GET /auth/callback behind a web
 * server's reverse proxy, for the sign-ins of providers that our worker has begun, on its store folder.
 * The rest of its routes, the page that asks an unknown browser, and the credentials of opencode are left out.
 *
 *   callback.mjs CONFIG
 *
 * The store is in memory (tmpfs): its small files are read at once, which takes less than a turn of the
 * thread pool. Only opencode is waited for.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { lstatSync, readFileSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs'
import http from 'node:http'
import { isIPv6 } from 'node:net'
import { uptime } from 'node:os'

const config = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const STATUS = {
  'not-found': 404, method: 405, 'query-too-long': 414, 'header-too-long': 431, prefetch: 403, 'unknown-host': 421,
  'bad-encoding': 400, 'too-many-parameters': 400, 'value-too-long': 400, 'duplicate-parameter': 400, 'no-state': 400,
  'no-code': 400, 'code-and-error': 400, 'response-mode': 400, 'unknown-flow': 400, 'wrong-issuer': 400, rate: 429,
  'opencode-down': 503, store: 503,
}
const SECURITY = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
}
const CLIENTS_MAX = 8192
const LOGGED_EACH_SECOND = 10
const TOTAL_MS = 10_000
const REPLY_MAX = 65_536
const COOKIE_NAME = config.secure ? '__Host-opencode-callback' : 'opencode-callback'
const READ_HEADERS = ['host', 'cookie', 'sec-fetch-dest', 'sec-purpose']

const pages = Object.fromEntries(Object.entries(config.pages).map(([name, file]) => [name, readFileSync(file)]))

/* Anything that keeps a sign-in waiting: why, by its name in STATUS. */
class Refusal extends Error {
  constructor(why, costs = true) {
    super(why)
    this.costs = costs && STATUS[why] < 500
  }
}
Error.stackTraceLimit = 0 // a refusal is an answer, nobody reads where it was thrown

const sha256 = (text) => createHash('sha256').update(text).digest('base64url')
const same = (a, b) => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))

/* The lines NAME=VALUE of a record, in which control characters and % stand as %XX. */
function readFlow(record) {
  const [first, ...lines] = record.slice(0, -1).split('\n')
  if (first !== 'flow 1') return undefined
  return Object.fromEntries(lines.map((line) => {
    const at = line.indexOf('=')
    return [line.slice(0, at), decodeURIComponent(line.slice(at + 1))]
  }))
}
/* The store's clock: seconds since the host booted. */
const now = () => Math.floor(uptime())

/* What check returns, or undefined if the file is not there. */
function ifThere(check) {
  try {
    return check()
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

/* Makes a symbolic link. False if somebody else was first. */
function claimName(text, path) {
  try {
    symlinkSync(text, path)
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
}

/* When each client's whole allowance is back; the one that was here longest ago comes first. */
const allowances = new Map()
const EACH = 60_000 / config.rate

/* A client by its address; of IPv6, the first half (a /64). */
function clientOf(address) {
  if (!isIPv6(address)) return address
  const [head, tail = []] = address.split('::').map((half) => half.split(':'))
  return [...head, ...Array(8 - head.length - tail.length).fill('0'), ...tail].slice(0, 4).join(':')
}

/* Takes one from the client's allowance. Returns the seconds to wait, 0 if there was one left. */
function spend(address) {
  const client = clientOf(address)
  const time = performance.now()
  const back = Math.max(allowances.get(client) ?? 0, time)
  const over = back + EACH - time - EACH * config.burst
  if (over > 0) return Math.ceil(over / 1000)
  allowances.delete(client)
  allowances.set(client, back + EACH)
  if (allowances.size > CLIENTS_MAX) allowances.delete(allowances.keys().next().value)
  return 0
}

let second = 0
let lines = 0

function log(text) {
  console.error(text)
}

function refuse(request, response, { message, costs }) {
  const address = request.headers['x-real-ip'] ?? ''
  const wait = costs ? spend(address) : 0
  const why = wait > 0 ? 'rate' : message
  const time = Math.floor(Date.now() / 1000)
  if (time !== second) [second, lines] = [time, 0]
  if (++lines <= LOGGED_EACH_SECOND) log(`refused why=${why} client=${address}`)
  const page = pages[why]
  const headers = { 'Content-Type': 'text/html; charset=utf-8', ...SECURITY, 'Content-Length': page.length }
  if (wait > 0) headers['Retry-After'] = wait
  if (why === 'method') headers.Allow = 'GET'
  response.writeHead(STATUS[why], headers).end(page)
}

/* Decoded parameters by name. */
function parameters(query) {
  if (/[^!-~]|[?#]|%[01]|%7[Ff]/.test(query)) throw new Refusal('bad-encoding')
  const found = new Map()
  for (const pair of query.split('&')) {
    if (pair === '') continue
    if (found.size === 64) throw new Refusal('too-many-parameters')
    const equals = pair.indexOf('=')
    let name
    let value
    try {
      const text = pair.replaceAll('+', ' ')
      name = decodeURIComponent(equals < 0 ? text : text.slice(0, equals))
      value = equals < 0 ? '' : decodeURIComponent(text.slice(equals + 1))
    } catch {
      throw new Refusal('bad-encoding') // an escape that is none, or no UTF-8
    }
    if (name === '') throw new Refusal('bad-encoding')
    // what is short as it came is short decoded
    if (pair.length > 4096 && (Buffer.byteLength(name) > 4096 || Buffer.byteLength(value) > 4096)) {
      throw new Refusal('value-too-long')
    }
    if (found.has(name)) throw new Refusal('duplicate-parameter')
    found.set(name, value)
  }
  return found
}

/* The hash of this browser's cookie; '' if it sent none, or two. */
function browserOf(header = '') {
  const pieces = header.split(/;|,(?=[ \t])/) // web servers join several lines by ", "
  const mine = pieces.map((piece) => piece.trim()).filter((piece) => piece.startsWith(`${COOKIE_NAME}=`))
  const value = mine[0]?.slice(COOKIE_NAME.length + 1)
  return mine.length === 1 && /^[\w-]{43}$/.test(value) ? sha256(value) : ''
}

/* One call over the socket, on a connection of its own: {status, body}, or an error with a code. */
function call(host, method, path, { deadline, headers, body }) {
  return new Promise((resolve, reject) => {
    const request = http.request({
      socketPath: config.opencodeSocket, agent: false, method, path, headers: { Host: host, Connection: 'close', ...headers },
    })
    const timer = setTimeout(
      () => request.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })),
      Math.max(500, deadline - performance.now()),
    )
    request.on('error', reject)
    request.on('close', () => clearTimeout(timer))
    request.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part) => {
        text += part
        if (text.length > REPLY_MAX) request.destroy(new Error('too long'))
      })
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode, body: text }))
    })
    request.end(body)
  })
}

function saysMissing(body) {
  try {
    return JSON.parse(body).name === 'ProviderAuthOauthMissing'
  } catch {
    return false
  }
}

/* The listener, then the call that makes opencode store the tokens: "STATE REASON", or null if nothing was sent. */
async function deliver(flow, query, declined) {
  const deadline = performance.now() + TOTAL_MS
  try {
    const { status } = await call(flow.redirect_host, 'GET', `${flow.redirect_path}?${query}`, { deadline })
    if (declined) return 'declined '
    if (status >= 400) return 'failed listener-gone'
  } catch (error) {
    if (error.syscall === 'connect') return null
    if (declined) return 'declined '
    return error.code === 'ETIMEDOUT' ? 'failed timeout' : 'failed listener-gone'
  }
  const target = `/provider/${flow.provider}/oauth/callback${flow.query && '?'}${flow.query}`
  const body = `{"method":${flow.method}}`
  const headers = { 'Content-Type': 'application/json', 'Content-Length': body.length }
  if (flow.directory) headers['x-opencode-directory'] = flow.directory
  if (flow.workspace) headers['x-opencode-workspace'] = flow.workspace
  try {
    const reply = await call('opencode', 'POST', target, { deadline, headers, body })
    if (reply.status === 401) return 'failed opencode-auth'
    if (reply.status === 400 && saysMissing(reply.body)) return 'done unconfirmed'
    if (reply.status !== 200) return 'failed refused-by-provider'
    return reply.body === 'true' ? 'done ' : 'done unconfirmed'
  } catch (error) {
    return error.code === 'ETIMEDOUT' ? 'done unconfirmed' : 'failed opencode-gone'
  }
}

const locks = new Map() // opencode keeps one sign-in of a provider: who came last, by provider

/* Runs work when all that came before it for the same provider is done. */
async function locked(provider, work) {
  const before = locks.get(provider)
  const mine = before === undefined ? work() : before.then(work, work)
  locks.set(provider, mine)
  try {
    return await mine
  } finally {
    if (locks.get(provider) === mine) locks.delete(provider)
  }
}

/* Claims, delivers and writes down how it went. */
async function finish(path, flow, query, declined) {
  const time = now()
  if (time >= flow.expires || !claimName(`claim ${time}`, `${path}.claim`)) return
  const end = await deliver(flow, query, declined)
  if (end === null) {
    unlinkSync(`${path}.claim`)
    throw new Refusal('opencode-down')
  }
  if (claimName(end, `${path}.end`)) ifThere(() => unlinkSync(`${path}.url`))
  log(`flow-ended flow=${flow.id} provider=${flow.provider} result=${end}`)
}

/* The checks in security order; each failure leaves the sign-in waiting. Returns the id of the flow that ended. */
async function callback(request) {
  const mark = request.url.indexOf('?')
  const target = mark < 0 ? request.url : request.url.slice(0, mark)
  const query = mark < 0 ? '' : request.url.slice(mark + 1)
  const { headers } = request

  // what holds for every request
  if (target !== '/auth/callback') throw new Refusal('not-found')
  if (request.method !== 'GET') throw new Refusal('method')
  if (READ_HEADERS.some((name) => headers[name]?.length > (name === 'cookie' ? 65536 : 8192))) throw new Refusal('header-too-long')
  if (query.length > 8192) throw new Refusal('query-too-long')
  if (/[^!-~]/.test(query)) throw new Refusal('bad-encoding')
  if (/prefetch/i.test(headers['sec-purpose']) || (headers['sec-fetch-dest'] ?? 'document') !== 'document') {
    throw new Refusal('prefetch')
  }
  const host = (headers.host ?? '').toLowerCase()
  if (host !== config.host && host !== config.name) throw new Refusal('unknown-host') // with its port or without
  const browser = browserOf(headers.cookie)

  // what the query says: RFC 6749 sections 3.1, 4.1.2
  const q = parameters(query)
  const state = q.get('state')
  const code = q.get('code')
  const error = q.get('error')
  if (q.has('response') || q.has('id_token') || q.has('access_token')) throw new Refusal('response-mode')
  if (!state) throw new Refusal('no-state')
  if (code !== undefined && error !== undefined) throw new Refusal('code-and-error')
  if (!code && !error) throw new Refusal('no-code')

  // a sign-in that was begun here, at this address, in this browser
  const id = sha256(state).slice(0, 22)
  const path = `${config.store}/${id}`
  const record = ifThere(() => readlinkSync(path)) // a short one, as all of the benchmark's are
  const flow = record === undefined ? undefined : readFlow(record)
  if (flow?.id !== id || flow.opencode !== '') throw new Refusal('unknown-flow')
  let owner = flow.browser
  if (flow.bound !== '1') {
    if (same(flow.browser, browser)) claimName(browser, `${path}.browser`) // the cookie that it was offered has come back
    owner = ifThere(() => readlinkSync(`${path}.browser`)) ?? ''
  }
  if (flow.redirect_path !== target || flow.kind !== 'provider') throw new Refusal('unknown-flow')
  if (flow.answer !== 'code' && error === undefined) throw new Refusal('response-mode')
  if (browser === '' || !same(owner, browser)) throw new Refusal('unknown-flow')

  // once, in time, from the server that was asked (RFC 9207)
  const taken = ['.claim', '.end'].some((suffix) => lstatSync(path + suffix, { throwIfNoEntry: false }))
  const time = now()
  if (taken || time < flow.created || time >= flow.expires) return id
  const iss = q.get('iss') ?? flow.authorize_origin
  if (!`${iss}/`.startsWith(`${flow.authorize_origin}/`)) throw new Refusal('wrong-issuer', false)
  await locked(flow.provider, () => finish(path, flow, query, error !== undefined))
  return id
}

const server = http.createServer({ maxHeaderSize: 131_072 }, async (request, response) => {
  try {
    const id = await callback(request)
    response.writeHead(303, { Location: `/signin/flow/${id}`, ...SECURITY, 'Content-Length': 0 }).end()
  } catch (error) {
    if (!(error instanceof Refusal)) log(error.message)
    refuse(request, response, error instanceof Refusal ? error : new Refusal('store'))
  }
})

server.keepAliveTimeout = 75_000 // longer than the web server keeps its connections
server.listen(config.socket)
process.on('SIGTERM', () => {
  server.close()
  server.closeIdleConnections()
})
