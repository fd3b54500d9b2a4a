/*
 * Programs that do the job of our callback, each as one would write it in its language: the benchmark
 * measures them beside ours, and peers.test.mjs holds their answers against ours.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cleanEnv } from '../../lib/front.mjs'
import { accepts, startProgram, until } from '../../lib/net.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const folders = [...new Set([...(process.env.PATH ?? '').split(':'), '/usr/sbin'])]

/* Where a program is, or undefined. Debian's php-fpm has its version in its name. */
function program(name) {
  const wanted = new RegExp(`^${name}${name === 'php-fpm' ? '[\\d.]*' : ''}$`)
  for (const folder of folders) {
    const found = existsSync(folder) ? readdirSync(folder).filter((file) => wanted.test(file)).sort().at(-1) : undefined
    if (found) return join(folder, found)
  }
  return undefined
}

/* The programs that a peer needs and that are not there. */
export const missing = (peer) => peer.needs.filter((name) => !program(name))

const PASSED = {
  REQUEST_METHOD: '$request_method',
  REQUEST_URI: '$request_uri',
  QUERY_STRING: '$query_string',
  CONTENT_TYPE: '$content_type',
  CONTENT_LENGTH: '$content_length',
  REMOTE_ADDR: '$remote_addr',
  REQUEST_SCHEME: '$scheme',
  SERVER_PROTOCOL: '$server_protocol',
  GATEWAY_INTERFACE: 'CGI/1.1',
}

function fastcgi(socket, script) {
  const variables = Object.entries({ ...PASSED, SCRIPT_FILENAME: script })
  return [
    `fastcgi_pass unix:${socket};`,
    ...variables.map(([name, value]) => `fastcgi_param ${name} ${value};`),
  ].join('\n')
}

const proxy = (to) => [
  `proxy_pass http://${to};`,
  'proxy_http_version 1.1;',
  'proxy_set_header Host $http_host;',
  'proxy_set_header X-Real-IP $remote_addr;',
  'proxy_set_header Connection "";',
].join('\n')

/* What each peer is told, in the form of its language. Its own files are in memory, as the store is. */
function configuration(name, settings) {
  const { store, opencodeSocket, publicUrl, pages, rate = 60, burst = 30 } = settings
  const { host, hostname, protocol } = new URL(publicUrl)
  const absent = pageNames.filter((page) => !pages[page])
  if (absent.length > 0) throw new Error(`no page for ${absent.join(', ')}`)
  const state = join(store, name)
  mkdirSync(state, { mode: 0o700, recursive: true })
  return { store, opencodeSocket, pages, rate, burst, state, host, name: hostname, secure: protocol === 'https:' }
}

const php = (value) => {
  if (typeof value === 'string') return `'${value.replace(/['\\]/g, '\\$&')}'`
  if (typeof value !== 'object') return String(value)
  return `[${Object.entries(value).map(([name, part]) => `${php(name)}=>${php(part)}`).join(',\n')}]`
}

const sh = (value) => `'${String(value).replaceAll("'", "'\\''")}'`

async function started(name, socket, file, args, options) {
  const running = startProgram(file, args, options)
  try {
    await until(`${name} accepts`, () => {
      if (!running.running()) throw new Error(`it ended: ${running.output()}`)
      return accepts({ path: socket })
    })
  } catch (error) {
    await running.stop('SIGKILL')
    throw error
  }
  return running
}

async function startPhp(folder, settings) {
  const socket = join(folder, 'php.sock')
  const script = join(here, 'callback.php')
  const config = configuration('php', settings)
  // the pages as PHP of their own, as templates would be: opcache keeps them
  const pages = Object.fromEntries(pageNames.map((name) => [name, readFileSync(config.pages[name], 'latin1')]))
  const file = join(folder, 'php-config.php')
  writeFileSync(file, `<?php\nreturn ${php({ ...config, pages })};\n`, 'latin1')
  utimesSync(file, 1, 1) // opcache leaves out what was written within the last two seconds
  const root = process.getuid() === 0
  writeFileSync(
    join(folder, 'php-fpm.conf'),
    `[global]
error_log = ${join(folder, 'php-fpm.log')}
daemonize = no
[www]
${root ? 'user = root\ngroup = root' : ''}
listen = ${socket}
pm = static
pm.max_children = ${settings.processes}
env[CALLBACK_CONFIG] = ${file}
php_admin_flag[expose_php] = off
php_admin_flag[log_errors] = on
php_admin_value[error_log] = ${join(folder, 'php.log')}
`,
  )
  const args = ['-F', '-y', join(folder, 'php-fpm.conf'), ...(root ? ['-R'] : [])]
  const running = await started('php-fpm', socket, program('php-fpm'), args)
  return { program: running, socket, nginx: fastcgi(socket, script) }
}

async function startNode(folder, settings) {
  const socket = join(folder, 'node.sock')
  const config = { ...configuration('node', settings), socket }
  writeFileSync(join(folder, 'node.json'), JSON.stringify(config))
  const args = [join(here, 'callback.mjs'), join(folder, 'node.json')]
  const running = await started('node', socket, process.execPath, args)
  return { program: running, socket, nginx: proxy(`unix:${socket}:`), kept: proxy }
}

async function startShell(folder, settings) {
  const socket = join(folder, 'shell.sock')
  const script = join(here, 'callback.sh')
  const { opencodeSocket: opencode, secure, pages, ...config } = configuration('shell', settings)
  const bodies = join(folder, 'shell-pages')
  mkdirSync(bodies)
  for (const name of pageNames) writeFileSync(join(bodies, name), readFileSync(pages[name]))
  const values = Object.entries({ ...config, opencode, secure: secure ? 'yes' : 'no', pages: bodies })
  writeFileSync(join(folder, 'shell.conf'), values.map(([name, value]) => `${name}=${sh(value)}\n`).join(''))
  const args = ['-c', String(settings.processes), '-s', `unix:${socket}`]
  const env = { ...process.env, CALLBACK_CONFIG: join(folder, 'shell.conf') }
  const running = await started('fcgiwrap', socket, program('fcgiwrap'), args, { env, detached: true })
  // its children do not end with it, but with their group
  const end = (signal) => running.running() && process.kill(-running.pid, signal)
  process.on('exit', () => end('SIGKILL'))
  const stop = (signal = 'SIGTERM', ms) => {
    end(signal)
    return running.stop(signal, ms)
  }
  return { program: { ...running, stop }, socket, nginx: fastcgi(socket, script) }
}

/*
 * start(folder, settings): folder is a scratch folder. settings:
 *   store, opencodeSocket, publicUrl   what our worker has in its configuration
 *   pages        {name: file}, from makePages()
 *   processes    for those that have several
 *   rate, burst  the allowance: so many refusals a minute; 60 and 30, as ours, if left out
 * Resolves with {program, socket, nginx: the body of a location that leads there}; where a web server
 * would rather keep its connections, kept(upstream) is the same for an upstream of that name.
 */
export const peers = [
  { name: 'PHP-FPM', kind: 'fastcgi', needs: ['php-fpm'], start: startPhp },
  { name: 'Node', kind: 'http', needs: ['node'], start: startNode },
  { name: 'shell CGI', kind: 'fastcgi', needs: ['fcgiwrap', 'bash', 'flock', 'curl', 'sha256sum'], start: startShell },
]

const CALLBACK = '/auth/callback'
const COOKIE = `opencode-callback=${'P'.repeat(43)}`
const query = (text) => ({ REQUEST_URI: `${CALLBACK}?${text}`, QUERY_STRING: text })

/* A request to our CGI for each page: what it answers is what every peer answers. */
const refused = {
  'not-found': { REQUEST_URI: '/auth/nothing' },
  method: { ...query('code=c&state=s'), REQUEST_METHOD: 'DELETE' },
  'query-too-long': query(`state=${'x'.repeat(8200)}`),
  'header-too-long': { ...query('code=c&state=s'), HTTP_COOKIE: 'x'.repeat(65537) },
  prefetch: { ...query('code=c&state=s'), HTTP_SEC_PURPOSE: 'prefetch' },
  'unknown-host': { ...query('code=c&state=s'), HTTP_HOST: 'elsewhere.example' },
  'bad-encoding': query('code=%zz&state=s'),
  'too-many-parameters': query(Array.from({ length: 65 }, (_, i) => `p${i}=`).join('&')),
  'value-too-long': query(`code=${'x'.repeat(4097)}&state=s`),
  'duplicate-parameter': query('code=c&code=c&state=s'),
  'no-state': query('code=c'),
  'no-code': query('state=s'),
  'code-and-error': query('code=c&error=e&state=s'),
  'response-mode': query('response=r&state=s'),
  'unknown-flow': query('code=c&state=unknown'),
  store: { ...query('code=c&state=unknown'), ini: 'nowhere' },
  'wrong-issuer': { ...query('code=c&iss=http://evil.example'), begun: true },
  'opencode-down': { ...query('code=c'), begun: true, ini: 'alone' },
  rate: { ...query('code=c&state=unknown'), ini: 'mean' },
}
const pageNames = Object.keys(refused)

/* Runs our CGI for one request; resolves with its whole answer, as latin1. */
function runCgi(cgi, ini, variables, body = '') {
  return new Promise((resolve, reject) => {
    const env = cleanEnv({
      GATEWAY_INTERFACE: 'CGI/1.1', SERVER_PROTOCOL: 'HTTP/1.1', REQUEST_METHOD: 'GET', REMOTE_ADDR: '127.0.0.1',
      OPENCODE_CALLBACK_CONFIG: ini, HTTP_COOKIE: COOKIE, CONTENT_LENGTH: String(body.length), ...variables,
    })
    const child = spawn(cgi, [], { env, stdio: ['pipe', 'pipe', 'ignore'] })
    let text = ''
    child.stdout.on('data', (part) => (text += part.toString('latin1')))
    child.on('error', reject)
    child.on('close', () => resolve(text))
    child.stdin.on('error', () => {})
    child.stdin.end(body)
  })
}

/*
 * Lets our CGI make the pages that peers answer with, below folder: {name: file}. opencodeSocket: of the
 * stand-in, for a sign-in has to be begun to be refused late.
 */
export async function makePages(folder, { cgi, opencodeSocket, publicUrl }) {
  const place = join(folder, 'pages')
  const store = join(place, 'store')
  mkdirSync(store, { recursive: true, mode: 0o700 })
  const ini = (name, socket, where, limit) => {
    const file = join(place, `${name}.ini`)
    writeFileSync(
      file,
      `[opencode]\nurl = ${publicUrl}\nsocket = ${socket}\n[flow]\nstore = dir:${where}\n[limit]\n${limit}\n`,
      { mode: 0o644 },
    )
    return file
  }
  const plenty = 'rate = 60000/min\nburst = 1000000'
  const files = {
    usual: ini('usual', opencodeSocket, store, plenty),
    alone: ini('alone', join(place, 'no.sock'), store, plenty),
    nowhere: ini('nowhere', opencodeSocket, join(place, 'no-store'), plenty),
    mean: ini('mean', opencodeSocket, store, 'rate = 1/min\nburst = 1'),
  }
  const { host } = new URL(publicUrl)
  const begin = await runCgi(
    cgi, files.usual,
    {
      REQUEST_METHOD: 'POST', REQUEST_URI: '/provider/p0/oauth/authorize', HTTP_HOST: host,
      CONTENT_TYPE: 'application/json', HTTP_SEC_FETCH_SITE: 'same-origin',
    },
    '{"method":0,"inputs":{}}',
  )
  if (!/^Status: 200 /m.test(begin) || !begin.includes('/flow/')) throw new Error(`no sign-in began: ${begin}`)

  const pages = {}
  for (const [name, { ini: which = 'usual', begun, ...given }] of Object.entries(refused)) {
    const variables = { HTTP_HOST: host, QUERY_STRING: '', ...given }
    // the state that the stand-in gives to p0
    if (begun) for (const key of ['REQUEST_URI', 'QUERY_STRING']) variables[key] += '&state=bench-state-000000000'
    if (name === 'rate') await runCgi(cgi, files[which], variables)
    const answer = await runCgi(cgi, files[which], variables)
    const end = answer.indexOf('\r\n\r\n')
    if (end < 0 || !/^Status: [45]/m.test(answer)) throw new Error(`${name}: ${answer}`)
    pages[name] = join(place, `${name}.html`)
    writeFileSync(pages[name], answer.slice(end + 4), 'latin1')
  }
  return pages
}
