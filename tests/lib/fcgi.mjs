/*
 * A FastCGI client over a Unix socket: what a web server would send, and what none would.
 */
import net from 'node:net'

export const BEGIN = 1
export const ABORT = 2
export const END = 3
export const PARAMS = 4
export const STDIN = 5
export const STDOUT = 6
export const STDERR = 7

export function record(type, content = Buffer.alloc(0), { id = 1, version = 1, padding = 0 } = {}) {
  const body = Buffer.isBuffer(content) ? content : Buffer.from(content, 'latin1')
  const head = Buffer.from([version, type, id >> 8, id & 255, body.length >> 8, body.length & 255, padding, 0])
  return Buffer.concat([head, body, Buffer.alloc(padding)])
}

export function begin({ role = 1, keep = false, id = 1 } = {}) {
  return record(BEGIN, Buffer.from([role >> 8, role & 255, keep ? 1 : 0, 0, 0, 0, 0, 0]), { id })
}

function length(n) {
  return n < 128 ? Buffer.from([n]) : Buffer.from([(n >>> 24) | 128, (n >>> 16) & 255, (n >>> 8) & 255, n & 255])
}

/* {NAME: value} as name-value pairs; strings are bytes (latin1). */
export function pairs(vars) {
  const parts = []
  for (const [name, value] of Object.entries(vars)) {
    const bytes = [Buffer.from(name, 'latin1'), Buffer.from(value, 'latin1')]
    parts.push(length(bytes[0].length), length(bytes[1].length), ...bytes)
  }
  return Buffer.concat(parts)
}

/* A stream in records of at most 65,535 bytes, with the empty one that ends it. */
export function stream(type, bytes, options) {
  const parts = []
  for (let at = 0; at < bytes.length; at += 65535) {
    parts.push(record(type, bytes.subarray(at, at + 65535), options))
  }
  parts.push(record(type, undefined, options))
  return Buffer.concat(parts)
}

/* The whole of one request. */
export function fcgiRequest(vars, body = '', options = {}) {
  const bytes = Buffer.from(body, 'latin1')
  return Buffer.concat([begin(options), stream(PARAMS, pairs(vars), options), stream(STDIN, bytes, options)])
}

/*
 * Sends bytes and collects the answer until its END record, or until the other side closes:
 * {stdout (latin1), stderr, ended, closed}. Fails after ms.
 */
export function fcgiExchange(path, bytes, { ms = 30_000, socket = net.connect({ path }), end = true } = {}) {
  return new Promise((resolve, reject) => {
    let input = Buffer.alloc(0)
    const answer = { stdout: '', stderr: '', ended: false, closed: false }
    const done = (error) => {
      clearTimeout(timer)
      socket.removeAllListeners()
      socket.on('error', () => {})
      if (end) socket.destroy()
      error ? reject(error) : resolve(answer)
    }
    const timer = setTimeout(() => done(new Error(`no FastCGI answer within ${ms} ms`)), ms)
    socket.on('data', (chunk) => {
      input = Buffer.concat([input, chunk])
      while (input.length >= 8 && input.length >= 8 + input.readUInt16BE(4) + input[6]) {
        const size = input.readUInt16BE(4)
        const content = input.subarray(8, 8 + size)
        const type = input[1]
        input = input.subarray(8 + size + input[6])
        if (type === STDOUT) answer.stdout += content.toString('latin1')
        if (type === STDERR) answer.stderr += content.toString('latin1')
        if (type === END) {
          answer.ended = true
          return done()
        }
      }
    })
    socket.on('close', () => {
      answer.closed = true
      done()
    })
    socket.on('error', (error) => (error.code === 'EPIPE' || error.code === 'ECONNRESET' ? undefined : done(error)))
    socket.write(bytes)
  })
}
