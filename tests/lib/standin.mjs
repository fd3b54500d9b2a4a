/*
 * Stands for opencode where a test must know exactly what reaches it: an HTTP server on a Unix
 * socket that records every connection and answers, or misbehaves, as it is told. (Whole sign-ins
 * are tested with the real one.)
 */
import { chmodSync } from 'node:fs'
import net from 'node:net'
import { give } from './front.mjs'

function parse(text) {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return null
  const [first, ...lines] = text.slice(0, end).split('\r\n')
  const [method, target] = first.split(' ')
  const headers = {}
  for (const line of lines) headers[line.slice(0, line.indexOf(':')).toLowerCase()] = line.slice(line.indexOf(':') + 1).trim()
  const body = text.slice(end + 4)
  if (body.length < Number(headers['content-length'] || 0)) return null
  return { method, target, path: target.split('?')[0], headers, host: headers.host, body, raw: text }
}

export const json = (value, status = 200, headers = {}) => ({
  status,
  headers: { 'Content-Type': 'application/json', ...headers },
  body: JSON.stringify(value),
})

/*
 * The authorize URL of a begin: what the test asked for in the call's own inputs, so that each
 * sign-in has the state, redirect URI and provider page that the test has chosen.
 */
export function authorizeUrl({ state, redirect, origin = 'https://auth.example.net', more = '' }) {
  const known = state === undefined ? '' : `&state=${encodeURIComponent(state)}`
  return `${origin}/oauth/authorize?response_type=code&client_id=c1&redirect_uri=${encodeURIComponent(redirect)}${known}${more}`
}

function defaults(request) {
  const begins = /^\/provider\/([^/]+)\/oauth\/authorize$/.exec(request.path)
  if (begins && request.method === 'POST') {
    const { inputs = {} } = JSON.parse(request.body)
    return json({ url: inputs.url ?? authorizeUrl(inputs), method: inputs.kind ?? 'auto', instructions: 'x' })
  }
  if (request.host !== 'opencode') return { status: 200, body: '<h1>Authorization Successful</h1>' }
  if (/^\/provider\/[^/]+\/oauth\/callback$/.test(request.path)) return json(true)
  if (request.path === '/provider/auth') {
    const id = request.headers['x-opencode-test-provider'] ?? 'openai'
    return json({ [id]: [{ type: 'oauth', label: 'Browser' }] })
  }
  if (request.path === '/global/health') return json({ healthy: true, version: '1' })
  if (request.path === '/provider') return json({ all: [], connected: [] })
  if (request.path === '/mcp') return json({})
  if (request.path === '/instance/dispose') return json(true)
  return json({ name: 'NotFoundError' }, 404)
}

/*
 * Listens at path. connections: all so far, each {request (null if none came whole), raw}.
 * answer: a function of a request; what it returns is sent: {status, headers, body}, or
 *   {raw, then} bytes as they are, then 'close' or 'hang' · {drip} bytes, one each second · 'hang' never
 *   answers · 'close' closes at once
 * undefined means the default answer, a promise one that comes later. since(n): the requests after the first n connections.
 */
export async function startStandin(path) {
  const connections = []
  const sockets = new Set()
  const self = { path, connections, answer: () => undefined }

  const server = net.createServer((socket) => {
    const connection = { request: null, raw: '' }
    connections.push(connection)
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      connection.raw += chunk.toString('latin1')
      if (connection.request) return
      connection.request = parse(connection.raw)
      if (connection.request) reply(socket, connection.request)
    })
  })

  function drip(socket, text) {
    let at = 0
    const timer = setInterval(() => (at < text.length ? socket.write(text[at++]) : socket.end()), 1000)
    socket.on('close', () => clearInterval(timer))
  }

  async function reply(socket, request) {
    const answer = (await self.answer(request)) ?? defaults(request)
    if (answer === 'hang') return
    if (answer === 'close') return void socket.destroy()
    if (answer.drip !== undefined) return drip(socket, answer.drip)
    if (answer.raw !== undefined) {
      socket.write(answer.raw, () => answer.then !== 'hang' && socket.end())
      return
    }
    const body = Buffer.from(answer.body ?? '')
    const lines = [`HTTP/1.1 ${answer.status} X`]
    for (const [name, value] of Object.entries(answer.headers ?? {})) lines.push(`${name}: ${value}`)
    lines.push(`Content-Length: ${body.length}`, 'Connection: close')
    socket.write(`${lines.join('\r\n')}\r\n\r\n`)
    socket.end(body)
  }

  self.since = (n) => connections.slice(n).map((connection) => connection.request)
  self.stop = () => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  }
  await new Promise((resolve, reject) => server.once('error', reject).listen(path, resolve))
  chmodSync(path, 0o660)
  give(path)
  return self
}
