/*
 * The same sign-ins with each supported version of opencode, from our start page: ChatGPT, and an MCP
 * server in both ways. `make check` runs the oldest, the newest 1.x and a preview of opencode 2;
 * `make check-opencodes` runs all of tests/lib/versions.mjs. With the preview also a sign-in as its own
 * window would begin it.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { Client } from '../lib/client.mjs'
import { Fixture } from '../lib/fixture.mjs'
import { startMcpServer } from '../lib/mcp.mjs'
import { until } from '../lib/net.mjs'
import { startProvider } from '../lib/provider.mjs'
import { DONE, KINDS, expectEnd } from '../lib/site.mjs'
import { NEXT, VERSIONS, cannotRun } from '../lib/versions.mjs'

const MCP = 'my demo'
const MCP_FIELD = 'my%20demo' // our forms name a server as a path does
const fixture = new Fixture()

let provider, server, opencode, front
before(async () => (provider = await startProvider()))
after(async () => {
  await fixture.stop()
  await provider?.stop()
})
beforeEach(() => (provider.exchanges.length = 0))
afterEach(async (t) => {
  const said = `${front?.logs()}${opencode?.logs()}`
  await fixture.tidy(t)
  opencode = front = undefined
  for (const secret of provider.canaries()) assert.ok(!said.includes(secret), `a log holds ${secret}`)
})

async function start({ version, kind }) {
  opencode = await fixture.start({ provider, version })
  front = await fixture.serve({ kind })
  return new Client(front.origin, { authorization: opencode.authorization.Authorization })
}

/* Begins by the fields of a form that the start page must have. */
async function startBy(client, form, fields) {
  const page = await client.send('GET', '/signin/')
  assert.equal(page.status, 200, page.content)
  assert.match(page.content, new RegExp(`<form [^>]*${form}[ >]`))
  return client.start(fields)
}

function startChatgpt(client) {
  const { provider: id, method } = opencode.chatgpt
  return startBy(client, `data-provider="${id}" data-method="${method}"`, opencode.chatgpt)
}

const startMcp = (client) => startBy(client, `data-mcp="${MCP_FIELD}"`, { mcp: MCP_FIELD })

const connects = (name) => until(`${name} is connected`, async () => (await opencode.mcp())[name] === 'connected')

function runs(version, kind) {
  const skip = cannotRun(version) ?? false

  test('it is healthy', { skip }, async () => {
    const client = await start({ version, kind })
    const health = await client.send('GET', '/signin/health')
    assert.equal(health.status, 200, health.content)
    assert.equal(JSON.parse(health.content).status, 'ok')
  })

  test('ChatGPT, pasted: done, and opencode has the account', { skip }, async () => {
    const client = await start({ version, kind })
    assert.ok(!(await opencode.accounts()).includes('openai'))
    const flow = await startChatgpt(client)
    const paste = await client.paste(flow, provider.approve(flow.authorize))
    assert.equal(paste.headers.get('location'), flow.path)
    await expectEnd(client, flow, DONE, { again: false })
    await opencode.load()
    assert.ok((await opencode.accounts()).includes('openai'))
    assert.deepEqual(provider.exchanges.map(({ error }) => error), [null])
  })

  describe('an MCP server', { skip }, () => {
    before(async () => (server = await startMcpServer()))
    after(() => server?.stop())

    test('a loopback redirect URI, pasted', async () => {
      const client = await start({ version, kind })
      await fixture.knowMcp({ [MCP]: server.remote() })
      const flow = await startMcp(client)
      const paste = await client.paste(flow, await server.approve(flow.authorize))
      assert.equal(paste.headers.get('location'), flow.path)
      await expectEnd(client, flow, DONE)
      await connects(MCP)
    })

    test('a public redirect URI: nothing is copied', async () => {
      const client = await start({ version, kind })
      await fixture.knowMcp({ [MCP]: server.remote({ redirectUri: `${front.origin}/mcp/oauth/callback` }) })
      const flow = await startMcp(client)
      const redirected = await client.send('GET', await server.approve(flow.authorize))
      assert.equal(redirected.headers.get('location'), flow.path)
      await expectEnd(client, flow, DONE)
      await connects(MCP)
      assert.doesNotMatch((await client.send('GET', '/signin/')).content, /<form [^>]*data-mcp/)
    })
  })
}

/* The calls that the window of opencode 2 makes: the begin, and what has become of the attempt. */
function runsAsItsWindow(kind) {
  const target = '/api/integration/openai/connect/oauth'
  const body = '{"methodID":"chatgpt-browser","inputs":{}}'

  test('begun by opencode’s own window, pasted: the attempt is complete', { skip: cannotRun(NEXT) ?? false }, async () => {
    const client = await start({ version: NEXT, kind })
    const stranger = new Client(front.origin)
    assert.equal((await stranger.begin({ target, body })).status, 401)
    const answer = await client.begin({ target, body })
    assert.equal(answer.status, 200, answer.content)
    const { url, mode, attemptID } = JSON.parse(answer.content).data
    assert.equal(mode, 'auto')
    assert.ok(url.startsWith(`${front.origin}/signin/flow/`), url)

    const own = new Client(opencode.origin, { authorization: opencode.authorization.Authorization })
    const attempt = async () => JSON.parse((await own.send('GET', `${target}/${attemptID}`)).content).data.status
    const flow = await client.open(url)
    assert.equal(await attempt(), 'pending')
    const paste = await client.paste(flow, provider.approve(flow.authorize))
    assert.equal(paste.headers.get('location'), flow.path)
    await expectEnd(client, flow, DONE, { again: false })
    assert.equal(await attempt(), 'complete')
    assert.ok((await opencode.accounts()).includes('openai'))
  })
}

for (const version of VERSIONS) {
  for (const kind of version === NEXT ? KINDS : ['nginx-fcgi']) {
    describe(`opencode ${version}, through ${kind}`, () => {
      runs(version, kind)
      if (version === NEXT) runsAsItsWindow(kind)
    })
  }
}
