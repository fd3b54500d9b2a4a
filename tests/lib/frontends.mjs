/*
 * Starts our two front ends, the CGI program and the FastCGI worker, and sends one request through each of them:
 * directly (an environment and standard input; FastCGI records) and through a web server (nginx with the worker,
 * Apache with the CGI program). All of them share one configuration and one store, so they must give the same
 * bytes.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { fcgiExchange, fcgiRequest } from './fcgi.mjs'
import { CGI, cleanEnv, give, startFront, unprivileged } from './front.mjs'
import { exchange, scratch } from './net.mjs'
import { startStandin } from './standin.mjs'

export const HOST = '127.0.0.1:8080' // in every Host header, whatever the port is
export const COOKIE = 'opencode-callback'

/* The headers that a web server puts in itself. */
const SERVER_HEADERS = new Set(['server', 'date', 'connection', 'keep-alive', 'transfer-encoding'])

/* A CGI answer or an HTTP response as {status, headers, body}; header names in lower case, sorted. */
export function parseAnswer(text) {
  const end = text.indexOf('\r\n\r\n')
  assert.ok(end >= 0, `no answer: ${JSON.stringify(text.slice(0, 300))}`)
  const lines = text.slice(0, end).split('\r\n')
  const first = /^HTTP\/1\.1 (\d{3})/.exec(lines[0])
  const status = first ?? /^Status: (\d{3}) [A-Z]/.exec(lines[0])
  assert.ok(status, `no status: ${lines[0]}`)
  const headers = []
  for (const line of lines.slice(1)) {
    const match = /^([A-Za-z0-9-]+): (.*)$/.exec(line)
    assert.ok(match, `no header line: ${JSON.stringify(line)}`)
    if (!SERVER_HEADERS.has(match[1].toLowerCase())) headers.push([match[1].toLowerCase(), match[2]])
  }
  headers.sort((a, b) => (a[0] + a[1] < b[0] + b[1] ? -1 : 1))
  let body = text.slice(end + 4)
  if (first && /\r\ntransfer-encoding: *chunked/i.test(text.slice(0, end))) body = unchunk(body)
  return { status: Number(status[1]), headers, body, header: (name) => headers.find(([n]) => n === name)?.[1] }
}

function unchunk(text) {
  let body = ''
  for (let at = 0; ; ) {
    const line = text.indexOf('\r\n', at)
    const size = parseInt(text.slice(at, line), 16)
    if (!size) return body
    body += text.slice(line + 2, line + 2 + size)
    at = line + 2 + size + 2
  }
}

/*
 * The meta-variables of a request, as a web server would make them.
 *   vars  more of them, or others; undefined leaves one out
 *   from  the peer's address, of the loopback
 * A header that is given as an array came in several lines.
 */
export function metaVariables({ method = 'GET', target, headers = {}, body, vars = {}, from = '127.0.0.1' }) {
  const mark = target.indexOf('?')
  const all = {
    GATEWAY_INTERFACE: 'CGI/1.1',
    REQUEST_METHOD: method,
    REQUEST_URI: target,
    QUERY_STRING: mark < 0 ? '' : target.slice(mark + 1),
    SCRIPT_NAME: '',
    SERVER_PROTOCOL: 'HTTP/1.1',
    SERVER_SOFTWARE: 'test',
    SERVER_NAME: '127.0.0.1',
    SERVER_PORT: '8080',
    REMOTE_ADDR: from,
    REQUEST_SCHEME: 'http',
    HTTP_HOST: HOST,
  }
  if (body !== undefined) all.CONTENT_LENGTH = String(Buffer.byteLength(body, 'latin1'))
  for (const [name, value] of Object.entries(headers)) {
    const upper = name.toUpperCase().replaceAll('-', '_')
    all[upper === 'CONTENT_TYPE' || upper === 'CONTENT_LENGTH' ? upper : `HTTP_${upper}`] = Array.isArray(value) ? value.join(', ') : value
  }
  Object.assign(all, vars)
  for (const name of Object.keys(all)) if (all[name] === undefined) delete all[name]
  return all
}

/*
 * Runs the CGI program once: {stdout (latin1), stderr, code, signal}.
 *   fds: how to start it, e.g. ['ignore', 'pipe', 'pipe']; args: what a web server may make of a query
 *   wrap: what runs it; outer: what runs all that, as the user of the tests
 */
export function runCgi(site, vars, body, { args = [], stdio = ['pipe', 'pipe', 'pipe'], strict, wrap = [], outer = [] } = {}) {
  const env = { ...cleanEnv({ OPENCODE_CALLBACK_CONFIG: site.iniFile }), ...vars }
  let command = [...wrap, CGI, ...args]
  // node can only hand over UTF-8: other bytes come from a file.
  const raw = Object.values(env).some((value) => /[^\x00-\x7f]/.test(value))
  if (raw) {
    const file = join(site.path, `vars-${Math.random().toString(36).slice(2)}`)
    const words = [...Object.entries(env).map(([name, value]) => `${name}=${value}`), ...command]
    writeFileSync(file, Buffer.from(words.join('\0'), 'latin1'))
    command = ['xargs', '-0', '-a', file, 'env', '-i']
  }
  const [inner, innerArgs] = unprivileged(command[0], command.slice(1), { strict })
  const [program, ...argv] = [...outer, inner, ...innerArgs]
  return new Promise((resolve, reject) => {
    const child = spawn(program, argv, { env: raw ? cleanEnv() : env, cwd: '/', stdio })
    const answer = { stdout: '', stderr: '' }
    const timer = setTimeout(() => child.kill('SIGKILL'), 40_000)
    child.stdout?.on('data', (chunk) => (answer.stdout += chunk.toString('latin1')))
    child.stderr?.on('data', (chunk) => (answer.stderr += chunk.toString('latin1')))
    child.stdin?.on('error', () => {})
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ ...answer, code, signal })
    })
    child.stdin?.end(Buffer.from(body ?? '', 'latin1'))
  })
}

/* The bytes of an HTTP request. */
export function httpRequest({ method = 'GET', target, headers = {}, body }) {
  const lines = [`${method} ${target} HTTP/1.1`]
  const all = { Host: HOST, Connection: 'close', ...headers }
  if (body !== undefined && !('Content-Length' in all)) all['Content-Length'] = Buffer.byteLength(body, 'latin1')
  for (const [name, value] of Object.entries(all)) for (const line of [value ?? []].flat()) lines.push(`${name}: ${line}`)
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body ?? ''}`, 'latin1')
}

/*
 * Starts a stand-in for opencode, the worker and both web servers.
 *   web: false leaves the web servers out; kinds: which of them, nginx-fcgi always; edit: changes their files and parts
 * frontends: [{name, web, send(request) → answer}], web: through a web server · logs(): all logs, CGI's included
 */
export async function startFrontends({ ini = {}, web = true, kinds = ['nginx-fcgi', 'apache-cgi'], edit } = {}) {
  const folder = scratch('frontends')
  const store = join(folder.path, 'store')
  const run = join(folder.path, 'run')
  mkdirSync(store, { mode: 0o700 })
  mkdirSync(run, { mode: 0o755 })
  give(folder.path, store, run)
  const standin = await startStandin(join(run, 'opencode.sock'))
  const behind = http.createServer((request, response) => response.end(`opencode ${request.method} ${request.url}`))
  // an address that Node's parser refuses, in some of its versions, came to opencode all the same
  behind.on('clientError', (error, socket) => {
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nopencode ')
  })
  await new Promise((resolve) => behind.listen(0, '127.0.0.1', resolve))
  const settings = {
    opencodePort: behind.address().port,
    opencodeSocket: standin.path,
    edit,
    editPart: edit,
    ini: { ...ini, flow: { max_pending_per_client: 1000, ...ini.flow, store: `dir:${store}` } },
  }
  const nginx = await startFront({ kind: 'nginx-fcgi', ...settings })
  const fronts = { 'nginx-fcgi': nginx }
  if (web) for (const kind of kinds) fronts[kind] ??= await startFront({ kind, ...settings })
  const site = { path: nginx.path, iniFile: join(nginx.path, 'opencode-callback.ini') }
  let stderr = ''

  const cgi = {
    name: 'CGI',
    async send(request) {
      const answer = await runCgi(site, metaVariables(request), request.body, request.cgi)
      stderr += answer.stderr
      assert.deepEqual([answer.code, answer.signal], [0, null], answer.stderr)
      return { ...parseAnswer(answer.stdout), raw: answer.stdout }
    },
  }
  const fcgi = {
    name: 'FastCGI',
    async send(request) {
      const bytes = fcgiRequest(metaVariables(request), request.body)
      const answer = await fcgiExchange(nginx.worker.socket, bytes)
      assert.ok(answer.ended, 'the request has an end')
      return { ...parseAnswer(answer.stdout), raw: answer.stdout }
    },
  }
  const over = (front, name) => ({
    name,
    web: true,
    async send(request) {
      return parseAnswer(await exchange({ port: front.port, localAddress: request.from }, httpRequest(request)))
    },
  })
  const frontends = [cgi, fcgi]
  if (web) frontends.push(...kinds.map((kind) => over(fronts[kind], kind)))

  return {
    frontends, cgi, fcgi, standin, site, nginx, apache: fronts['apache-cgi'], fronts, store,
    logs: () => [stderr, ...Object.values(fronts).map((front) => front.logs())].join('\n'),
    async stop() {
      await Promise.all(Object.values(fronts).map((front) => front.stop()))
      await standin.stop()
      await new Promise((resolve) => behind.close(resolve))
      folder.remove()
    },
  }
}
