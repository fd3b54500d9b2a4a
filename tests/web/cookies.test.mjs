/*
 * Cookies of others, such as those of a single sign-on in front of the site, through every shipped
 * configuration: 63 KiB of them or 500, in one line or in many, over HTTP/1.1 and HTTP/2. On each path
 * of ours our own cookie arrives, and that of opencode. opencode gets its own where the web server can take
 * the others away.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http2 from 'node:http2'
import { after, before, describe, test } from 'node:test'
import { startBehind } from '../lib/behind.mjs'
import { give, startFront } from '../lib/front.mjs'
import { connect, exchange, parseResponse, scratch } from '../lib/net.mjs'
import { recorders } from '../lib/recorder.mjs'
import { KINDS } from '../lib/servers.mjs'

const OURS = `__Host-opencode-callback=${'T'.repeat(43)}`
const SESSION = 'opencode_session_8443=1893456000.CANARY-signature_0'

/* count cookies of others, total bytes with the separators. */
const others = (count, total) => Array.from({ length: count }, (_, i) => `c${i}=`.padEnd(Math.floor(total / count) - 2, 'x'))
const among = (list, at) => list.toSpliced(at, 0, SESSION, OURS)

/* The lines of a request. Of many lines each has its own name, which some servers count. */
const LINES = {
  '63 KiB, ours last': [among(others(16, 64_000), 16)],
  '63 KiB, ours first': [among(others(16, 64_000), 0)],
  '500, 60 KiB, ours in the middle': [among(others(500, 60_000), 250)],
  '500 small ones': [among(others(500, 6_000), 250)],
  '60 KiB in one cookie': [among(others(1, 60_000), 1)],
  '60 KiB in 16 lines': among(others(16, 60_000), 8).map((one) => [one]),
  '500 lines': among(others(500, 10_000), 250).map((one) => [one]),
  '500 lines, 54 KiB': among(others(500, 54_000), 250).map((one) => [one]),
  'three lines of several': [others(20, 20_000), among(others(20, 20_000), 10), others(20, 20_000)],
}
const LONG_QUERY = `code=CANARY${'x'.repeat(1500)}&state=1`
const PATHS = ['/signin/', '/signin/flow/AAAAAAAAAAAAAAAAAAAAAA', `/auth/callback?${LONG_QUERY}`, '/mcp/oauth/callback?code=1&state=1']
const POSTS = ['/provider/openai/oauth/authorize', '/mcp/demo/auth', '/api/integration/x/connect/oauth', '/signin/flow/AAAAAAAAAAAAAAAAAAAAAA']

/* How often each cookie came, whoever else's did: of ours and of opencode. */
const counts = (header = '') => [OURS, SESSION].map((one) => header.split('; ').filter((cookie) => cookie === one).length)

async function ask(where, method, target, lines) {
  const body = method === 'POST' ? '{}' : ''
  const head = [`${method} ${target} HTTP/1.1`, 'Host: site.example:8443', 'Connection: close', `Content-Length: ${body.length}`]
  if (method === 'GET') head.pop()
  const text = await exchange(where, `${[...head, ...lines.map((line) => `Cookie: ${line.join('; ')}`)].join('\r\n')}\r\n\r\n${body}`)
  const answer = parseResponse(text)
  const json = /\{[^]*\}/.exec(answer.body.replace(/\r\n[0-9a-f]+\r\n/gi, ''))
  return { status: answer.status, json: answer.status === 200 && json ? JSON.parse(json[0]) : undefined }
}

for (const [kind, row] of Object.entries(KINDS)) {
  // Apache and Caddy join the lines of a request by commas, which may be in a value and so end no cookie.
  // Browsers send one line (RFC 6265 section 5.4), or over HTTP/2 many, which are joined by semicolons.
  const told = (lines, cookies) => (/^(?:apache|caddy)/.test(kind) && lines.length > 1 ? undefined : cookies)

  describe(kind, () => {
    let behind, folder, front
    before(async () => {
      behind = await startBehind()
      folder = scratch('cookies')
      give(folder.path)
      front = await startFront({
        kind, opencodePort: behind.port, opencodeSocket: '/run/none.sock', host: 'site.example', tls: !row.behind, programs: recorders(folder.path),
      })
    })
    after(async () => {
      await front?.stop()
      await behind?.stop()
      folder?.remove()
    })

    test('our own cookie and that of opencode reach us', async () => {
      for (const [name, lines] of Object.entries(LINES)) {
        const { status, json } = await ask(front.where, 'GET', PATHS[0], lines)
        assert.deepEqual([status, told(lines, counts(json?.vars.HTTP_COOKIE))], [200, told(lines, [1, 1])], name)
      }
      for (const [method, paths] of [['GET', PATHS], ['POST', POSTS]]) {
        for (const path of paths) {
          const { status, json } = await ask(front.where, method, path, [among(others(15, 60_000), 7)])
          assert.deepEqual([status, json?.vars?.REQUEST_METHOD, counts(json?.vars?.HTTP_COOKIE)], [200, method, [1, 1]], `${method} ${path.slice(0, 60)}`)
        }
      }
    })

    test('two of ours arrive as two, which counts as none', async () => {
      for (const lines of [[[OURS, ...others(16, 60_000), OURS]], [[OURS], ...others(16, 60_000).map((one) => [one]), [OURS]]]) {
        const { status, json } = await ask(front.where, 'GET', '/signin/', lines)
        assert.deepEqual([status, told(lines, counts(json?.vars.HTTP_COOKIE)[0])], [200, told(lines, 2)])
      }
    })

    test('few cookies pass byte for byte', async () => {
      const few = [['a="b c"', 'd=Mon, 01-Jan-2030', '=e', 'f==', OURS, ...others(20, 8_000 - 200)]]
      for (const path of ['/signin/', '/session']) {
        const { json } = await ask(front.where, 'GET', path, few)
        assert.equal(json.vars ? json.vars.HTTP_COOKIE : json.headers.cookie, few[0].join('; '), path)
      }
    })

    if (!row.behind) {
      test('http leads to https all the same', async () => {
        for (const lines of Object.values(LINES)) {
          const text = await exchange({ port: front.plainPort }, `GET /auth/callback?code=1 HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n${lines.map((line) => `Cookie: ${line.join('; ')}\r\n`).join('')}\r\n`)
          assert.equal(parseResponse(text).status, 301)
        }
      })
    }

    if (row.sorts !== false) {
      test('opencode, which refuses so many, gets its own', async () => {
        for (const [name, lines] of Object.entries(LINES)) {
          const { status, json } = await ask(front.where, 'GET', '/session', lines)
          assert.deepEqual([status, told(lines, counts(json?.headers.cookie)[1])], [200, told(lines, 1)], name)
        }
      })
    }

    if (!row.behind && row.h2 !== false) {
      test('over HTTP/2 too', async () => {
        for (const [name, lines] of Object.entries(LINES)) {
          for (const cookie of [lines.map((line) => line.join('; ')), lines.flat()]) {
            const secure = connect({ ...front.where, ALPNProtocols: ['h2'] })
            await once(secure, 'secureConnect')
            const session = http2.connect('https://site.example', { createConnection: () => secure, maxSendHeaderBlockLength: 1 << 20 })
            const stream = session.request({ ':path': '/signin/', ':authority': 'site.example:8443', cookie })
            let text = ''
            stream.setEncoding('latin1').on('data', (chunk) => (text += chunk))
            await once(stream, 'close')
            session.destroy()
            assert.deepEqual(counts(JSON.parse(text).vars.HTTP_COOKIE), [1, 1], `${name}, ${cookie.length} fields`)
          }
        }
      })
    }
  })
}
