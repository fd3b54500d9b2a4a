/*
 * The ways in which the programs are started outside of our own tests: the worker by systemd's
 * protocol, on descriptor 0, by spawn-fcgi and by multiwatch; the CGI program by Apache's suexec.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { metaVariables, parseAnswer } from '../lib/frontends.mjs'
import { CGI, WORKER, cleanEnv, give, makeSite, unprivileged } from '../lib/front.mjs'
import { accepts, startProgram, until } from '../lib/net.mjs'
import { ROOT, isRoot, siteAt } from '../lib/place.mjs'
import { assertSucceeds, begunFlow, flowStatus } from '../lib/signin.mjs'
import { startStandin } from '../lib/standin.mjs'

let site, standin
before(async () => {
  site = makeSite({ opencodeSocket: '/', opencodePort: 4096 })
  execFileSync('mkdir', ['-m', '700', join(site.path, 'opencode')])
  give(join(site.path, 'opencode'))
  standin = await startStandin(join(site.path, 'opencode', 'opencode.sock'))
  const ini = readFileSync(site.iniFile, 'utf8').replace('socket = /\n', `socket = ${standin.path}\n`)
  writeFileSync(site.iniFile, ini)
})
after(async () => {
  await standin?.stop()
  site?.remove()
})

const worker = () => [WORKER, '-c', site.iniFile]
let count = 0
const newSocket = () => join(site.path, `s${++count}.sock`)
const health = { target: '/signin/health' }

const programs = []
afterEach(() => Promise.all(programs.splice(0).map((program) => program.stop())))

function start(line) {
  const [file, args] = unprivileged(line[0], line.slice(1))
  const program = startProgram(file, args, { cwd: '/', env: cleanEnv() })
  programs.push(program)
  return program
}

const byLine = {
  'systemd, in LISTEN_FDS': (socket) => ['systemd-socket-activate', '-l', socket, ...worker()],
  'systemd, on descriptor 0': (socket) => ['systemd-socket-activate', '--inetd', '-l', socket, ...worker()],
  'spawn-fcgi': (socket) => ['spawn-fcgi', '-n', '-s', socket, '-M', '0660', '--', ...worker()],
  'spawn-fcgi and multiwatch': (socket) => [
    'spawn-fcgi', '-n', '-s', socket, '-M', '0660', '--', '/usr/bin/multiwatch', '-f', '2', '--', ...worker(),
  ],
}

for (const [name, line] of Object.entries(byLine)) {
  test(`started by ${name}: answers, ends in order, and the next one knows the sign-in`, async () => {
    const socket = newSocket()
    const first = start(line(socket))
    await until('the socket is there', () => existsSync(socket) && accepts({ path: socket }))
    const before = siteAt(socket, standin)
    const answer = await before.fcgi.send(health)
    assert.equal(answer.status, 200, answer.body + first.output())
    assert.equal(JSON.parse(answer.body).status, 'ok')
    await until('it says where it listens', () => /event=worker-start .*socket=inherited\n/.test(first.output()))
    const flow = await begunFlow(before)
    const how = await first.stop()
    assert.deepEqual(how, { code: 0, signal: null }, first.output())
    await first.closed
    assert.match(first.output(), /event=worker-stop signal=(TERM|USR1)/)
    rmSync(socket, { force: true })

    const second = start(line(socket))
    await until('the socket is there again', () => existsSync(socket) && accepts({ path: socket }))
    const next = siteAt(socket, standin)
    assert.equal((await flowStatus(next, flow)).state, 'waiting')
    await assertSucceeds(next, flow)
  })
}

/* The processes below one, as /proc has them. */
function children(pid) {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
}

test('multiwatch: workers replaced one by one, while requests go on; none fails', async () => {
  const socket = newSocket()
  const program = start(byLine['spawn-fcgi and multiwatch'](socket))
  const own = siteAt(socket, standin)
  const starts = () => (program.output().match(/worker-start/g) ?? []).length
  await until('two workers run', () => children(program.pid).length === 2 && starts() === 2)
  const flow = await begunFlow(own)
  const failures = []
  let asking = true
  let answered = 0
  const load = Promise.all([1, 2, 3, 4].map(async () => {
    while (asking) {
      await own.fcgi.send({ target: '/signin/assets/nothing' }).then(
        ({ status }) => (status === 404 ? answered++ : failures.push(status)),
        (error) => failures.push(error.message),
      )
    }
  }))
  try {
    for (let round = 0; round < 6; round++) {
      const [pid] = children(program.pid)
      process.kill(pid, 'SIGUSR1')
      await until('another took its place', () => {
        const now = children(program.pid)
        return now.length === 2 && !now.includes(pid) && starts() === round + 3
      })
      const mark = answered
      await until('requests go on', () => answered > mark + 20)
    }
  } finally {
    asking = false
    await load
  }
  assert.deepEqual(failures, [], `of ${answered}`)
  assert.equal((program.output().match(/worker-stop signal=USR1/g) ?? []).length, 6)
  await assertSucceeds(own, flow)
})

test('the health check of the container says whether the worker works', async () => {
  const socket = newSocket()
  const check = (env = {}) => spawnSync(join(ROOT, 'conf/docker/health'), [], {
    encoding: 'utf8',
    timeout: 10_000,
    env: cleanEnv({ WORKER_SOCKET: socket, ...env }),
  }).status
  assert.notEqual(check(), 0, 'no socket')
  const program = start([...worker(), '-s', socket])
  await until('the worker accepts', () => accepts({ path: socket }))
  if (isRoot) chmodSync(socket, 0o666)
  // the check waits for the stand-in of this process, so it cannot be waited for in one piece
  const asked = async (env) => (await startProgram(join(ROOT, 'conf/docker/health'), [], {
    env: cleanEnv({ WORKER_SOCKET: socket, ...env }),
  }).ended).code
  assert.equal(await asked(), 0)
  await program.stop()
  const named = start(['env', 'OPENCODE_PUBLIC_URL=https://opencode.example.com', ...worker(), '-s', socket])
  await until('the worker accepts', () => accepts({ path: socket }))
  assert.equal(await asked({ OPENCODE_PUBLIC_URL: 'https://opencode.example.com' }), 0)
  await named.stop()
  assert.equal(await asked(), 1, 'the worker is gone')
})

const SUEXEC = '/usr/lib/apache2/suexec'
const suexec = isRoot && existsSync(SUEXEC)
test('the wrapper for suexec, run by suexec', { skip: !suexec && 'needs root and suexec' }, async () => {
  const folder = mkdtempSync('/var/www/opencode-callback-')
  try {
    const wrapper = join(folder, 'opencode-callback.cgi')
    const text = readFileSync(join(ROOT, 'conf/suexec/opencode-callback.cgi'), 'utf8')
    const program = join(site.path, 'opencode-callback.cgi')
    copyFileSync(CGI, program)
    const fitted = text
      .replace('/etc/opencode-callback/opencode-callback.ini', site.iniFile)
      .replace('/usr/lib/cgi-bin/opencode-callback.cgi', program)
    assert.ok(!fitted.includes('=/etc/') && !fitted.includes('exec /usr/'))
    writeFileSync(wrapper, fitted)
    chmodSync(wrapper, 0o755)
    chmodSync(folder, 0o755)
    for (const path of [folder, wrapper]) chownSync(path, 65534, 65534)
    const run = async (wrapped, env) => {
      const line = ['--reuid=www-data', '--regid=www-data', '--init-groups', SUEXEC, '65534', '65534', 'opencode-callback.cgi']
      const child = startProgram('setpriv', [...line, ...wrapped], {
        cwd: folder,
        env: { ...metaVariables(health), ...env },
      })
      await child.closed
      return child.output()
    }
    // a wrong file here would make the answer 500; suexec drops it, the wrapper sets the right one
    const answer = parseAnswer(await run([], { OPENCODE_CALLBACK_CONFIG: '/nonexistent' }))
    assert.equal(answer.status, 200, answer.body)
    assert.equal(JSON.parse(answer.body).store, 'ok')
    assert.equal(parseAnswer(await run(['--version', '-c', '/etc/passwd'], {})).status, 200, 'no argument gets through')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
