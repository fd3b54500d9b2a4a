/*
 * The real opencode behind every web server, over TLS: a whole sign-in, finished in the address bar
 * while the UI's own call waits; its event stream; one of its terminals by WebSocket.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Client, openStream } from '../lib/client.mjs'
import { startFront } from '../lib/front.mjs'
import { until } from '../lib/net.mjs'
import { startOpencode } from '../lib/opencode.mjs'
import { startProvider } from '../lib/provider.mjs'
import { KINDS } from '../lib/servers.mjs'

const HOST = 'site.example'
const PASSWORD = 'secret-of-the-test'
const BODY_MAX = 32 << 10
/* What a proxy with TLS adds, in front of the site on the loopback. */
const PROXY = { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-host': HOST, 'x-forwarded-proto': 'https' }

let provider, opencode
const fronts = []
const streams = []
before(async () => {
  provider = await startProvider()
  opencode = await startOpencode({ provider, password: PASSWORD })
})
after(async () => {
  // Servers wait for streams that opencode has not ended.
  await opencode?.stop()
  for (const stream of streams) stream.destroy()
  for (const front of fronts) await front.stop()
  await provider?.stop()
})

/* As the web UI begins ChatGPT, in a body as large as may be. */
const begin = (client, size = BODY_MAX) => client.begin({ body: JSON.stringify({ method: 0, inputs: {} }).padEnd(size) })

for (const [kind, row] of Object.entries(KINDS)) {
  test(kind, async () => {
    const front = await startFront({
      kind, host: HOST, tls: !row.behind, opencodePort: opencode.port, opencodeSocket: opencode.socket,
    })
    fronts.push(front)
    const { Authorization: authorization } = opencode.authorization
    const client = new Client(row.behind ? `https://${HOST}` : front.origin, {
      authorization, headers: row.behind ? PROXY : {}, where: front.where,
    })

    assert.equal((await begin(client, BODY_MAX + 1)).status, 413)
    const begun = await begin(client)
    assert.equal(begun.status, 200, begun.content)
    assert.match(client.cookie, /^__Host-opencode-callback=/)
    const { url } = JSON.parse(begun.content)
    assert.ok(url.startsWith(`${client.origin}/signin/flow/`), url)
    const waiting = client.finishing()
    const flow = await client.open(url)
    const tokens = opencode.auth().openai?.refresh
    const answer = await client.callback(await provider.approve(flow.authorize))
    assert.deepEqual([answer.status, answer.headers.get('location')], [303, flow.path])
    assert.deepEqual(await client.status(flow), { state: 'done', expires_in: 0 })
    assert.equal((await waiting).content, 'true')
    assert.ok(JSON.parse((await client.send('GET', '/provider')).content).connected.includes('openai'))
    assert.notEqual(opencode.auth().openai.refresh, tokens, 'these are the tokens of this sign-in')

    const events = openStream(front, client, '/event', { accept: 'text/event-stream' }, streams)
    await until('the first event', () => events.text().includes('"server.connected"'))
    const json = { 'content-type': 'application/json' }
    const made = await client.send('POST', '/pty', { headers: json, body: JSON.stringify({ command: 'cat', title: 'x' }) })
    const { id } = JSON.parse(made.content)
    await until('the event of its terminal', () => events.text().includes('"pty.created"') && events.text().includes(id))
    const terminal = openStream(front, client, `/pty/${id}/connect`, {
      connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    }, streams)
    await until('101', () => /^HTTP\/1\.1 101 [^]*\r\n\r\n/.test(terminal.text()))
    terminal.write(Buffer.concat([Buffer.from([0x81, 0x80 | 6, 0, 0, 0, 0]), Buffer.from('hello\n')]))
    // once by the terminal, once by cat
    await until('its echo', () => terminal.text().split('hello').length === 3)
    assert.equal((await client.send('DELETE', `/pty/${id}`)).content, 'true')
    await until('a close frame', () => terminal.text().endsWith('\x88\x02\x03\xe8'))
  })
}

test('no log holds a secret', () => {
  const secrets = [...provider.canaries(), PASSWORD, opencode.authorization.Authorization.slice(6)]
  assert.equal(fronts.length, Object.keys(KINDS).length)
  for (const { kind, logs } of [...fronts, { kind: 'opencode', ...opencode }]) {
    for (const secret of secrets) assert.ok(!logs().includes(secret), `${kind}'s log holds ${secret}`)
  }
})
