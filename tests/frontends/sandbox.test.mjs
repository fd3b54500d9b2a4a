/*
 * Both programs run inside the sandbox: the kernel reports the filter for every thread, no signal leaves
 * a core file, and work under load needs no call that the sandbox forbids. (tests/unit/sandbox_test.c tries the
 * sandbox from inside.)
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fcgiExchange, fcgiRequest } from '../lib/fcgi.mjs'
import { metaVariables, startFrontends } from '../lib/frontends.mjs'
import { CGI, WORKER, cleanEnv, startWorker, unprivileged } from '../lib/front.mjs'
import { scratch, startProgram, until } from '../lib/net.mjs'
import { OWN_FORM, assertSucceeds, begunFlow, goodCallback } from '../lib/signin.mjs'

const built = !spawnSync(WORKER, ['--version'], { encoding: 'utf8' }).stdout.includes('without its sandbox')
let site
before(async () => (site = await startFrontends({ web: false })))
after(() => site?.stop())

/* What the kernel says of a process, or of one of its threads. */
function status(pid, thread = pid) {
  const text = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8')
  const field = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)$`, 'm').exec(text)?.[1])
  return { mode: field('Seccomp'), filters: field('Seccomp_filters'), noNewPrivs: field('NoNewPrivs') }
}

const FILTER = built ? 2 : 0 // SECCOMP_MODE_FILTER
const coreLimit = (pid) => /^Max core file size +(\d+) +(\d+) /m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8')).slice(1)

describe('the worker', () => {
  test('every thread of it', async () => {
    const { pid } = site.nginx.worker
    const threads = () => readdirSync(`/proc/${pid}/task`)
    await until('all have started', () => threads().length > 8)
    for (const thread of threads()) {
      const { mode, noNewPrivs } = status(pid, thread)
      assert.deepEqual([mode, noNewPrivs], [FILTER, 1], thread)
    }
    assert.deepEqual(coreLimit(pid), ['0', '0'])
    assert.match(site.nginx.worker.output(), /level=info event=sandbox seccomp=/)
    if (built) assert.match(site.nginx.worker.output(), /event=sandbox seccomp=yes landlock=/)
  })
  test('ended by a signal that leaves core files, it leaves none', async () => {
    const folder = scratch('core')
    chmodSync(folder.path, 0o777)
    let worker
    try {
      const shell = ['-c', 'ulimit -c unlimited; cd "$0" && exec "$@"', folder.path]
      const other = startProgram('sh', [...shell, 'sleep', '60'])
      await until('it runs', () => readFileSync(`/proc/${other.pid}/comm`, 'utf8') === 'sleep\n')
      await other.stop('SIGQUIT')
      // none either where the machine puts core files elsewhere: then only the limit tells
      for (const name of readdirSync(folder.path)) rmSync(join(folder.path, name))
      const socket = join(folder.path, 'w.sock')
      worker = startProgram('sh', [...shell, ...unprivileged(WORKER, ['-c', site.site.iniFile, '-s', socket]).flat()], { env: cleanEnv() })
      await until('it listens', () => existsSync(socket))
      await until('it has started', () => worker.output().includes('worker-start'))
      assert.deepEqual(coreLimit(worker.pid), ['0', '0'])
      assert.deepEqual(await worker.stop('SIGQUIT'), { code: null, signal: 'SIGQUIT' })
      assert.deepEqual(readdirSync(folder.path), ['w.sock'])
    } finally {
      await worker?.stop('SIGKILL')
      folder.remove()
    }
  })
  test('its threads give memory back, and take it again', async () => {
    const flow = await begunFlow(site)
    const body = `address=${'x'.repeat(30_000)}`
    const headers = { ...OWN_FORM, ...flow.cookies }
    const request = fcgiRequest(metaVariables({ method: 'POST', target: flow.page, headers, body }), body)
    for (let round = 0; round < 4; round++) {
      const answers = await Promise.all(Array.from({ length: 64 }, () => fcgiExchange(site.nginx.worker.socket, request)))
      for (const answer of answers) assert.match(answer.stdout, /^Status: 4\d\d /)
    }
    await assertSucceeds(site, flow)
    assert.ok(site.nginx.worker.running())
  })
  test('it removes its socket in the end', async () => {
    const worker = await startWorker(site.site, { name: 'second.sock' })
    const answer = await fcgiExchange(worker.socket, fcgiRequest(metaVariables({ target: '/signin/health' })))
    assert.match(answer.stdout, /^Status: 200 /)
    await worker.stop()
    assert.ok(!existsSync(worker.socket))
  })
})

describe('the CGI program', () => {
  const start = (vars, options) =>
    startProgram(...unprivileged(CGI), { cwd: '/', env: { ...cleanEnv({ OPENCODE_CALLBACK_CONFIG: site.site.iniFile }), ...vars }, ...options })
  const filters = (count) => (built ? count : 0)

  test('before it calls opencode: one filter; it reads a body in it', async () => {
    const flow = await begunFlow(site)
    const vars = metaVariables({ method: 'POST', target: flow.page, headers: { ...OWN_FORM, ...flow.cookies }, body: 'address=nothing' })
    const program = start(vars, { stdio: ['pipe', 'pipe', 'pipe'] })
    await until('it is there', () => {
      const { mode, filters: count, noNewPrivs } = status(program.pid)
      return mode === FILTER && count === filters(1) && noNewPrivs === 1
    })
    assert.deepEqual(coreLimit(program.pid), ['0', '0'])
    program.write('address=nothing')
    assert.deepEqual(await program.ended, { code: 0, signal: null })
    await program.closed
    assert.match(program.output(), /^Status: 400 /m)
  })
  test('while it calls opencode: two', async () => {
    const flow = await begunFlow(site)
    const mark = site.standin.connections.length
    site.standin.answer = () => 'hang'
    try {
      const program = start(metaVariables(goodCallback(flow)))
      await until('opencode is asked', () => site.standin.connections.length > mark)
      const { mode, filters: count } = status(program.pid)
      assert.deepEqual([mode, count], [FILTER, filters(2)])
      await program.stop('SIGKILL')
    } finally {
      site.standin.answer = () => undefined
    }
  })
  test('with a configuration that is wrong: it answers, with no file to open at all', async () => {
    const program = start({ ...metaVariables({ target: '/signin/' }), OPENCODE_CALLBACK_CONFIG: '/dev/null' })
    assert.deepEqual(await program.ended, { code: 0, signal: null })
    await program.closed
    assert.match(program.output(), /Status: 500 /)
  })
})
