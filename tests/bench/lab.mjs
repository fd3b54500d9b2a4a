/*
 * Where the benchmark works: a scratch folder, stores in memory, the programs of this folder compiled as
 * ours are, and whatever is started, all of it stopped and removed at the end.
 */
import { execFile } from 'node:child_process'
import { accessSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { accepts, freePort, scratch, startProgram, until } from '../lib/net.mjs'
import { offspring } from './process.mjs'

export const run = promisify(execFile)
export const root = fileURLToPath(new URL('../..', import.meta.url))
export const build = resolve(root, process.env.BUILD_DIR || 'build')
export const cgi = join(build, 'opencode-callback.cgi')
export const fcgi = join(build, 'opencode-callback.fcgi')
export const tool = (name) => join(build, 'tests/bench', name)

export const HOST = '127.0.0.1:4096' // of the public URL: nothing listens there, each load names it as its Host
export const COOKIE = `opencode-callback=${'B'.repeat(43)}`
export const REFUSED = '/auth/callback?code=bench&state=unknown-state-000000000'
export const CONNECTIONS = 16
export const seconds = Math.max(1, Math.round(Number(process.env.SECONDS_EACH ?? 1))) // wrk knows only whole ones
export const rounds = Math.max(1, Number(process.env.ROUNDS ?? 5))
export const brief = rounds < 3 // to see whether it works: fewer requests of what takes long

export function say(text) {
  process.stderr.write(`${text}\n`)
}

/* Where files cost no disk, as under /run. */
function memoryFolder() {
  try {
    accessSync('/dev/shm', 2)
    return '/dev/shm'
  } catch {
    return tmpdir()
  }
}

const folder = scratch('bench')
const memory = mkdtempSync(join(memoryFolder(), 'opencode-callback-bench-'))
const started = new Set()
let names = 0

export const path = (name) => join(folder.path, name)
const freshName = (word) => `${word}${++names}`

/* An empty folder for flows. */
export function newStore() {
  const store = join(memory, freshName('store'))
  mkdirSync(store, { mode: 0o700 })
  return store
}

/*
 * A copy of a program, as make install makes one. What the linker has written piece by piece lies in the page
 * cache in pieces, and each process of it takes some percent longer to map; nobody installs it that way.
 */
export function installed(program) {
  const file = path(`${freshName('installed')}-${basename(program)}`)
  writeFileSync(file, readFileSync(program), { mode: 0o755 })
  return file
}

/* Takes the flows out of a store; folders are those of peers, who keep their own things there. */
export function emptyStore(store) {
  for (const entry of readdirSync(store, { withFileTypes: true })) {
    // a slow peer may still be at work on what wrk no longer waits for
    if (!entry.isDirectory()) rmSync(join(store, entry.name), { force: true })
  }
}

/* Compiles what is in this folder; refused and redirect: what the CGI floors print, redirect after its calls. */
export async function compile(refused, redirect) {
  const bytes = (text) => `static const unsigned char answer[] = {${[...Buffer.from(text, 'latin1')].join(',')}};`
  mkdirSync(tool(''), { recursive: true })
  writeFileSync(tool('answer.h'), `#ifdef CALLS\n${bytes(redirect)}\n#else\n${bytes(refused)}\n#endif\n`)
  await run('make', ['-s', `BUILD_DIR=${process.env.BUILD_DIR || 'build'}`, 'bench-programs'], { cwd: root })
}

/* A program that is to run until it is stopped: see assertRunning(). */
export function watch(program) {
  started.add(program)
  return { ...program, stop: () => end(program) }
}

const start = (file, args, options) => watch(startProgram(file, args, options))

/* fcgiwrap leaves its children behind: they are stopped too. */
async function stop(program) {
  const children = program.running() ? offspring(program.pid) : []
  const how = await program.stop('SIGTERM', 5000)
  for (const pid of children) {
    try {
      process.kill(pid)
    } catch (error) {
      if (error.code !== 'ESRCH') throw error
    }
  }
  started.delete(program)
  return how
}

async function end(program) {
  const running = program.running()
  const { code, signal } = await stop(program)
  // a floor or stand-in has no handler: the signal itself ends it
  if (!running || (code !== 0 && signal !== 'SIGTERM')) throw new Error(`a program died: ${code ?? signal}\n${program.output()}`)
}

export function assertRunning() {
  for (const program of started) if (!program.running()) throw new Error(`a program died: ${program.output()}`)
}

export async function startListening(file, args, socket, options) {
  const program = start(file, args, options)
  await until(`${socket} accepts`, () => {
    if (!program.running()) throw new Error(program.output())
    return accepts({ path: socket })
  })
  return { ...program, socket }
}

/* The stand-in for opencode. delay: milliseconds that each call takes. */
export function startStandin({ threads = CONNECTIONS, delay = 0 } = {}) {
  const socket = path(freshName('opencode'))
  return startListening(tool('standin'), [socket, String(threads), String(delay)], socket)
}

/* Floor A, and with an opencode to call floor B: answers with text. */
export function startFloor(text, { threads = 8, opencode } = {}) {
  const name = freshName('floor')
  writeFileSync(path(`${name}.txt`), text, 'latin1')
  const socket = path(`${name}.sock`)
  return startListening(tool('floor_fcgi'), [socket, path(`${name}.txt`), String(threads), ...(opencode ? [opencode] : [])], socket)
}

/* Our configuration, for a site of its own. store: a folder, or what [flow] store has; limit: the [limit] section's lines. */
export function writeConfig({ store, opencode, limit = ['rate = 60000/min', 'burst = 1000000'] }) {
  const file = path(`${freshName('bench')}.ini`)
  writeFileSync(
    file,
    [
      '[opencode]', `url = http://${HOST}`, `socket = ${opencode}`,
      '[proxy]', 'trust = loopback',
      '[flow]', `store = ${store.includes(':') ? store : `dir:${store}`}`, 'max_pending = 200000', 'max_pending_per_client = 200000', 'lifetime = 3600',
      '[limit]', ...limit,
      '[log]', 'level = error', '',
    ].join('\n'),
  )
  return file
}

export function startWorker({ threads = 8, socket = path(`${freshName('worker')}.sock`), config, ...site }) {
  return startListening(fcgi, ['-c', config ?? writeConfig(site), '-s', socket, '-t', String(threads)], socket)
}

/* The lines of an nginx location that leads to a FastCGI program, or to several; keep: on connections that stay open. */
export function fastcgi(socket, keep = false) {
  const name = freshName('up')
  return {
    upstream: `upstream ${name} { ${[socket].flat().map((one) => `server unix:${one};`).join(' ')} ${keep ? `keepalive ${2 * CONNECTIONS};` : ''} }`,
    location: `
      fastcgi_pass ${name};
      fastcgi_keep_conn ${keep ? 'on' : 'off'};
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param REQUEST_URI $request_uri;
      fastcgi_param SCRIPT_NAME $uri;
      fastcgi_param QUERY_STRING $query_string;
      fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length;
      fastcgi_param REMOTE_ADDR $remote_addr;
      fastcgi_param REQUEST_SCHEME $scheme;
      fastcgi_param SERVER_PROTOCOL $server_protocol;
      fastcgi_param GATEWAY_INTERFACE CGI/1.1;`,
  }
}

/* One nginx; routes: {name: what fastcgi() gave, or {location}}. Resolves with a port for each name. */
export async function startNginx(routes) {
  const name = freshName('nginx')
  const ports = {}
  const servers = []
  for (const [key, { upstream = '', location }] of Object.entries(routes)) {
    ports[key] = await freePort()
    servers.push(`${upstream}\nserver { listen 127.0.0.1:${ports[key]}; location / { ${location} } }`)
  }
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((word) => `${word}_temp_path ${path(`${name}-${word}`)};`)
  writeFileSync(
    path(`${name}.conf`),
    `daemon off; worker_processes 2; pid ${path(`${name}.pid`)}; error_log ${path(`${name}.log`)} error;
    ${process.getuid() === 0 ? 'user root;' : ''}
    events { worker_connections 512; }
    http { access_log off; ${temporary.join('\n')} ${servers.join('\n')} }`,
  )
  const program = start('nginx', ['-c', path(`${name}.conf`), '-e', path(`${name}.log`)], {
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
  })
  await until('nginx accepts', () => {
    if (!program.running()) throw new Error(program.output() + readFileSync(path(`${name}.log`), 'utf8'))
    return accepts({ port: Object.values(ports).at(-1) })
  })
  return { ...program, ports }
}

/* Stops what still runs and removes every file. */
export async function clear() {
  for (const program of [...started].reverse()) await stop(program)
  folder.remove()
  rmSync(memory, { recursive: true, force: true })
}
