/*
 * Failures of the environment: opencode is missing, silent, slow or hostile; the store is unusable; our process
 * is killed; standard files are closed; a web server passes wrong variables. Each failure is refused with an
 * error and has its page. No answer is delivered twice.
 */
import assert from 'node:assert/strict'
import { chmodSync, chownSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { HOST, httpRequest, metaVariables, parseAnswer, runCgi, startFrontends } from '../lib/frontends.mjs'
import { give, startFront } from '../lib/front.mjs'
import { connect, exchange, freePort, until } from '../lib/net.mjs'
import {
  OWN_FORM, assertCleanLogs, assertDelivered, assertSafe, assertSame, assertSucceeds, begunFlow, beginFlow, flowStatus,
  goodCallback,
} from '../lib/signin.mjs'
import { json, startStandin } from '../lib/standin.mjs'

let site
before(async () => (site = await startFrontends()))
after(() => site?.stop())

const isListener = (r) => r.host !== 'opencode'
const isFinish = (r) => /^\/provider\/[^/]+\/oauth\/callback$/.test(r.path)

/* Answers of opencode for the time of one action. */
async function answering(answer, action) {
  site.standin.answer = answer
  try {
    return await action()
  } finally {
    site.standin.answer = () => undefined
  }
}

/* A good callback that is claimed, and what becomes of it. */
async function outcome(frontend, answer) {
  const flow = await begunFlow(site)
  const mark = site.standin.connections.length
  return answering(answer, async () => {
    const reply = await frontend.send(goodCallback(flow))
    assert.equal(reply.status, 303, `${frontend.name}: ${reply.body}`)
    const calls = site.standin.connections.length - mark
    const { state, reason } = await flowStatus(site, flow)
    const page = await frontend.send({ target: flow.page, headers: flow.cookies })
    assert.equal(page.status, 200)
    assertSafe(page)
    assert.match(page.body, new RegExp(`data-state="${state}"`))
    assert.doesNotMatch(page.body, /CANARY|evil/)
    assert.equal((await frontend.send(goodCallback(flow))).status, 303, 'again: final')
    assert.equal(site.standin.connections.length - mark, calls, 'again: nothing is sent')
    assertCleanLogs(site)
    return { flow, page, state, reason, calls }
  })
}

describe('what opencode answers to the delivery', () => {
  const html = '<script>CANARY</script><a href="http://evil.example/">'
  const bare = (text) => ({ raw: text })
  const gzip = { 'Content-Encoding': 'gzip', 'Content-Type': 'application/json' }
  const cases = [
    ['the listener is gone (502)', isListener, { status: 502, body: html }, 'failed listener-gone', 1],
    ['the listener knows nothing (404)', isListener, { status: 404, body: html }, 'failed listener-gone', 1],
    ['the listener fails (500)', isListener, { status: 500, body: html }, 'failed listener-gone', 1],
    ['the listener closes at once', isListener, 'close', 'failed listener-gone', 1],
    ['the listener closes in the status line', isListener, bare('HTTP/1.'), 'failed listener-gone', 1],
    ['the listener speaks no HTTP', isListener, bare('hello\r\n\r\n'), 'failed listener-gone', 1],
    ['the listener redirects', isListener, { status: 302, headers: { Location: 'http://evil.example/' } }, 'done', 2],
    ['finished', isFinish, json(true), 'done', 2],
    ['no verdict', isFinish, json({ name: 'ProviderAuthOauthMissing' }, 400), 'done unconfirmed', 2],
    ['refused by the provider (400)', isFinish, json({ name: 'ProviderAuthOauthCallbackFailed', html }, 400), 'failed refused-by-provider', 2],
    ['refused by the provider (500)', isFinish, json({ name: 'UnknownError', html }, 500), 'failed refused-by-provider', 2],
    ['a password is wanted', isFinish, { status: 401 }, 'failed opencode-auth', 2],
    ['not found', isFinish, json({}, 404), 'failed refused-by-provider', 2],
    ['the plugin does not reach it (502)', isFinish, { status: 502, body: html }, 'failed opencode-gone', 3],
    ['a proxy gave up (504)', isFinish, { status: 504, body: html }, 'failed opencode-gone', 2],
    ['HTML in place of a verdict', isFinish, { status: 200, body: html }, 'done unconfirmed', 2],
    ['false in place of true', isFinish, json(false), 'done unconfirmed', 2],
    ['a redirect', isFinish, { status: 302, headers: { Location: 'http://evil.example/' } }, 'failed refused-by-provider', 2],
    ['it closes at once', isFinish, 'close', 'failed opencode-gone', 2],
    ['it closes in the headers', isFinish, bare('HTTP/1.1 200 OK\r\nContent-'), 'done unconfirmed', 2],
    ['it closes in the body', isFinish, bare('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntr'), 'failed opencode-gone', 2],
    ['headers without end', isFinish, bare(`HTTP/1.1 200 OK\r\n${'X-A: CANARY\r\n'.repeat(40_000)}`), 'failed opencode-gone', 2],
    ['2 GiB announced', isFinish, { raw: `HTTP/1.1 200 OK\r\nContent-Length: 2147483648\r\n\r\n${'x'.repeat(100_000)}`, then: 'hang' }, 'failed opencode-gone', 2],
    ['a body without end', isFinish, bare(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(300_000)}`), 'failed opencode-gone', 2],
    ['compressed, which nobody asked for', isFinish, { status: 200, headers: gzip, body: 'x' }, 'done unconfirmed', 2],
  ]
  for (const [name, who, answer, expected, calls] of cases) {
    test(`${name}: ${expected}`, async () => {
      const pages = []
      for (const frontend of site.frontends) {
        const got = await outcome(frontend, (r) => (who(r) ? answer : undefined))
        assert.equal([got.state, got.reason].join(' ').trim(), expected, frontend.name)
        assert.equal(got.calls, calls, frontend.name)
        const own = (text) => text.replaceAll(got.flow.id, '').replaceAll(got.flow.provider, '').replaceAll(String(got.flow.port), '')
        pages.push([frontend.name, { ...got.page, raw: undefined, headers: [], body: own(got.page.body) }])
      }
      assertSame(pages)
    })
  }
  test('the plugin reaches it at the second try: done, with the headers of the first', async () => {
    const headers = { Authorization: 'Basic eDp5', 'x-opencode-directory': '/srv' }
    for (const frontend of site.frontends) {
      const flow = await begunFlow(site, { headers })
      const since = site.standin.connections.length
      let first = true
      const reply = await answering((r) => (isFinish(r) && first ? ((first = false), { status: 502, body: '' }) : undefined), () => {
        const callback = goodCallback(flow)
        return frontend.send({ ...callback, headers: { ...callback.headers, ...headers } })
      })
      assert.equal(reply.status, 303)
      const [, one, two] = site.standin.since(since)
      assert.deepEqual([two.target, two.headers, two.body], [one.target, one.headers, one.body])
      assert.equal(two.headers.authorization, headers.Authorization)
      assert.equal((await flowStatus(site, flow)).state, 'done')
    }
  })

  test('it does so at the second try', async () => {
    for (const frontend of site.frontends) {
      let tries = 0
      const got = await outcome(frontend, (r) => (isFinish(r) && tries++ === 0 ? { status: 502, body: '' } : undefined))
      assert.deepEqual([got.state, got.calls], ['done', 3], frontend.name)
    }
  })

  test('it never answers: the listener ends in failed timeout, the finishing call in no verdict', async () => {
    const results = []
    for (const [who, expected] of [[isListener, 'failed timeout'], [isFinish, 'done unconfirmed']]) {
      const flows = []
      for (const frontend of site.frontends) flows.push([frontend, await begunFlow(site)])
      await answering((r) => (who(r) ? 'hang' : undefined), async () => {
        const answers = await Promise.all(flows.map(([frontend, flow]) => frontend.send(goodCallback(flow))))
        for (const answer of answers) assert.equal(answer.status, 303)
        for (const [frontend, flow] of flows) {
          const { state, reason } = await flowStatus(site, flow)
          results.push(`${frontend.name} ${state} ${reason}`)
          assert.equal(`${state} ${reason}`, expected, frontend.name)
        }
      })
    }
    assert.equal(results.length, 2 * site.frontends.length)
  })
})

describe('what opencode answers to a begin', () => {
  const cases = [
    ['closes at once', 'close', 502],
    ['speaks no HTTP', { raw: 'hello' }, 502],
    ['answers more than 64 KiB', { status: 200, body: `{"url":"${'x'.repeat(70_000)}"}` }, 502],
  ]
  for (const [name, given, status] of cases) {
    test(`${name}: ${status}, in the form that opencode's UI shows`, async () => {
      await answering(() => given, async () => {
        const answers = []
        for (const frontend of site.frontends) {
          const { answer } = await beginFlow(site, { frontend, provider: 'openai' })
          assert.equal(answer.status, status, frontend.name)
          const { name: kind, data } = JSON.parse(answer.body)
          assert.equal(kind, 'UnknownError')
          assert.match(data.message, /^\S.+\.$/)
          answers.push([frontend.name, answer])
        }
        assertSame(answers)
      })
    })
  }
  test('never answers: 504', async () => {
    await answering(() => 'hang', async () => {
      // one after the other per provider, so each front end has its own
      const answers = await Promise.all(site.frontends.map((frontend) => beginFlow(site, { frontend })))
      for (const { answer } of answers) assert.equal(answer.status, 504)
    })
  })
})

describe('the socket', () => {
  const move = () => renameSync(site.standin.path, `${site.standin.path}.away`)
  const back = () => {
    rmSync(site.standin.path, { force: true, recursive: true })
    renameSync(`${site.standin.path}.away`, site.standin.path)
  }
  const folder = () => join(site.standin.path, '..')
  const cases = {
    'missing': () => {},
    'refused': async () => {
      const server = net.createServer()
      await new Promise((resolve) => server.listen(`${site.standin.path}.x`, resolve))
      renameSync(`${site.standin.path}.x`, site.standin.path)
      await new Promise((resolve) => server.close(resolve))
    },
    'a file': () => writeFileSync(site.standin.path, 'x'),
    'a folder': () => mkdirSync(site.standin.path),
    'a link to the right one': () => symlinkSync(`${site.standin.path}.away`, site.standin.path),
  }
  for (const [name, make] of Object.entries(cases)) {
    test(`${name}: 503, the claim is released, Reload works`, async () => {
      for (const frontend of site.frontends) {
        const flow = await begunFlow(site)
        const mark = site.standin.connections.length
        move()
        try {
          await make()
          const answer = await frontend.send(goodCallback(flow))
          assert.equal(answer.status, 503, frontend.name)
          assertSafe(answer)
          assert.match(answer.body, /opencode/)
          const { answer: begun } = await beginFlow(site, { frontend })
          assert.equal(begun.status, 503)
          assert.match(JSON.parse(begun.body).data.message, /opencode/)
          assert.equal((await flowStatus(site, flow)).state, 'waiting')
        } finally {
          back()
        }
        assert.equal(site.standin.connections.length, mark)
        await assertSucceeds(site, flow, frontend)
      }
      assertCleanLogs(site)
    })
  }
  test('in a folder that everybody can write to: 503', async () => {
    const flow = await begunFlow(site)
    chmodSync(folder(), 0o777)
    try {
      for (const frontend of site.frontends) assert.equal((await frontend.send(goodCallback(flow))).status, 503, frontend.name)
    } finally {
      chmodSync(folder(), 0o755)
    }
    await assertSucceeds(site, flow)
  })
  test('one socket for each port: %p', async () => {
    const run = join(site.store, '..', 'ports')
    mkdirSync(run, { mode: 0o755 })
    give(run)
    const [one, two] = [await startStandin(join(run, '4096.sock')), await startStandin(join(run, '29999.sock'))]
    const front = await startFront({ kind: 'nginx-fcgi', opencodePort: 4096, opencodeSocket: join(run, '%p.sock') })
    try {
      const send = async (request) => parseAnswer(await exchange({ port: front.port }, httpRequest(request)))
      const fake = { fcgi: { name: 'nginx', send }, standin: one, logs: front.logs }
      const flow = await begunFlow(fake, { port: 29999 })
      assert.equal((await send(goodCallback(flow))).status, 303)
      assert.deepEqual(two.since(0).map((r) => `${r.host} ${r.target}`), [`localhost:29999 /auth/callback?${flow.query}`])
      assert.deepEqual(one.since(0).map((r) => r.target), [`/provider/${flow.provider}/oauth/authorize`, `/provider/${flow.provider}/oauth/callback`])
    } finally {
      await front.stop()
      await one.stop()
      await two.stop()
    }
  })
})

describe('the store', () => {
  const away = () => `${site.store}.away`
  const cases = {
    'missing': () => {},
    'a file': () => writeFileSync(site.store, 'x'),
    'a link': () => symlinkSync(away(), site.store),
    'open to others': () => {
      mkdirSync(site.store)
      give(site.store)
      chmodSync(site.store, 0o777)
    },
    'open to the group': () => {
      mkdirSync(site.store)
      give(site.store)
      chmodSync(site.store, 0o770)
    },
  }
  if (process.getuid() === 0) {
    cases["somebody else's"] = () => {
      mkdirSync(site.store, { mode: 0o700 })
      chownSync(site.store, 65533, 65533)
    }
  }
  for (const [name, make] of Object.entries(cases)) {
    test(`${name}: 503, health is red, opencode untouched`, async () => {
      const flow = await begunFlow(site)
      const mark = site.standin.connections.length
      renameSync(site.store, away())
      try {
        make()
        for (const frontend of site.frontends) {
          assert.equal((await frontend.send(goodCallback(flow))).status, 503, frontend.name)
          assert.equal((await beginFlow(site, { frontend })).answer.status, 503, frontend.name)
          const seen = site.standin.connections.length
          assert.equal(seen, mark, `${frontend.name}: opencode untouched`)
          const health = await frontend.send({ target: '/signin/health' })
          assert.equal(health.status, 503, frontend.name)
          assert.equal(JSON.parse(health.body).status, 'degraded')
          assert.ok(site.standin.since(mark).every((r) => r.path === '/global/health'), 'only asked for its health')
          site.standin.connections.length = mark
        }
      } finally {
        rmSync(site.store, { force: true, recursive: true })
        renameSync(away(), site.store)
      }
      await assertSucceeds(site, flow)
    })
  }
  test('broken, empty and foreign entries are skipped', async () => {
    const flow = await begunFlow(site)
    for (const [name, text] of [['A'.repeat(22), ''], ['B'.repeat(22), '{"id":'], ['C'.repeat(22), '[]'], ['x', 'y'], ['D'.repeat(22), '\0\0']]) {
      const path = join(site.store, name)
      writeFileSync(path, text, { mode: 0o600 })
      give(path)
    }
    mkdirSync(join(site.store, 'E'.repeat(22)))
    for (const frontend of site.frontends) {
      for (const letter of 'ABCDE') {
        const answer = await frontend.send({ target: `/signin/flow/${letter.repeat(22)}`, headers: flow.cookies })
        assert.ok([400, 503].includes(answer.status), `${frontend.name} ${letter} ${answer.status}`)
      }
      await assertSucceeds(site, await begunFlow(site, { frontend }), frontend)
    }
    await assertSucceeds(site, flow)
  })
})

describe('our own process', () => {
  test('killed during delivery: never delivered twice, and the page says so', async () => {
    const flow = await begunFlow(site)
    const request = goodCallback(flow)
    await answering((r) => (isListener(r) ? 'hang' : undefined), async () => {
      const mark = site.standin.connections.length
      const running = runCgi(site.site, metaVariables(request), undefined, { wrap: ['timeout', '-s', 'KILL', '1'] })
      await until('the listener is asked', () => site.standin.connections.length > mark)
      assert.equal((await flowStatus(site, flow)).state, 'delivering')
      await running
      for (const frontend of site.frontends) assert.equal((await frontend.send(request)).status, 303, frontend.name)
      await until('the flow is given up', async () => (await flowStatus(site, flow)).state !== 'delivering', 40_000)
      const { state, reason } = await flowStatus(site, flow)
      assert.deepEqual([state, reason], ['failed', 'interrupted'])
      for (const frontend of site.frontends) assert.equal((await frontend.send(request)).status, 303, frontend.name)
      assert.equal(site.standin.connections.length, mark + 1, 'delivered once')
      const page = await site.fcgi.send({ target: flow.page, headers: flow.cookies })
      assert.match(page.body, /data-state="failed"/)
    })
  })
  const closed = { 'standard input': '<&-', 'standard output': '>&-', 'standard error': '2>&-', 'all three': '<&- >&- 2>&-' }
  for (const [name, how] of Object.entries(closed)) {
    test(`as CGI with ${name} closed: it ends in order, the store is whole`, async () => {
      const flow = await begunFlow(site)
      const answer = await runCgi(site.site, metaVariables(goodCallback(flow)), undefined, { wrap: ['sh', '-c', `exec "$@" ${how}`, 'sh'] })
      assert.deepEqual([answer.code, answer.signal], [0, null])
      if (!how.includes('>&-') || how === '2>&-') assert.match(answer.stdout, /^Status: 303 /)
      assert.equal((await flowStatus(site, flow)).state, 'done')
    })
  }
  test('as CGI with nowhere to write: it ends in order', async () => {
    for (const target of ['/dev/full', '>(exec <&-)']) {
      const flow = await begunFlow(site)
      const answer = await runCgi(site.site, metaVariables(goodCallback(flow)), undefined, {
        wrap: ['bash', '-c', `exec "$@" >${target.startsWith('/') ? target : ` ${target}`}`, 'bash'],
      })
      assert.deepEqual([answer.code, answer.signal], [0, null], target)
    }
  })
  test('a Content-Length of 10 and 10 MiB sent: 10 are read', async () => {
    const flow = await begunFlow(site)
    const request = { method: 'POST', target: flow.page, headers: { ...OWN_FORM, ...flow.cookies }, vars: { CONTENT_LENGTH: '10' } }
    const answer = await runCgi(site.site, metaVariables(request), `address=xy${'z'.repeat(10 * 1024 * 1024)}`)
    assert.match(answer.stdout, /^Status: 400 /)
    assert.equal(answer.code, 0)
    await assertSucceeds(site, flow)
  })
  test('a wrong configuration: a plain 500 as CGI, with file and line in the log only', async () => {
    const ini = join(site.site.path, 'wrong.ini')
    for (const [text, line] of [['[opencode]\nurll = x\n', 2], ['[flow]\n\nlifetime = 300x\n', 3], ['[nonsense]\nx = 1\n', 0]]) {
      writeFileSync(ini, text, { mode: 0o644 })
      const answer = await runCgi({ ...site.site, iniFile: ini }, metaVariables({ target: '/signin/' }))
      const { status, body, ...rest } = parseAnswer(answer.stdout)
      assert.equal(status, 500)
      assertSafe({ body, ...rest })
      assert.doesNotMatch(body, /wrong\.ini|urll|300x/)
      assert.match(answer.stderr, line ? new RegExp(`wrong\\.ini:${line}`) : /wrong\.ini/)
    }
  })
})

describe('the web servers', () => {
  test('with the program behind them gone: 5xx, and no code in any log', async () => {
    for (const kind of ['nginx-fcgi', 'apache-cgi']) {
      const front = await startFront({ kind, opencodePort: await freePort(), opencodeSocket: '/nonexistent/opencode.sock' })
      try {
        const ask = async (target, method = 'GET', headers = {}) =>
          (await exchange({ port: front.port }, httpRequest({ method, target, headers }))).slice(0, 12)
        // opencode itself is down: everything that is not ours
        for (const target of ['/?auth_token=CANARY', '/Auth/Callback?code=CANARY', '/auth/callbackx?code=CANARY', '/session?x=CANARY']) {
          assert.match(await ask(target, 'GET', { Referer: 'http://x/?code=CANARY' }), /HTTP\/1\.1 50[23]/, `${kind} ${target}`)
        }
        if (kind === 'nginx-fcgi') {
          await front.worker.stop()
          assert.match(await ask('/auth/callback?code=CANARY&state=CANARY', 'GET', { Referer: 'http://x/?code=CANARY' }), /HTTP\/1\.1 502/)
        }
        for (const method of ['TRACE', 'FOO', 'PROPFIND']) await ask('/auth/callback?code=CANARY', method)
        await exchange({ port: front.port }, `GET /auth/callback?code=CANARY HTTP/9.9\r\n\r\n`).catch(() => {})
        await exchange({ port: front.port }, `GET /auth/callback?code=CANARY HTTP/1.1\r\nHost: a b\r\n\r\n`)
        await exchange({ port: front.port }, `GET /auth/callback?code=CANARY\x01 HTTP/1.1\r\nHost: a\r\n\r\n`)
        await exchange({ port: front.port }, `GET /auth/%zz?code=CANARY HTTP/1.1\r\nHost: a\r\n\r\n`)
        await exchange({ port: front.port }, `GET /auth/callback?code=CANARY${'x'.repeat(60_000)} HTTP/1.1\r\nHost: a\r\n\r\n`)
        await exchange({ port: front.plainPort }, `GET /auth/callback?code=CANARY HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
        const line = front.logs().split('\n').find((text) => text.includes('CANARY'))
        assert.equal(line, undefined, `${kind}: ${line}`)
        assert.match(front.logs(), /"GET \/auth\/callback HTTP/, 'but the access log is kept')
      } finally {
        await front.stop()
      }
    }
  })
  test('with their TLS lines: the cookie is __Host- and Secure, http leads to https', async () => {
    for (const kind of ['nginx-fcgi', 'apache-cgi']) {
      const front = await startFront({ kind, host: 'opencode.test', tls: true, opencodePort: 9, opencodeSocket: site.standin.path })
      try {
        const send = (request) =>
          new Promise((resolve, reject) => {
            const socket = connect(front.where)
            let text = ''
            socket.on('data', (chunk) => (text += chunk.toString('latin1')))
            socket.on('end', () => resolve(parseAnswer(text)))
            socket.on('error', reject)
            socket.write(httpRequest(request))
          })
        const headers = { Host: front.host, 'Content-Type': 'application/json' }
        const state = `CANARYtls${kind}`
        const begun = await send({
          method: 'POST', target: '/provider/tls/oauth/authorize', headers,
          body: JSON.stringify({ method: 0, inputs: { state, redirect: 'http://localhost:1460/auth/callback' } }),
        })
        assert.equal(begun.status, 200, begun.body)
        const cookie = /^(__Host-opencode-callback=[A-Za-z0-9_-]{43}); Path=\/; Secure; HttpOnly; SameSite=Lax$/.exec(begun.header('set-cookie'))
        assert.ok(cookie, begun.header('set-cookie'))
        const { url } = JSON.parse(begun.body)
        assert.ok(url.startsWith('https://opencode.test/signin/flow/'), url)
        const done = await send({ target: `/auth/callback?code=CANARYtls&state=${state}`, headers: { Host: front.host, Cookie: cookie[1] } })
        assert.equal(done.status, 303, done.body)
        const plain = await exchange({ port: front.plainPort }, `GET /auth/callback?code=a%2Bb&state=c HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`)
        assert.match(plain, /^HTTP\/1\.1 301 /)
        assert.match(plain, /\r\nCache-Control: no-store\r\n/)
        assert.match(plain, /\r\nLocation: https:\/\/opencode\.test\/auth\/callback\?code=a%2Bb&state=c\r\n/)
        assert.doesNotMatch(front.logs(), /CANARY/)
      } finally {
        await front.stop()
      }
    }
  })
  test('headers with underscores are dropped', async () => {
    for (const frontend of site.frontends.filter((f) => f.web)) {
      const mark = site.standin.connections.length
      await beginFlow(site, { frontend, headers: { 'x_opencode_directory': '%2Fevil', 'X-Opencode_Directory': '%2Fevil' } })
      assert.equal(site.standin.since(mark)[0].headers['x-opencode-directory'], undefined, frontend.name)
    }
  })
  test('everything else goes to opencode: bodies, queries, escapes, upgrades', async () => {
    const seen = []
    const sockets = new Set()
    const opencode = net.createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.once('data', (chunk) => {
        seen.push(chunk.toString('latin1'))
        if (/upgrade: websocket/i.test(seen.at(-1))) {
          socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n')
          socket.on('data', (more) => socket.write(`echo ${more}`))
        } else if (seen.at(-1).includes('/event')) {
          socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n')
        } else socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok')
      })
    })
    await new Promise((resolve) => opencode.listen(0, '127.0.0.1', resolve))
    for (const kind of ['nginx-fcgi', 'apache-cgi']) {
      const front = await startFront({ kind, opencodePort: opencode.address().port, opencodeSocket: site.standin.path })
      try {
        await exchange({ port: front.port }, httpRequest({ target: '/a%2Fb/%20c?q=%zz&x=1' }))
        assert.match(seen.at(-1), /^GET \/a%2Fb\/%20c\?q=%zz&x=1 HTTP\/1\.1\r\n/, kind)
        assert.match(seen.at(-1), new RegExp(`\r\nHost: ${HOST}\r\n`, 'i'), kind)
        const until101 = (text, wanted) => new Promise((resolve, reject) => {
          const socket = net.connect({ host: '127.0.0.1', port: front.port })
          let got = ''
          const timer = setTimeout(() => { socket.destroy(); reject(new Error(`${kind}: only ${got}`)) }, 5000)
          let asked = false
          socket.on('error', reject)
          socket.on('data', (chunk) => {
            got += chunk
            if (!asked && got.includes(' 101 ')) { asked = true; socket.write('ping') }
            if (wanted.test(got)) { clearTimeout(timer); socket.destroy(); resolve() }
          })
          socket.write(text)
        })
        await until101(`GET /pty HTTP/1.1\r\nHost: ${HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13\r\n\r\n`, / 101 [^]*echo ping/)
        await until101(`GET /event HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`, /data: 1/)
      } finally {
        for (const socket of sockets) socket.destroy()
        await front.stop()
      }
    }
    opencode.close()
  })
})
