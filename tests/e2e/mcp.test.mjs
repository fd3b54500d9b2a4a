/*
 * Signing in to MCP servers, with the real opencode and the real example server of the MCP SDK.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { Client } from '../lib/client.mjs'
import { Fixture } from '../lib/fixture.mjs'
import { startMcpServer } from '../lib/mcp.mjs'
import { startProvider } from '../lib/provider.mjs'

const NAMES = ['demo', 'my demo', 'grün/ä', 'openai']
const done = { state: 'done', expires_in: 0 }
const fixture = new Fixture()

let server, provider, opencode, front
before(async () => (provider = await startProvider()))
after(async () => {
  await fixture.stop()
  await server?.stop()
  await provider?.stop()
})
afterEach((t) => fixture.tidy(t))

/* The server registers 20 clients: opencode makes two of itself for each name, and one when it begins again. */
let clients = Infinity
async function haveServer(names) {
  clients += 2 * names.length
  if (clients <= 16 && server.running()) return
  await server?.stop()
  server = await startMcpServer()
  clients = 2 * names.length
}

/* direct: the redirect URI is the front's own. */
async function start({ kind = 'nginx-fcgi', direct = false, names = ['demo'], password } = {}) {
  opencode = await fixture.start({ provider, password })
  front = await fixture.serve({ kind })
  await haveServer(names)
  const settings = direct ? { redirectUri: `${front.origin}/mcp/oauth/callback` } : undefined
  await fixture.knowMcp(Object.fromEntries(names.map((name) => [name, server.remote(settings)])))
  return new Client(front.origin, { authorization: opencode.authorization.Authorization })
}

const begin = (client, name, headers) =>
  client.begin({ target: `/mcp/${encodeURIComponent(name)}/auth`, body: '', headers })
const statuses = async (client) => {
  const answer = await client.send('GET', '/mcp')
  return Object.fromEntries(Object.entries(JSON.parse(answer.content)).map(([name, { status }]) => [name, status]))
}

for (const kind of ['nginx-fcgi', 'apache-cgi']) {
  describe(`through ${kind}`, () => {
    test('a public redirect URI: the provider sends the browser to us, nothing is copied', async () => {
      const client = await start({ kind, direct: true, names: NAMES })
      for (const name of NAMES) {
        const answer = await begin(client, name)
        assert.equal(answer.status, 200, `${name}: ${answer.content}`)
        const { authorizationUrl, oauthState } = JSON.parse(answer.content)
        assert.equal(new URL(authorizationUrl).searchParams.get('state'), oauthState)
        assert.equal((await statuses(client))[name], 'needs_auth')
        const redirected = await client.send('GET', await server.approve(authorizationUrl))
        assert.equal(redirected.status, 303, redirected.content)
        const page = await client.send('GET', redirected.headers.get('location'))
        assert.match(page.content, /data-state="done"/)
        assert.equal((await statuses(client))[name], 'connected')
      }
    })

    test('a loopback redirect URI: pasted, or its address edited; two servers at once', async () => {
      const client = await start({ kind, names: ['one', 'two'] })
      const flows = {}
      for (const name of ['one', 'two']) {
        const { authorizationUrl } = JSON.parse((await begin(client, name)).content)
        flows[name] = await client.open(authorizationUrl)
      }
      const paste = await client.paste(flows.one, await server.approve(flows.one.authorize))
      assert.equal(paste.headers.get('location'), flows.one.path)
      const edit = await client.callback(await server.approve(flows.two.authorize))
      assert.equal(edit.headers.get('location'), flows.two.path)
      for (const flow of Object.values(flows)) assert.deepEqual(await client.status(flow), done)
      assert.deepEqual(await statuses(client), { one: 'connected', two: 'connected' })
    })

    test('the button of the web UI: the sign-in waits on the start page of the browser that clicked', async () => {
      const client = await start({ kind, names: ['my demo'] })
      const click = () => client.begin({ target: '/mcp/my%20demo/auth/authenticate', body: '' })
      const waiting = async () => (await client.send('GET', '/signin/')).content.match(/\/signin\/flow\/[\w-]{22}/g)
      const answer = await click()
      assert.equal(answer.status, 409)
      assert.deepEqual(JSON.parse(answer.content), {
        name: 'UnknownError', data: { message: `Sign in to my demo at ${front.origin}/signin/ and then click here again.` },
      })
      const [path] = await waiting()
      assert.equal((await click()).content, answer.content)
      assert.deepEqual(await waiting(), [path], 'an impatient second click begins nothing')
      const flow = await client.open(path)
      await client.paste(flow, await server.approve(flow.authorize))
      assert.deepEqual(await client.status(flow), done)
      assert.equal((await click()).content, '{"status":"connected"}')
      assert.deepEqual(await statuses(client), { 'my demo': 'connected' })
      const stranger = new Client(front.origin)
      assert.ok(!(await stranger.send('GET', '/signin/')).content.includes(flow.id))
    })

    test('from the start page', async () => {
      const client = await start({ kind, direct: true })
      const page = await client.send('GET', '/signin/')
      assert.equal(page.status, 200)
      assert.match(page.content, /<form [^>]*data-mcp="demo"/)
      const flow = await client.start({ mcp: 'demo' })
      assert.equal((await client.send('GET', await server.approve(flow.authorize))).headers.get('location'), flow.path)
      assert.deepEqual(await client.status(flow), done)
      assert.doesNotMatch((await client.send('GET', '/signin/')).content, /<form [^>]*data-mcp="demo"/)
    })
  })
}

test('declined: recorded, nothing is sent, and one click begins again', async () => {
  const client = await start({ direct: true })
  const first = await client.start({ mcp: 'demo' })
  assert.equal((await client.send('GET', server.deny(first.authorize))).headers.get('location'), first.path)
  assert.equal((await client.status(first)).state, 'declined')
  assert.match((await client.send('GET', first.path)).content, /<form [^>]*data-again/)
  const second = await client.start({ again: first.id })
  assert.notEqual(second.id, first.id)
  await client.send('GET', await server.approve(second.authorize))
  assert.deepEqual(await client.status(second), done)
})

test('a code that the server does not take: failed, and the page says which step', async () => {
  const client = await start({ direct: true })
  const flow = await client.start({ mcp: 'demo' })
  const address = new URL(await server.approve(flow.authorize))
  address.searchParams.set('code', 'another')
  await client.send('GET', address.href)
  assert.deepEqual(await client.status(flow), { state: 'failed', expires_in: 0, reason: 'refused-by-provider' })
  const again = await client.start({ again: flow.id })
  await client.send('GET', await server.approve(again.authorize))
  assert.deepEqual(await client.status(again), done)
})

test('a second start replaces the first of the same server, and of no other', async () => {
  const client = await start({ direct: true, names: ['one', 'two'] })
  const [first, other] = [await client.start({ mcp: 'one' }), await client.start({ mcp: 'two' })]
  const second = await client.start({ mcp: 'one' })
  assert.equal((await client.status(first)).state, 'superseded')
  for (const flow of [first, second, other]) await client.send('GET', await server.approve(flow.authorize))
  assert.equal((await client.status(first)).state, 'superseded')
  assert.deepEqual(await client.status(second), done)
  assert.deepEqual(await client.status(other), done)
})

test('a stranger’s code for a flow that waits is refused: opencode would not check the state', async () => {
  const client = await start({ direct: true })
  const flow = await client.start({ mcp: 'demo' })
  const address = await server.approve(flow.authorize)
  const stranger = new Client(front.origin)
  for (const evil of [address.replace(/state=[^&]*/, 'state=x'), address.replace(/[?&]state=[^&]*/, ''), address]) {
    assert.equal((await stranger.send('GET', evil)).status, 400)
  }
  assert.equal((await client.status(flow)).state, 'waiting')
  await client.send('GET', address)
  assert.deepEqual(await client.status(flow), done)
})

test('a server that wants no sign-in, or is unknown: told, nothing recorded', async () => {
  const open = await startMcpServer({ oauth: false })
  try {
    const client = await start({ names: [] })
    await fixture.knowMcp({ open: open.remote() })
    assert.equal(JSON.parse((await begin(client, 'open')).content).authorizationUrl, '')
    for (const [name, status, word] of [['open', 409, 'begin-needless'], ['none', 502, 'begin-mcp']]) {
      const answer = await client.form('/signin/start', { mcp: name })
      assert.equal(answer.status, status)
      assert.match(answer.content, new RegExp(`data-problem="${word}"`))
    }
  } finally {
    await open.stop()
  }
})

test('a password: nothing begins or is listed without it; what began with it comes home with it', async () => {
  const client = await start({ direct: true, password: 'correct horse' })
  const stranger = new Client(front.origin)
  for (const [method, path, fields] of [['GET', '/signin/'], ['POST', '/signin/start', { mcp: 'demo' }]]) {
    const answer = await (fields ? stranger.form(path, fields) : stranger.send(method, path))
    assert.equal(answer.status, 401)
    assert.equal(answer.headers.get('www-authenticate'), 'Basic realm="Secure Area"')
  }
  const flow = await client.start({ mcp: 'demo' })
  const address = await server.approve(flow.authorize)
  const bare = new Client(front.origin)
  bare.cookie = client.cookie
  const challenge = await bare.send('GET', address)
  assert.equal(challenge.status, 401)
  assert.equal(challenge.headers.get('www-authenticate'), 'Basic realm="Secure Area"')
  assert.equal((await client.send('GET', address)).headers.get('location'), flow.path)
  assert.deepEqual(await client.status(flow), done)
  assert.ok(!front.logs().includes(opencode.authorization.Authorization.slice(6)))
})
