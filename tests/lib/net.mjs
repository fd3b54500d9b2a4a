/*
 * What every test needs of the network and of other programs: free ports, raw bytes over a
 * connection, programs that are started and stopped by their id, waiting with a deadline.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import tls from 'node:tls'

const given = new Set()

/* A TCP port of the loopback that was free a moment ago, and no port twice. */
export async function freePort() {
  for (;;) {
    const server = net.createServer().listen(0, '127.0.0.1')
    await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject))
    const { port } = server.address()
    await new Promise((resolve) => server.close(resolve))
    if (given.has(port)) continue
    given.add(port)
    return port
  }
}

/* Calls check until it returns something true, and returns that; fails after ms. */
export async function until(what, check, ms = 10_000) {
  const deadline = Date.now() + ms
  let last
  for (;;) {
    try {
      const value = await check()
      if (value) return value
      last = undefined
    } catch (error) {
      last = error
    }
    if (Date.now() > deadline) {
      assert.fail(`not within ${ms} ms: ${what}${last ? ` (${last.message})` : ''}`)
    }
    await pause(25)
  }
}

/* A connection to {port} or {path}. With {ca, servername} it is TLS, and that authority must vouch for the name. */
export function connect({ ca, servername, ...where }) {
  const to = { host: '127.0.0.1', ...where }
  return ca ? tls.connect({ ...to, ca, servername }) : net.connect(to)
}

/* Whether somebody accepts at {port} or {path}. */
export function accepts(where) {
  return new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', ...where })
    socket.once('connect', () => resolve(true) || socket.destroy())
    socket.once('error', () => resolve(false))
  })
}

/*
 * Sends bytes to where connect() leads, and resolves with what came back as latin1 text, once the other
 * side has closed, or once a whole response with a Content-Length or chunks is there.
 * parts: written one after the other, each as a packet of its own.
 */
export function exchange(where, ...parts) {
  return new Promise((resolve, reject) => {
    const socket = connect(where)
    let text = ''
    const finish = () => {
      clearTimeout(timer)
      socket.destroy()
      resolve(text)
    }
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new Error(`no whole answer within 15 s, only ${JSON.stringify(text.slice(0, 200))}`))
    }, 15_000)
    socket.setNoDelay?.(true)
    socket.on('error', (error) => (text ? finish() : (clearTimeout(timer), reject(error))))
    socket.on('close', finish)
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (isWhole(text)) finish()
    })
    socket.on('connect', async () => {
      for (const part of parts) {
        await new Promise((sent) => socket.write(part, sent))
        await pause(1)
      }
    })
  })
}

function isWhole(text) {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return false
  const head = text.slice(0, end)
  if (/^HTTP\/1\.1 (204|304)/.test(head)) return true
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)
  if (length) return text.length >= end + 4 + Number(length[1])
  return /\r\ntransfer-encoding: *chunked/i.test(head) && text.endsWith('\r\n0\r\n\r\n')
}

/* {status, headers, body} of a response's text. */
export function parseResponse(text) {
  const end = text.indexOf('\r\n\r\n')
  assert.ok(end >= 0, `no HTTP response: ${JSON.stringify(text.slice(0, 200))}`)
  const [first, ...lines] = text.slice(0, end).split('\r\n')
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1])
  const headers = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
  }
  return { status, headers, body: text.slice(end + 4) }
}

/* One request with well-formed headers to where connect() leads. */
export async function request(where, method, target, { host = 'localhost', headers = {}, body } = {}) {
  const lines = [`${method} ${target} HTTP/1.1`, `Host: ${host}`, 'Connection: close']
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`)
  if (body !== undefined) lines.push(`Content-Length: ${Buffer.byteLength(body)}`)
  return parseResponse(await exchange(where, `${lines.join('\r\n')}\r\n\r\n${body ?? ''}`))
}

/* A folder of this test's own; remove() takes it away. */
export function scratch(name) {
  const path = mkdtempSync(join(tmpdir(), `opencode-callback-${name}-`))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

// A test that fails halfway leaves nothing running.
const children = new Set()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/*
 * Starts a program. output() is all that it printed so far; ended resolves with {code, signal}, closed
 * when nothing more can be printed; write(text) is its input, where options.stdio gives it one; stop()
 * ends it and nothing else, and resolves with the same as ended.
 */
export function startProgram(file, args, options = {}) {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => (output += chunk))
  }
  const ended = new Promise((resolve) => {
    child.on('error', (error) => {
      output += `${error.message}\n`
      resolve({ code: -1, signal: null })
    })
    child.on('exit', (code, signal) => resolve({ code, signal }))
  })
  const closed = new Promise((resolve) => child.on('close', resolve))
  children.add(child)
  ended.then(() => children.delete(child))
  const running = () => child.exitCode === null && child.signalCode === null && child.pid !== undefined
  return {
    pid: child.pid,
    ended,
    closed,
    running,
    output: () => output,
    write: (text) => child.stdin.write(text),
    async stop(signal = 'SIGTERM', ms = 10_000) {
      if (running()) child.kill(signal)
      const timer = setTimeout(() => running() && child.kill('SIGKILL'), ms)
      const how = await ended
      clearTimeout(timer)
      return how
    },
  }
}
