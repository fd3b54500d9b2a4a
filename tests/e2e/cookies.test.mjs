/*
 * A whole sign-in with the real opencode by a browser that brings 60 KiB of others' cookies with each
 * request, as behind a single sign-on: begun on the start page and by the web UI's call, finished by the
 * edited address and by pasting. opencode's own pages and calls work through the same web server.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Client } from '../lib/client.mjs'
import { startFront } from '../lib/front.mjs'
import { startOpencode } from '../lib/opencode.mjs'
import { startProvider } from '../lib/provider.mjs'

const HOST = 'site.example'
const SSO = [
  Array.from({ length: 15 }, (_, i) => `_oauth2_proxy_${i}=CANARY${'A0-_.'.repeat(816)}`).join('; '),
  Array.from({ length: 500 }, (_, i) => `c${i}=CANARY${'x'.repeat(110)}`).join('; '),
]

/* A browser with these cookies before or behind ours. */
class Browser extends Client {
  constructor(front, authorization, others, first) {
    super(front.origin, { authorization, where: front.where })
    Object.assign(this, { others, first })
  }

  send(method, target, options = {}) {
    const all = [this.others, this.cookie].filter(Boolean)
    return super.send(method, target, { ...options, headers: { cookie: (this.first ? all : all.reverse()).join('; '), ...options.headers } })
  }
}

let provider, opencode
const fronts = []
before(async () => {
  provider = await startProvider()
  opencode = await startOpencode({ provider, password: 'secret-of-the-test' })
})
after(async () => {
  await opencode?.stop()
  for (const front of fronts) await front.stop()
  await provider?.stop()
})

for (const kind of ['nginx-fcgi', 'apache-cgi']) {
  test(`a whole sign-in: ${kind}`, async () => {
    const front = await startFront({ kind, host: HOST, tls: true, opencodePort: opencode.port, opencodeSocket: opencode.socket })
    fronts.push(front)
    for (const [i, others] of SSO.entries()) {
      assert.ok(others.length > 60_000 && others.length < 64_000, String(others.length))
      const client = new Browser(front, opencode.authorization.Authorization, others, i === 0)
      const start = await client.send('GET', '/signin/')
      assert.equal(start.status, 200, start.content)
      assert.match(start.content, /ChatGPT/)
      assert.equal((await client.send('GET', '/provider')).status, 200, 'opencode’s own calls')

      const flow = await client.signIn()
      assert.match(client.cookie, /^__Host-opencode-callback=/)
      const tokens = opencode.auth().openai?.refresh
      const answer = await client.callback(await provider.approve(flow.authorize))
      assert.deepEqual([answer.status, answer.headers.get('location')], [303, flow.path], answer.content)
      assert.deepEqual(await client.status(flow), { state: 'done', expires_in: 0 })
      assert.notEqual(opencode.auth().openai.refresh, tokens)

      const second = await client.signIn()
      const pasted = await client.paste(second, await provider.approve(second.authorize))
      assert.equal(pasted.status, 303, pasted.content)
      assert.deepEqual(await client.status(second), { state: 'done', expires_in: 0 })
    }
    assert.ok(!front.logs().includes('CANARY'), 'no cookie is in a log')
  })
}
