/*
 * make run, as its user sees it: one address to open, a sign-in that begins, an end that leaves
 * nothing behind, and a part that dies is named.
 */
import assert from 'node:assert/strict'
import { chmodSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { accepts, freePort, request, scratch, startProgram, until } from '../lib/net.mjs'
import { OPENCODE, opencodeEnv } from '../lib/opencode.mjs'
import { NEXT, cannotRun, programOf } from '../lib/versions.mjs'

const script = fileURLToPath(new URL('../demo/start', import.meta.url))
const folder = scratch('run')
const state = join(folder.path, 'state')

// where the tests run as root, it becomes another user, who must get in here
before(() => chmodSync(folder.path, 0o755))
const runs = []
after(async () => {
  for (const run of runs) await run.stop('SIGINT', 30_000)
  folder.remove()
})

/* Processes whose command line names this test's folder: {pid, uid, name}. */
function processes() {
  const found = []
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')
      const cwd = readFileSync(`/proc/${pid}/environ`, 'latin1')
      if (!line.includes(state) && !cwd.includes(`HOME=${state}`)) continue
      if (Number(pid) === process.pid || line.includes(script)) continue
      found.push({ pid: Number(pid), uid: statSync(`/proc/${pid}`).uid, line })
    } catch {
      continue // it has just ended
    }
  }
  return found
}

async function startRun(port, { env: more } = {}) {
  const env = opencodeEnv(folder.path, { env: { PORT: String(port), RUN_DIR: state, ...more } })
  env.PATH = `${dirname(OPENCODE)}:${dirname(programOf(NEXT))}:${env.PATH}`
  env.MAKE = 'true' // make check has built what is to be tested
  env.HOME = process.env.HOME ?? folder.path
  const run = startProgram(script, [], { env })
  runs.push(run)
  const printed = () => /^Open {2}(http:\/\/127\.0\.0\.1:(\d+)\/)(?:signin\/)?$/m.exec(run.output())
  const all = () => printed() && run.output().includes('Ctrl-C')
  await until('an address is printed, or it ends', () => all() || !run.running(), 240_000)
  const address = printed()
  assert.ok(address, run.output())
  const password = /^Password: (\S+)$/m.exec(run.output())?.[1]
  return { ...run, address: address[1], port: Number(address[2]), password }
}

/* How often each opencode is started, and what is asked of it: a page, and a begin. */
const OPENCODES = {
  1: {
    rounds: ['first', 'second'],
    page: '/', title: /<title>OpenCode/i, begin: '/provider/openai/oauth/authorize', body: '{"method":0,"inputs":{}}',
  },
  2: {
    rounds: ['first'],
    page: '/api/health', title: /"healthy":true/, begin: '/api/integration/openai/connect/oauth',
    body: '{"methodID":"chatgpt-browser","inputs":{}}', env: { OPENCODE: '2' }, skip: cannotRun(NEXT) ?? false,
  },
}

for (const [generation, { rounds, page, title, begin, body, env, skip }] of Object.entries(OPENCODES)) {
  test(`opencode ${generation} starts, works and ends without a trace; a second start takes seconds`, { skip }, async () => {
    for (const round of rounds) {
      const start = Date.now()
      const run = await startRun(await freePort(), { env })
      const seconds = (Date.now() - start) / 1000
      if (round === 'second') assert.ok(seconds < 30, `${seconds} s`)
      assert.equal(Boolean(run.password), generation === '2')

      const host = `127.0.0.1:${run.port}`
      const authorization = run.password ? { Authorization: `Basic ${Buffer.from(`opencode:${run.password}`).toString('base64')}` } : {}
      const health = await request({ port: run.port }, 'GET', '/signin/health', { host })
      assert.equal(health.status, 200, health.body)
      assert.equal(JSON.parse(health.body).status, 'ok')
      assert.match((await request({ port: run.port }, 'GET', page, { host, headers: authorization })).body, title)
      if (run.password) assert.equal((await request({ port: run.port }, 'GET', page, { host })).status, 401)
      const begun = await request({ port: run.port }, 'POST', begin, {
        host, headers: { 'Content-Type': 'application/json', ...authorization }, body,
      })
      assert.match(begun.body, new RegExp(`"url":"${run.address}signin/flow/`))

      const parts = processes()
      assert.ok(parts.length >= 3, JSON.stringify(parts))
      assert.ok(parts.every(({ uid }) => uid !== 0), 'none of them is root')
      if (run.password) assert.ok(parts.every(({ line }) => !line.includes(run.password)), 'no argument is the password')
      const how = await run.stop('SIGINT', 30_000)
      assert.deepEqual(how, { code: 0, signal: null }, run.output())
      await until('all have ended', () => processes().length === 0)
      assert.equal(await accepts({ port: run.port }), false)
    }
  })
}

test('a second one beside it is refused; a part that dies is named, with its log', async () => {
  const run = await startRun(await freePort())
  const second = startProgram(script, [], { env: { ...process.env, MAKE: 'true', RUN_DIR: state } })
  assert.equal((await second.ended).code, 1)
  assert.match(second.output(), /it runs already/)

  const worker = processes().find(({ line }) => line.includes('opencode-callback.fcgi'))
  process.kill(worker.pid, 'SIGKILL')
  assert.equal((await run.ended).code, 1)
  assert.match(run.output(), /worker has ended\. Its log: .*\/log\/worker\.log/)
  await until('all have ended', () => processes().length === 0)
})
