/*
 * In the place of our programs: answers with the meta-variables that the web server made, as JSON, and
 * the length of the body. As CGI, or as FastCGI on a socket of -s or on descriptor 0.
 */
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BEGIN, END, PARAMS, STDIN, STDOUT, record, stream } from './fcgi.mjs'

const self = fileURLToPath(import.meta.url)

/* Programs with the names of ours, in a folder that the web server may enter: {cgi, fcgi}. */
export function recorders(folder) {
  const bin = join(folder, 'bin')
  const copy = join(folder, 'lib', basename(self))
  mkdirSync(bin, { recursive: true })
  cpSync(dirname(self), dirname(copy), { recursive: true })
  const program = (name) => {
    const file = join(bin, name)
    writeFileSync(file, `#!/bin/sh\nexec ${process.execPath} ${copy} ${name.endsWith('.cgi') ? 'cgi' : 'fcgi'} "$@"\n`)
    chmodSync(file, 0o755)
    return file
  }
  return { cgi: program('opencode-callback.cgi'), fcgi: program('opencode-callback.fcgi') }
}

function answer(vars, length) {
  const body = JSON.stringify({ vars, length })
  return Buffer.from(`Status: 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
}

function parsePairs(bytes) {
  const vars = {}
  const size = (at) => (bytes[at] & 128 ? [bytes.readUInt32BE(at) & 0x7fffffff, at + 4] : [bytes[at], at + 1])
  for (let at = 0; at < bytes.length; ) {
    const [name, next] = size(at)
    const [value, start] = size(next)
    const key = bytes.toString('latin1', start, start + name)
    const text = bytes.toString('latin1', start + name, start + name + value)
    // our programs join several
    vars[key] = key === 'HTTP_COOKIE' && vars[key] ? [vars[key], text].filter(Boolean).join('; ') : text
    at = start + name + value
  }
  return vars
}

function serve(socket) {
  let input = Buffer.alloc(0)
  let params = []
  let length = 0
  let keep = false
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    input = Buffer.concat([input, chunk])
    while (input.length >= 8 && input.length >= 8 + input.readUInt16BE(4) + input[6]) {
      const [type, id, size] = [input[1], input.readUInt16BE(2), input.readUInt16BE(4)]
      const content = Buffer.from(input.subarray(8, 8 + size))
      input = input.subarray(8 + size + input[6])
      if (type === BEGIN) [params, length, keep] = [[], 0, (content[2] & 1) === 1]
      if (type === PARAMS) params.push(content)
      if (type === STDIN && size) length += size
      if (type === STDIN && !size) {
        const out = Buffer.concat([stream(STDOUT, answer(parsePairs(Buffer.concat(params)), length), { id }), record(END, Buffer.alloc(8), { id })])
        keep ? socket.write(out) : socket.end(out)
      }
    }
  })
}

function fcgi(args) {
  const at = args.indexOf('-s')
  const server = net.createServer(serve)
  process.on('SIGTERM', () => process.exit(0))
  if (at < 0) return server.listen({ fd: 0 })
  rmSync(args[at + 1], { force: true })
  server.listen(args[at + 1])
}

if (process.argv[1] === self) {
  const [mode, ...args] = process.argv.slice(2)
  if (mode === 'cgi') process.stdout.write(answer({ ...process.env }, readFileSync(0).length))
  else fcgi(args)
}
