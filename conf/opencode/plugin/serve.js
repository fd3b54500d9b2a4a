/*
 * One client of the socket: reads its request, and forwards or refuses it.
 */
import net from "node:net"
import { listenerHosts, listenerPorts } from "./ports.js"
import { isListenerPort, parse, route } from "./request.js"

const HEAD_MAX = 16 * 1024 // bytes of a request's head; opencode itself drops longer ones
const REQUEST_MS = 10_000 // for a request to arrive in full
const CONNECT_MS = 3_000 // for a loopback port to accept
const LINGER_MS = 2_000 // for a refused client to read why
const IDLE_MS = 15 * 60_000 // without a byte of the answer
const STEPS = 6 // in which a deadline passes

const REASONS = { 200: "OK", 400: "Bad Request", 403: "Forbidden", 502: "Bad Gateway" }

/*
 * Calls expired after ms, and returns a function that prevents it. opencode may keep the event loop busy
 * for seconds, and then a timer can fire before what has long happened is reported. After each step the
 * loop looks for that once more.
 */
function deadline(ms, expired) {
  let steps = STEPS
  let timer
  const step = () => {
    if (steps-- === 0) return expired()
    timer = setTimeout(step, ms / STEPS)
    timer.unref()
  }
  step()
  return () => clearTimeout(timer)
}

/* Connects to the first of the hosts that accepts. Calls back with a socket, or with null. */
function connect([host, ...others], port, done) {
  if (!host) return done(null)
  const socket = net.connect({ host, port })
  let settled = false
  const settle = () => {
    cancel()
    const first = !settled
    settled = true
    return first
  }
  const failed = () => {
    socket.destroy()
    if (settle()) connect(others, port, done)
  }
  const cancel = deadline(CONNECT_MS, failed)
  socket.unref()
  socket.on("error", failed)
  socket.on("close", failed)
  socket.on("connect", () => {
    if (settle()) done(socket)
  })
}

function respond(client, status, type, body) {
  const head = [
    `HTTP/1.1 ${status} ${REASONS[status]}`,
    `Content-Type: ${type}`,
    `Content-Length: ${body.length}`,
    "Cache-Control: no-store",
    "Connection: close",
  ]
  client.end(`${head.join("\r\n")}\r\n\r\n${body}`)
  // Closing with bytes unread would lose the client its answer, so they are read and dropped.
  setTimeout(() => client.destroy(), LINGER_MS).unref()
}

function refuse(client, status) {
  respond(client, status, "text/plain", `${status} ${REASONS[status]}\n`)
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

/* Does with a complete request what route() said. own() is opencode's own server. */
function act(client, bytes, to, own) {
  try {
    if (to.ask) {
      const listeners = listenerPorts()?.filter((port) => isListenerPort(port) && port !== own()?.port) ?? null
      return respond(client, 200, "application/json", JSON.stringify({ listeners }))
    }
    const hosts = to.hosts ?? listenerHosts(to.listener)
    if (!hosts) return refuse(client, 403)
    forward(client, bytes, { hosts, port: to.port ?? to.listener })
  } catch {
    refuse(client, 502) // no descriptor is left to look into /proc with
  }
}

/* Reads one request, and forwards or refuses it. A second one is never forwarded. */
export function serve(client, own) {
  let bytes = Buffer.alloc(0)
  let request = null
  let settled = false
  const settle = (then) => {
    settled = true
    cancel()
    then()
  }
  const cancel = deadline(REQUEST_MS, () => client.destroy())
  client.unref()
  client.on("error", () => client.destroy())
  client.on("close", cancel)
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
      const to = route(request, own())
      if (to.status) return settle(() => refuse(client, to.status))
      request.to = to
      request.size = end + 4 + request.length
    }
    if (bytes.length < request.size) return
    if (bytes.length === request.size) return settle(() => act(client, bytes, request.to, own))
    request.to = null
    settle(() => refuse(client, 400))
  })
}
