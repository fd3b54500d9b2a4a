/*
 * Every shipped configuration does all that it has to: our paths reach our program and all others
 * opencode, event streams and WebSockets flow, large bodies pass or are refused, nobody outside says
 * where a request came from, and no query is in any log, whatever is down.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http2 from 'node:http2'
import { after, before, describe, test } from 'node:test'
import { startBehind } from '../lib/behind.mjs'
import { give, startFront } from '../lib/front.mjs'
import { connect, exchange, parseResponse, scratch, until } from '../lib/net.mjs'
import { recorders } from '../lib/recorder.mjs'
import { KINDS } from '../lib/servers.mjs'

const OURS = [
  '/auth/callback', '/mcp/oauth/callback', '/callback', '/oauth-callback', '/oauth2callback', '/auth/callback/', '/oauth2callback/', '/signin', '/signin/',
  '/signin/health',
  '/provider/openai/oauth/authorize', '/mcp/demo/auth', '/mcp/a%2Fb/auth', '/mcp/a%20b/auth/authenticate', '/api/integration/x/connect/oauth',
]
const THEIRS = [
  '/', '/auth/callback/x', '/auth/openai', '/callbacks', '/signinx', '/provider/openai/oauth/callback', '/mcp', '/mcp/demo/connect',
  '/mcp/a%2Fb/connect', '/api/integration', '/session?directory=%2Fa%2Fb&x=%20+', '/site.webmanifest',
  // opencode 2
  '/api/info', '/api/health', '/api/event', '/api/pair', '/auth/connect/123456', '/auth/connect', '/api/mcp', '/api/plugin', '/api/pty/pty_1/connect-token',
  '/api/integration/x', '/api/integration/x/connect/key', '/api/integration/x/connect/oauth/con_1?location%5Bdirectory%5D=%2Fa',
  '/api/integration/a%2Fb/connect/oauth/con_1', '/api/integration/x/connect/oauth/con_1/complete', '/api/integration/attempt/con_1', '/api/credential/cred_1',
]
/* What the interface of opencode 2 sends besides GET. */
const CALLS = [
  ['POST', '/api/pair'], ['POST', '/api/integration/x/connect/key'], ['POST', '/api/integration/x/connect/oauth/con_1/complete'],
  ['DELETE', '/api/integration/x/connect/oauth/con_1'], ['DELETE', '/api/credential/cred_1'], ['POST', '/api/pty/pty_1/connect-token'],
]
/* As browsers write Host: with the port, unless it is the scheme's own. */
const HOSTS = ['site.example', 'site.example:8443', 'localhost:8080', '192.0.2.7:8443', '[2001:db8::7]', '[2001:db8::7]:8443']
const FOREIGN = {
  'X-Forwarded-For': '6.6.6.6', 'X-Forwarded-Proto': 'gopher', 'X-Forwarded-Host': 'evil.example', 'X-Forwarded-Port': '666',
  'X-Forwarded-Server': 'evil.example', 'X-Real-IP': '6.6.6.6', Forwarded: 'for=6.6.6.6', Proxy: 'http://evil.example',
  X_Forwarded_For: '6.6.6.6', X_Forwarded_Host: 'evil.example', Sec_Fetch_Site: 'evil', X_Real_IP: '6.6.6.6',
}
const BASIC = 'Basic b3BlbmNvZGU6eA=='

const ask = async (where, method, target, headers = {}, body = '') => {
  const all = { Host: 'site.example:8443', Connection: 'close', ...headers }
  if (body) all['Content-Length'] = Buffer.byteLength(body)
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const text = await exchange(where, `${method} ${target} HTTP/1.1\r\n${lines}\r\n${body}`)
  const answer = parseResponse(text)
  if (answer.headers['transfer-encoding'] === 'chunked') answer.body = answer.body.replace(/^[0-9a-f]+\r\n|\r\n0\r\n\r\n$/gi, '')
  return answer
}

/* A POST of n bytes that are not all written if the answer comes before. */
function upload(where, target, bytes) {
  return new Promise((resolve, reject) => {
    const socket = connect(where)
    let text = ''
    const piece = Buffer.alloc(1 << 20, 'x')
    const timer = setTimeout(() => reject(new Error(`no answer to ${bytes} bytes: ${text}`)), 30_000)
    const done = () => (clearTimeout(timer), socket.destroy(), resolve(text))
    socket.on('error', done)
    socket.on('close', done)
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (/^HTTP\/1\.[01] [345]|"length":\d+\}/.test(text)) setImmediate(done)
    })
    socket.write(`POST ${target} HTTP/1.1\r\nHost: site.example\r\nContent-Type: text/plain\r\nContent-Length: ${bytes}\r\nConnection: close\r\n\r\n`)
    let left = bytes
    const write = () => {
      while (left > 0 && !socket.destroyed) {
        const size = Math.min(left, piece.length)
        left -= size
        if (!socket.write(piece.subarray(0, size))) return void socket.once('drain', write)
      }
    }
    write()
  })
}

/* A WebSocket frame of a client, with a mask of zeros. */
const frame = (word) => Buffer.concat([Buffer.from([0x81, 0x80 | word.length, 0, 0, 0, 0]), Buffer.from(word)])

const noSecret = (front) => {
  const line = front.logs().split('\n').find((text) => text.includes('CANARY'))
  assert.equal(line, undefined, `a secret in a log: ${line}`)
}

for (const [kind, row] of Object.entries(KINDS)) {
  describe(kind, () => {
    let behind, folder, front
    before(async () => {
      behind = await startBehind()
      folder = scratch('web')
      give(folder.path) // the web server runs the programs in it
      front = await startFront({
        kind, opencodePort: behind.port, opencodeSocket: '/run/none.sock', host: 'site.example', tls: !row.behind,
        programs: recorders(folder.path),
      })
    })
    after(async () => {
      await front?.stop()
      await behind?.stop()
      folder?.remove()
    })

    test('our paths come to us, as they were sent', async () => {
      for (const path of OURS) {
        const target = `${path}?code=CANARY%2f%20+&state=1`
        const answer = await ask(front.where, 'GET', target)
        assert.equal(answer.status, 200, `${path}: ${answer.body}`)
        const { vars } = JSON.parse(answer.body)
        assert.ok(vars, `${path} went to opencode`)
        assert.equal(vars.REQUEST_URI, target)
        assert.equal(vars.QUERY_STRING, 'code=CANARY%2f%20+&state=1')
        assert.equal(vars.HTTP_HOST, 'site.example:8443')
        assert.equal(vars.REMOTE_ADDR, '127.0.0.1')
        assert.equal(vars.REQUEST_METHOD, 'GET')
        assert.ok(vars.HTTPS === 'on' || vars.REQUEST_SCHEME === 'https', `${vars.HTTPS} ${vars.REQUEST_SCHEME}`)
        assert.ok(!('HTTP_PROXY' in vars))
      }
    })

    test('all other paths go to opencode, as they were sent', async () => {
      for (const path of THEIRS) {
        const answer = await ask(front.where, 'GET', path)
        assert.equal(answer.status, 200, path)
        const seen = JSON.parse(answer.body)
        assert.equal(seen.url, path)
        assert.equal(seen.headers.host, 'site.example:8443')
      }
    })

    test('so do the other methods of opencode 2', async () => {
      for (const [method, path] of CALLS) {
        const answer = await ask(front.where, method, path, { 'Content-Type': 'application/json' }, method === 'POST' ? '{}' : '')
        const seen = JSON.parse(answer.body)
        assert.deepEqual([seen.method, seen.url], [method, path])
      }
      const begun = await ask(front.where, 'POST', '/api/integration/x/connect/oauth', { 'Content-Type': 'application/json' }, '{}')
      assert.equal(JSON.parse(begun.body).vars?.REQUEST_METHOD, 'POST', 'and a sign-in begins with us')
    })

    // The name of opencode 2's session cookie depends on Host, and the cookie counts only if the host of Origin equals Host.
    test('Host and Cookie reach opencode and us byte for byte', async () => {
      const cookie = 'opencode_session_8443="a b%20=="; other=x'
      for (const Host of row.named ? HOSTS.filter((host) => host.startsWith('site.example')) : HOSTS) {
        const headers = { Host, Cookie: cookie, Origin: `https://${Host}` }
        const seen = JSON.parse((await ask(front.where, 'GET', '/api/integration', headers)).body).headers
        assert.deepEqual([seen.host, seen.cookie, seen.origin], [Host, cookie, `https://${Host}`])
        const { vars } = JSON.parse((await ask(front.where, 'GET', '/signin/', headers)).body)
        assert.deepEqual([vars.HTTP_HOST, vars.HTTP_COOKIE, vars.HTTP_ORIGIN], [Host, cookie, `https://${Host}`])
      }
    })

    test('who asks is what the server saw; credentials and cookies pass', async () => {
      const headers = { ...FOREIGN, Authorization: BASIC, Cookie: 'a=b', Origin: 'https://site.example', 'Sec-Fetch-Site': 'same-origin' }
      const own = row.behind ? { ...headers, 'X-Forwarded-For': '6.6.6.6, 192.0.2.7' } : headers
      const peer = row.behind ? '192.0.2.7' : '127.0.0.1'
      const { vars, length } = JSON.parse((await ask(front.where, 'POST', '/signin/start', own, 'x=y')).body)
      assert.equal(length, 3)
      assert.equal(vars.REMOTE_ADDR, peer)
      assert.equal(vars.HTTP_AUTHORIZATION, BASIC)
      assert.equal(vars.HTTP_COOKIE, 'a=b')
      assert.equal(vars.HTTP_ORIGIN, 'https://site.example')
      assert.equal(vars.HTTP_SEC_FETCH_SITE, 'same-origin')
      for (const [name, value] of Object.entries(vars)) assert.doesNotMatch(value, /6\.6\.6\.6|evil|gopher|^666$/, name)
      for (const name of Object.keys(vars)) assert.doesNotMatch(name, /^HTTP_(X_FORWARDED|X_REAL|FORWARDED|PROXY)/, 'nothing to be trusted')

      const seen = JSON.parse((await ask(front.where, 'GET', '/x', own)).body).headers
      assert.equal(seen.authorization, BASIC)
      assert.equal(seen.cookie, 'a=b')
      assert.equal(seen['x-forwarded-for'], peer)
      assert.equal(seen['x-forwarded-host'], 'site.example:8443')
      assert.equal(seen['x-forwarded-proto'], 'https')
      if (row.real !== false) assert.equal(seen['x-real-ip'], peer)
      for (const [name, value] of Object.entries(seen)) {
        if (!name.includes('_')) assert.doesNotMatch(value, /6\.6\.6\.6|evil|gopher|^666$/, name)
      }
    })

    test('an event stream flows, one event at a time', async () => {
      const socket = connect(front.where)
      let text = ''
      socket.on('data', (chunk) => (text += chunk))
      socket.write('GET /event HTTP/1.1\r\nHost: site.example\r\n\r\n')
      await until('the first event', () => text.includes('data: 0\n'))
      for (let i = 0; i < 3; i++) {
        const number = behind.next()
        await until(`event ${number}`, () => text.includes(`data: ${number}\n`))
      }
      socket.destroy()
    })

    test('a WebSocket flows both ways', async () => {
      const socket = connect(front.where)
      let text = ''
      socket.on('data', (chunk) => (text += chunk.toString('latin1')))
      socket.write('GET /pty/1/connect HTTP/1.1\r\nHost: site.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')
      await until('101', () => text.includes('\r\n\r\n'))
      assert.match(text, /^HTTP\/1\.1 101 /)
      for (const word of ['hello', 'again']) {
        socket.write(frame(word))
        await until(`the echo of ${word}`, () => text.includes(`\x81\x05${word}`))
      }
      socket.destroy()
    })

    test('50 MiB reach opencode, 32 KiB reach us; more is refused', async () => {
      const size = 50 << 20
      const answer = await upload(front.where, '/session/upload', size)
      assert.match(answer, /^HTTP\/1\.1 200 /)
      assert.ok(answer.includes(`"length":${size}`), answer.slice(-200))
      if (row.large !== false) {
        const refused = new RegExp(`^HTTP/1\\.[01] ${row.large ?? 413} |^$`)
        assert.match(await upload(front.where, '/session/upload', size + 1), refused)
      }
      const { length } = JSON.parse((await ask(front.where, 'POST', '/signin/start', {}, 'x'.repeat(32 << 10))).body)
      assert.equal(length, 32 << 10)
      if (row.limits !== false) assert.match(await upload(front.where, '/signin/start', 1 << 20), /^HTTP\/1\.[01] 413 |^$/)
    })

    test("opencode's security headers and challenge pass once; the server says little of itself", async () => {
      for (const path of ['/secured', '/signin/']) {
        const text = await exchange(front.where, `GET ${path} HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n\r\n`)
        const head = text.slice(0, text.indexOf('\r\n\r\n'))
        if (path === '/secured') {
          for (const line of ["Content-Security-Policy: default-src 'self'", 'X-Frame-Options: SAMEORIGIN', 'WWW-Authenticate: Basic realm="Secure Area"']) {
            assert.equal(head.toLowerCase().split(line.toLowerCase()).length, 2, `${line}\n${head}`)
          }
        }
        assert.equal(/^server: (.*)$/im.exec(head)?.[1], row.names)
        assert.doesNotMatch(head, /^(?:via|x-powered-by):/im)
      }
    })

    if (!row.behind) {
      test('over HTTP/2, as browsers speak it, all of that flows too', async () => {
        const secure = connect({ ...front.where, ALPNProtocols: ['h2', 'http/1.1'] })
        await once(secure, 'secureConnect')
        assert.equal(secure.alpnProtocol, row.h2 === false ? 'http/1.1' : 'h2')
        if (row.h2 === false) return secure.destroy()
        const session = http2.connect('https://site.example', { createConnection: () => secure })
        await once(session, 'remoteSettings')
        const open = (path, headers = {}, options = {}) => {
          const stream = session.request({ ':path': path, ':authority': 'site.example:8443', ...headers }, options)
          const seen = { stream, text: '', status: 0 }
          stream.on('response', (answer) => (seen.status = answer[':status']))
          stream.setEncoding('latin1').on('data', (chunk) => (seen.text += chunk))
          return seen
        }
        const events = open('/event')
        await until('the first event', () => events.text.includes('data: 0\n'))
        // browsers send each cookie as a header field of its own (RFC 9113 section 8.2.3)
        const cookies = { cookie: ['a=b', 'opencode_session=x'] }
        const [ours, theirs] = [open('/signin/?a=b', cookies), open('/session?a=b', cookies)]
        await until('both answers', () => ours.stream.closed && theirs.stream.closed)
        const { vars } = JSON.parse(ours.text)
        assert.deepEqual([vars.REQUEST_URI, vars.HTTP_HOST, vars.HTTP_COOKIE], ['/signin/?a=b', 'site.example:8443', 'a=b; opencode_session=x'])
        const { host, cookie } = JSON.parse(theirs.text).headers
        assert.deepEqual([host, cookie], ['site.example:8443', 'a=b; opencode_session=x'])
        const number = behind.next()
        await until(`event ${number}`, () => events.text.includes(`data: ${number}\n`))
        // RFC 8441: where it is offered, browsers open their WebSockets that way.
        assert.equal(Boolean(session.remoteSettings.enableConnectProtocol), row.h2 === 'websocket')
        if (row.h2 === 'websocket') {
          const extended = { ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'https', 'sec-websocket-version': '13' }
          const socket = open('/pty/1/connect', extended, { endStream: false })
          await until('its answer', () => socket.status)
          assert.equal(socket.status, 200)
          socket.stream.write(frame('hello'))
          await until('the echo', () => socket.text.includes('\x81\x05hello'))
        }
        session.destroy()
      })

      test('http leads to https, with its query, and nobody keeps that', async () => {
        const answer = await ask({ port: front.plainPort }, 'GET', '/auth/callback?code=CANARY&state=%2f', { Host: 'site.example' })
        assert.equal(answer.status, 301)
        assert.equal(answer.headers['cache-control'], 'no-store')
        assert.equal(answer.headers.location, 'https://site.example/auth/callback?code=CANARY&state=%2f')
        assert.equal(answer.headers.server, row.names)
        noSecret(front)
      })
    }

    test('no query in any log: all well, led elsewhere, bad requests, our program down, opencode down', async () => {
      const calls = async () => {
        for (const path of ['/auth/callback', '/signin/flow/x', '/session']) {
          await ask(front.where, 'GET', `${path}?code=CANARY&state=x`, { Referer: 'http://site.example/?code=CANARY' })
        }
        const long = `/auth/callback?code=CANARY${'x'.repeat(100_000)}`
        const bad = [`GET ${long} HTTP/1.1\r\nHost: site.example\r\n\r\n`, 'GET /auth/callback?code=CANARY\x01 HTTP/1.1\r\nHost: site.example\r\n\r\n',
          'GET /auth/callback?code=CANARY HTTP/9.9\r\n\r\n', 'GET /auth/%zz?code=CANARY HTTP/1.1\r\nHost: site.example\r\n\r\n',
          'GET /auth/callback?code=CANARY HTTP/1.1\r\nHost: site.example\r\nCANARY CANARY\r\n\r\n']
        for (const text of bad) await exchange(front.where, `${text.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')}`).catch(() => {})
      }
      await calls()
      for (const Host of ['site.example', 'site.example:8443']) {
        const answer = await ask(front.where, 'GET', '/led?code=CANARY', { Host })
        assert.deepEqual([answer.status, answer.headers.location], [302, 'https://elsewhere.example/?code=CANARY'])
      }
      noSecret(front)
      await behind.stop()
      if (row.runs === 'worker') await front.worker.stop()
      await calls()
      const down = await ask(front.where, 'GET', '/session?x=CANARY')
      assert.ok([502, 503, 504].includes(down.status), String(down.status))
      if (row.runs === 'worker') {
        const gone = await ask(front.where, 'GET', '/auth/callback?code=CANARY&state=x')
        assert.ok([502, 503, 504].includes(gone.status), String(gone.status))
        assert.doesNotMatch(gone.body, /CANARY/)
      }
      noSecret(front)
    })
  })
}
