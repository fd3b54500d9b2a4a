/*
 * Stands for opencode's own port behind a web server: says what it was sent, streams events one by one
 * as it is told, speaks WebSocket, counts large bodies, answers after as many seconds as X-Wait says, and leads
 * /led elsewhere, with its query.
 */
import { createHash } from 'node:crypto'
import http from 'node:http'

/* {port, next(): lets the open event streams say one more line, streams(): how many are open, stop()} */
export async function startBehind() {
  const streams = new Set()
  const sockets = new Set()
  const server = http.createServer((request, response) => {
    if (request.url.startsWith('/event')) {
      response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' })
      response.write('data: 0\n\n')
      streams.add(response)
      response.on('close', () => streams.delete(response))
      return
    }
    let length = 0
    request.on('data', (chunk) => (length += chunk.length))
    request.on('end', () => {
      const headers = { 'Content-Type': 'application/json' }
      if (request.url.startsWith('/secured')) {
        headers['Content-Security-Policy'] = "default-src 'self'"
        headers['X-Frame-Options'] = 'SAMEORIGIN'
        headers['WWW-Authenticate'] = 'Basic realm="Secure Area"'
      }
      if (request.url.startsWith('/led')) headers.Location = request.url.replace('/led', 'https://elsewhere.example/')
      const answer = () => {
        response.writeHead(headers['WWW-Authenticate'] ? 401 : headers.Location ? 302 : 200, headers)
        response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, length }))
      }
      const wait = Number(request.headers['x-wait'] ?? 0)
      if (!wait) return answer()
      const timer = setTimeout(answer, wait * 1000)
      response.on('close', () => clearTimeout(timer))
    })
  })
  server.on('upgrade', (request, socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`)
    socket.on('error', () => {})
    // each frame of a client comes back unmasked
    socket.on('data', (frame) => {
      const size = frame[1] & 127
      const [mask, text] = [frame.subarray(2, 6), Buffer.from(frame.subarray(6, 6 + size))]
      for (let i = 0; i < size; i++) text[i] ^= mask[i % 4]
      socket.write(Buffer.concat([Buffer.from([0x81, size]), text]))
    })
    socket.on('end', () => socket.end())
  })
  // Node's own answer has no length, and then it depends on the moment how a proxy ends it
  server.on('clientError', (error, socket) => {
    const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request'
    if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  let count = 0
  return {
    port: server.address().port,
    next() {
      count++
      for (const stream of streams) stream.write(`data: ${count}\n\n`)
      return count
    },
    streams: () => streams.size,
    stop() {
      server.closeAllConnections?.()
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(resolve))
    },
  }
}
