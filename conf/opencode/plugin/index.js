/*
 * opencode-callback.js: lets opencode-callback, and nobody else, reach this opencode and the
 * listeners of its sign-ins, over a Unix socket.
 *
 * Use: name this file in opencode.json,
 *
 *     { "plugin": ["file:///usr/share/opencode-callback/opencode-callback.js"] }
 *
 * and give opencode a folder for the socket in which it may create files. OPENCODE_CALLBACK_SOCKET
 * names the socket; without it, it is /run/opencode/opencode.sock. Whoever may write to the socket
 * (mode 0660, so its owner and group) may use it; nobody else can. opencode loads plugins at the
 * first request that needs them, so send one after a start: curl http://127.0.0.1:4096/provider/auth
 *
 * The socket speaks plain HTTP/1.1, one request a connection, which the client keeps open until it
 * has the answer. The Host header names the target:
 *
 *     localhost:PORT, 127.0.0.1:PORT, [::1]:PORT   a listener on this machine's loopback
 *     opencode                                     the opencode server itself
 *
 * It is not an open proxy: ports below 1024, other hosts, and methods and paths not named below get
 * 403; a malformed request gets 400; 502 means that nothing listens at the target. It forwards every
 * other request byte for byte. It uses node:net and no HTTP client: HTTP clients obey HTTP_PROXY and
 * rewrite URLs, and these requests hold sign-in codes.
 */
import { randomBytes } from "node:crypto"
import { accessSync, constants, lstatSync, renameSync, unlinkSync } from "node:fs"
import net from "node:net"
import { dirname, join } from "node:path"

const HEAD_MAX = 16 * 1024 // bytes of a request's head; opencode itself drops longer ones
const BODY_MAX = 64 * 1024 // bytes of a request's body
const CONNECTIONS_MAX = 256
const REQUEST_MS = 10_000 // for a request to arrive in full
const CONNECT_MS = 1_000 // for a loopback port to accept
const LINGER_MS = 2_000 // for a refused client to read why
const IDLE_MS = 15 * 60_000 // without a byte of the answer
const TEND_MS = 5_000 // between two checks of the socket

const PORT_MIN = 1024
const LOOPBACK = ["127.0.0.1", "::1"]

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/ // RFC 9110 section 5.6.2
const REQUEST_LINE = /^([A-Z]+) (\/[!"$-~]*) HTTP\/1\.[01]$/ // origin form only, RFC 9112 section 3.2.1
const LISTENER_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\]):([1-9][0-9]{3,4})$/

// One path segment. A dot segment would name another path once opencode has resolved it, and a
// backslash would start another segment.
const NAME = /(?!(?:\.|%2[eE]){1,2}(?:\/|$))(?:[\w.~!$&'()*+,;=:@-]|%[0-9a-fA-F]{2})+/.source
const path = (pattern) => new RegExp(`^${pattern.replaceAll("{name}", () => NAME)}$`)
const EVERY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

// The requests that opencode itself may get. On the paths that begin a sign-in, the handler receives
// every method.
const OPENCODE = [
  [EVERY_METHOD, path("/provider/{name}/oauth/authorize")],
  [EVERY_METHOD, path("/mcp/{name}/auth")],
  [EVERY_METHOD, path("/mcp/{name}/auth/authenticate")],
  [EVERY_METHOD, path("/api/integration/{name}/connect/oauth")],
  [["POST"], path("/provider/{name}/oauth/callback")],
  [["POST"], path("/mcp/{name}/auth/callback")],
  [["POST"], path("/instance/dispose")],
  [["GET"], path("/provider")],
  [["GET"], path("/provider/auth")],
  [["GET"], path("/mcp")],
  [["GET"], path("/global/health")],
  [["GET"], path("/api/integration")],
  [["GET", "DELETE"], path("/api/integration/attempt/{name}")],
]

const REASONS = { 400: "Bad Request", 403: "Forbidden", 502: "Bad Gateway" }

/*
 * Parses a request's head. Returns {method, path, target, host, length}, or null if it is malformed
 * or two parsers could read it differently (RFC 9112 section 11.2).
 */
function parse(head) {
  const [first, ...lines] = head.split("\r\n")
  const request = REQUEST_LINE.exec(first)
  if (!request) return null
  const once = { host: null, "content-length": null }
  for (const line of lines) {
    const colon = line.indexOf(":")
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase()
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "")
    if (!TOKEN.test(name) || /[\0-\x08\x0a-\x1f\x7f]/.test(value)) return null
    if (name === "transfer-encoding" || name === "upgrade") return null
    if (!Object.hasOwn(once, name)) continue
    if (once[name] !== null) return null
    once[name] = value
  }
  const length = once["content-length"] ?? "0"
  if (once.host === null || !/^[0-9]{1,6}$/.test(length) || Number(length) > BODY_MAX) return null
  const [bare] = request[2].split("?", 1)
  return { method: request[1], path: bare, target: request[2], host: once.host, length: Number(length) }
}

/* Where a request may go: {hosts, port}, or null if nowhere. own is the opencode server's URL. */
function route(request, own) {
  const { method } = request
  if (request.host === "opencode") {
    if (!OPENCODE.some(([methods, p]) => methods.includes(method) && p.test(request.path))) return null
    return { hosts: ownHosts(own), port: portOf(own) }
  }
  const listener = LISTENER_HOST.exec(request.host)
  if (!listener) return null
  const port = Number(listener[1])
  // opencode's own port is no listener: that would bypass the table above.
  if (port < PORT_MIN || port > 65535 || port === portOf(own)) return null
  if (method !== "GET" && !(method === "POST" && request.target === "/auth/token")) return null
  return { hosts: LOOPBACK, port }
}

function portOf(own) {
  return Number(own.port || 80)
}

function ownHosts(own) {
  const host = own.hostname.replace(/^\[|\]$/g, "")
  return ["localhost", "0.0.0.0", "::", ...LOOPBACK].includes(host) ? LOOPBACK : [host]
}

/* Connects to the first of the hosts that accepts. Calls back with a socket, or with null. */
function connect([host, ...others], port, done) {
  const socket = net.connect({ host, port })
  const timer = setTimeout(() => failed(), CONNECT_MS)
  let settled = false
  const settle = () => {
    clearTimeout(timer)
    const first = !settled
    settled = true
    return first
  }
  const failed = () => {
    socket.destroy()
    if (!settle()) return
    if (others.length > 0) connect(others, port, done)
    else done(null)
  }
  timer.unref()
  socket.unref()
  socket.on("error", failed)
  socket.on("close", failed)
  socket.on("connect", () => {
    if (settle()) done(socket)
  })
}

function refuse(client, status) {
  const text = `${status} ${REASONS[status]}`
  const head = [
    `HTTP/1.1 ${text}`,
    "Content-Type: text/plain",
    `Content-Length: ${text.length + 1}`,
    "Cache-Control: no-store",
    "Connection: close",
  ]
  client.end(`${head.join("\r\n")}\r\n\r\n${text}\n`)
  // Closing with bytes unread would lose the client its answer, so they are read and dropped.
  setTimeout(() => client.destroy(), LINGER_MS).unref()
}

/* Forwards a complete request, and returns whatever comes back. */
function forward(client, bytes, { hosts, port }) {
  connect(hosts, port, (server) => {
    if (client.destroyed) return server?.destroy()
    if (!server) return refuse(client, 502)
    const end = () => {
      server.destroy()
      client.destroy()
    }
    client.on("close", end)
    server.on("close", () => client.end(() => client.destroy()))
    server.setTimeout(IDLE_MS, end)
    server.pipe(client)
    server.write(bytes)
  })
}

/* Reads one request, and forwards or refuses it. A second one is never forwarded. */
function serve(client, own) {
  let bytes = Buffer.alloc(0)
  let request = null
  let settled = false
  const settle = (act) => {
    settled = true
    clearTimeout(timer)
    act()
  }
  const timer = setTimeout(() => client.destroy(), REQUEST_MS)
  timer.unref()
  client.unref()
  client.on("error", () => client.destroy())
  client.on("close", () => clearTimeout(timer))
  // The Bun inside opencode closes a Unix socket for both directions at once, so a client that has
  // closed its side is gone.
  client.on("end", () => client.destroy())
  client.on("data", (chunk) => {
    // After a refusal the rest is dropped; after a request, another byte ends the connection.
    if (settled) return request?.to && client.destroy()
    bytes = Buffer.concat([bytes, chunk])
    if (!request) {
      const end = bytes.subarray(0, HEAD_MAX).indexOf("\r\n\r\n")
      if (end < 0 && bytes.length < HEAD_MAX) return
      request = end < 0 ? null : parse(bytes.toString("latin1", 0, end))
      if (!request) return settle(() => refuse(client, 400))
      request.to = route(request, own())
      if (!request.to) return settle(() => refuse(client, 403))
      request.size = end + 4 + request.length
    }
    if (bytes.length < request.size) return
    if (bytes.length === request.size) return settle(() => forward(client, bytes, request.to))
    request.to = null
    settle(() => refuse(client, 400))
  })
}

/* What is at the path: "absent", "foreign" (no socket, or out of reach), "dead" or "alive". */
function probe(file, done) {
  try {
    if (!lstatSync(file).isSocket()) return done("foreign")
    accessSync(file, constants.W_OK)
  } catch (error) {
    return done(error.code === "ENOENT" ? "absent" : "foreign")
  }
  const socket = net.connect({ path: file })
  const finish = (found) => {
    socket.destroy()
    done(found)
  }
  socket.unref()
  socket.once("connect", () => finish("alive"))
  // For a socket that nobody listens on, node says ECONNREFUSED and Bun says ENOENT.
  socket.on("error", ({ code }) => finish(["ECONNREFUSED", "ENOENT"].includes(code) ? "dead" : "alive"))
}

/* Binds the socket under another name and then renames it, so the path never names a dead one. */
function listen(state) {
  const hidden = join(dirname(state.path), `.${randomBytes(4).toString("hex")}`)
  const server = net.createServer((client) => serve(client, state.own))
  server.maxConnections = CONNECTIONS_MAX
  server.on("error", (error) => {
    state.busy = false
    say(state, `cannot listen at ${state.path}: ${error.code ?? "error"}`)
  })
  server.on("listening", () => {
    state.busy = false
    server.unref()
    try {
      const { dev, ino } = lstatSync(hidden)
      renameSync(hidden, state.path)
      Object.assign(state, { server, dev, ino })
      say(state, `listening at ${state.path}`)
    } catch (error) {
      server.close()
      discard(hidden)
      say(state, `cannot listen at ${state.path}: ${error.code ?? "error"}`)
    }
  })
  const umask = process.umask(0o117)
  try {
    server.listen({ path: hidden })
  } finally {
    process.umask(umask)
  }
}

function ours(state) {
  try {
    const { dev, ino } = lstatSync(state.path)
    return state.server !== null && dev === state.dev && ino === state.ino
  } catch {
    return false
  }
}

/* Ensures that a socket is there: ours, or another opencode's that answers. */
function tend(state) {
  if (state.busy || ours(state)) return
  state.busy = true
  state.server?.close()
  state.server = null
  probe(state.path, (found) => {
    if (found === "absent" || found === "dead") return listen(state)
    state.busy = false
    say(state, `${state.path} is ${found === "alive" ? "another process's" : "no socket of ours"}`)
  })
}

/* Logs one line per process: the result of the first try. */
function say(state, text) {
  if (!state.said) console.error(`opencode-callback: ${text}`)
  state.said = true
}

function remove(state) {
  if (ours(state)) discard(state.path)
}

function discard(file) {
  try {
    unlinkSync(file)
  } catch {
    // It is gone, or the folder is no longer ours to write to.
  }
}

/* Every opencode process loads plugins; only these two commands are servers that wait for callbacks. */
function isServer(args) {
  const flags = ["--print-logs", "--pure", "--mdns"]
  for (let i = 0; i < args.length; i++) {
    if (!args[i].startsWith("-")) return args[i] === "serve" || args[i] === "web"
    if (!flags.includes(args[i]) && !args[i].includes("=")) i++
  }
  return false
}

function start(input) {
  const state = {
    path: process.env.OPENCODE_CALLBACK_SOCKET || "/run/opencode/opencode.sock",
    own: () => input.serverUrl, // read each time: before opencode listens, it names a port that may be another's
    server: null,
    busy: false,
    said: false,
  }
  tend(state)
  setInterval(() => tend(state), TEND_MS).unref()
  process.once("exit", () => remove(state))
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) {
    process.once(signal, () => {
      remove(state)
      // Our handler alone would keep the process alive; if opencode has one too, opencode ends itself.
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
    })
  }
}

// opencode calls this for every directory and after every dispose; the socket belongs to the process.
export const OpencodeCallback = async (input) => {
  const key = Symbol.for("opencode-callback")
  if (!globalThis[key] && isServer(process.argv.slice(2))) {
    globalThis[key] = true
    start(input)
  }
  return {}
}
