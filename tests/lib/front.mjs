/*
 * A web server with its shipped configuration in front of one of our programs, as users have it.
 * Names, ports and paths are the only difference, see tests/demo/fit; the servers are in servers.mjs.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { certify } from './certificate.mjs'
import { accepts, freePort, scratch, startProgram, until } from './net.mjs'
import { KINDS, RELAYS } from './servers.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const root_user = process.getuid() === 0
const NOBODY = 65534

export const BUILD = resolve(root, process.env.BUILD_DIR || 'build')
/* Built by `make sanitize`: with a heap of its own, larger, and without the sandbox. */
export const SANITIZED = BUILD.endsWith('/sanitize')
export const CGI = join(BUILD, 'opencode-callback.cgi')
export const WORKER = join(BUILD, 'opencode-callback.fcgi')

/*
 * Web servers do not serve as root. Where the tests run as root, programs run as nobody, who may
 * in addition pass through folders such as /root and use the sockets of the tests' own opencode.
 * strict: without that addition. Returns what spawn() wants: [program, arguments].
 */
export function unprivileged(program, args = [], { strict = false } = {}) {
  if (!root_user) return [program, args]
  const caps = strict ? [] : ['--inh-caps=+dac_override', '--ambient-caps=+dac_override']
  const user = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
  return ['setpriv', [...user, ...caps, program, ...args]]
}

/* Hands files to the user whom unprivileged() becomes. */
export function give(...paths) {
  if (root_user) for (const path of paths) chownSync(path, NOBODY, NOBODY)
}

/* {section: {key: value}} as an ini file; undefined values are left out. */
export function iniText(sections) {
  return Object.entries(sections)
    .map(([name, keys]) => {
      const lines = Object.entries(keys).filter(([, value]) => value !== undefined)
      return `[${name}]\n${lines.map(([key, value]) => `${key} = ${value}\n`).join('')}`
    })
    .join('\n')
}

/* The environment of our programs: nothing of ours in it that the test did not put there. */
export function cleanEnv(extra = {}) {
  const env = { PATH: process.env.PATH, LANG: 'C.UTF-8' }
  for (const name of Object.keys(process.env)) {
    if (/^(?:(?:ASAN|UBSAN|LSAN|TSAN)_OPTIONS|GCOV_PREFIX(?:_STRIP)?)$/.test(name)) env[name] = process.env[name]
  }
  return { ...env, ...extra }
}

/* The folder of one installation: configuration, store, logs, sockets. */
export function makeSite({ ini = {}, opencodeSocket, opencodePort }) {
  const folder = scratch('front')
  const storeDir = join(folder.path, 'store')
  mkdirSync(storeDir, { mode: 0o700 })
  chmodSync(folder.path, 0o755)
  give(folder.path, storeDir)
  const { opencode, flow, limit, ...rest } = ini
  const many = Object.keys(rest).some((name) => name.startsWith('opencode '))
  const iniFile = join(folder.path, 'opencode-callback.ini')
  const settings = {
    ...(many ? {} : { opencode: { socket: opencodeSocket, port: opencodePort, ...opencode } }),
    flow: { store: `dir:${storeDir}`, ...flow },
    limit: { rate: '60000/min', burst: 1000000, ...limit },
    ...rest,
  }
  writeFileSync(iniFile, iniText(settings), { mode: 0o644 })
  return { path: folder.path, storeDir, iniFile, remove: folder.remove }
}

/* Starts the worker on a socket of the site's folder, by the words of wrap. stop() asserts that it ends in order. */
export async function startWorker(site, { strict, name = 'worker.sock', args = [], env, program: file = WORKER, wrap = [] } = {}) {
  const socket = join(site.path, name)
  const [first, ...rest] = [...wrap, file]
  const [program, argv] = unprivileged(first, [...rest, '-c', site.iniFile, '-s', socket, ...args], { strict })
  const worker = startProgram(program, argv, { cwd: '/', env: cleanEnv(env) })
  const stop = async (signal = 'SIGTERM') => {
    const how = await worker.stop(signal)
    if (signal === 'SIGTERM') {
      assert.deepEqual(how, { code: 0, signal: null }, `the worker's end:\n${worker.output()}`)
    }
    return how
  }
  try {
    await until('the worker accepts', async () => {
      if (!worker.running()) throw new Error(`the worker ended: ${worker.output()}`)
      return accepts({ path: socket })
    })
  } catch (error) {
    await worker.stop('SIGKILL')
    throw error
  }
  return { ...worker, socket, stop }
}

/* A shipped file with the settings of tests/demo/fit. */
export function fit(file, settings) {
  const words = Object.entries(settings).map(([name, value]) => `${name}=${value}`)
  return execFileSync(join(root, 'tests/demo/fit'), [join(root, file), ...words], { encoding: 'utf8' })
}

/*
 * Puts the parts of sites, conf/SERVER/part*, into folder/SERVER/ with the settings of tests/demo/fit. A site's file finds
 * them there by the setting parts, which is the folder. edit is a function of each.
 */
export function fitParts(folder, server, settings, edit = (text) => text) {
  const place = join(folder, server)
  mkdirSync(place, { recursive: true })
  for (const name of readdirSync(join(root, 'conf', server)).filter((one) => /^part[-.]/.test(one))) {
    writeFileSync(join(place, name), edit(fit(`conf/${server}/${name}`, { ...settings, parts: folder })))
  }
}

/* A web server's file with the parts in the place of the lines that include them, so that there is one text to change. */
export const withParts = (text) => text.replace(/^[ \t]*(?:[Ii]nclude|import) "?(\S+\/parts\/[^\s;"]+)"?;?$/gm, (_, file) => withParts(readFileSync(file, 'utf8')))

/*
 * kind: a row of KINDS or RELAYS in servers.mjs
 *   opencodePort    where everything else is proxied to
 *   opencodeSocket  the socket that our programs talk to, may hold %p
 *   ini             {section: {key: value}}, on top of socket, port and a store of its own; with
 *                   'opencode NAME' sections, those are all there are
 *   host            the server's name, in the place of opencode.example.com
 *   port            where it listens; a free one by default
 *   tls             keep the shipped TLS lines, with a certificate for host (see certificate.mjs)
 *   edit            a function of the web server's file, for what is wrong in it; editPart of each part
 *   programs        {cgi, fcgi}: others in the place of ours
 * The answer: origin, port, where (for connect(), with whom to trust), plainPort (redirects to https),
 * logs() (everything that we, the web server's access log and its error log said), storeDir, path, worker
 * (where it runs by itself), certificate, stop().
 */
export async function startFront({
  kind, opencodePort, opencodeSocket, ini, host = '127.0.0.1', tls = false, strict = false, env, port,
  programs = { cgi: CGI, fcgi: WORKER }, edit = (text) => text, editPart,
}) {
  const row = KINDS[kind] ?? RELAYS[kind]
  assert.ok(row, kind)
  const site = makeSite({ ini, opencodeSocket, opencodePort })
  port ??= await freePort()
  const plainPort = await freePort()
  const socket = join(site.path, 'worker.sock')
  const settings = {
    host, port, plain: `127.0.0.1:${plainPort}`, opencode: `127.0.0.1:${opencodePort}`, log: site.path,
    worker: socket, parts: join(site.path, 'parts'), ...programs,
  }
  const certificate = tls ? certify(site.path, host) : null
  if (tls) {
    const { key, cert, both } = certificate
    give(key, cert, both)
    Object.assign(settings, row.bundle ? { cert: both, key: both } : { cert, key })
  }
  const own = cleanEnv({ OPENCODE_CALLBACK_CONFIG: site.iniFile, ...env })

  let worker
  let server
  let wrapper
  const logs = () => {
    const files = readdirSync(site.path).filter((name) => name.endsWith('.log'))
    const texts = files.map((name) => readFileSync(join(site.path, name), 'latin1'))
    return [worker, wrapper, server].map((one) => one?.output() ?? '').concat(texts).join('\n')
  }
  const stop = async () => {
    await server?.stop()
    // fcgiwrap's children do not end with it
    if (wrapper?.running()) process.kill(-wrapper.pid, 'SIGTERM')
    await wrapper?.stop()
    try {
      await worker?.stop()
    } finally {
      site.remove()
    }
  }

  try {
    if (row.runs === 'worker') worker = await startWorker(site, { strict, env, program: programs.fcgi })
    if (row.runs === 'fcgiwrap') {
      wrapper = startProgram(...unprivileged('fcgiwrap', ['-s', `unix:${socket}`, '-c', '2'], { strict }), { cwd: '/', env: own, detached: true })
      await until('fcgiwrap accepts', () => accepts({ path: socket }))
    }
    fitParts(settings.parts, row.conf.split('/')[0], settings, editPart)
    writeFileSync(join(site.path, 'site.conf'), edit(fit(`conf/${row.conf}`, settings)))
    const program = row.main({ path: site.path, port, plainPort, tls, env: own })
    server = startProgram(...unprivileged(...program, { strict }), {
      cwd: '/',
      env: { ...own, PATH: `${process.env.PATH}:/usr/sbin:/sbin`, HOME: site.path },
    })
    await until(`${program[0]} accepts`, async () => {
      if (!server.running()) throw new Error(`${program[0]} ended: ${logs()}`)
      return (await accepts({ port })) && (!row.ready || row.ready(site))
    })
  } catch (error) {
    await stop()
    throw error
  }
  const origin = tls ? `https://${host}:${port}` : `http://127.0.0.1:${port}`
  const where = tls ? { port, ca: readFileSync(certificate.ca), servername: host } : { port }
  return {
    kind, origin, host, port, where, plainPort, logs, storeDir: site.storeDir, path: site.path, worker, server, certificate, stop,
  }
}
