/*
 * The plugin inside the real opencode 1 and 2: what its socket lets through, and what it refuses.
 */
import assert from 'node:assert/strict'
import { readdirSync, statSync } from 'node:fs'
import net from 'node:net'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { exchange, freePort, parseResponse, request, scratch, startProgram, until } from '../lib/net.mjs'
import { LISTENER_PORT, PLUGIN, startOpencode } from '../lib/opencode.mjs'
import { AUTHORIZATION2, cannotRun2, startOpencode2 } from '../lib/opencode2_start.mjs'
import { startProvider } from '../lib/provider.mjs'

const CANARY = 'code-canary-of-the-plugin-test'
const BLOCKING = new URL('../lib/blocking-plugin.js', import.meta.url).href

const OPENCODE_1 = {
  name: 'opencode 1',
  cannotRun: false,
  start: startOpencode,
  config: { plugin: [PLUGIN, BLOCKING] },
  headers: {},
  health: '/global/health',
  begin: ['/provider/openai/oauth/authorize', '{"method":0}'],
}

const OPENCODE_2 = {
  name: 'opencode 2',
  cannotRun: cannotRun2,
  start: startOpencode2,
  config: { plugins: [PLUGIN, BLOCKING] },
  headers: AUTHORIZATION2,
  health: '/api/health',
  begin: ['/api/integration/openai/connect/oauth', '{"methodID":"chatgpt-browser","inputs":{}}'],
}

const folder = scratch('plugin')
let provider
before(async () => (provider = await startProvider()))
after(async () => {
  await provider?.stop()
  folder.remove()
})

/* A listener that keeps every byte it gets and gives the same answer to everyone. */
async function startListener(answer, host = '127.0.0.1', port = 0) {
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
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, host, resolve))
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
const status = async (...args) => parseResponse(await exchange(...args)).status

/* A program of the user nobody that listens at a free port, or at that one; null if this user cannot start it. */
async function startStranger(host, port = 0) {
  if (process.getuid() !== 0) return null
  const script = `require('node:net').createServer((socket) => socket.end('stranger')).listen(${port}, '${host}', function () {
    console.log('port=' + this.address().port) })`
  const program = startProgram('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, '-e', script], { cwd: '/' })
  const listens = await until('a program of another user listens', () => {
    if (!program.running()) throw new Error(program.output())
    return /port=(\d+)/.exec(program.output())
  })
  return { port: Number(listens[1]), stop: program.stop }
}

for (const version of [OPENCODE_1, OPENCODE_2]) describe(`what the socket of ${version.name} lets through`, { skip: version.cannotRun }, () => {
  let opencode, path, listener, busy
  before(async () => {
    busy = await freePort()
    // A proxy for plain http, and no exception for the loopback: nothing of ours may go there.
    opencode = await version.start({
      provider, home: join(folder.path, version.name), config: version.config,
      env: { HTTP_PROXY: provider.proxyUrl, NO_PROXY: '', BLOCK_AT_PORT: String(busy) },
    })
    path = opencode.socket
    listener = await startListener(reply('signed in'))
  })
  after(async () => {
    await listener?.stop()
    await opencode?.stop()
  })

  /* A request of the handler to opencode itself. */
  const ask = (method, target, { body, host = 'opencode', ...headers } = {}) =>
    request({ path }, method, target, { host, body, headers: { 'Content-Type': 'application/json', ...version.headers, ...headers } })
  const listeners = async () => JSON.parse((await request({ path }, 'GET', '/listeners', { host: 'plugin' })).body).listeners

  test('its mode is 0660 and nothing else is left in its folder', () => {
    assert.equal(statSync(path).mode & 0o7777, 0o660)
    assert.deepEqual(readdirSync(dirname(path)), ['opencode.sock'])
  })

  test('opencode itself answers', async () => {
    const answer = await ask('GET', version.health)
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

  if (version === OPENCODE_1) test('what the handler asks of opencode 1 is let through', async () => {
    assert.equal((await ask('GET', '/provider/auth')).status, 200)
    assert.equal((await ask('GET', '/provider')).status, 200)
    assert.deepEqual(JSON.parse((await ask('GET', '/mcp?anything=else')).body), {})
    assert.equal((await ask('POST', '/mcp/no%20such/auth', { body: '{}' })).status, 404)
    assert.equal((await ask('DELETE', '/mcp/none/auth')).status, 404)
    assert.equal((await ask('OPTIONS', '/provider/openai/oauth/authorize')).status, 204)
    const missing = await ask('POST', '/provider/openai/oauth/callback', { body: '{"method":0}' })
    assert.equal(missing.status, 400)
    assert.equal(JSON.parse(missing.body).name, 'ProviderAuthOauthMissing')
  })

  if (version === OPENCODE_2) test('what the handler asks of opencode 2 is let through', async () => {
    const data = async (target) => {
      const { status, body } = await ask('GET', target)
      assert.equal(status, 200, target)
      return JSON.parse(body).data
    }
    assert.ok((await data('/api/integration')).length > 0)
    assert.equal((await data('/api/integration/openai')).id, 'openai')
    assert.deepEqual(await data('/api/mcp'), [])
    // The preview has no such path; opencode says so, not the plugin.
    assert.equal((await ask('GET', '/api/info')).status, 404)
    const attempts = '/api/integration/openai/connect/oauth'
    const begun = JSON.parse((await ask('POST', attempts, { body: version.begin[1] })).body).data
    assert.equal((await data(`${attempts}/${begun.attemptID}`)).status, 'pending')
    // It is for codes that are typed in, and this sign-in has none.
    assert.equal((await ask('POST', `${attempts}/${begun.attemptID}/complete`, { body: '{}' })).status, 500)
    assert.equal((await ask('DELETE', `${attempts}/${begun.attemptID}`)).status, 204)
    assert.equal((await ask('GET', attempts)).status, 404)
  })

  test('it tells which ports opencode itself listens on, besides its own', async () => {
    assert.deepEqual(await listeners(), [])
    const [target, body] = version.begin
    const begun = await ask('POST', target, { body })
    assert.equal(begun.status, 200)
    const answer = await request({ path }, 'GET', '/listeners', { host: 'plugin' })
    assert.equal(answer.status, 200)
    assert.equal(answer.headers['content-type'], 'application/json')
    assert.equal(answer.headers['cache-control'], 'no-store')
    assert.equal(answer.body, `{"listeners":[${LISTENER_PORT}]}`)
    const ended = version === OPENCODE_1
      ? await request({ path }, 'GET', '/cancel', { host: `localhost:${LISTENER_PORT}` })
      : await ask('DELETE', `${target}/${JSON.parse(begun.body).data.attemptID}`)
    assert.ok([200, 204].includes(ended.status))
    // opencode 1 keeps that listener for ever.
    if (version === OPENCODE_2) assert.deepEqual(await listeners(), [])
  })

  test('a header names opencode, whatever Host says', async () => {
    const to = { 'Opencode-Callback-To': 'opencode' }
    for (const host of ['opencode.example.com', `localhost:${listener.port}`, 'plugin', 'localhost:80', `localhost:${opencode.port}`]) {
      const answer = await ask('GET', version.health, { host, ...to })
      assert.equal(answer.status, 200, host)
      assert.equal(JSON.parse(answer.body).healthy, true)
      assert.equal((await ask('GET', '/session', { host, ...to })).status, 403, host)
      assert.equal((await ask('GET', '/listeners', { host, ...to })).status, 403, host)
    }
    assert.equal((await ask('GET', version.health, { host: 'x', 'opencode-callback-TO': '\t opencode ' })).status, 200)
    assert.equal((await ask('GET', version.health, { host: 'x', 'X-Opencode-Callback-To': 'opencode' })).status, 403)
  })

  test('a busy opencode is no listener that is gone', async (t) => {
    const late = await startListener(reply('late'), '127.0.0.1', busy)
    t.after(late.stop)
    assert.equal(await exchange({ path }, `GET / HTTP/1.1\r\nHost: localhost:${busy}\r\n\r\n`), reply('late'))
  })

  test('nothing of another user is reached', async (t) => {
    const stranger = await startStranger('127.0.0.1')
    if (!stranger) return t.skip('only root can start a program of another user')
    const everywhere = await startStranger('0.0.0.0')
    const six = await startStranger('::1').catch(() => null)
    t.after(() => Promise.all([stranger, everywhere, six].map((one) => one?.stop())))
    for (const { port } of [stranger, everywhere, six].filter(Boolean)) {
      for (const host of ['localhost', '127.0.0.1', '[::1]']) {
        assert.equal(await status({ path }, `GET / HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`), 403)
      }
    }
    // The same port at the other address is this user's.
    const beside = await startListener(reply('six'), '::1', stranger.port).catch(() => null)
    if (!beside) return
    t.after(beside.stop)
    assert.equal(await exchange({ path }, `GET / HTTP/1.1\r\nHost: localhost:${stranger.port}\r\n\r\n`), reply('six'))
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
      ['GET', version.health, `127.0.0.1:${own}`],
      ['GET', version.health, `[::1]:${own}`],
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
      ['DELETE', '/mcp/a;/auth', 'opencode'],
      ['GET', '/mcp/a;b/auth', 'opencode'],
      ['POST', '/mcp/a/auth;/callback', 'opencode'],
      ['POST', '/api/integration', 'opencode'],
      ['POST', '/api/integration/openai', 'opencode'],
      ['DELETE', '/api/integration/openai', 'opencode'],
      ['GET', '/api/integration/', 'opencode'],
      ['GET', '/api/integration/..', 'opencode'],
      ['GET', '/api/integration/a/b', 'opencode'],
      ['GET', '/api/integration/a;/b', 'opencode'],
      ['POST', '/api/integration/openai/connect/key', 'opencode'],
      ['POST', '/api/integration/openai/connect/command', 'opencode'],
      ['POST', '/api/integration/attempt/con_1', 'opencode'],
      ['POST', '/api/integration/attempt/con_1/complete', 'opencode'],
      ['POST', '/api/integration/openai/connect/oauth/con_1', 'opencode'],
      ['PUT', '/api/integration/openai/connect/oauth/con_1', 'opencode'],
      ['GET', '/api/integration/openai/connect/oauth/con_1/complete', 'opencode'],
      ['POST', '/api/integration/openai/connect/oauth/con_1/other', 'opencode'],
      ['POST', '/api/integration/openai/connect/oauth/../complete', 'opencode'],
      ['POST', '/api/mcp', 'opencode'],
      ['GET', '/api/mcp/resource', 'opencode'],
      ['HEAD', '/api/health', 'opencode'],
      ['GET', '/api/session', 'opencode'],
      ['POST', '/api/service/stop', 'opencode'],
      ['DELETE', '/api/credential/cred_1', 'opencode'],
      ['POST', '/api/pair', 'opencode'],
      ['GET', '/', 'plugin'],
      ['GET', '/listeners/', 'plugin'],
      ['GET', '/listeners?x', 'plugin'],
      ['GET', version.health, 'plugin'],
      ['POST', '/listeners', 'plugin'],
      ['HEAD', '/listeners', 'plugin'],
      ['GET', '/listeners', 'Plugin'],
      ['GET', '/listeners', 'plugin:80'],
      ['GET', '/listeners', 'opencode'],
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
      `${line}\r\n${host}\r\nOpencode-Callback-To: opencode\r\nOpencode-Callback-To: opencode\r\n\r\n`,
      `${line}\r\nHost: opencode\r\nOpencode-Callback-To: plugin\r\n\r\n`,
      `${line}\r\n${host}\r\nOpencode-Callback-To: localhost:${listener.port}\r\n\r\n`,
      `${line}\r\n${host}\r\nOpencode-Callback-To: Opencode\r\n\r\n`,
      `${line}\r\n${host}\r\nOpencode-Callback-To:\r\n\r\n`,
      `${line}\r\nOpencode-Callback-To: opencode\r\n\r\n`,
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

  test('nothing went to the proxy, no code is in the log, and the log has one line of ours', () => {
    assert.deepEqual(provider.connects.filter((url) => /127\.0\.0\.1|localhost|\[::1\]/.test(url)), [])
    assert.equal(opencode.logs().includes(CANARY), false)
    const lines = opencode.logs().match(/opencode-callback: .*/g)
    assert.deepEqual(lines, [`opencode-callback: listening at ${path}, opencode's own port is ${opencode.port}`])
  })
})
