/*
 * The speed of the two front ends, as ratios to floors that are measured in the same run: programs
 * that only answer, or only make the calls to opencode. One table at the end; the exit status is 0
 * even if a target is missed, for other work on the machine can do that.
 */
import { execFile } from 'node:child_process'
import { accessSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { accepts, freePort, request, scratch, startProgram, until } from '../lib/net.mjs'

const run = promisify(execFile)
const here = dirname(fileURLToPath(import.meta.url))
const root = resolve(here, '../..')
const build = resolve(root, process.env.BUILD_DIR ?? 'build')
const cgi = join(build, 'opencode-callback.cgi')
const fcgi = join(build, 'opencode-callback.fcgi')
const seconds = Number(process.env.SECONDS_EACH ?? 2)
const deliverSeconds = 1 // each callback of these needs a sign-in that was begun before
const rounds = 3
const connections = 16
const processes = 150
const cookie = `opencode-callback=${'B'.repeat(43)}`
const refusedTarget = '/auth/callback?code=bench&state=unknown-state-000000000'

const folder = scratch('bench')
const store = mkdtempSync(join(memoryFolder(), 'opencode-callback-bench-'))
const path = (name) => join(folder.path, name)
const started = []
let nextFlow = 0 // flows are numbered; each is begun once and delivered once

/* Where files cost no disk, as under /run. */
function memoryFolder() {
  try {
    accessSync('/dev/shm', 2)
    return '/dev/shm'
  } catch {
    return tmpdir()
  }
}

function say(text) {
  process.stderr.write(`${text}\n`)
}

async function start(file, args, options) {
  const program = startProgram(file, args, options)
  started.push(program)
  return program
}

async function startListening(socket, file, args) {
  const program = await start(file, args)
  await until(`${socket} accepts`, () => {
    if (!program.running()) throw new Error(program.output())
    return accepts({ path: path(socket) })
  })
  return program
}

async function compile(name, sources, flags = []) {
  const from = sources.map((source) => join(here, source))
  await run(process.env.CC ?? 'cc', [
    '-O2', '-std=c11', '-D_GNU_SOURCE', '-pthread', `-I${folder.path}`, '-o', path(name), ...from, ...flags,
  ])
}

/* The environment in which a web server runs a CGI program for target. */
function cgiEnvironment(port, target) {
  return {
    GATEWAY_INTERFACE: 'CGI/1.1',
    REQUEST_METHOD: 'GET',
    QUERY_STRING: target.slice(target.indexOf('?') + 1),
    SCRIPT_NAME: '/auth/callback',
    SERVER_PROTOCOL: 'HTTP/1.1',
    REMOTE_ADDR: '127.0.0.1',
    HTTP_HOST: `127.0.0.1:${port}`,
    HTTP_COOKIE: cookie,
    OPENCODE_CALLBACK_CONFIG: path('bench.ini'),
    OPENCODE_SOCKET: path('opencode.sock'),
  }
}

function writeNginx(ports) {
  const servers = Object.entries(ports).map(([name, port]) => {
    const keep = name === 'kept'
    const socket = path(`${{ fresh: 'worker', kept: 'worker' }[name] ?? name}.sock`)
    return `
      upstream ${name} { server unix:${socket}; ${keep ? `keepalive ${2 * connections};` : ''} }
      server {
        listen 127.0.0.1:${port};
        location / {
          fastcgi_pass ${name};
          fastcgi_keep_conn ${keep ? 'on' : 'off'};
          fastcgi_param REQUEST_METHOD $request_method;
          fastcgi_param REQUEST_URI $request_uri;
          fastcgi_param QUERY_STRING $query_string;
          fastcgi_param CONTENT_TYPE $content_type;
          fastcgi_param CONTENT_LENGTH $content_length;
          fastcgi_param REMOTE_ADDR $remote_addr;
          fastcgi_param REQUEST_SCHEME $scheme;
          fastcgi_param SERVER_PROTOCOL $server_protocol;
          fastcgi_param GATEWAY_INTERFACE CGI/1.1;
        }
      }`
  })
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${path(`nginx-${name}`)};`)
    .join('\n')
  writeFileSync(
    path('nginx.conf'),
    `daemon off; worker_processes 2; pid ${path('nginx.pid')}; error_log ${path('nginx.log')} error;
    ${process.getuid() === 0 ? 'user root;' : ''}
    events { worker_connections 512; }
    http { access_log off; ${temporary} ${servers.join('')} }`,
  )
}

/* wrk's figures for one target. */
async function wrk(port, { duration = seconds, env = {}, script, target = '/' }) {
  const args = ['-t1', `-c${connections}`, `-d${duration}s`]
  if (script) args.push('-s', join(here, script))
  const { stdout } = await run('wrk', [...args, `http://127.0.0.1:${port}${target}`], {
    env: { ...process.env, ...env },
  })
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1])
  const errors = /Socket errors: (.*)/.exec(stdout)?.[1]
  if (!rate || errors) throw new Error(`wrk: ${errors ?? stdout}`)
  return { rate, other: Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0) }
}

async function finishedCalls() {
  return Number((await request({ path: path('opencode.sock') }, 'GET', '/count')).body)
}

/* Begins count sign-ins through the worker, as the web UI does; returns the number of the first. */
async function beginFlows(port, count) {
  const first = nextFlow
  const headers = {
    Cookie: cookie,
    'Content-Type': 'application/json',
    'Sec-Fetch-Site': 'same-origin',
    Connection: 'close',
  }
  const body = '{"method":0,"inputs":{}}'
  const one = async () => {
    while (nextFlow < first + count) {
      const number = nextFlow++
      const target = `/provider/p${number}/oauth/authorize`
      const answer = await request({ port }, 'POST', target, {
        host: `127.0.0.1:${port}`, headers, body,
      })
      if (answer.status !== 200 || !answer.body.includes('/flow/')) {
        throw new Error(`begin ${number}: ${answer.status} ${answer.body}`)
      }
    }
  }
  await Promise.all([one(), one(), one(), one()])
  return first
}

/* Delivered callbacks a second: counted where they arrive, for used states are answered too. */
async function deliver(port, first, count) {
  const before = await finishedCalls()
  const begun = process.hrtime.bigint()
  const env = {
    METHOD: 'GET',
    TARGET: '/auth/callback?code=bench&state=bench-state-#',
    PATTERN: '%09d',
    FIRST: String(first),
    LAST: String(first + count - 1),
    COOKIE: cookie,
  }
  const { other } = await wrk(port, { script: 'states.lua', env, duration: deliverSeconds })
  const took = Number(process.hrtime.bigint() - begun) / 1e9
  const made = (await finishedCalls()) - before
  return { made, other, rate: made / Math.min(took, deliverSeconds) }
}

async function cgiTime(program, environment, first, status) {
  const { stdout } = await run(path('spawn'), [String(processes), String(first), status, program], {
    env: environment,
  })
  return Number(stdout)
}

function median(list) {
  return [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]
}

function resident(program) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${program.pid}/status`, 'latin1'))[1]) / 1024
}

const rows = []

function row(what, value, ratio, target, good) {
  rows.push([what, value, ratio, target, good === undefined ? '' : good ? 'ok' : 'below'])
}

function figure(values, unit) {
  return unit === 'ms' ? `${median(values).toFixed(2)} ms` : `${Math.round(median(values))} /s`
}

/* One figure a round, each beside the floor of the same round: other work on the machine slows both. */
function ratioRow(what, values, floors, target, unit) {
  const ratio = median(values.map((value, i) => value / floors[i]))
  const good = unit === 'ms' ? ratio <= target : ratio >= target
  row(what, figure(values, unit), ratio.toFixed(2), `${unit === 'ms' ? '≤' : '≥'} ${target.toFixed(2)}`, good)
}

function print() {
  const all = [['what', 'measured', 'ratio', 'target', ''], ...rows]
  const widths = all[0].map((_, i) => Math.max(...all.map((cells) => cells[i].length)))
  for (const cells of all) {
    console.log(
      cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ').trimEnd(),
    )
  }
}

async function refusedByWorker(ports) {
  const rates = { answer: [], fresh: [], kept: [] }
  for (let i = 0; i < rounds; i++) {
    for (const name of Object.keys(rates)) {
      rates[name].push((await wrk(ports[name], { target: refusedTarget })).rate)
    }
  }
  row('A  libfcgi, only answers', figure(rates.answer, '/s'), '', '')
  ratioRow('   worker, refused callback, fresh connections', rates.fresh, rates.answer, 0.9, '/s')
  ratioRow('   worker, refused callback, kept connections', rates.kept, rates.answer, 1.5, '/s')
}

async function deliveredByWorker(ports, flows) {
  const floors = []
  const ours = []
  for (const first of flows.starts) {
    floors.push((await deliver(ports.calls, first, flows.each)).rate)
    const { made, other, rate } = await deliver(ports.fresh, first, flows.each)
    if (other > 0) throw new Error(`${other} callbacks were refused`)
    if (made >= flows.each) throw new Error(`too few flows: all ${made} were delivered before the time was up`)
    ours.push(rate)
  }
  row('B  libfcgi, only the calls to opencode', figure(floors, '/s'), '', '')
  ratioRow('   worker, delivered callback', ours, floors, 0.7, '/s')
}

async function byCgi(port, firstFlow) {
  const refused = cgiEnvironment(port, refusedTarget)
  const delivered = cgiEnvironment(port, '/auth/callback?code=bench&state=bench-state-#')
  const times = { c: [], refused: [], d: [], delivered: [] }
  for (let i = 0; i < rounds; i++) {
    times.c.push(await cgiTime(path('floor_c'), refused, 0, 'Status: 400'))
    times.refused.push(await cgiTime(cgi, refused, 0, 'Status: 400'))
    times.d.push(await cgiTime(path('floor_d'), delivered, firstFlow, 'Status: 400'))
    times.delivered.push(await cgiTime(cgi, delivered, firstFlow + i * processes, 'Status: 303'))
  }
  row('C  CGI, only prints', figure(times.c, 'ms'), '', '')
  ratioRow('   our CGI, refused callback', times.refused, times.c, 1.5, 'ms')
  row('D  CGI, only the calls to opencode', figure(times.d, 'ms'), '', '')
  ratioRow('   our CGI, delivered callback', times.delivered, times.d, 1.3, 'ms')
}

async function main() {
  const names = ['answer', 'calls', 'fresh', 'kept']
  const ports = {}
  for (const name of names) ports[name] = await freePort()
  // 16 deliveries at once need 16 calls to opencode, and wrk leaves some running at the end of a round:
  // threads for all of them, for floor B too
  const threads = connections * 2
  writeFileSync(
    path('bench.ini'),
    `[opencode]\nurl = http://127.0.0.1:${ports.fresh}\nsocket = ${path('opencode.sock')}\n` +
      `[flow]\nstore = dir:${store}\nmax_pending = 100000\nmax_pending_per_client = 100000\n` +
      `lifetime = 600\n[limit]\nrate = 60000/min\nburst = 1000000\n[log]\nlevel = error\n`,
  )
  say('compiling the floors')
  const refused = await run(cgi, [], { env: cgiEnvironment(ports.fresh, refusedTarget) })
  writeFileSync(path('answer.txt'), refused.stdout)
  writeFileSync(
    path('answer.h'),
    `static const char answer[] = {${[...Buffer.from(refused.stdout)].join(',')}};\n`,
  )
  await compile('standin', ['standin.c'])
  await compile('spawn', ['spawn.c'])
  await compile('floor_fcgi', ['floor_fcgi.c', 'calls.c'], ['-lfcgi', '-lcurl'])
  await compile('floor_c', ['floor_cgi.c'])
  await compile('floor_d', ['floor_cgi.c', 'calls.c'], ['-DCALLS', '-lcurl'])

  await startListening('opencode.sock', path('standin'), [path('opencode.sock'), '16'])
  const floor = path('floor_fcgi')
  await startListening('answer.sock', floor, [path('answer.sock'), path('answer.txt'), '8'])
  await startListening('calls.sock', floor, [
    path('calls.sock'), path('answer.txt'), String(threads), path('opencode.sock'),
  ])
  let worker = await startListening('worker.sock', fcgi, [
    '-c', path('bench.ini'), '-s', path('worker.sock'), '-t', '8',
  ])
  writeNginx(ports)
  await start('nginx', ['-c', path('nginx.conf'), '-e', path('nginx.log')], {
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
  })
  await until('nginx accepts', () => accepts({ port: ports.kept }))

  say('refused callbacks')
  await refusedByWorker(ports)
  const memory = resident(worker)

  await worker.stop()
  worker = await startListening('worker.sock', fcgi, [
    '-c', path('bench.ini'), '-s', path('worker.sock'), '-t', String(threads),
  ])
  const flows = { each: Number(process.env.FLOWS ?? 10000), starts: [] }
  say(`beginning ${2 * flows.each + rounds * processes} sign-ins`)
  flows.starts.push(await beginFlows(ports.fresh, flows.each), await beginFlows(ports.fresh, flows.each))
  const forCgi = await beginFlows(ports.fresh, rounds * processes)
  say('delivered callbacks')
  await deliveredByWorker(ports, flows)
  say('CGI')
  await byCgi(ports.fresh, forCgi)
  row('   worker, 8 threads: resident after the refused callbacks', `${memory.toFixed(1)} MiB`, '', '≤ 12 MiB', memory <= 12)
  print()
}

try {
  await main()
} finally {
  for (const program of started.reverse()) await program.stop('SIGTERM', 2000)
  folder.remove()
  rmSync(store, { recursive: true, force: true })
}
