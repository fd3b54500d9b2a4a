/*
 * A web server with its shipped configuration in front of one of our programs, as users have it:
 * nginx and the FastCGI worker, or Apache and the CGI program. Names, ports and paths are the only
 * difference, see tests/run/fit.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { accepts, freePort, scratch, startProgram, until } from './net.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const root_user = process.getuid() === 0
const NOBODY = 65534

export const BUILD = resolve(root, process.env.BUILD_DIR || 'build')
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
    if (/^(ASAN|UBSAN|LSAN|TSAN)_OPTIONS$/.test(name)) env[name] = process.env[name]
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
  const { opencode, flow, ...rest } = ini
  const many = Object.keys(rest).some((name) => name.startsWith('opencode '))
  const iniFile = join(folder.path, 'opencode-callback.ini')
  const settings = {
    ...(many ? {} : { opencode: { socket: opencodeSocket, port: opencodePort, ...opencode } }),
    flow: { store: `dir:${storeDir}`, ...flow },
    ...rest,
  }
  writeFileSync(iniFile, iniText(settings), { mode: 0o644 })
  return { path: folder.path, storeDir, iniFile, remove: folder.remove }
}

/* Starts the worker on a socket of the site's folder. stop() asserts that it ends in order. */
export async function startWorker(site, { strict, name = 'worker.sock', args = [], env } = {}) {
  const socket = join(site.path, name)
  const [program, argv] = unprivileged(WORKER, ['-c', site.iniFile, '-s', socket, ...args], { strict })
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

function fit(file, settings) {
  const words = Object.entries(settings).map(([name, value]) => `${name}=${value}`)
  return execFileSync(join(root, 'tests/run/fit'), [join(root, file), ...words], { encoding: 'utf8' })
}

function nginxMain(path) {
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const temp = folders.map((name) => `\t${name}_temp_path ${path}/tmp-${name};\n`).join('')
  return `daemon off;
worker_processes 1;
pid ${path}/nginx.pid;
error_log ${path}/error.log info;
events {
	worker_connections 1024;
}
http {
${temp}	include ${path}/site.conf;
}
`
}

/* Debian has no unixd, log or version module: they are built in; mpm is not. */
function apacheMain(path, tls) {
  const modules = ['mpm_event', 'authz_core', 'alias', 'cgid', 'env', 'proxy', 'proxy_http', 'reqtimeout']
  if (tls) modules.push('socache_shmcb', 'ssl')
  const load = modules
    .map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so\n`)
    .join('')
  return `${load}ServerRoot ${path}
DefaultRuntimeDir ${path}
ServerName localhost
PidFile ${path}/apache.pid
ScriptSock ${path}/cgid.sock
Mutex fcntl:${path}
ErrorLog ${path}/error.log
LogLevel info
SetEnv OPENCODE_CALLBACK_CONFIG ${path}/opencode-callback.ini
<Directory "/">
	Require all denied
</Directory>
RequestReadTimeout header=20-40,MinRate=500 body=20,MinRate=500
Include ${path}/site.conf
`
}

function makeCertificate(path, host) {
  const [key, cert] = [join(path, 'key.pem'), join(path, 'cert.pem')]
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', `/CN=${host}`, '-addext', `subjectAltName=${isIP(host) ? 'IP' : 'DNS'}:${host}`, '-keyout', key, '-out', cert,
  ], { stdio: 'ignore' })
  give(key, cert)
  return { key, cert }
}

/*
 * kind: 'nginx-fcgi' or 'apache-cgi'
 *   opencodePort    where everything else is proxied to
 *   opencodeSocket  the socket that our programs talk to, may hold %p
 *   ini             {section: {key: value}}, on top of socket, port and a store of its own; with
 *                   'opencode NAME' sections, those are all there are
 *   host            the server's name, in the place of opencode.example.com
 *   port            where it listens; a free one by default
 *   tls             keep the shipped TLS lines, with a certificate made for host (cert.pem in path)
 *   edit            a function of the web server's file, for what is wrong in it
 * The answer: origin, port, plainPort (redirects to https), logs() (everything that we, the web server's
 * access log and its error log said), storeDir, path, worker (FastCGI only), stop().
 */
export async function startFront({
  kind, opencodePort, opencodeSocket, ini, host = '127.0.0.1', tls = false, strict = false, env, port, edit = (text) => text,
}) {
  const site = makeSite({ ini, opencodeSocket, opencodePort })
  port ??= await freePort()
  const plainPort = await freePort()
  const settings = { host, port, plain: `127.0.0.1:${plainPort}`, opencode: `127.0.0.1:${opencodePort}`, log: site.path }
  if (tls) Object.assign(settings, makeCertificate(site.path, host))

  let worker
  let server
  const logs = () => {
    const files = readdirSync(site.path).filter((name) => name.endsWith('.log'))
    const texts = files.map((name) => readFileSync(join(site.path, name), 'latin1'))
    return [worker?.output() ?? '', server?.output() ?? '', ...texts].join('\n')
  }
  const stop = async () => {
    await server?.stop()
    try {
      await worker?.stop()
    } finally {
      site.remove()
    }
  }

  try {
    let program
    if (kind === 'nginx-fcgi') {
      worker = await startWorker(site, { strict, env })
      writeFileSync(join(site.path, 'site.conf'), edit(fit('conf/nginx/opencode-callback.conf', { ...settings, worker: worker.socket })))
      writeFileSync(join(site.path, 'nginx.conf'), nginxMain(site.path))
      program = ['nginx', ['-p', site.path, '-e', join(site.path, 'error.log'), '-c', join(site.path, 'nginx.conf')]]
    } else {
      assert.equal(kind, 'apache-cgi')
      const listen = `Listen 127.0.0.1:${port}\nListen 127.0.0.1:${plainPort}\n`
      writeFileSync(join(site.path, 'site.conf'), listen + edit(fit('conf/apache/opencode-callback.conf', { ...settings, cgi: CGI })))
      writeFileSync(join(site.path, 'apache.conf'), apacheMain(site.path, tls))
      program = ['apache2', ['-f', join(site.path, 'apache.conf'), '-DFOREGROUND']]
    }
    server = startProgram(...unprivileged(...program, { strict }), {
      cwd: '/',
      env: cleanEnv({ PATH: `${process.env.PATH}:/usr/sbin:/sbin`, ...env }),
    })
    await until(`${program[0]} accepts`, async () => {
      if (!server.running()) throw new Error(`${program[0]} ended: ${logs()}`)
      return (await accepts({ port })) && (kind !== 'apache-cgi' || existsCgid(site.path))
    })
  } catch (error) {
    await stop()
    throw error
  }
  const origin = tls ? `https://${host}:${port}` : `http://127.0.0.1:${port}`
  return { kind, origin, host, port, plainPort, logs, storeDir: site.storeDir, path: site.path, worker, server, stop }
}

/* mod_cgid's own process comes up beside Apache's: before it, a request is 503. */
function existsCgid(path) {
  return readdirSync(path).some((name) => name.startsWith('cgid.sock') && existsSync(join(path, name)))
}
