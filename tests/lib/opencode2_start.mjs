/*
 * The preview of opencode 2 with our plugin, with files of its own. It always has a password.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { accepts, freePort, request, scratch, startProgram, until } from './net.mjs'
import { PLUGIN, opencodeEnv } from './opencode.mjs'

export const OPENCODE2 =
  process.env.OPENCODE2_BIN || fileURLToPath(new URL('../node_modules/opencode-2/bin/opencode2', import.meta.url))

const PASSWORD = 'opencode-2-always-has-one'
export const AUTHORIZATION2 = { Authorization: `Basic ${Buffer.from(`opencode:${PASSWORD}`).toString('base64')}` }

/* Why it cannot be started here; false if it can. */
export const cannotRun2 = existsSync(OPENCODE2) ? false : 'opencode 2 is not installed'

/* Its environment, for any of its commands. */
export function opencode2Env(home, { env, ...options } = {}) {
  const own = { OPENCODE_PASSWORD: PASSWORD, OPENCODE_DISABLE_AUTOUPDATE: '1', OPENCODE_DISABLE_MODELS_FETCH: '1' }
  return opencodeEnv(home, { ...options, env: { ...own, ...env } })
}

export function opencode2Config(home, config) {
  const folder = join(home, 'config', 'opencode')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'opencode.json'), JSON.stringify({ plugins: [PLUGIN], ...config }))
}

/*
 * Starts `opencode serve`.
 *   args    in place of a --port that is free
 *   config  more of opencode.json · env: more of the environment · home: files of an earlier run
 *   socket  where the plugin listens · wrap: a command that starts it
 * The answer: port, socket, home, pid, running(), logs(), ask(target), stop(signal) → {code, signal}.
 */
export async function startOpencode2({ provider, args, config, env, home, socket, wrap = [] } = {}) {
  const folder = home ? null : scratch('opencode2')
  const base = home ?? folder.path
  const work = join(base, 'work')
  const run = join(base, 'run')
  for (const path of [work, run]) mkdirSync(path, { recursive: true })
  socket ??= join(run, 'opencode.sock')
  opencode2Config(base, config)
  args ??= ['--port', String(await freePort())]
  const [command, ...rest] = [...wrap, OPENCODE2, 'serve', ...args]
  const program = startProgram(command, rest, { cwd: work, env: opencode2Env(base, { provider, socket, env }) })
  const self = {
    socket,
    home: base,
    pid: program.pid,
    running: program.running,
    logs: program.output,
    ask: (target) => request({ port: self.port }, 'GET', target, { headers: AUTHORIZATION2 }),
    async stop(signal) {
      const how = await program.stop(signal)
      folder?.remove()
      return how
    },
  }
  try {
    self.port = await until('opencode 2 listens', () => {
      if (!program.running()) throw new Error(`opencode 2 ended: ${program.output()}`)
      return Number(/server listening on http:\/\/\S+:(\d+)/.exec(program.output())?.[1])
    }, 90_000)
    // The first request for a directory loads the plugin; its list of sign-ins is empty at first.
    await until('opencode 2 lists its sign-ins', async () => {
      const { status, body } = await self.ask('/api/integration')
      return status === 200 && JSON.parse(body).data.length > 0
    }, 90_000)
    await until(`${socket} accepts`, () => accepts({ path: socket }))
  } catch (error) {
    await self.stop('SIGKILL')
    throw error
  }
  return self
}
