/*
 * Two projects of one opencode: what is begun in the directory of one is listed, finished, loaded and
 * connected there. With the real opencode, and an MCP server that only the second project knows.
 */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Client } from '../lib/client.mjs'
import { startFront } from '../lib/front.mjs'
import { startMcpServer } from '../lib/mcp.mjs'
import { startOpencode } from '../lib/opencode.mjs'
import { startProvider } from '../lib/provider.mjs'

const done = { state: 'done', expires_in: 0 }
const PROJECT = 'a second & grün' // a name that has to be escaped everywhere

let provider, opencode, server, front, client, directory, name, segment
let count = 0
before(async () => {
  provider = await startProvider()
  opencode = await startOpencode({ provider })
})
after(async () => {
  await opencode?.stop()
  await provider?.stop()
})

/*
 * A project and a server's name of its own for each test: opencode keeps tokens by name, whatever the
 * project. direct: the redirect URI is the front's own.
 */
function makeProject({ direct = false } = {}) {
  name = `only here ${++count}`
  segment = encodeURIComponent(name)
  directory = join(mkdtempSync(join(opencode.home, 'projects-')), PROJECT)
  mkdirSync(directory)
  const settings = direct ? { redirectUri: `${front.origin}/mcp/oauth/callback` } : undefined
  writeFileSync(join(directory, 'opencode.json'), JSON.stringify({ mcp: { [name]: server.remote(settings) } }))
  client = new Client(front.origin)
}

const query = () => `?directory=${encodeURIComponent(directory)}`
const header = () => ({ 'x-opencode-directory': encodeURIComponent(directory) })
const elsewhere = () => ({ 'x-opencode-directory': encodeURIComponent(opencode.work) })

/* opencode's own word for the servers of a project. */
async function servers(headers = header()) {
  const answer = await fetch(`${opencode.origin}/mcp`, { headers })
  return Object.fromEntries(Object.entries(await answer.json()).map(([name, { status }]) => [name, status]))
}

/* The action of a form, and what is hidden in it, as a browser reads them. */
function readForm(html, attributes) {
  const plain = (text) => text.replaceAll('&quot;', '"').replaceAll('&amp;', '&')
  const whole = html.match(new RegExp(`<form [^>]*${attributes}[^]*?</form>`))
  assert.ok(whole, `no form with ${attributes}`)
  const hidden = [...whole[0].matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)]
  const action = plain(whole[0].match(/action="([^"]*)"/)[1])
  return { path: action, fields: Object.fromEntries(hidden.map(([, name, value]) => [name, plain(value)])) }
}

/* Opens the start page of the project and sends one of its forms. */
async function startFromPage(attributes, inputs = {}) {
  const page = await client.send('GET', `/signin/${query()}`)
  assert.equal(page.status, 200, page.content)
  const { path, fields } = readForm(page.content, attributes)
  assert.equal(path, `/signin/start${query()}`)
  return client.start({ ...fields, ...inputs }, { path })
}

for (const kind of ['nginx-fcgi', 'apache-cgi']) {
  describe(`through ${kind}`, () => {
    before(async () => {
      server = await startMcpServer() // for each: it takes 20 registrations
      front = await startFront({ kind, opencodePort: opencode.port, opencodeSocket: opencode.socket })
    })
    after(async () => {
      await front?.stop()
      await server?.stop()
    })

    test('the web UI’s calls name the project by header, others by query', async () => {
      makeProject()
      const ways = [
        { target: `/mcp/${segment}/auth`, headers: header() },
        { target: `/mcp/${segment}/auth${query()}`, headers: elsewhere() }, // the query wins, as in opencode
      ]
      assert.equal((await client.begin({ target: `/mcp/${segment}/auth`, body: '' })).status, 404)
      for (const way of ways) {
        const begun = await client.begin({ ...way, body: '' })
        assert.equal(begun.status, 200, begun.content)
        const flow = await client.open(JSON.parse(begun.content).authorizationUrl)
        // nothing that comes later names the project
        await client.paste(flow, await server.approve(flow.authorize))
        assert.deepEqual(await client.status(flow), done)
        assert.deepEqual(await servers(), { [name]: 'connected' })
      }
      assert.deepEqual(await servers({}), {})
    })

    test('the button of the web UI, in a project', async () => {
      makeProject()
      const click = (headers) => client.begin({ target: `/mcp/${segment}/auth/authenticate`, body: '', headers })
      assert.equal((await click()).status, 404)
      assert.equal((await click(header())).status, 409)
      const [path] = (await client.send('GET', '/signin/')).content.match(/\/signin\/flow\/[\w-]{22}/)
      const flow = await client.open(path)
      await client.callback(await server.approve(flow.authorize))
      assert.deepEqual(await client.status(flow), done)
      assert.equal((await click(header())).content, '{"status":"connected"}')
      assert.deepEqual(await servers(), { [name]: 'connected' })
    })

    test('the start page of the project lists its server and connects it there', async () => {
      makeProject({ direct: true })
      assert.doesNotMatch((await client.send('GET', '/signin/')).content, /data-mcp|only here/)
      assert.equal((await client.form('/signin/start', { mcp: segment })).status, 502)
      const flow = await startFromPage(`data-mcp="${segment}"`)
      const answer = await client.send('GET', await server.approve(flow.authorize))
      assert.equal(answer.headers.get('location'), flow.path)
      assert.deepEqual(await client.status(flow), done)
      assert.deepEqual(await servers(), { [name]: 'connected' })
      assert.deepEqual(await servers({}), {})
      const listed = (await client.send('GET', `/signin/${query()}`)).content
      assert.match(listed, new RegExp(`${name}</h3>\\s*<p class="good">connected`))
    })

    test('begun again, it is the same project', async () => {
      makeProject({ direct: true })
      const first = await startFromPage(`data-mcp="${segment}"`)
      await client.send('GET', server.deny(first.authorize))
      assert.equal((await client.status(first)).state, 'declined')
      const page = (await client.send('GET', first.path)).content
      const { path, fields } = readForm(page, 'data-again')
      const second = await client.start(fields, { path })
      await client.send('GET', await server.approve(second.authorize))
      assert.deepEqual(await client.status(second), done)
      assert.deepEqual(await servers(), { [name]: 'connected' })
    })

    test('begun again with what a method asks for: that is asked again, in the same project', async () => {
      makeProject()
      const inputs = { 'input.instanceUrl': 'https://gitlab.com' }
      const flow = await startFromPage('data-provider="gitlab"', inputs)
      assert.equal((await client.paste(flow, provider.gitlab.deny(flow.authorize))).status, 303)
      assert.equal((await client.status(flow)).state, 'declined')
      const { path, fields } = readForm((await client.send('GET', flow.path)).content, 'data-again')
      const answer = await client.form(path, fields)
      assert.deepEqual([answer.status, answer.headers.get('location')], [303, `/signin/${query()}`])
    })

    test('a provider’s account from the project’s start page, loaded there', async () => {
      makeProject()
      const exchanged = provider.exchanges.length
      const stream = await listen()
      try {
        const flow = await startFromPage('data-provider="openai" data-method="0"')
        await client.paste(flow, await provider.approve(flow.authorize))
        assert.deepEqual(await client.status(flow), done)
        assert.ok(provider.canaries().includes(opencode.auth().openai.refresh))
        assert.equal(provider.exchanges.length, exchanged + 1)
        assert.equal((await client.form(flow.path, { load: 'yes' })).headers.get('location'), flow.path)
        // an instance that is disposed of ends its event streams: this was the project's
        assert.match(await stream.ended(), /server\.instance\.disposed/)
      } finally {
        stream.close()
      }
      const { connected } = await (await fetch(`${opencode.origin}/provider`, { headers: header() })).json()
      assert.ok(connected.includes('openai'))
    })
  })
}

/* The event stream of the project. */
async function listen() {
  const abort = new AbortController()
  const answer = await fetch(`${opencode.origin}/event`, { headers: header(), signal: abort.signal })
  const late = setTimeout(() => abort.abort(new Error('the project was not loaded anew')), 60_000)
  return {
    ended: () => answer.text(),
    close: () => (clearTimeout(late), abort.abort()),
  }
}
