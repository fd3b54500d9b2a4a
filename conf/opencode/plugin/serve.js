/*
 * One client of the socket: reads its request, and forwards or refuses it.
 */
import net from "node:net"
import { parse, route } from "./request.js"

const HEAD_MAX = 16 * 1024 // bytes of a request's head; opencode itself drops longer ones
const REQUEST_MS = 10_000 // for a request to arrive in full
const CONNECT_MS = 1_000 // for a loopback port to accept
const LINGER_MS = 2_000 // for a refused client to read why
const IDLE_MS = 15 * 60_000 // without a byte of the answer

const REASONS = { 400: "Bad Request", 403: "Forbidden", 502: "Bad Gateway" }

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
export function serve(client, own) {
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
