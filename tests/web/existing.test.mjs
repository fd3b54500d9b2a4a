/*
 * Sites for opencode that are not ours, and the one line: with it, our paths reach our program, no code gets into the site's
 * logs, and everything else of the site answers byte for byte as it did before.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http2 from 'node:http2'
import { after, before, describe, test } from 'node:test'
import { startBehind } from '../lib/behind.mjs'
import { HOST, SERVERS, SITES, SITE_AUTHORIZATION, startExisting } from '../lib/existing_sites.mjs'
import { give } from '../lib/front.mjs'
import * as malformed from '../lib/malformed.mjs'
import { connect, exchange, freePort, parseResponse, scratch, until } from '../lib/net.mjs'
import { recorders } from '../lib/recorder.mjs'

const OURS = [
  '/auth/callback', '/mcp/oauth/callback', '/callback', '/oauth-callback', '/oauth2callback', '/auth/callback/', '/oauth2callback/', '/signin', '/signin/',
  '/signin/health', '/signin/flow/x/status', '/signin/assets/page.js', '/signin/assets/page.css',
  '/provider/openai/oauth/authorize', '/provider/a/b/oauth/authorize', '/mcp/demo/auth', '/mcp/a%2Fb/auth', '/mcp/a%20b/auth/authenticate',
  '/MCP/demo.php/auth', '/api/integration/x/connect/oauth', '/api/integration/x.js/connect/oauth', '/mcp/demo/auth;x',
  '/%70rovider/openai/oauth/%61uthorize', '/Provider//openai/oauth/authorize/',
]
const CODE = 'CANARY-of-a-code'
const PAYLOAD = JSON.stringify({ text: 'x'.repeat(3000) })

/* What everybody's site is asked: [method, target, headers, body]. */
const REQUESTS = [
  ['GET', '/'], ['HEAD', '/'], ['OPTIONS', '/session'], ['GET', '/session?directory=%2Fa%2Fb&x=%20+'], ['DELETE', '/session/ses_1'],
  ['POST', '/session', { 'Content-Type': 'application/json' }, PAYLOAD], ['PUT', '/auth/openai', { 'Content-Type': 'application/json' }, '{}'],
  ['POST', '/session', { Expect: 'nothing', 'Content-Type': 'text/plain' }, 'x'],
  ['GET', '/none', { 'Accept-Encoding': 'gzip' }], ['GET', `/long?${'x'.repeat(2000)}`, { 'Accept-Encoding': 'gzip' }], ['GET', '/secured'], ['GET', '/led?x=1'],
  ['GET', '/x', { Range: 'bytes=2-5' }], ['GET', '/a%2Fb'], ['GET', '//double//slash'], ['GET', '/a/../b'], ['GET', '/with;semicolon?x;y'], ['GET', '/%00'], ['GET', '/%zz'],
  ['GET', '/auth/callback/x'], ['GET', '/callbacks'], ['GET', '/signinx'], ['GET', '/provider/openai/oauth/callback'], ['GET', '/mcp'], ['GET', '/mcp/demo/connect'],
  ['GET', '/api/integration/x/connect/key'], ['GET', '/xsignin/'], ['GET', '/x/auth/callback'],
  ['GET', '/x', { Cookie: `opencode_session="a b%20=="; other=${'x'.repeat(6000)}`, Origin: `https://${HOST}` }],
  ['GET', '/x', { 'X-Large': 'x'.repeat(12_000) }], ['GET', '/x', { Cookie: `a=${'x'.repeat(30_000)}` }], ['GET', `/${'x'.repeat(12_000)}`],
  ['GET', '/x', { 'X-Forwarded-For': '6.6.6.6', 'X-Forwarded-Proto': 'gopher', Forwarded: 'for=6.6.6.6', X_Forwarded_For: '6.6.6.6' }],
  ['GET', '/x', { Host: 'another.example' }], ['GET', '/x', { Host: `${HOST}:8443` }], ['NONE', '/'], ['GET', 'no-slash'],
]
const LINES = ['GET / HTTP/1.0\r\n\r\n', 'GET / HTTP/1.1\r\n\r\n', 'nonsense\r\n\r\n', `GET / HTTP/1.1\r\nHost: ${HOST}\r\nbad header\r\n\r\n`, 'GET / HTTP/9.9\r\n\r\n']

function bytes(method, target, headers = {}, body) {
  const all = { Host: HOST, Connection: 'close', ...headers, ...(body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) }) }
  return `${method} ${target} HTTP/1.1\r\n${Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body ?? ''}`
}

/* Without what is another one each second. */
const timeless = (text) => text.replace(/^(date|expires): [^\r]*\r$/gim, '$1: …\r')

/* The answer's whole text; a connection that is closed without one is an answer, too. */
const answer = async (where, ...parts) => timeless(await exchange(where, ...parts).catch((error) => `no answer: ${error.code ?? error.message}`))

/* What is asked of a site: {what: text}. */
async function interview(front, site, behind) {
  const said = {}
  const { steady = (text) => text, luck = [] } = SERVERS[front.server]
  const wrong = { Authorization: 'Basic d3Jvbmc6d3Jvbmc=' }
  const passwords = site.password ? [{}, wrong, { Authorization: SITE_AUTHORIZATION }] : [{}]
  const common = REQUESTS.filter(([, , headers]) => !luck.some((name) => name in (headers ?? {})))
  for (const [method, target, headers, body] of [...common, ...(site.paths ?? [])]) {
    // lighttpd takes a second to refuse one
    for (const own of target === '/' ? passwords : passwords.filter((one) => one !== wrong)) {
      const name = `${method} ${target.slice(0, 60)} ${JSON.stringify(headers ?? {}).slice(0, 60)} ${JSON.stringify(own)}`
      said[name] = steady(await answer(front.where, bytes(method, target, { ...own, ...headers }, body)))
    }
  }
  for (const line of LINES) said[JSON.stringify(line)] = steady(await answer(front.where, line))
  if (site.text.includes('%PLAIN%')) {
    for (const target of ['/', '/x?y=1']) said[`plain ${target}`] = await answer({ port: front.plainPort }, bytes('GET', target))
  }
  const own = passwords.at(-1)
  said.events = await events(front, behind, own)
  said.websocket = await websocket(front, own)
  if (front.secure) said.h2 = await overHttp2(front, own)
  return said
}

/* Three events, each of which is there before the next is said. */
async function events(front, behind, headers) {
  const socket = connect(front.where)
  let text = ''
  socket.on('data', (chunk) => (text += chunk.toString('latin1')))
  socket.write(bytes('GET', '/event', { Accept: 'text/event-stream', Connection: 'keep-alive', ...headers }))
  await until('the first event', () => text.includes('data: 0\n'))
  for (let i = 0; i < 3; i++) {
    const number = behind.next()
    await until(`event ${number}`, () => text.includes(`data: ${number}\n`))
  }
  socket.destroy()
  // some servers see that only when there is something to hand on, and end only then
  await until('the server closes the stream, too', () => behind.next() && behind.streams() === 0)
  // the numbers go on from one site to the next
  return timeless(text).replace(/data: [1-9]\d*/g, 'data: N').replace(/\r\n[0-9a-f]+\r\n(?=data: N)/gi, '\r\nsize\r\n')
}

async function websocket(front, headers) {
  const socket = connect(front.where)
  let text = ''
  socket.on('data', (chunk) => (text += chunk.toString('latin1')))
  socket.write(bytes('GET', '/pty/1/connect', {
    Upgrade: 'websocket', ...headers, Connection: 'Upgrade', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  }))
  await until('101', () => /^HTTP\/1\.1 101 [^]*\r\n\r\n/.test(text))
  for (const word of ['hello', 'again']) {
    socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | word.length, 0, 0, 0, 0]), Buffer.from(word)]))
    await until(`the echo of ${word}`, () => text.includes(`\x81\x05${word}`))
  }
  socket.destroy()
  return timeless(text)
}

async function overHttp2(front, headers) {
  const secure = connect({ ...front.where, ALPNProtocols: ['h2', 'http/1.1'] })
  await once(secure, 'secureConnect')
  if (secure.alpnProtocol !== 'h2') return secure.destroy(), secure.alpnProtocol
  const session = http2.connect(front.origin, { createConnection: () => secure })
  const stream = session.request({ ':path': '/session?x=1', ':authority': HOST, ...headers })
  let text = ''
  stream.on('response', ({ date, ...head }) => (text += JSON.stringify(head)))
  stream.setEncoding('latin1').on('data', (chunk) => (text += chunk))
  await once(stream, 'close')
  session.close()
  return text
}

for (const { server, name, site, kind } of SITES) {
  describe(`${server}, ${name}`, () => {
    let behind, folder, ports
    before(async () => {
      behind = await startBehind()
      folder = scratch('existing')
      give(folder.path)
      ports = { port: await freePort(), plainPort: await freePort() }
    })
    after(async () => {
      await behind?.stop()
      folder?.remove()
    })
    const start = (options) => startExisting({ server, site, opencodePort: behind.port, programs: recorders(folder.path), ...ports, ...options })
    const { seen = (query) => query, compresses } = SERVERS[server]
    const authorized = site.password ? { Authorization: SITE_AUTHORIZATION } : {}

    /* No code is in the logs of the site, once the server has written them. */
    const assertCleanLog = async (front) => {
      await exchange(front.where, bytes('GET', '/the-last-line', authorized))
      await until('the last line is in the log', () => front.siteLogs().includes('/the-last-line'))
      const line = front.siteLogs().split('\n').find((one) => one.includes(CODE))
      assert.equal(line, undefined, `a code in a log: ${line}`)
    }

    test('everything else answers as before, byte for byte', async () => {
      const answers = []
      for (const at of [undefined, 'PART']) {
        const front = await start({ at })
        try {
          answers.push(await interview(front, site, behind))
          if (!at) {
            const before = parseResponse(await exchange(front.where, bytes('GET', '/signin/', authorized)))
            assert.ok(!before.body.includes('"vars"'), 'without the line, opencode has our paths too')
          }
        } finally {
          await front.stop()
        }
      }
      const [before, now] = answers
      for (const [what, text] of Object.entries(before)) assert.equal(now[what], text, what)
      assert.deepEqual(Object.keys(now), Object.keys(before))
      const seen = Object.values(before).map((text) => /^HTTP\/1\.\d (\d+)/.exec(text)?.[1])
      for (const status of ['200', '400', '101', ...(site.password ? ['401'] : [])]) assert.ok(seen.includes(status), `no answer had ${status}`)
    })

    test('our paths come to us, as they were sent, and into no log of the site', async () => {
      const front = await start({ at: 'PART' })
      try {
        for (const path of OURS.filter((one) => site.slashes !== false || !one.includes('%2F'))) {
          const target = `${path}?code=${CODE}%2f%20+&state=1`
          const text = await exchange(front.where, bytes('GET', target, {
            ...authorized, Host: `${HOST}:8443`, 'X-Forwarded-For': '6.6.6.6', 'X-Forwarded-Host': 'evil.example', X_Forwarded_For: '6.6.6.6', Proxy: 'http://evil.example',
            ...(compresses ? {} : { 'Accept-Encoding': 'gzip' }), ...(site.password ? {} : { Authorization: 'Basic b3BlbmNvZGU6eA==' }),
            Cookie: `other=${'x'.repeat(2000)}; __Host-opencode-callback=abc`, Referer: `https://${HOST}/${CODE}`,
          }))
          const { status, headers, body } = parseResponse(text)
          assert.equal(status, 200, `${path}: ${text}`)
          const { vars } = JSON.parse(/\{.*\}/s.exec(body)[0])
          assert.ok(vars, `${path} went to opencode: ${body}`)
          assert.equal(vars.REQUEST_URI, target)
          assert.equal(vars.QUERY_STRING, seen(`code=${CODE}%2f%20+&state=1`))
          assert.equal(vars.HTTP_HOST, `${HOST}:8443`)
          assert.equal(vars.REMOTE_ADDR, '127.0.0.1')
          if (!site.password) assert.equal(vars.HTTP_AUTHORIZATION, 'Basic b3BlbmNvZGU6eA==')
          assert.equal(vars.HTTP_COOKIE, `other=${'x'.repeat(2000)}; __Host-opencode-callback=abc`)
          assert.equal(vars.HTTPS === 'on' || vars.REQUEST_SCHEME === 'https', front.secure, `${vars.HTTPS} ${vars.REQUEST_SCHEME}`)
          for (const [key, value] of Object.entries(vars)) assert.doesNotMatch(value, /6\.6\.6\.6|evil/, key)
          for (const [key, value] of Object.entries(site.headers ?? {})) assert.equal(headers[key.toLowerCase()], value, 'as on all of the site')
          for (const key of ['content-encoding', 'expires', 'cache-control']) assert.equal(headers[key], undefined, 'as we said it')
        }
        const post = parseResponse(await exchange(front.where, bytes('POST', '/signin/adopt', authorized, 'x'.repeat(32 << 10))))
        assert.equal(JSON.parse(/\{.*\}/s.exec(post.body)[0]).length, 32 << 10)
        if (site.password) assert.equal(parseResponse(await exchange(front.where, bytes('GET', '/signin/'))).status, 401, 'what guards the site guards us too')
        if (site.denied) {
          for (const path of OURS.slice(0, 7)) assert.equal(parseResponse(await exchange(front.where, bytes('GET', path, site.denied))).status, 200, path)
          assert.equal(parseResponse(await exchange(front.where, bytes('GET', '/signin/', site.denied))).status, 401)
        }
        if (kind.plain && site.text.includes('%QUIET%')) {
          const { status, headers } = parseResponse(await exchange({ port: front.plainPort }, bytes('GET', `/auth/callback?code=${CODE}&state=1`)))
          assert.deepEqual([status, headers.location], [301, `https://${HOST}:${front.port}/auth/callback?code=${CODE}&state=1`])
        }
        await assertCleanLog(front)
      } finally {
        await front.stop()
      }
    })

    test('no other spelling of a path that begins a sign-in comes to opencode past us', async () => {
      const front = await start({ at: 'PART' })
      try {
        for (const [path, [, request]] of Object.entries(malformed.spellings)) {
          const { target } = request({ provider: 'p' })
          const text = await exchange(front.where, bytes('POST', target, { 'Content-Type': 'text/plain', ...authorized }, '{}')).catch(() => '')
          const seen = /"url":"([^"]*)"/.exec(text)?.[1]
          // opencode's router ends a path at a semicolon, decodes it, and knows neither case nor the number of slashes
          const routed = seen && decodeURIComponent(seen.split(/[?;]/)[0]).replace(/\/+/g, '/').toLowerCase()
          assert.doesNotMatch(routed ?? '', /^\/(provider\/.+\/oauth\/authorize|mcp\/.+\/auth(\/authenticate)?|api\/integration\/.+\/connect\/oauth)\/?$/, path)
        }
      } finally {
        await front.stop()
      }
    })

    test('nor do they if our program does not run, or does not take them', async () => {
      const front = await start({ at: 'PART', worker: false, edit: SERVERS[server].withoutQueries })
      try {
        for (const [method, path, headers, body] of [
          ['GET', '/auth/callback'], ['GET', '/callback/'], ['GET', '/signin/flow/x'], ['POST', '/signin/flow/x', {}, 'x'.repeat(300 << 10)],
          ['GET', '/callback', { Range: 'bytes=0-1' }], ['GET', '/callback', { 'If-Match': '"x"', 'If-Modified-Since': 'x' }],
          ...(site.password ? [['GET', '/auth/callback', { Authorization: 'Basic d3Jvbmc6d3Jvbmc=' }], ['GET', '/auth/callback', { Authorization: 'x' }]] : []),
        ]) {
          // only callbacks bring codes in their addresses
          const [query, referer] = path.includes('callback') ? [`?code=${CODE}&state=1`, { Referer: `https://${HOST}/${CODE}` }] : ['', {}]
          const text = await answer(front.where, bytes(method, `${path}${query}`, { ...authorized, ...referer, ...headers }, body))
          assert.match(text, /^HTTP\/1\.[01] [45]\d\d |^no answer: (ECONNRESET|EPIPE)|^$/, `${method} ${path}`)
        }
        await assertCleanLog(front)
      } finally {
        await front.stop()
      }
    })
  })
}
