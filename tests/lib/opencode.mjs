/*
 * The real opencode, with files of its own, led to the provider of the test and to nothing else.
 * Its ChatGPT listener has the fixed port 1455: only one at a time can use it, unless each has a
 * network of its own, as in a container.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from './client.mjs'
import { give } from './front.mjs'
import { LISTENER_PORT, PLUGIN, generationOf } from './generations.mjs'
import { accepts, freePort, request, scratch, startProgram, until } from './net.mjs'
import { OPENCODE, programOf } from './versions.mjs'

export { LISTENER_PORT, OPENCODE, PLUGIN }

/* The providers that the tests sign in to, with one model each: opencode's own list makes every look at it cost a second. */
export const FEW_MODELS = fileURLToPath(new URL('models.json', import.meta.url))

const NETWORK_UP = 'a network of its own'

/* The environment of an opencode whose files are all below home. */
export function opencodeEnv(home, { provider, socket, env = {} } = {}) {
  const clean = { ...process.env }
  for (const name of Object.keys(clean)) {
    if (/^(OPENCODE|XDG)_|_proxy$/i.test(name)) delete clean[name]
  }
  return {
    ...clean,
    HOME: home,
    XDG_CONFIG_HOME: join(home, 'config'),
    XDG_DATA_HOME: join(home, 'data'),
    XDG_CACHE_HOME: join(home, 'cache'),
    XDG_STATE_HOME: join(home, 'state'),
    NO_PROXY: 'localhost,127.0.0.1,::1',
    ...(provider ? { HTTPS_PROXY: provider.proxyUrl, NODE_EXTRA_CA_CERTS: provider.caFile } : {}),
    ...(socket ? { OPENCODE_CALLBACK_SOCKET: socket } : {}),
    ...env,
  }
}

/*
 * Starts `opencode serve`.
 *   version    one of versions.mjs; without it the 1.x that most tests start
 *   provider   of startProvider(); without one nothing answers opencode from outside
 *   plugin     true: our plugin, one socket · false: none, one socket per port (socket holds %p)
 *   ports      without the plugin: the ports that get a socket, besides opencode's own
 *   password   opencode's own; opencode 2 always has one
 *   config     more of opencode.json · env: more of the environment · home: files of an earlier run
 *   models     'all': opencode's own list, 6 MB of it, as users have it
 *   isolated   true: in a network of its own (see cannotIsolate), from which only the provider can be
 *              reached, and of which only opencode's own port from outside; with the plugin only
 * The answer: port, origin, socket, home, work (its directory), pid, authorization (headers), running(),
 * logs(), stop(signal) → {code, signal}, chatgpt and the calls of generations.mjs; of a 1.x also auth()
 * (auth.json as an object).
 */
export async function startOpencode({
  version, provider, plugin = true, ports = [LISTENER_PORT], password, config = {}, env = {}, args = [], home, socket,
  models, isolated = false,
} = {}) {
  const generation = generationOf(version)
  const folder = home ? null : scratch('opencode')
  const base = home ?? folder.path
  const work = join(base, 'work')
  const run = join(base, 'run')
  const port = await freePort()
  for (const path of [work, run, join(base, 'config', 'opencode')]) mkdirSync(path, { recursive: true })
  socket ??= plugin ? join(run, 'opencode.sock') : join(run, '%p.sock')
  password ??= generation.password
  const settings = { autoupdate: false, ...(plugin ? generation.plugins : {}), ...config }
  writeFileSync(join(base, 'config', 'opencode', 'opencode.json'), JSON.stringify(settings))

  const command = [programOf(version), ...args, 'serve', '--hostname', '127.0.0.1', '--port', String(port)]
  const program = startProgram(...(isolated ? inNetwork(command) : [command[0], command.slice(1)]), {
    cwd: work,
    env: opencodeEnv(base, {
      provider,
      socket: plugin ? socket : undefined,
      env: {
        ...(models === 'all' ? {} : { OPENCODE_MODELS_PATH: FEW_MODELS }),
        ...generation.env(password),
        ...env,
      },
    }),
  })
  const bridges = plugin ? [] : [port, ...ports].map((p) => startBridge(socket.replaceAll('%p', p), p))
  const authorization = password
    ? { Authorization: `Basic ${Buffer.from(`opencode:${password}`).toString('base64')}` }
    : {}

  const origin = `http://127.0.0.1:${port}`
  const own = new Client(origin, { authorization: authorization.Authorization })
  const self = {
    chatgpt: generation.chatgpt,
    ...generation.calls(own, { home: base, work }),
    port,
    origin,
    socket,
    home: base,
    work,
    pid: program.pid,
    running: program.running,
    authorization,
    logs: () => program.output(),
    async stop(signal) {
      const how = await program.stop(signal)
      await Promise.all(bridges.map((bridge) => bridge.stop()))
      folder?.remove()
      return how
    },
  }

  try {
    const ask = (target) => request({ port }, 'GET', target, { headers: authorization })
    if (isolated) {
      await until('its network is up', () => {
        if (!program.running()) throw new Error(`no network: ${program.output()}`)
        return program.output().includes(NETWORK_UP)
      })
      const outside = []
      const inside = ['nsenter', `--net=/proc/${program.pid}/ns/net`]
      bridges.push(...startPassage(join(run, 'server'), port, outside, inside))
      if (provider) bridges.push(...startPassage(join(run, 'proxy'), provider.proxyPort, inside, outside))
    }
    // It accepts a moment before it says so, and a request of that moment is never answered.
    await until('opencode listens', () => {
      if (!program.running()) throw new Error(`opencode ended: ${program.output()}`)
      return program.output().includes('server listening on')
    }, 90_000)
    await until('opencode is healthy', async () => (await ask(generation.health)).status === 200)
    // The first request for a directory loads the plugin.
    await until('opencode lists its sign-ins', async () => {
      const { status, body } = await ask(generation.signIns)
      return status === 200 && generation.lists(body)
    }, 90_000)
    const sockets = plugin ? [socket] : bridges.map((bridge) => bridge.path).filter(Boolean)
    for (const path of sockets) await until(`${path} accepts`, () => accepts({ path }))
    // who serves needs the socket alone (lighttpd 1.4.7x leaves its programs no other rights)
    for (const path of [base, run]) chmodSync(path, 0o711)
    give(...sockets)
  } catch (error) {
    await self.stop('SIGKILL')
    throw error
  }
  return self
}

/* The way without the plugin: one socket that leads to one loopback port. */
function startBridge(path, port) {
  const listen = `UNIX-LISTEN:${path},fork,mode=660,unlink-early`
  return { path, ...startProgram('socat', [listen, `TCP:127.0.0.1:${port}`]) }
}

/* A command in a network of its own, which has nothing but a loopback. What startProgram() wants. */
function inNetwork(command) {
  const script = `ip link set lo up && echo ${NETWORK_UP} && exec "$@"`
  return ['unshare', ['--net', 'sh', '-c', script, 'sh', ...command]]
}

/* Why there can be no such networks here; null if there can. */
export function cannotIsolate() {
  const tried = spawnSync(...inNetwork(['nsenter', '--net=/proc/self/ns/net', 'true']), { encoding: 'utf8' })
  return tried.status === 0 ? null : `no network of its own: ${(tried.error?.message ?? tried.stderr).trim()}`
}

/* From a loopback port in one network to the same port in the other, by a Unix socket between them. */
export function startPassage(path, port, from, to) {
  const socat = (where, ...addresses) => {
    const [program, ...words] = [...where, 'socat', ...addresses]
    return startProgram(program, words)
  }
  return [
    socat(to, `UNIX-LISTEN:${path},fork,mode=600,unlink-early`, `TCP:127.0.0.1:${port}`),
    socat(from, `TCP-LISTEN:${port},bind=127.0.0.1,fork,reuseaddr`, `UNIX-CONNECT:${path}`),
  ]
}
