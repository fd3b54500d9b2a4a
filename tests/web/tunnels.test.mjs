/*
 * The site on the loopback, behind those it is for: with the requests that they really send, see
 * lib/tunnels.mjs. The visitor's address and the public name are what these programs say, nothing of it is
 * what the visitor wrote; a sign-in goes from its begin to its end; event streams and WebSockets flow.
 * And the addresses of visitors who come through Cloudflare to the other shipped files.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { after, before, describe, test } from 'node:test'
import { startBehind } from '../lib/behind.mjs'
import { COOKIE, httpRequest, parseAnswer } from '../lib/frontends.mjs'
import { give, startFront, unprivileged } from '../lib/front.mjs'
import { accepts, exchange, freePort, request, scratch, startProgram, until } from '../lib/net.mjs'
import { recorders } from '../lib/recorder.mjs'
import { assertCleanLogs, assertSafe, assertSucceeds, beginFlow, goodCallback, NAVIGATION } from '../lib/signin.mjs'
import { startStandin } from '../lib/standin.mjs'
import { TUNNELS, goBytes, goHeader, startProxyManager } from '../lib/tunnels.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path) => readFileSync(join(root, path), 'utf8')
const BROWSER = {
  'user-agent': 'Mozilla/5.0', accept: 'text/html', 'accept-encoding': 'gzip, deflate, br, zstd', 'accept-language': 'en',
  'sec-fetch-dest': 'document', 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'none', 'upgrade-insecure-requests': '1',
}
const FORGED = {
  'x-forwarded-for': '6.6.6.6', 'x-forwarded-proto': 'gopher', 'x-forwarded-host': 'evil.example', 'x-forwarded-port': '666',
  'x-forwarded-server': 'evil.example', 'x-forwarded-scheme': 'gopher', 'x-real-ip': '6.6.6.6', 'cf-connecting-ip': '6.6.6.6',
  'true-client-ip': '6.6.6.6', forwarded: 'for=6.6.6.6;host=evil.example;proto=gopher', proxy: 'http://evil.example',
  'tailscale-user-login': 'root@evil.example', x_forwarded_for: '6.6.6.6', x_real_ip: '6.6.6.6', x_forwarded_host: 'evil.example',
}
/* A visitor may also ask for the proxy's own headers to be taken away. */
const FORGERIES = [{}, FORGED, { ...FORGED, connection: 'close, X-Forwarded-For, X-Real-Ip, Cf-Connecting-Ip' }]

/* Where a tunnel's visitor is let in: sends bytes to {port}, from the address that they are to come from. */
function entrance(tunnel, front, manager) {
  const bytes = (message, address) => {
    const own = Object.fromEntries(Object.entries(message.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]))
    const all = { host: tunnel.host, ...message, headers: { ...BROWSER, ...own } }
    if (!tunnel.manager) return tunnel.pass(all, address)
    return httpRequest({ ...all, headers: { ...all.headers, Host: tunnel.host, Connection: all.headers.connection ?? 'close', connection: undefined } })
  }
  const where = (address) => (tunnel.manager ? { port: manager.port, localAddress: address } : { port: front.port })
  return {
    where, bytes,
    frontend: (address, forged = {}) => ({
      name: address,
      async send({ headers, ...message }) {
        const text = await exchange(where(address), bytes({ ...message, headers: { ...headers, ...forged } }, address))
        return parseAnswer(text)
      },
    }),
  }
}

describe('what reaches our program behind', () => {
  let folder, front, manager
  before(async () => {
    folder = scratch('tunnel')
    front = await startFront({ kind: 'nginx-loopback', opencodePort: 9, opencodeSocket: '/run/none.sock', programs: recorders(folder.path) })
    manager = await startProxyManager(front.port)
  })
  after(async () => {
    await manager?.stop()
    await front?.stop()
    folder?.remove()
  })
  for (const [name, tunnel] of Object.entries(TUNNELS)) {
    test(`${name}: its visitor, over https, under the public name, whatever he forges`, async () => {
      for (const address of tunnel.visitors) {
        for (const forged of FORGERIES) {
          const answer = await entrance(tunnel, front, manager).frontend(address, forged).send({ target: '/mcp/a%2Fb/auth?x=%2f+%20', headers: { Cookie: 'a=b' } })
          const { vars } = JSON.parse(answer.body)
          assert.equal(vars.REMOTE_ADDR, address)
          assert.deepEqual([vars.REQUEST_SCHEME, vars.HTTP_HOST], ['https', tunnel.host])
          assert.deepEqual([vars.REQUEST_URI, vars.HTTP_COOKIE], ['/mcp/a%2Fb/auth?x=%2f+%20', 'a=b'])
          for (const key of Object.keys(vars)) assert.doesNotMatch(key, /^HTTP_(X_FORWARDED_(FOR|HOST|PROTO|PORT|SERVER)$|X_REAL|FORWARDED|CF_CONNECTING|PROXY)/)
        }
      }
    })
  }
})

describe('with the real worker, behind', () => {
  let behind, folder, standin, front, manager
  before(async () => {
    behind = await startBehind()
    folder = scratch('tunnel')
    mkdirSync(join(folder.path, 'run'))
    give(folder.path, join(folder.path, 'run'))
    standin = await startStandin(join(folder.path, 'run/opencode.sock'))
    front = await startFront({
      kind: 'nginx-loopback', opencodePort: behind.port, opencodeSocket: standin.path, ini: { flow: { max_pending_per_client: 2 } },
    })
    manager = await startProxyManager(front.port)
  })
  after(async () => {
    await manager?.stop()
    await front?.stop()
    await standin?.stop()
    await behind?.stop()
    folder?.remove()
  })
  const logs = () => front.logs() + manager.logs()

  /* Begun by a browser that had no cookie and now has the one it was offered. */
  async function begin(frontend) {
    const flow = await beginFlow({ fcgi: frontend }, { cookie: null })
    const offered = new RegExp(`^(__Host-${COOKIE}=[\\w-]{43}); Path=/; Secure; HttpOnly; SameSite=Lax$`)
    const [, cookie] = offered.exec(flow.answer.header('set-cookie') ?? '') ?? []
    return { ...flow, cookies: { Cookie: cookie } }
  }

  for (const [name, tunnel] of Object.entries(TUNNELS)) {
    const way = () => entrance(tunnel, front, manager)

    test(`${name}: a sign-in begins, comes home and is done, at the public https address`, async () => {
      const [address] = tunnel.visitors
      for (const forged of [{}, FORGED]) {
        const frontend = way().frontend(address, forged)
        const flow = await begin(frontend)
        assert.equal(flow.answer.status, 200, flow.answer.body)
        assert.equal(JSON.parse(flow.answer.body).url, `https://${tunnel.host}${flow.page}`)
        assert.ok(flow.cookies.Cookie, flow.answer.header('set-cookie'))
        const line = await until('it is logged', () => logs().split('\n').find((text) => text.includes('flow-begun') && text.includes(flow.id)))
        assert.equal(/ client=(\S*)/.exec(line)[1], address)
        await assertSucceeds({ fcgi: frontend, standin }, flow, frontend)
      }
      assertCleanLogs({ logs })
    })

    test(`${name}: two visitors are two clients, and none spends another's allowance`, async () => {
      const [, second, third] = tunnel.visitors
      const status = async (address, forged) => (await begin(way().frontend(address, forged))).answer.status
      for (let n = 0; n < 2; n++) assert.equal(await status(second, { 'x-forwarded-for': third, 'x-real-ip': third, 'cf-connecting-ip': third }), 200)
      assert.equal(await status(second), 429)
      const flow = await begin(way().frontend(third))
      assert.equal(flow.answer.status, 200)
      // where the browser has no cookie, the page says from where it was begun
      const answer = await way().frontend(third).send({ target: goodCallback(flow).target, headers: NAVIGATION })
      assert.equal(answer.status, 200)
      assertSafe(answer)
      assert.ok(answer.body.includes(`<strong>${third}</strong>`), answer.body)
    })

    test(`${name}: an event stream flows, one event at a time; a WebSocket both ways`, async () => {
      const [address] = tunnel.visitors
      const open = (message) => {
        const socket = net.connect({ host: '127.0.0.1', ...way().where(address) })
        const seen = { text: '', socket }
        socket.on('data', (chunk) => (seen.text += chunk.toString('latin1')))
        socket.write(way().bytes(message, address))
        return seen
      }
      const events = open({ target: '/event', headers: { accept: 'text/event-stream', connection: 'keep-alive' } })
      await until('the first event', () => events.text.includes('data: 0\n'))
      for (let i = 0; i < 3; i++) {
        const number = behind.next()
        await until(`event ${number}`, () => events.text.includes(`data: ${number}\n`))
      }
      events.socket.destroy()
      const web = open({
        target: '/pty/1/connect',
        headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' },
      })
      await until('101', () => web.text.includes('\r\n\r\n'))
      assert.match(web.text, /^HTTP\/1\.1 101 /)
      for (const word of ['hello', 'again']) {
        web.socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | 5, 0, 0, 0, 0]), Buffer.from(word)]))
        await until(`the echo of ${word}`, () => web.text.includes(`\x81\x05${word}`))
      }
      web.socket.destroy()
    })
  }
})

test('a request of Go is put together as a program in Go does it', async () => {
  const folder = scratch('go')
  give(folder.path)
  let seen = ''
  const sink = net.createServer((socket) => {
    socket.on('data', (chunk) => {
      seen += chunk.toString('latin1')
      if (seen.endsWith(seen.startsWith('POST') ? 'body' : '\r\n\r\n')) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
    })
  })
  await new Promise((resolve) => sink.listen(0, '127.0.0.1', resolve))
  const port = await freePort()
  // it passes on what came, and adds three headers
  const file = join(folder.path, 'Caddyfile')
  writeFileSync(file, `{
\tadmin off
\tauto_https off
\tstorage file_system ${folder.path}
}
http://:${port} {
\treverse_proxy 127.0.0.1:${sink.address().port}
}
`)
  const caddy = startProgram(...unprivileged('caddy', ['run', '--adapter', 'caddyfile', '--config', file]), { cwd: '/', env: { PATH: process.env.PATH, HOME: folder.path } })
  try {
    await until('it accepts', () => accepts({ port }))
    const forwarded = { 'X-Forwarded-For': '127.0.0.1', 'X-Forwarded-Host': `127.0.0.1:${port}`, 'X-Forwarded-Proto': 'http' }
    const socket = { 'Sec-WebSocket-Version': '13', 'sec-websocket-key': 'x==', Connection: 'Upgrade', Upgrade: 'websocket' }
    for (const message of [
      { target: '/a%2Fb?x=%2f', headers: BROWSER },
      { method: 'POST', target: '/', headers: { 'X-REAL-IP': '1', 'Content-Type': 'text/plain', Range: 'x' }, body: 'body' },
      { method: 'HEAD', target: '/', headers: { cookie: 'a=b', 'user-agent': 'x' } },
      { target: '/', headers: socket },
    ]) {
      seen = ''
      const host = `127.0.0.1:${port}`
      const expected = goBytes({ ...message, host }, goHeader({ ...message.headers, ...forwarded })).toString()
      const closing = message.headers.Connection ?? 'close'
      await exchange({ port }, httpRequest({ ...message, headers: { ...message.headers, Host: host, Connection: closing } }))
      assert.equal(seen, expected)
    }
  } finally {
    await caddy.stop()
    sink.close()
    folder.remove()
  }
})

test('Nginx Proxy Manager: without the text for "Advanced" its logs hold queries, with it none does', async () => {
  const target = '/auth/callback?code=CANARY'
  const [plain, ours] = [await startProxyManager(1, ''), await startProxyManager(1)]
  try {
    for (const manager of [plain, ours]) {
      for (const path of [target, '/session?x=1']) assert.equal((await request({ port: manager.port }, 'GET', path)).status, 502)
    }
    assert.match(plain.logs(), /^502 GET localhost "\/auth\/callback\?code=CANARY"/m)
    assert.match(plain.logs(), /Connection refused.*request: "GET \/auth\/callback\?code=CANARY/)
    assert.doesNotMatch(ours.logs(), /CANARY|^502 /m)
    assert.match(ours.logs(), /Connection refused.*request: "GET \/session/)
  } finally {
    await plain.stop()
    await ours.stop()
  }
})

/* The lines that a comment of the site's file offers in the place of its own. */
function offered(pattern) {
  const lines = [...read('conf/nginx/opencode-callback-loopback.conf').matchAll(/^#   (\S.*;)$/gm)].map(([, line]) => line)
  const found = lines.filter((line) => pattern.test(line))
  assert.equal(found.length, 2)
  return found
}

test('cloudflared over a Unix socket, with the lines that the file offers', async () => {
  const folder = scratch('unix')
  give(folder.path)
  const path = join(folder.path, 'site.sock')
  const [listen, trust] = offered(/unix:/)
  // our own port stays, to see that the site is up
  const edit = (text) => text.replace(/^\tset_real_ip_from .*;$/m, `\t${listen.replace('/run/opencode-tunnel/site.sock', path)}\n\t${trust}`)
  const front = await startFront({ kind: 'nginx-loopback', opencodePort: 9, opencodeSocket: '/run/none.sock', programs: recorders(folder.path), edit })
  const tunnel = TUNNELS['Cloudflare Tunnel']
  const ask = async (where, forged) => JSON.parse(parseAnswer(await exchange(where,
    tunnel.pass({ target: '/signin/', host: tunnel.host, headers: { ...BROWSER, ...forged } }, tunnel.visitors[0]))).body).vars
  try {
    for (const forged of FORGERIES) {
      const vars = await ask({ path }, forged)
      assert.deepEqual([vars.REMOTE_ADDR, vars.HTTP_HOST, vars.REQUEST_SCHEME], [tunnel.visitors[0], tunnel.host, 'https'])
    }
    assert.equal((await ask({ port: front.port })).REMOTE_ADDR, '127.0.0.1', 'nobody else is believed now')
  } finally {
    await front.stop()
    folder.remove()
  }
})

test('a proxy in a container, with the lines that the file offers', async () => {
  const folder = scratch('container')
  const [listen, trust] = offered(/172\./)
  assert.deepEqual([listen, trust], ['listen 172.17.0.1:4180;', 'set_real_ip_from 172.16.0.0/12;'])
  // the loopback's other addresses stand for those of Docker's
  const edit = (text) => text.replace(/^\tset_real_ip_from .*;$/m, `\t${trust.replace('172.16.0.0/12', '127.16.0.0/12')}`)
  const front = await startFront({ kind: 'nginx-loopback', opencodePort: 9, opencodeSocket: '/run/none.sock', programs: recorders(folder.path), edit })
  const tunnel = TUNNELS.Traefik
  const ask = async (localAddress) => JSON.parse(parseAnswer(await exchange({ port: front.port, localAddress },
    tunnel.pass({ target: '/signin/', host: tunnel.host, headers: BROWSER }, tunnel.visitors[0]))).body).vars.REMOTE_ADDR
  try {
    assert.equal(await ask('127.18.0.5'), tunnel.visitors[0])
    assert.equal(await ask('127.0.0.5'), '127.0.0.5')
  } finally {
    await front.stop()
    folder.remove()
  }
})

/* Cloudflare's proxy before the other files: 127.0.0.1 is taken for one of its addresses. */
const REALIP = {
  'nginx-fcgi': (text) => `${read('conf/cloudflare/nginx-realip.conf')}set_real_ip_from 127.0.0.1;\n${text}`,
  'nginx-fcgiwrap': (text) => `${read('conf/cloudflare/nginx-realip.conf')}set_real_ip_from 127.0.0.1;\n${text}`,
}
for (const kind of ['apache-cgi', 'apache-fcgid', 'apache-proxy-fcgi']) {
  REALIP[kind] = (text) => `LoadModule remoteip_module /usr/lib/apache2/modules/mod_remoteip.so
${read('conf/cloudflare/apache-remoteip.conf')}RemoteIPTrustedProxy 127.0.0.1\n${text}`
}
for (const [kind, edit] of Object.entries(REALIP)) {
  test(`through Cloudflare's proxy to ${kind}: the visitor's address, in the log too; nobody else is believed`, async () => {
    const folder = scratch('realip')
    const behind = await startBehind()
    const front = await startFront({ kind, opencodePort: behind.port, opencodeSocket: '/run/none.sock', host: 'site.example', programs: recorders(folder.path), edit })
    const ask = async (localAddress, target, headers) => JSON.parse(parseAnswer(await exchange({ port: front.port, localAddress },
      httpRequest({ target, headers: { Host: 'site.example', ...headers } }))).body)
    const edge = (address) => ({ 'CF-Connecting-IP': address, 'X-Forwarded-For': `6.6.6.6,${address}`, 'X-Forwarded-Proto': 'https' })
    try {
      for (const [peer, claimed, address] of [
        ['127.0.0.1', '203.0.113.9', '203.0.113.9'], ['127.0.0.1', '2001:db8::9', '2001:db8::9'], ['127.0.0.2', '203.0.113.66', '127.0.0.2'],
      ]) {
        const { vars } = await ask(peer, '/signin/', edge(claimed))
        assert.equal(vars.REMOTE_ADDR, address)
        for (const key of Object.keys(vars)) assert.doesNotMatch(key, /^HTTP_(X_FORWARDED|X_REAL|CF_CONNECTING)/)
        const { headers } = await ask(peer, '/session', edge(claimed))
        assert.deepEqual([headers['x-forwarded-for'], headers['x-real-ip']], [address, address])
        const line = new RegExp(`^${address.replaceAll('.', '\\.')} .*"GET /session`, 'm')
        await until(`${address} is in the access log`, () => line.test(readFileSync(join(front.path, 'opencode-callback.log'), 'latin1')))
      }
    } finally {
      await front.stop()
      await behind.stop()
      folder.remove()
    }
  })
}
