/*
 * The plugin inside the real opencode 1 in a terminal, which has a server with --port and none without.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { accepts, freePort, request, scratch, until } from '../lib/net.mjs'
import { FEW_MODELS, LISTENER_PORT, PLUGIN, opencodeEnv, startOpencode } from '../lib/opencode.mjs'
import { startProvider } from '../lib/provider.mjs'
import { startInTerminal } from '../lib/terminal.mjs'
import { cannotRun, programOf } from '../lib/versions.mjs'

const folder = scratch('plugin')
let provider
before(async () => (provider = await startProvider()))
after(async () => {
  await provider?.stop()
  folder.remove()
})

/* A plugin that writes a file when it is loaded, and another once ours has looked at what listens a second time. */
const WITNESS = (base) => `import { writeFileSync } from "node:fs"
export default {
  id: "witness",
  server: async () => {
    writeFileSync(${JSON.stringify(join(base, 'loaded'))}, "")
    setTimeout(() => writeFileSync(${JSON.stringify(join(base, 'later'))}, ""), 5500)
    return {}
  },
}
`

/* Starts opencode as a person does. */
function start(version, name, args) {
  const base = join(folder.path, `${version ?? 'newest'}-${name}`)
  const work = join(base, 'work')
  for (const path of [work, join(base, 'config', 'opencode')]) mkdirSync(path, { recursive: true })
  const witness = join(base, 'witness.js')
  writeFileSync(witness, WITNESS(base))
  const settings = { autoupdate: false, plugin: [PLUGIN, pathToFileURL(witness).href] }
  writeFileSync(join(base, 'config', 'opencode', 'opencode.json'), JSON.stringify(settings))
  const socket = join(base, 'opencode.sock')
  const program = startInTerminal([programOf(version), ...args], {
    cwd: work,
    env: opencodeEnv(base, { provider, socket, env: { OPENCODE_MODELS_PATH: FEW_MODELS } }),
  })
  const logs = () => {
    const path = join(base, 'data', 'opencode', 'log')
    return readdirSync(path).map((file) => readFileSync(join(path, file), 'utf8')).join('\n')
  }
  const has = (file) => until(`opencode has written ${file}`, () => {
    if (!program.running()) throw new Error(program.output())
    return existsSync(join(base, file))
  }, 60_000)
  return { ...program, base, socket, logs, has }
}

for (const version of [undefined, '1.14.34']) {
  describe(`opencode ${version ?? '1'} in a terminal`, { skip: (version && cannotRun(version)) ?? false }, () => {
    test('with --port: the socket leads to it', async (t) => {
      const port = await freePort()
      const terminal = start(version, 'port', ['--port', String(port)])
      t.after(() => terminal.stop())
      await terminal.has('loaded')
      await until('the plugin listens', () => accepts({ path: terminal.socket }))
      const ask = (method, target, host = 'opencode', body) =>
        request({ path: terminal.socket }, method, target, { host, body, headers: { 'Content-Type': 'application/json' } })
      const listeners = async () => JSON.parse((await ask('GET', '/listeners', 'plugin')).body).listeners

      assert.equal(JSON.parse((await ask('GET', '/global/health')).body).healthy, true)
      assert.equal((await ask('GET', '/global/health', `localhost:${port}`)).status, 403, 'its own port is no listener')
      assert.deepEqual(await listeners(), [])
      assert.equal((await ask('POST', '/provider/openai/oauth/authorize', 'opencode', '{"method":0}')).status, 200)
      assert.deepEqual(await listeners(), [LISTENER_PORT])
      assert.equal((await ask('GET', '/cancel', `localhost:${LISTENER_PORT}`)).status, 200)

      await terminal.has('later')
      assert.doesNotMatch(terminal.output(), /opencode-callback:/, 'nothing of ours is on the screen')
      const said = terminal.logs().match(/opencode-callback: [^"\n]*/g)
      assert.deepEqual(said, [`opencode-callback: listening at ${terminal.socket}, opencode's own port is ${port}`])

      await terminal.stop()
      await until('nobody listens', async () => !(await accepts({ path: terminal.socket })))
      const next = await startOpencode({ version, provider, socket: terminal.socket })
      t.after(() => next.stop())
      assert.equal((await ask('GET', '/global/health', `localhost:${next.port}`)).status, 403, 'the next opencode has it')
    })

    test('without a server: there is no socket', async (t) => {
      const terminal = start(version, 'alone', [])
      t.after(() => terminal.stop())
      await terminal.has('later')
      assert.equal(existsSync(terminal.socket), false)
      assert.doesNotMatch(terminal.output() + terminal.logs(), /opencode-callback: (?:listening|cannot)/)
    })
  })
}

test('with --hostname alone: the socket leads to the port that opencode took', async (t) => {
  const terminal = start(undefined, 'hostname', ['--hostname', '127.0.0.1'])
  t.after(() => terminal.stop())
  await terminal.has('loaded')
  await until('the plugin listens', () => accepts({ path: terminal.socket }))
  const port = await until('it says so', () => /opencode's own port is (\d+)/.exec(terminal.logs())?.[1])
  const ask = (where, host) => request(where, 'GET', '/global/health', { host })
  assert.equal((await ask({ path: terminal.socket }, 'opencode')).status, 200)
  assert.equal((await ask({ path: terminal.socket }, `localhost:${port}`)).status, 403)
  assert.equal((await ask({ port }, 'localhost')).status, 200)
})

test('for an editor (acp): there is no socket', async (t) => {
  const terminal = start(undefined, 'acp', ['acp', '--port', String(await freePort())])
  t.after(() => terminal.stop())
  await terminal.has('later')
  assert.equal(existsSync(terminal.socket), false)
})
