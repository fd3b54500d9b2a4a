/*
 * What the doctor looks at: nginx or Apache with the shipped file, the worker or the CGI program, and
 * a stand-in for opencode, at a public address of this test's own network.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { join } from 'node:path'
import { cleanEnv, iniText, startFront, withParts, WORKER } from '../lib/front.mjs'
import { scratch, startProgram } from '../lib/net.mjs'
import { startStandin } from '../lib/standin.mjs'
import { ADDRESS } from './network.mjs'

export const ORIGIN = `https://${ADDRESS}`

/* The lines of the table. */
export const checks = [
  'https', 'redirect', 'pages', 'host', 'security', 'callbacks', 'firewall', 'begins', 'headers', 'cookie', 'forwarded',
  'opencode', 'health', 'login', 'events', 'websocket', 'socket', 'ports', 'logs',
]

const listen = (server, port, host) =>
  new Promise((resolve, reject) => server.once('error', reject).listen(port, host, resolve))

/* A server that can be stopped with all its connections. */
export async function open(server, port = 0, host = '127.0.0.1') {
  const sockets = new Set()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
  })
  await listen(server, port, host)
  const stop = () => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  }
  return { port: server.address().port, stop }
}

const UI = '<!doctype html><title>OpenCode</title>'
const JSONS = {
  health1: { healthy: true, version: '1' },
  health2: { healthy: true, version: '2', pid: 1 },
  info2: { version: '2', pid: 1, urls: [], paths: {} },
}

/*
 * What differs between opencodes, as far as the doctor asks.
 *   health   {path: what it answers} · events, terminals: paths
 *   data     answers are in {data}
 *   free     pages of the UI need no password; without it, there are no pages
 *   tickets  a page gets a ticket for a terminal if its Origin is its Host
 */
const KINDS = {
  1: { health: { '/global/health': JSONS.health1, '/api/health': { healthy: true } }, events: '/global/event', terminals: '/pty', pages: true },
  preview: { health: { '/api/health': JSONS.health2 }, events: '/api/event', terminals: '/api/pty', data: true, tickets: true },
  2: { health: { '/api/info': JSONS.info2 }, events: '/api/event', terminals: '/api/pty', data: true, tickets: true, pages: true, free: true },
  none: { health: {}, pages: true },
}

/*
 * opencode as its web UI sees it, as far as the doctor asks: pages, an event stream that stays open,
 * terminals by WebSocket, a password. kind: of KINDS. requests: what reached it, "METHOD path".
 */
export async function startOpencode({ password, kind = 1, plugins = [] } = {}) {
  const requests = []
  const terminals = new Set()
  const { health, events, terminals: made, data, free, tickets, pages } = KINDS[kind]
  const expected = `Basic ${Buffer.from(`opencode:${password}`).toString('base64')}`
  const refused = (request) => password !== undefined && request.headers.authorization !== expected
  const challenge = { 'WWW-Authenticate': 'Basic realm="Secure Area"' }
  const server = http.createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    const answer = (status, type, body) => response.writeHead(status, { 'Content-Type': type }).end(body)
    const content = (value) => answer(200, 'application/json', JSON.stringify(data ? { location: {}, data: value } : value))
    const page = () => (pages && request.method === 'GET' ? answer(200, 'text/html', UI) : answer(404, 'application/json', '{}'))
    const known = request.url.startsWith('/api/')
    const [, terminal, what] = new RegExp(`^${made}/(\\w+)(/[\\w-]+)?$`).exec(request.url) ?? []
    if (refused(request) && !(free && !known)) return void response.writeHead(401, challenge).end()
    if (health[request.url]) return answer(200, 'application/json', JSON.stringify(health[request.url]))
    if (request.url === '/api/plugin' && data) return content(plugins.map((id) => ({ id })))
    if (request.url === events) {
      return void response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: {"payload":{}}\n\n')
    }
    if (request.url === made && request.method === 'POST') {
      terminals.add('pty_1')
      return content({ id: 'pty_1', status: 'running' })
    }
    if (terminal && what === '/connect-token' && tickets) {
      const { origin, host } = request.headers
      const own = request.headers['x-opencode-ticket'] === '1' && new URL(origin).host === host
      return own ? content({ ticket: 'x', expires_in: 60 }) : answer(403, 'application/json', '{}')
    }
    // The real one says 400 to a terminal's address without an upgrade.
    if (terminal) return answer(what ? 400 : 200, 'application/json', String(terminals.delete(terminal)))
    free && known ? answer(404, 'application/json', '{}') : page()
  })
  server.on('upgrade', (request, socket) => {
    requests.push(`UPGRADE ${request.url}`)
    const nonce = request.headers['sec-websocket-key'] ?? ''
    const key = `${nonce}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
    const right = request.url === `${made}/pty_1/connect` && terminals.has('pty_1') && !refused(request) &&
      Buffer.from(nonce, 'base64').length === 16 &&
      // with a password, opencode 2 looks at Origin only where a ticket is given out
      (tickets || new URL(request.headers.origin).host === request.headers.host)
    if (!right) return socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n')
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${createHash('sha1').update(key).digest('base64')}\r\n\r\n\x82\x01x`,
    )
  })
  return { ...(await open(server)), requests, terminals, password }
}

/* Bytes that arrive at one place go to another. */
export const bridge = (host, port, to) =>
  open(
    net.createServer((socket) => {
      const other = net.connect({ host: '127.0.0.1', port: to })
      socket.pipe(other).pipe(socket)
      other.on('error', () => socket.destroy()).on('close', () => socket.destroy())
      socket.on('close', () => other.destroy())
    }),
    port,
    host,
  )

/*
 * Runs the doctor. The answer: code, text, seconds, table {check: verdict}, line(check), and
 * failed, the checks that failed.
 */
export async function doctor(args, { env = {}, program = WORKER } = {}) {
  const start = Date.now()
  const run = startProgram(program, args, { cwd: '/', env: cleanEnv(env) })
  await run.closed
  const { code, signal } = await run.ended
  assert.equal(signal, null, run.output())
  const lines = run.output().split('\n')
  const table = {}
  for (const line of lines) {
    const row = /^(ok|warning|failed|skipped|by hand) +([a-z]+) +\S/.exec(line)
    if (row) table[row[2]] = row[1]
  }
  return {
    code,
    table,
    text: run.output(),
    seconds: (Date.now() - start) / 1000,
    line: (check) => lines.find((line) => line.slice(9).startsWith(`${check} `)),
    failed: Object.keys(table).filter((check) => table[check] === 'failed'),
  }
}

/*
 * The same, once more if something did not answer in time: a machine that is busy with other tests is
 * not the fault that is looked for. (A site that never answers in time says so at each try.)
 */
export async function doctorInTime(args, options) {
  for (let tries = 1; ; tries++) {
    const result = await doctor(args, options)
    if (tries === 3 || !/did not answer in time|no whole answer in time|seconds are over/.test(result.text)) return result
  }
}

/*
 * Starts a whole site at ORIGIN.
 *   edit      what is wrong in the web server's file · opencode: its kind, and plugins: what it has loaded
 *   url       [opencode] url · password: opencode's · null for none · ini: more of the worker's
 *   plain     false: nobody answers on port 80
 * The answer: front, opencode, standin, stop(), check(options) → what doctor() gives: run with the same
 *   configuration, but for the socket, which is looked at only with own: true.
 */
export async function startSite({
  kind = 'nginx-fcgi', edit, url = ORIGIN, password = 'geheim', tls = true, plain = true, ini = {}, opencode: which = 1, plugins,
} = {}) {
  url ??= undefined
  password ??= undefined
  const folder = scratch('doctor')
  const parts = []
  let opencode
  const stop = async () => {
    // Apache waits for what its backend still has to say.
    await opencode?.stop()
    for (const part of parts.reverse()) await part.stop()
    folder.remove()
  }
  try {
    opencode = await startOpencode({ password, kind: which, plugins })
    const standin = await startStandin(join(folder.path, 'opencode.sock'))
    standin.answer = ({ headers }) =>
      password === undefined || headers.authorization ? undefined : { status: 401, body: '' }
    parts.push(standin)
    const front = await startFront({
      kind, edit: edit && ((text) => edit(withParts(text))), tls, host: ADDRESS, opencodePort: opencode.port, opencodeSocket: standin.path,
      ini: { ...ini, opencode: { url, ...ini.opencode } },
    })
    parts.push(front)
    parts.push(await bridge(ADDRESS, tls ? 443 : 80, front.port))
    if (tls && plain) parts.push(await bridge(ADDRESS, 80, front.plainPort))

    const elsewhere = join(folder.path, 'elsewhere.ini')
    const check = ({ own = false, at = ORIGIN, env = {}, settings = {} } = {}) => {
      const socket = '/nonexistent/opencode.sock'
      writeFileSync(elsewhere, iniText({ opencode: { url, socket, port: opencode.port, ...settings } }), { mode: 0o644 })
      const trust = tls ? { SSL_CERT_FILE: front.certificate.ca } : {}
      const login = password === undefined ? {} : { OPENCODE_SERVER_PASSWORD: password }
      return doctorInTime(['-c', own ? join(front.path, 'opencode-callback.ini') : elsewhere, '--doctor', at], {
        env: { ...trust, ...login, ...env },
      })
    }
    return { front, opencode, standin, check, stop, path: folder.path }
  } catch (error) {
    await stop()
    throw error
  }
}

/* Exchanges one text of a file for another; it must be there. */
export const swap = (from, to) => (text) => {
  assert.ok(text.includes(from), `the file has ${from}`)
  return text.replaceAll(from, to)
}
/* Adds lines to the locations of our program. */
export const inside = (...lines) => swap('fastcgi_pass opencode_callback;', `${lines.join('\n')}\nfastcgi_pass opencode_callback;`)
/* Adds lines where our own paths begin, in the server for https. */
export const add = (...lines) => swap('rewrite ^/(auth/callback', `${lines.join('\n')}\nrewrite ^/(auth/callback`)

export async function withSite(options, use) {
  const site = await startSite(options)
  try {
    await use(site)
  } finally {
    await site.stop()
  }
}
