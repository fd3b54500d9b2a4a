/*
 * The plugin inside the real opencode: what its socket lets through, what it refuses, and how it
 * lives and ends with the process.
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { accepts, exchange, freePort, parseResponse, request, scratch, startProgram, until } from '../lib/net.mjs'
import { FEW_MODELS, OPENCODE, PLUGIN, opencodeEnv, startOpencode } from '../lib/opencode.mjs'
import { startProvider } from '../lib/provider.mjs'

const CANARY = 'code-canary-of-the-plugin-test'

/* Opencodes that a test has done with, each with a socket that is not taken away with it: starting one takes seconds. */
const spare = []
const folder = scratch('plugin')
let provider
before(async () => (provider = await startProvider()))
after(async () => {
  await Promise.all(spare.map((one) => one.stop()))
  await provider?.stop()
  folder.remove()
})

/* A listener that keeps every byte it gets and gives the same answer to everyone. */
async function startListener(answer, host = '127.0.0.1') {
  const seen = []
  const sockets = new Set()
  const server = net.createServer((socket) => {
    const index = seen.push('') - 1
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk) => {
      const first = seen[index] === ''
      seen[index] += chunk.toString('latin1')
      if (first) socket.write(answer)
    })
  })
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, host, resolve))
  return {
    port: server.address().port,
    seen,
    stop() {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(resolve))
    },
  }
}

const reply = (body) => `HTTP/1.1 200 OK\r\nX-Odd:  a b \r\nContent-Length: ${body.length}\r\n\r\n${body}`
const inode = (path) => statSync(path).ino
const status = async (...args) => parseResponse(await exchange(...args)).status

describe('what the socket lets through', () => {
  let opencode, path, listener
  before(async () => {
    // A proxy for plain http, and no exception for the loopback: nothing of ours may go there.
    opencode = await startOpencode({ provider, home: join(folder.path, 'lets'), env: { HTTP_PROXY: provider.proxyUrl, NO_PROXY: '' } })
    path = opencode.socket
    listener = await startListener(reply('signed in'))
  })
  after(async () => {
    await listener?.stop()
    if (opencode) spare.push(opencode)
  })

  test('its mode is 0660 and nothing else is left in its folder', () => {
    assert.equal(statSync(path).mode & 0o7777, 0o660)
    assert.deepEqual(readdirSync(dirname(path)), ['opencode.sock'])
  })

  test('opencode itself answers', async () => {
    const answer = await request({ path }, 'GET', '/global/health', { host: 'opencode' })
    assert.equal(answer.status, 200)
    assert.equal(JSON.parse(answer.body).healthy, true)
  })

  test('a listener gets and gives exact bytes', async () => {
    const target = `/auth/callback?code=${CANARY}%2Bb%2f..%2F'"|\\{}&state=x//../y&a+b=&a+b=%7E`
    for (const host of ['localhost', '127.0.0.1', '[::1]']) {
      const bytes = `GET ${target} HTTP/1.1\r\nhost:${host}:${listener.port}\r\nX-Odd:\t a  b \r\nAccept: */*\r\n\r\n`
      const count = listener.seen.length
      assert.equal(await exchange({ path }, bytes), reply('signed in'))
      assert.deepEqual(listener.seen.slice(count), [bytes])
    }
  })

  test('a request in pieces of one byte arrives whole', async () => {
    const bytes = `GET /cut?code=${CANARY} HTTP/1.1\r\nHost: localhost:${listener.port}\r\n\r\n`
    const count = listener.seen.length
    assert.equal(await exchange({ path }, ...bytes), reply('signed in'))
    assert.deepEqual(listener.seen.slice(count), [bytes])
  })

  test('the token of a fragment can be posted', async () => {
    const body = '{"access_token":"x","state":"y"}'
    const head = `POST /auth/token HTTP/1.1\r\nHost: localhost:${listener.port}\r\nContent-Length: ${body.length}\r\n\r\n`
    const count = listener.seen.length
    assert.equal(await exchange({ path }, head, body.slice(0, 9), body.slice(9)), reply('signed in'))
    assert.deepEqual(listener.seen.slice(count), [head + body])
  })

  test('a listener on ::1 alone is found', async (t) => {
    const six = await startListener(reply('six'), '::1').catch(() => null)
    if (!six) return t.skip('this machine has no ::1')
    const bytes = `GET / HTTP/1.1\r\nHost: localhost:${six.port}\r\n\r\n`
    assert.equal(await exchange({ path }, bytes), reply('six'))
    await six.stop()
  })

  test('a large answer comes whole', async () => {
    const large = await startListener(reply('x'.repeat(4 * 1024 * 1024)))
    const bytes = `GET / HTTP/1.1\r\nHost: localhost:${large.port}\r\n\r\n`
    const text = await exchange({ path }, bytes)
    assert.ok(text === reply('x'.repeat(4 * 1024 * 1024)))
    await large.stop()
  })

  test('what the handler asks of opencode is let through', async () => {
    const json = { host: 'opencode', headers: { 'Content-Type': 'application/json' } }
    const ask = (method, target, body) => request({ path }, method, target, { ...json, body })
    assert.equal((await ask('GET', '/provider/auth')).status, 200)
    assert.equal((await ask('GET', '/provider')).status, 200)
    assert.deepEqual(JSON.parse((await ask('GET', '/mcp?anything=else')).body), {})
    assert.equal((await ask('POST', '/mcp/no%20such/auth', '{}')).status, 404)
    assert.equal((await ask('DELETE', '/mcp/none/auth')).status, 404)
    assert.equal((await ask('OPTIONS', '/provider/openai/oauth/authorize')).status, 204)
    const missing = await ask('POST', '/provider/openai/oauth/callback', '{"method":0}')
    assert.equal(missing.status, 400)
    assert.equal(JSON.parse(missing.body).name, 'ProviderAuthOauthMissing')
  })

  test('where nothing listens it is 502', async () => {
    const port = await freePort()
    assert.equal(await status({ path }, `GET / HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`), 502)
  })

  test('it is no open proxy', async () => {
    const own = opencode.port
    const there = `localhost:${listener.port}`
    const count = listener.seen.length
    const refused = [
      ['GET', '/', 'localhost:1023'],
      ['GET', '/', 'localhost:80'],
      ['GET', '/', 'localhost:65536'],
      ['GET', '/', 'localhost'],
      ['GET', '/', '127.0.0.1'],
      ['GET', '/', `0${there}`],
      ['GET', '/', `127.0.0.2:${listener.port}`],
      ['GET', '/', `0.0.0.0:${listener.port}`],
      ['GET', '/', `2130706433:${listener.port}`],
      ['GET', '/', `[::]:${listener.port}`],
      ['GET', '/', `[::ffff:127.0.0.1]:${listener.port}`],
      ['GET', '/', `localhost.:${listener.port}`],
      ['GET', '/', `localhost:0${listener.port}`],
      ['GET', '/', `${there}@example.com`],
      ['GET', '/', `user@${there}`],
      ['GET', '/', `${there}, opencode`],
      ['GET', '/', 'example.com:8080'],
      ['GET', '/', ''],
      ['GET', '/session', `localhost:${own}`],
      ['GET', '/global/health', `127.0.0.1:${own}`],
      ['POST', '/auth/callback', there],
      ['POST', '/auth/token?x', there],
      ['POST', '/auth/token/', there],
      ['HEAD', '/auth/callback', there],
      ['PUT', '/', there],
      ['DELETE', '/', there],
      ['OPTIONS', '/', there],
      ['CONNECT', '/', there],
      ['GET', '/', 'opencode'],
      ['GET', '/', 'opencode:4096'],
      ['GET', '/config', 'opencode'],
      ['GET', '/session', 'opencode'],
      ['POST', '/session', 'opencode'],
      ['PUT', '/auth/openai', 'opencode'],
      ['DELETE', '/auth/openai', 'opencode'],
      ['GET', '/provider/', 'opencode'],
      ['GET', '//provider', 'opencode'],
      ['POST', '/provider', 'opencode'],
      ['POST', '/global/dispose', 'opencode'],
      ['GET', '/instance/dispose', 'opencode'],
      ['POST', '/provider/../oauth/authorize', 'opencode'],
      ['DELETE', '/mcp/../auth', 'opencode'],
      ['DELETE', '/mcp/%2e%2E/auth', 'opencode'],
      ['DELETE', '/mcp/./auth', 'opencode'],
      ['POST', '/mcp/..\\session/auth', 'opencode'],
      ['POST', '/mcp//auth', 'opencode'],
      ['POST', '/mcp/a/b/auth', 'opencode'],
      ['POST', '/mcp/a%/auth', 'opencode'],
      ['GET', '/api/integration/attempt/../../session', 'opencode'],
      ['GET', '/file/content', 'opencode'],
    ]
    for (const [method, target, host] of refused) {
      const got = await status({ path }, `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
      assert.equal(got, 403, `${method} ${target} for ${host}`)
    }
    assert.equal(listener.seen.length, count)
  })

  test('a malformed or ambiguous request is 400', async () => {
    const host = `Host: localhost:${listener.port}`
    const line = 'GET / HTTP/1.1'
    const count = listener.seen.length
    const chunked = '5\r\nhello\r\n0\r\n\r\n'
    const post = `POST /auth/token HTTP/1.1\r\n${host}`
    const refused = [
      '\r\n\r\n',
      `${line}\r\n\r\n`,
      `GET /\r\n${host}\r\n\r\n`,
      `GET / HTTP/2.0\r\n${host}\r\n\r\n`,
      `GET  / HTTP/1.1\r\n${host}\r\n\r\n`,
      `GET / HTTP/1.1 \r\n${host}\r\n\r\n`,
      `GET /a b HTTP/1.1\r\n${host}\r\n\r\n`,
      `GET /\x80 HTTP/1.1\r\n${host}\r\n\r\n`,
      `GET /#x HTTP/1.1\r\n${host}\r\n\r\n`,
      `get / HTTP/1.1\r\n${host}\r\n\r\n`,
      `GET http://localhost:${listener.port}/ HTTP/1.1\r\n${host}\r\n\r\n`,
      `CONNECT localhost:${listener.port} HTTP/1.1\r\n${host}\r\n\r\n`,
      `OPTIONS * HTTP/1.1\r\n${host}\r\n\r\n`,
      `${line}\r\n${host}\r\n${host}\r\n\r\n`,
      `${line}\r\n${host}\r\nhOsT: opencode\r\n\r\n`,
      `${line}\r\n${host}\r\nHost : opencode\r\n\r\n`,
      `${line}\r\n${host}\r\n Host: opencode\r\n\r\n`,
      `${line}\r\n${host}\nX: y\r\n\r\n`,
      `${line}\r\n${host}\r\nX: a\rb\r\n\r\n`,
      `${line}\r\n${host}\r\nX: a\0b\r\n\r\n`,
      `${line}\r\n${host}\r\nno colon\r\n\r\n`,
      `${line}\r\n${host}\r\n: no name\r\n\r\n`,
      `${line}\r\n${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n`,
      `${line}\r\n${host}\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n`,
      `${post}\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}`,
      `${post}\r\nTransfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n`,
      `${post}\r\nContent-Length: 5\r\ntransfer-encoding: Chunked\r\n\r\n${chunked}`,
      `${post}\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`,
      `${post}\r\nContent-Length: 5, 5\r\n\r\nhello`,
      `${post}\r\nContent-Length: -1\r\n\r\n`,
      `${post}\r\nContent-Length: +5\r\n\r\nhello`,
      `${post}\r\nContent-Length: 0x5\r\n\r\nhello`,
      `${post}\r\nContent-Length:\r\n\r\n`,
      `${post}\r\nContent-Length: 65537\r\n\r\n`,
      `${post}\r\nContent-Length: 99999999999999999999\r\n\r\n`,
      `${line}\r\n${host}\r\nX: ${'y'.repeat(16 * 1024)}\r\n\r\n`,
      'x'.repeat(17 * 1024),
    ]
    for (const bytes of refused) {
      assert.equal(await status({ path }, bytes), 400, JSON.stringify(bytes.slice(0, 120)))
    }
    assert.equal(listener.seen.length, count)
  })

  test('a second request on the connection never gets through', async () => {
    const first = `GET /first HTTP/1.1\r\nHost: localhost:${listener.port}\r\n\r\n`
    const second = `GET /second HTTP/1.1\r\nHost: localhost:${listener.port}\r\n\r\n`
    const count = listener.seen.length
    assert.equal(await status({ path }, first + second), 400)
    assert.equal(listener.seen.length, count)

    const closed = new Promise((resolve, reject) => {
      const socket = net.connect({ path }, () => socket.write(first))
      socket.once('data', () => socket.write(second))
      socket.on('error', reject)
      socket.on('close', resolve)
    })
    await closed
    assert.deepEqual(listener.seen.slice(count), [first])
  })

  test('a refusal is one whole response', async () => {
    const { status, headers, body } = parseResponse(await exchange({ path }, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'))
    assert.equal(status, 403)
    assert.equal(headers.connection, 'close')
    assert.equal(headers['cache-control'], 'no-store')
    assert.equal(Number(headers['content-length']), body.length)
  })

  test('silent and broken clients hold nobody up', async () => {
    const silent = Array.from({ length: 100 }, () => net.connect({ path }))
    for (const socket of silent) socket.on('error', () => {})
    for (const socket of silent.slice(30)) socket.write('GET / HTTP/1.1\r\nHost: loc')
    for (const socket of silent.slice(60)) socket.destroySoon()
    assert.equal(await exchange({ path }, `GET / HTTP/1.1\r\nHost: localhost:${listener.port}\r\n\r\n`), reply('signed in'))
    for (const socket of silent) socket.destroy()
    assert.ok(opencode.running())
  })

  test('it survives opencode disposing of its instances', async () => {
    const before = inode(path)
    for (let i = 0; i < 3; i++) {
      const answer = await request({ path }, 'POST', '/instance/dispose', { host: 'opencode' })
      assert.equal(answer.status, 200)
      assert.equal((await request({ path }, 'GET', '/provider/auth', { host: 'opencode' })).status, 200)
    }
    assert.equal(inode(path), before)
    assert.equal((await request({ path }, 'GET', '/global/health', { host: 'opencode' })).status, 200)
  })

  test('nothing went to the proxy, no code is in the log, and the log has one line of ours', () => {
    assert.deepEqual(provider.connects.filter((url) => /127\.0\.0\.1|localhost|\[::1\]/.test(url)), [])
    assert.equal(opencode.logs().includes(CANARY), false)
    assert.equal(opencode.logs().match(/opencode-callback: /g).length, 1)
  })
})

describe('how the socket lives and ends', () => {
  test('a live socket is left alone, a dead one replaced, and only its owner removes it', async () => {
    const socket = join(folder.path, 'opencode.sock')
    const first = await startOpencode({ provider, socket })
    const before = inode(socket)
    const second = await startOpencode({ provider, socket })
    const third = await startOpencode({ provider, socket })
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
      const own = (host) => request({ path: socket }, 'GET', '/global/health', { host })
      assert.equal((await own('opencode')).status, 200)
      assert.equal((await own(`localhost:${second.port}`)).status, 403)
      rmSync(socket)
      await until('a socket that was removed comes back', () => accepts({ path: socket }), 15_000)
    } catch (error) {
      await Promise.all([first, second, third].map((one) => one.stop()))
      throw error
    }
    spare.push(second) // that it takes the socket with it is seen below
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

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
    test(`${signal} removes the socket and ends opencode at once, with a client connected`, async () => {
      const opencode = spare.pop() ?? (await startOpencode({ provider, home: join(folder.path, signal) }))
      const client = net.connect({ path: opencode.socket })
      client.on('error', () => {})
      await new Promise((resolve) => client.once('connect', resolve))
      const began = Date.now()
      assert.deepEqual(await opencode.stop(signal), { code: null, signal })
      assert.ok(Date.now() - began < 3000, 'not at once')
      assert.equal(existsSync(opencode.socket), false)
      client.destroy()
    })
  }

  test('other opencode commands neither listen nor hang', async () => {
    const folder = scratch('plugin')
    const socket = join(folder.path, 'opencode.sock')
    const marker = join(folder.path, 'loaded')
    const probe = join(folder.path, 'probe.js')
    writeFileSync(probe, `import { writeFileSync } from "node:fs"
export const Probe = async () => (writeFileSync(${JSON.stringify(marker)}, ""), {})\n`)
    const env = opencodeEnv(folder.path, {
      provider,
      socket,
      env: {
        OPENCODE_MODELS_PATH: FEW_MODELS,
        OPENCODE_CONFIG_CONTENT: JSON.stringify({ autoupdate: false, plugin: [PLUGIN, `file://${probe}`] }),
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
    assert.ok(existsSync(marker), 'plugins were not loaded, so nothing was tried')
    assert.equal(listened, false)
    assert.equal(program.output().includes('opencode-callback'), false)
    folder.remove()
  })
})

/* An opencode with the plugin whose socket is not to be waited for. */
async function serveByHand(port, home, { socket }) {
  const program = startProgram(OPENCODE, ['--log-level', 'WARN', 'serve', '--port', String(port)], {
    cwd: dirname(home),
    env: opencodeEnv(home, {
      provider,
      socket,
      env: { OPENCODE_MODELS_PATH: FEW_MODELS, OPENCODE_CONFIG_CONTENT: JSON.stringify({ autoupdate: false, plugin: [PLUGIN] }) },
    }),
  })
  await until('opencode listens', () => program.output().includes('server listening on'), 30_000)
  await request({ port }, 'GET', '/provider/auth')
  return program
}
