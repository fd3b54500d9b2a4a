/*
 * The plugin inside the real opencode 1 and 2: how it is loaded, and how its socket lives and ends with
 * the process.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { accepts, freePort, request, scratch, startProgram, until } from '../lib/net.mjs'
import { FEW_MODELS, OPENCODE, PLUGIN, opencodeEnv, startOpencode } from '../lib/opencode.mjs'
import { AUTHORIZATION2, OPENCODE2, cannotRun2, opencode2Config, opencode2Env, startOpencode2 } from '../lib/opencode2_start.mjs'
import { startProvider } from '../lib/provider.mjs'

const OPENCODE_1 = { name: 'opencode 1', cannotRun: false, start: startOpencode, headers: {}, health: '/global/health', setting: 'plugin' }
const OPENCODE_2 = { name: 'opencode 2', cannotRun: cannotRun2, start: startOpencode2, headers: AUTHORIZATION2, health: '/api/health', setting: 'plugins' }

/* Opencodes that a test has done with, each with a socket that is not taken away with it: starting one takes seconds. */
const spare = { [OPENCODE_1.name]: [], [OPENCODE_2.name]: [] }
const folder = scratch('plugin')
let provider
before(async () => (provider = await startProvider()))
after(async () => {
  await Promise.all(Object.values(spare).flat().map((one) => one.stop()))
  await provider?.stop()
  folder.remove()
})

const inode = (path) => statSync(path).ino
const ourLines = (opencode) => opencode.logs().match(/opencode-callback: .*/g)

/* Starts what follows it in a mount namespace where it cannot see who listens, as on a system without /proc. */
const BLIND = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /proc/$$/net && exec "$@"', 'sh']
const cannotBlind = spawnSync(BLIND[0], [...BLIND.slice(1), 'true']).status === 0 ? false : 'no mount namespace of its own'

const listeners = async (path) => (await request({ path }, 'GET', '/listeners', { host: 'plugin' })).body

/* A plugin that adds a line to a file for each call of its functions. */
function writeWitness(name) {
  const file = join(folder.path, name, 'witness.js')
  const calls = join(folder.path, `${name}.calls`)
  writeFileSync(calls, '')
  mkdirSync(dirname(file))
  writeFileSync(file, `import { appendFileSync } from "node:fs"
const note = (what) => appendFileSync(${JSON.stringify(calls)}, what + "\\n")
export default {
  id: "witness",
  server: async () => (note("server"), {}),
  setup: async () => note("setup"),
}
`)
  const lines = () => readFileSync(calls, 'utf8').trim().split('\n')
  return { file, url: pathToFileURL(file).href, lines, count: (what) => lines().filter((line) => line === what).length }
}

for (const version of [OPENCODE_1, OPENCODE_2]) describe(`the socket of ${version.name}`, { skip: version.cannotRun }, () => {
  test('a live socket is left alone, a dead one replaced, and only its owner removes it', async () => {
    const socket = join(folder.path, `${version.setting}.sock`)
    const first = await version.start({ provider, socket })
    const before = inode(socket)
    const second = await version.start({ provider, socket })
    const third = await version.start({ provider, socket })
    try {
      await until('the second has looked', () => /another process's/.test(second.logs()))
      await until('the third has looked', () => /another process's/.test(third.logs()))
      assert.equal(inode(socket), before)
      await third.stop()
      assert.equal(inode(socket), before)
      await first.stop('SIGKILL')
      assert.equal(await accepts({ path: socket }), false)
      assert.ok(existsSync(socket))
      await until('the second has replaced the dead socket', () => accepts({ path: socket }), 15_000)
      assert.equal(statSync(socket).mode & 0o7777, 0o660)
      const own = (host) => request({ path: socket }, 'GET', version.health, { host, headers: version.headers })
      assert.equal((await own('opencode')).status, 200)
      assert.equal((await own(`localhost:${second.port}`)).status, 403)
      rmSync(socket)
      await until('a socket that was removed comes back', () => accepts({ path: socket }), 15_000)
    } catch (error) {
      await Promise.all([first, second, third].map((one) => one.stop()))
      throw error
    }
    spare[version.name].push(second) // that it takes the socket with it is seen below
  })

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
    test(`${signal} removes the socket and ends opencode at once, with a client connected`, async () => {
      const home = join(folder.path, `${version.setting}-${signal}`)
      const opencode = spare[version.name].pop() ?? (await version.start({ provider, home }))
      const client = net.connect({ path: opencode.socket })
      client.on('error', () => {})
      await new Promise((resolve) => client.once('connect', resolve))
      const began = Date.now()
      const how = await opencode.stop(signal)
      // opencode 2 ends itself at these two.
      const exits = version === OPENCODE_2 && signal !== 'SIGHUP'
      assert.deepEqual(how, exits ? { code: 130, signal: null } : { code: null, signal })
      assert.ok(Date.now() - began < 3000, 'not at once')
      assert.equal(existsSync(opencode.socket), false)
      client.destroy()
    })
  }
})

describe('opencode 1', () => {
  test('one socket through disposes, other directories, the newer plugin interface and the file\'s old name', async () => {
    const witness = writeWitness('first')
    const old = new URL('../opencode-callback.js', PLUGIN).href
    const opencode = await startOpencode({ provider, config: { plugin: [PLUGIN, old, witness.url] } })
    const { socket: path } = opencode
    const before = inode(path)
    const elsewhere = { 'x-opencode-directory': encodeURIComponent(folder.path) }
    const ask = async (method, target, headers = {}) => {
      const answer = await request({ path }, method, target, { host: 'opencode', headers })
      assert.equal(answer.status, 200, `${method} ${target}`)
      assert.equal(inode(path), before)
    }
    try {
      for (const headers of [{}, elsewhere]) {
        await ask('GET', '/provider/auth', headers)
        await ask('GET', '/api/integration', headers)
      }
      await until('both functions were called', () => witness.count('server') > 1 && witness.count('setup') > 1)
      for (const headers of [elsewhere, {}, {}, elsewhere]) {
        const calls = witness.count('server')
        await ask('POST', '/instance/dispose', headers)
        await ask('GET', '/provider/auth', headers)
        await ask('GET', '/api/integration', headers)
        await until('plugins were loaded again', () => witness.count('server') > calls)
      }
      await ask('GET', '/global/health')
      assert.deepEqual(readdirSync(dirname(path)), ['opencode.sock'])
      assert.deepEqual(ourLines(opencode), [`opencode-callback: listening at ${path}, opencode's own port is ${opencode.port}`])
    } finally {
      await opencode.stop()
    }
  })

  test('the newer plugin interface comes first', async () => {
    const home = join(folder.path, 'newer')
    const socket = join(folder.path, 'newer.sock')
    const port = await freePort()
    const witness = writeWitness('newer-calls')
    const program = await serveByHand(port, home, { socket, first: '/api/integration', plugins: [PLUGIN, witness.url] })
    try {
      await until('the plugin listens', () => existsSync(socket))
      assert.deepEqual(witness.lines(), ['setup'])
      const ask = (target, host) => request({ path: socket }, 'GET', target, { host })
      assert.equal((await ask('/global/health', 'opencode')).status, 200)
      assert.equal((await ask('/provider/auth', 'opencode')).status, 200)
      assert.equal((await ask('/global/health', `localhost:${port}`)).status, 403)
    } finally {
      await program.stop()
    }
  })

  test('without /proc it believes the URL that opencode tells', { skip: cannotBlind }, async (t) => {
    const socket = join(folder.path, 'blind.sock')
    const port = await freePort()
    const program = await serveByHand(port, join(folder.path, 'blind'), { socket, wrap: BLIND })
    t.after(() => program.stop())
    await until('the plugin listens', () => existsSync(socket))
    const ask = async (host) => (await request({ path: socket }, 'GET', '/global/health', { host })).status
    assert.equal(await ask('opencode'), 200)
    assert.equal(await ask(`localhost:${port}`), 403)
    const listener = http.createServer((_, response) => response.writeHead(204).end()).listen(0, '127.0.0.1')
    t.after(() => listener.close())
    await once(listener, 'listening')
    assert.equal(await ask(`localhost:${listener.address().port}`), 204)
    assert.equal(await ask(`localhost:${await freePort()}`), 502)
    assert.equal(await listeners(socket), '{"listeners":null}')
  })

  test('a file that is no socket stays what it is', async () => {
    const folder = scratch('plugin')
    const socket = join(folder.path, 'opencode.sock')
    const home = join(folder.path, 'home')
    writeFileSync(socket, 'precious')
    const port = await freePort()
    const program = await serveByHand(port, home, { socket })
    await until('the plugin has looked', () => /is no socket of ours/.test(program.output()))
    assert.deepEqual(await program.stop(), { code: null, signal: 'SIGTERM' })
    assert.equal(readFileSync(socket, 'utf8'), 'precious')
    folder.remove()
  })

  test('other commands neither listen nor hang', async () => {
    const folder = scratch('plugin')
    const socket = join(folder.path, 'opencode.sock')
    const witness = writeWitness('models')
    const env = opencodeEnv(folder.path, {
      provider,
      socket,
      env: {
        OPENCODE_MODELS_PATH: FEW_MODELS,
        OPENCODE_CONFIG_CONTENT: JSON.stringify({ autoupdate: false, plugin: [PLUGIN, witness.url] }),
      },
    })
    let listened = false
    const program = startProgram(OPENCODE, ['models'], { cwd: folder.path, env })
    const watch = setInterval(() => (listened ||= existsSync(socket)), 10)
    const timer = setTimeout(() => program.stop('SIGKILL'), 60_000)
    const how = await program.ended
    clearTimeout(timer)
    clearInterval(watch)
    assert.deepEqual(how, { code: 0, signal: null }, program.output())
    assert.ok(witness.count('server') > 0, 'plugins were not loaded, so nothing was tried')
    assert.equal(listened, false)
    assert.equal(program.output().includes('opencode-callback'), false)
    folder.remove()
  })
})

/* An opencode 1 with the plugin whose socket is not to be waited for. */
async function serveByHand(port, home, { socket, first = '/provider/auth', plugins = [PLUGIN], wrap = [] }) {
  const config = join(home, 'config', 'opencode')
  mkdirSync(config, { recursive: true })
  writeFileSync(join(config, 'opencode.json'), JSON.stringify({ autoupdate: false, plugin: plugins }))
  const [command, ...args] = [...wrap, OPENCODE, '--log-level', 'WARN', 'serve', '--port', String(port)]
  const program = startProgram(command, args, {
    cwd: home,
    env: opencodeEnv(home, {
      provider,
      socket,
      env: { OPENCODE_MODELS_PATH: FEW_MODELS },
    }),
  })
  await until('opencode listens', () => program.output().includes('server listening on'), 30_000)
  await request({ port }, 'GET', first)
  return program
}

describe('opencode 2', { skip: cannotRun2 }, () => {
  const health = (path, host = 'opencode') => request({ path }, 'GET', '/api/health', { host, headers: AUTHORIZATION2 })

  test('one socket through other locations, reloads for which the module is evaluated anew, and evictions', async () => {
    const witness = writeWitness('second')
    // A change of the folder's time is what makes opencode load the module again.
    const copy = join(folder.path, 'copy')
    cpSync(fileURLToPath(PLUGIN), copy, { recursive: true })
    const opencode = await startOpencode2({ provider, config: { plugins: [`${pathToFileURL(copy).href}/`, witness.url] } })
    const { socket: path } = opencode
    const before = inode(path)
    const locations = ['a', 'b', 'c'].map((name) => join(folder.path, name))
    try {
      for (const directory of locations) {
        mkdirSync(directory)
        const calls = witness.count('setup')
        assert.equal((await opencode.ask(`/api/integration?location[directory]=${directory}`)).status, 200)
        await until('the location has loaded its plugins', () => witness.count('setup') > calls)
      }
      /* The times of the folder with which opencode has loaded it, each as a module of its own. */
      const evaluated = () => {
        const log = readFileSync(join(opencode.home, 'data/opencode/log/opencode.log'), 'utf8')
        const loaded = log.matchAll(/msg="loading plugin" id=\S*\/copy\/? entrypoint="\S*\?mtime=(\d+)/g)
        return new Set([...loaded].map(([, time]) => time))
      }
      for (let times = 2; times <= 4; times++) {
        const calls = witness.count('setup')
        utimesSync(copy, times, times)
        await until('all locations have loaded the module anew', async () => {
          // At each change of this file opencode looks at all plugins again, but not while it loads some.
          appendFileSync(witness.file, '\n')
          await pause(500)
          return evaluated().size === times && witness.count('setup') >= calls + 1 + locations.length
        }, 20_000)
        assert.equal((await health(path)).status, 200)
        assert.equal(inode(path), before)
      }
      for (const directory of [locations[1], locations[0]]) {
        const calls = witness.count('setup')
        const target = `location[directory]=${directory}`
        const evicted = await request({ port: opencode.port }, 'DELETE', `/api/debug/location?${target}`, { headers: AUTHORIZATION2 })
        assert.equal(evicted.status, 204)
        await opencode.ask(`/api/integration?${target}`)
        await until('the location has loaded its plugins again', () => witness.count('setup') > calls)
        assert.equal((await health(path)).status, 200)
        assert.equal(inode(path), before)
      }
      assert.deepEqual(readdirSync(dirname(path)), ['opencode.sock'])
      assert.deepEqual(ourLines(opencode), [`opencode-callback: listening at ${path}, opencode's own port is ${opencode.port}`])
    } finally {
      await opencode.stop()
    }
    assert.equal(existsSync(path), false)
  })

  test('without --port, it finds its own port', async () => {
    const opencode = await startOpencode2({ provider, args: [] })
    try {
      assert.deepEqual(ourLines(opencode), [`opencode-callback: listening at ${opencode.socket}, opencode's own port is ${opencode.port}`])
      assert.equal((await health(opencode.socket)).status, 200)
      for (const name of ['localhost', '127.0.0.1', '[::1]']) {
        assert.equal((await health(opencode.socket, `${name}:${opencode.port}`)).status, 403)
      }
    } finally {
      await opencode.stop()
    }
  })

  for (const given of [true, false]) {
    test(`without /proc, ${given ? '--port is believed' : 'and without --port, nothing passes'}`, { skip: cannotBlind }, async (t) => {
      const opencode = await startOpencode2({ provider, wrap: BLIND, args: given ? undefined : [] })
      t.after(() => opencode.stop())
      const [own, other, port] = given ? [200, 403, opencode.port] : [502, 502, 'not known']
      assert.deepEqual(ourLines(opencode), [`opencode-callback: listening at ${opencode.socket}, opencode's own port is ${port}`])
      assert.equal((await health(opencode.socket)).status, own)
      assert.equal((await health(opencode.socket, `localhost:${opencode.port}`)).status, other)
      assert.equal(await listeners(opencode.socket), '{"listeners":null}')
    })
  }

  for (const hostname of ['0.0.0.0', '::1', '::']) {
    test(`with --hostname ${hostname} too`, async (t) => {
      if (hostname.includes(':') && !(await canListen(hostname))) return t.skip('this machine has no IPv6')
      const home = join(folder.path, `at-${hostname.length}`)
      const socket = join(folder.path, 'at.sock')
      opencode2Config(home)
      const program = startProgram(OPENCODE2, ['serve', '--hostname', hostname, '--port=0'], { cwd: home, env: opencode2Env(home, { provider, socket }) })
      t.after(() => program.stop())
      const port = await until('opencode 2 listens', () => Number(/server listening on \S+:(\d+)/.exec(program.output())?.[1]), 30_000)
      await until('it answers', async () => (await request({ port, host: hostname.includes(':') ? '::1' : '127.0.0.1' }, 'GET', '/api/integration', { headers: AUTHORIZATION2 })).status === 200)
      await until('the plugin listens', () => accepts({ path: socket }), 30_000)
      assert.equal((await health(socket)).status, 200)
      assert.equal((await health(socket, `localhost:${port}`)).status, 403)
      assert.equal(await listeners(socket), '{"listeners":[]}')
    })
  }

  test('as a background service it listens, and its end removes the socket', async (t) => {
    const home = join(folder.path, 'service')
    const socket = join(folder.path, 'service.sock')
    const port = await freePort()
    opencode2Config(home)
    writeFileSync(join(home, 'config/opencode/service.json'), JSON.stringify({ port, password: 'secret' }))
    const env = opencode2Env(home, { provider, socket })
    const service = (command) => startProgram(OPENCODE2, ['service', command], { cwd: home, env })
    const registration = join(home, 'state/opencode/service.json')
    // It is no child of ours; so it is ended by its own command, and by its id if that fails.
    t.after(() => existsSync(registration) && process.kill(JSON.parse(readFileSync(registration, 'utf8')).pid, 'SIGKILL'))
    const started = service('start')
    assert.deepEqual(await started.ended, { code: 0, signal: null }, started.output())
    const headers = { Authorization: `Basic ${Buffer.from('opencode:secret').toString('base64')}` }
    const ask = (where, host) => request(where, 'GET', '/api/integration', { host, headers })
    await until('it answers', async () => (await ask({ port })).status === 200, 30_000)
    await until('the plugin listens', () => accepts({ path: socket }), 30_000)
    assert.equal((await ask({ path: socket }, 'opencode')).status, 200)
    assert.equal((await ask({ path: socket }, `localhost:${port}`)).status, 403)
    const stopped = service('stop')
    assert.deepEqual(await stopped.ended, { code: 0, signal: null }, stopped.output())
    await until('the socket is gone', () => !existsSync(socket))
  })

  test('the private server of one terminal does not listen', async (t) => {
    const home = join(folder.path, 'stdio')
    const socket = join(folder.path, 'stdio.sock')
    const witness = writeWitness('stdio')
    opencode2Config(home, { plugins: [PLUGIN, witness.url] })
    const program = startProgram(OPENCODE2, ['serve', '--stdio', '--port', '0'], {
      cwd: home, env: opencode2Env(home, { provider, socket }), stdio: ['pipe', 'pipe', 'pipe'],
    })
    t.after(() => program.stop())
    const port = await until('it listens', () => Number(/"url":"http:\/\/\S+:(\d+)/.exec(program.output())?.[1]), 30_000)
    await until('it has loaded its plugins', async () => {
      await request({ port }, 'GET', '/api/integration', { headers: AUTHORIZATION2 })
      return witness.count('setup') > 0
    })
    assert.equal((await request({ port }, 'GET', '/api/integration', { headers: AUTHORIZATION2 })).status, 200)
    assert.equal(existsSync(socket), false)
    assert.equal(program.output().includes('opencode-callback'), false)
  })
})

function canListen(host) {
  return new Promise((resolve) => {
    const server = net.createServer()
    server.once('error', () => resolve(false))
    server.listen(0, host, () => server.close(() => resolve(true)))
  })
}
