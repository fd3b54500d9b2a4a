/*
 * Many at once: 200 CGI processes, and workers that are told to end while requests come in.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { metaVariables, parseAnswer, runCgi, startFrontends } from '../lib/frontends.mjs'
import { fcgiExchange, fcgiRequest } from '../lib/fcgi.mjs'
import { WORKER, cleanEnv, unprivileged } from '../lib/front.mjs'
import { accepts, startProgram, until } from '../lib/net.mjs'
import { afterEvery, assertCleanProcess, assertNoCrash, assertWholeStore, deliveries } from '../lib/invariants.mjs'
import { NAVIGATION, assertCleanLogs, assertSafe, begunFlow, flowStatus, goodCallback } from '../lib/signin.mjs'

const ENDS = 4 // multiwatch gives up what dies too often
let site
before(async () => (site = await startFrontends({ web: false })))
after(() => site?.stop())

const junk = (n) => ({ target: `/auth/callback?code=CANARYjunk${n}&state=CANARYjunk${n}`, headers: NAVIGATION })

test('200 CGI processes at once, good and junk: all good ones succeed', async () => {
  const flows = []
  for (let i = 0; i < 50; i++) flows.push(await begunFlow(site))
  const requests = Array.from({ length: 200 }, (_, i) => (i % 4 === 0 ? goodCallback(flows[i / 4]) : junk(i)))
  const answers = await Promise.all(requests.map((request) => site.cgi.send(request)))
  answers.forEach((answer, i) => {
    assertSafe(answer)
    assert.equal(answer.status, i % 4 === 0 ? 303 : 400)
  })
  for (const flow of flows) {
    assert.deepEqual(await flowStatus(site, flow), { state: 'done', expires_in: 0 })
    assert.deepEqual(deliveries(site, flow), { listener: 1, finishing: 1 })
  }
  assertWholeStore(site.store)
  assertCleanLogs(site)
  await afterEvery(site, await begunFlow(site))
})

test('a CGI process has nothing of the sign-in in its command line', async () => {
  const flow = await begunFlow(site)
  let open
  const gate = new Promise((resolve) => (open = resolve))
  site.standin.answer = (r) => (r.host === 'opencode' ? undefined : gate)
  const since = site.standin.connections.length
  const pidFile = join(site.site.path, 'cgi.pid')
  const running = runCgi(site.site, metaVariables(goodCallback(flow)), undefined, { wrap: ['sh', '-c', `echo $$ >${pidFile}; exec "$@"`, 'sh'] })
  await until('it delivers', () => site.standin.connections.length > since)
  assertCleanProcess(readFileSync(pidFile, 'utf8').trim(), ['cmdline'])
  open()
  site.standin.answer = () => undefined
  assert.equal(parseAnswer((await running).stdout).status, 303)
  await afterEvery(site, flow, { state: 'done' })
})

const children = (pid) => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)

test('two workers on one socket, each told to end again and again under load: nothing is lost', async (t) => {
  const socket = join(site.site.path, 'many.sock')
  const words = ['spawn-fcgi', '-n', '-s', socket, '--', '/usr/bin/multiwatch', '-f', '2', '--', WORKER, '-c', site.site.iniFile]
  const [program, args] = unprivileged(words[0], words.slice(1))
  const workers = startProgram(program, args, { cwd: '/', env: cleanEnv() })
  try {
    await until('they accept', () => accepts({ path: socket }))
    // A worker that ends waits 100 ms for what a fresh connection wants; on a busy machine this client can be
    // later than that. It then asks again, as web servers do.
    let turnedAway = 0
    const send = async (request) => {
      for (;;) {
        const { stdout } = await fcgiExchange(socket, fcgiRequest(metaVariables(request)))
        if (stdout !== '') return parseAnswer(stdout)
        turnedAway++
      }
    }
    const flows = []
    for (let i = 0; i < 60; i++) flows.push(await begunFlow(site))
    let sent = 0
    let ended = 0
    let loading = true
    const load = Array.from({ length: 8 }, async () => {
      while (loading) assert.equal((await send(junk(sent++))).status, 400)
    })
    const starts = () => (workers.output().match(/worker-start/g) ?? []).length
    const ends = (async () => {
      for (; ended < ENDS; ended++) {
        await until('two workers run', () => children(workers.pid).length === 2 && starts() === ended + 2)
        const [pid] = children(workers.pid)
        process.kill(pid, 'SIGTERM')
        await until('it has ended', () => !children(workers.pid).includes(pid))
      }
    })()
    for (const flow of flows) {
      assert.equal((await send(goodCallback(flow))).status, 303)
      assert.deepEqual(await flowStatus(site, flow), { state: 'done', expires_in: 0 })
      assert.deepEqual(deliveries(site, flow), { listener: 1, finishing: 1 })
      await until('there was some load', () => sent > 0)
    }
    await until('workers were ended', () => ended === ENDS)
    loading = false
    await Promise.all([...load, ends])
    t.diagnostic(`${sent} requests besides, ${ended} workers ended, ${turnedAway} turned away`)
    assert.ok(turnedAway <= ended, `${turnedAway} turned away, ${ended} workers ended`)
    assertNoCrash(workers.output())
    assert.doesNotMatch(workers.output(), /CANARY/)
    await afterEvery(site, await begunFlow(site), { frontend: { name: 'two workers', send } })
  } finally {
    await workers.stop()
  }
})
