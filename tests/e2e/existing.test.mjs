/*
 * The real opencode, 1 and the preview of 2, behind sites that are not ours, with the one line that brings in our part:
 * whole sign-ins, begun on our start page and as opencode's own interface begins them, finished by pasting and in the
 * address bar; opencode's event stream, and one of its terminals by WebSocket.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Client, openStream } from '../lib/client.mjs'
import { SITES, SITE_AUTHORIZATION, SITE_PASSWORD, startExisting } from '../lib/existing_sites.mjs'
import { give } from '../lib/front.mjs'
import { scratch, until } from '../lib/net.mjs'
import { startOpencode } from '../lib/opencode.mjs'
import { startProvider } from '../lib/provider.mjs'
import { DONE, expectEnd } from '../lib/site.mjs'
import { NEXT, cannotRun } from '../lib/versions.mjs'

const PASSWORD = 'secret-of-the-test'
const JSON_TYPE = { 'content-type': 'application/json' }

/* How each generation's own interface begins ChatGPT's sign-in, and where its streams are. */
const GENERATIONS = {
  'opencode 1': {
    version: undefined, events: '/event', terminals: '/pty', unwrap: (answer) => answer,
    begin: (client) => client.signIn(),
  },
  'opencode 2': {
    version: NEXT, events: '/api/event', terminals: '/api/pty', unwrap: ({ data }) => data, ticket: true,
    async begin(client) {
      const answer = await client.begin({ target: '/api/integration/openai/connect/oauth', body: JSON.stringify({ methodID: 'chatgpt-browser', inputs: {} }) })
      assert.equal(answer.status, 200, answer.content)
      return client.open(JSON.parse(answer.content).data.url)
    },
  },
}

for (const [name, { version, events: eventPath, terminals, unwrap, ticket, begin }] of Object.entries(GENERATIONS)) {
  describe(name, { skip: cannotRun(version) ?? false }, () => {
    const fronts = []
    const streams = []
    let provider, opencode, folder
    before(async () => {
      provider = await startProvider()
      folder = scratch('existing')
      opencode = await startOpencode({ provider, password: PASSWORD, version })
      writeFileSync(join(folder.path, 'password'), `${PASSWORD}\n`, { mode: 0o600 })
      give(folder.path, join(folder.path, 'password'))
    })
    after(async () => {
      // Servers wait for streams that opencode has not ended.
      await opencode?.stop()
      for (const stream of streams) stream.destroy()
      const said = fronts.map((front) => front.logs()).concat(opencode?.logs()).join('\n')
      for (const front of fronts) await front.stop()
      await provider?.stop()
      folder?.remove()
      for (const secret of [...provider.canaries(), PASSWORD, SITE_PASSWORD, SITE_AUTHORIZATION.slice(6)]) {
        assert.ok(!said.includes(secret), `a log holds ${secret}`)
      }
    })

    for (const { server, name: which, site } of SITES) {
      test(`${server}, ${which}`, async () => {
        const own = opencode.authorization.Authorization
        const ini = site.password ? { opencode: { login: 'own', password_file: join(folder.path, 'password') } } : undefined
        const front = await startExisting({
          server, site, at: 'PART', opencodePort: opencode.port, opencodeSocket: opencode.socket, ini, inner: own.replace('Basic ', ''),
        })
        fronts.push(front)
        const authorization = site.password ? SITE_AUTHORIZATION : own
        const client = new Client(front.origin, { authorization, where: front.where })
        if (site.password) assert.equal((await new Client(front.origin, { where: front.where }).send('GET', '/signin/')).status, 401)

        const page = await client.send('GET', '/signin/')
        assert.equal(page.status, 200, page.content)
        const pasted = await client.start(opencode.chatgpt)
        const approved = await provider.approve(pasted.authorize)
        assert.equal((await client.paste(pasted, approved)).status, 303)
        await expectEnd(client, pasted, DONE)
        assert.ok((await opencode.accounts()).includes('openai'))
        await opencode.signOut()

        const edited = await begin(client)
        const answer = await client.callback(await provider.approve(edited.authorize))
        assert.deepEqual([answer.status, answer.headers.get('location')], [303, edited.path], answer.content)
        await expectEnd(client, edited, DONE)
        assert.ok((await opencode.accounts()).includes('openai'))

        const foreign = await client.callback('http://localhost:1455/auth/callback?code=c&state=of-somebody-else')
        assert.equal(foreign.status, 400, foreign.content)
        assert.match(foreign.content, /not known in this browser/)
        const none = await client.send('GET', '/signin/none')
        assert.deepEqual([none.status, /data-problem="([\w-]+)"/.exec(none.content)?.[1]], [404, 'not-found'], none.content)

        const events = openStream(front, client, eventPath, { accept: 'text/event-stream' }, streams)
        await until('the first event', () => events.text().includes('server.connected'))
        const made = await client.send('POST', terminals, { headers: JSON_TYPE, body: JSON.stringify({ command: 'cat', title: 'x' }) })
        const { id } = unwrap(JSON.parse(made.content))
        await until('the event of its terminal', () => events.text().includes('pty.created') && events.text().includes(id))
        let query = ''
        if (ticket) {
          const got = await client.send('POST', `${terminals}/${id}/connect-token`, { headers: { ...JSON_TYPE, 'x-opencode-ticket': '1' }, body: '{}' })
          query = `?ticket=${encodeURIComponent(unwrap(JSON.parse(got.content)).ticket)}`
        }
        const terminal = openStream(front, client, `${terminals}/${id}/connect${query}`, {
          connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        }, streams)
        await until('101', () => /^HTTP\/1\.1 101 [^]*\r\n\r\n/.test(terminal.text()))
        terminal.write(Buffer.concat([Buffer.from([0x81, 0x80 | 6, 0, 0, 0, 0]), Buffer.from('hello\n')]))
        // once by the terminal, once by cat
        await until('its echo', () => terminal.text().split('hello').length === 3)
        await client.send('DELETE', `${terminals}/${id}`)
        await until('it is closed', () => terminal.text().includes('\x88\x02\x03\xe8'))
        await opencode.signOut()
      })
    }
  })
}
