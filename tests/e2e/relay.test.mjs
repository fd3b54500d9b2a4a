/*
 * One callback URL for many opencodes: two real ones under names of their own, with the real example server of
 * the MCP SDK, that know only the relay's address. Each name has its nginx with the shipped configuration.
 */
import assert from 'node:assert/strict'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { chromium } from 'playwright-core'
import { Client } from '../lib/client.mjs'
import { WORKER, cleanEnv, give, iniText, startFront, startWorker, unprivileged } from '../lib/front.mjs'
import { Fixture } from '../lib/fixture.mjs'
import { startMcpServer } from '../lib/mcp.mjs'
import { accepts, freePort, request as ask, scratch, startProgram, until } from '../lib/net.mjs'
import { startProvider } from '../lib/provider.mjs'
import { PATH, makeKey, unwrap } from '../lib/relay.mjs'
import { flowId } from '../lib/signin.mjs'
import { CHROMIUM } from '../browser/ui.mjs'

const NAMES = ['alice', 'bob']
const host = (name) => `${name}.example`
const done = { state: 'done', expires_in: 0 }

const folder = scratch('relay')
const file = (name) => join(folder.path, name)
const ports = {}
const origin = (name) => `https://${host(name)}:${ports[name]}`
const opencodes = Object.fromEntries(NAMES.map((name) => [name, new Fixture()]))
const fronts = {}
let provider, server, relay, relayed

/* The relay's configuration, renamed into its place as an editor does it. */
function configure(sites) {
  const sections = { flow: { store: `dir:${file('store')}` }, limit: { rate: '60000/min', burst: 100000 } }
  for (const [name, keys] of Object.entries(sites)) {
    sections[`relay-site ${name}`] = { target: `${origin(name)}/mcp/oauth/callback`, key_file: file(`${name}.key`), ...keys }
  }
  writeFileSync(file('relay.ini.new'), iniText(sections), { mode: 0o644 })
  renameSync(file('relay.ini.new'), file('relay.ini'))
}

/* A worker whose socket outlives it, as systemd's does: whenever it ends, there is another one. */
async function startLasting(socket) {
  const words = ['-n', '-s', socket, '--', '/usr/bin/multiwatch', '-f', '1', '-r', '1000', '--', WORKER, '-c', file('relay.ini')]
  const program = startProgram(...unprivileged('spawn-fcgi', words), { cwd: '/', env: cleanEnv() })
  await until('the relay accepts', () => accepts({ path: socket }))
  const children = () => readFileSync(`/proc/${program.pid}/task/${program.pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
  return {
    ...program,
    /* Ends the worker in order; the next one has read the configuration anew. */
    async restart() {
      const starts = () => program.output().match(/event=worker-start/g)?.length ?? 0
      const before = starts()
      await until('it has a worker', () => children().length === 1)
      process.kill(children()[0], 'SIGTERM')
      await until('another one is there', () => starts() > before)
    },
  }
}

const statuses = async (name) => {
  const answer = await new Client(opencodes[name].opencode.origin).send('GET', '/mcp')
  return Object.fromEntries(Object.entries(JSON.parse(answer.content)).map(([one, { status }]) => [one, status]))
}

const visitor = (name) => new Client(origin(name), { where: fronts[name].where })
const toRelay = (address, where = relay.where) => new Client(origin('relay'), { where }).send('GET', address)

/* The address to which the authorization server sends the browser: the relay's. */
async function approved(flow) {
  const address = await server.approve(flow.authorize)
  assert.ok(address.startsWith(`${origin('relay')}${PATH}?`), address)
  return address
}

/* From the relay to the site that it names, and to the page of the flow there. */
async function goHome(client, name, flow, address) {
  const redirect = await toRelay(address)
  assert.equal(redirect.status, 303, redirect.content)
  const target = redirect.headers.get('location')
  assert.ok(target.startsWith(`${origin(name)}/mcp/oauth/callback?`), target)
  const answer = await client.send('GET', target)
  assert.equal(answer.status, 303, answer.content)
  assert.equal(answer.headers.get('location'), flow.path)
  assert.deepEqual(await client.status(flow), done)
  assert.equal((await statuses(name)).demo, 'connected')
  return target
}

const startSite = async (name) => {
  const { port, socket } = opencodes[name].opencode
  fronts[name] = await startFront({
    kind: 'nginx-fcgi', host: host(name), port: ports[name], tls: true, opencodePort: port, opencodeSocket: socket,
    ini: { relay: { via: origin('relay') + PATH, id: name, key_file: file(`${name}.key`) } },
  })
}

/* Every sign-in of every opencode is new, and every client of the MCP server: it registers 20. */
async function renew() {
  await server?.stop()
  server = await startMcpServer()
  for (const name of NAMES) {
    const clear = new Client(opencodes[name].opencode.origin)
    await clear.send('DELETE', '/mcp/demo/auth')
    await opencodes[name].knowMcp({ demo: server.remote({ redirectUri: origin('relay') + PATH }) })
    assert.deepEqual(await statuses(name), { demo: 'needs_auth' })
  }
}

before(async () => {
  give(folder.path)
  for (const name of [...NAMES, 'relay', 'carol']) ports[name] = await freePort()
  for (const name of [...NAMES, 'carol']) makeKey(file(`${name}.key`))
  provider = await startProvider()
  for (const name of NAMES) await opencodes[name].start({ provider })
  for (const name of NAMES) await startSite(name)
  configure({ alice: {}, bob: {} })
  relayed = await startLasting(file('relay.sock'))
  relay = await startFront({
    kind: 'nginx-relay', host: host('relay'), port: ports.relay, tls: true, opencodePort: 9, opencodeSocket: '/run/none.sock',
    edit: (text) => text.replace(/unix:[^;]*worker\.sock/, `unix:${file('relay.sock')}`),
  })
})
after(async () => {
  const logs = [relay, relayed, ...Object.values(fronts)].map((one) => one?.logs?.() ?? one?.output?.() ?? '').join('\n')
  await relay?.stop()
  await relayed?.stop()
  for (const front of Object.values(fronts)) await front.stop()
  for (const name of NAMES) await opencodes[name].stop()
  await server?.stop()
  await provider?.stop()
  folder.remove()
  assert.doesNotMatch(logs, /[?&](?:code|state)=/, 'a query in a log')
})
beforeEach(renew)

test('in a browser: approved, and connected; nothing is copied', async () => {
  const rules = [...NAMES, 'relay'].map((name) => `MAP ${host(name)} 127.0.0.1`).join(', ')
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: [`--host-resolver-rules=${rules}`] })
  try {
    const context = await browser.newContext({ ignoreHTTPSErrors: true })
    for (const name of NAMES) {
      const page = await context.newPage()
      const seen = []
      page.on('request', (request) => request.isNavigationRequest() && seen.push(new URL(request.url()).host))
      await page.goto(`${origin(name)}/signin/`)
      await page.locator('form[data-mcp="demo"] button').click()
      await page.locator('#state[data-state="waiting"]').waitFor()
      assert.match(await page.content(), new RegExp(`<code>${origin('relay')}${PATH}</code> has to be allowed there`))
      await page.locator('a#open').click()
      await page.locator('[data-state="done"]').waitFor()
      assert.match(page.url(), new RegExp(`^${origin(name)}/signin/flow/[\\w-]{22}$`))
      assert.ok(seen.includes(new URL(origin('relay')).host), 'by way of the relay')
      assert.equal((await statuses(name)).demo, 'connected')
      // the back button and the history hold no way to do it twice
      await page.reload()
      await page.locator('[data-state="done"]').waitFor()
    }
  } finally {
    await browser.close()
  }
})

test('both at once, begun in opencode’s own interface: each answer comes to its own opencode', async () => {
  const flows = {}
  for (const name of NAMES) {
    const client = visitor(name)
    const answer = await client.begin({ target: '/mcp/demo/auth', body: '' })
    assert.equal(answer.status, 200, answer.content)
    const { authorizationUrl, oauthState } = JSON.parse(answer.content)
    const { id, state } = unwrap(authorizationUrl)
    assert.deepEqual([id, state], [name, oauthState])
    await client.send('GET', `/signin/flow/${flowId(state)}`) // the cookie that it was offered comes back
    flows[name] = { client, authorize: authorizationUrl }
  }
  for (const [name, flow] of Object.entries(flows)) {
    flow.address = await approved(flow)
    const target = (await toRelay(flow.address)).headers.get('location')
    // the other site does not know it, and it is still to be had afterwards
    const other = NAMES.find((one) => one !== name)
    assert.equal((await flows[other].client.send('GET', target.replace(origin(name), origin(other)))).status, 400)
    assert.equal((await visitor(name).send('GET', target)).status, 400, 'nor does another browser')
    const answer = await flow.client.send('GET', target)
    assert.equal(answer.status, 303, answer.content)
    assert.equal((await statuses(name)).demo, 'connected')
  }
})

test('declined at the provider: told to the site', async () => {
  const client = visitor('alice')
  const flow = await client.start({ mcp: 'demo' })
  const redirect = await toRelay(server.deny(flow.authorize))
  assert.equal(redirect.status, 303)
  await client.send('GET', redirect.headers.get('location'))
  assert.equal((await client.status(flow)).state, 'declined')
})

test('replayed: the relay sends it on, and the site’s claim refuses', async () => {
  const client = visitor('alice')
  const flow = await client.start({ mcp: 'demo' })
  const address = await approved(flow)
  const target = await goHome(client, 'alice', flow, address)
  const again = await toRelay(address)
  assert.equal(again.headers.get('location'), target)
  assert.equal((await client.send('GET', target)).headers.get('location'), flow.path)
  assert.deepEqual(await client.status(flow), done)
  assert.equal((await visitor('alice').send('GET', target)).status, 400)
  assert.equal((await statuses('alice')).demo, 'connected', 'the code was not used again')
  assert.equal(fronts.alice.logs().match(new RegExp(`event=flow-ended flow=${flow.id}`, 'g')).length, 1)
})

test('three relays side by side serve each sign-in, whichever it meets; one dies, and nobody notices', async () => {
  const site = { path: folder.path, iniFile: file('relay.ini') }
  const workers = []
  let front
  try {
    for (const n of [1, 2, 3]) workers.push(await startWorker(site, { name: `relay${n}.sock` }))
    const servers = workers.map(({ socket }) => `server unix:${socket};`).join(' ')
    const port = await freePort()
    front = await startFront({
      kind: 'nginx-relay', host: host('relay'), port, tls: true, opencodePort: 9, opencodeSocket: '/run/none.sock',
      edit: (text) => text.replace(/server unix:[^;]*worker\.sock;/, servers),
    })
    const client = visitor('alice')
    const flow = await client.start({ mcp: 'demo' })
    const address = await approved(flow)
    const targets = new Set()
    for (let i = 0; i < 9; i++) {
      const answer = await toRelay(address, front.where)
      assert.equal(answer.status, 303, answer.content)
      targets.add(answer.headers.get('location'))
    }
    assert.equal(targets.size, 1, 'all say the same')
    for (const worker of workers) await until('each has served', () => worker.output().includes('event=relayed site=alice'))
    await workers.shift().stop('SIGKILL')
    for (let i = 0; i < 9; i++) assert.equal((await toRelay(address, front.where)).status, 303)
    const [target] = targets
    assert.equal((await client.send('GET', target)).headers.get('location'), flow.path)
    assert.deepEqual(await client.status(flow), done)
  } finally {
    await front?.stop()
    for (const worker of workers) await worker.stop()
  }
})

test('the keys rotate while sign-ins are pending: none is lost, and then the old one is worth nothing', async () => {
  const clients = [visitor('alice'), visitor('bob')]
  const pending = { alice: await clients[0].start({ mcp: 'demo' }), bob: await clients[1].start({ mcp: 'demo' }) }
  const old = await approved(pending.alice)
  // first the relay, with both
  renameSync(file('alice.key'), file('alice.old'))
  makeKey(file('alice.key'))
  configure({ alice: { previous_key_file: file('alice.old') }, bob: {} })
  await relayed.restart()
  await goHome(clients[0], 'alice', pending.alice, old)
  // then the site: what it begins from here on is under the new one
  await fronts.alice.stop()
  await startSite('alice')
  await new Client(opencodes.alice.opencode.origin).send('DELETE', '/mcp/demo/auth')
  const client = visitor('alice')
  const fresh = await client.start({ mcp: 'demo' })
  const address = await approved(fresh)
  // then the old one goes
  configure({ alice: {}, bob: {} })
  await relayed.restart()
  await goHome(client, 'alice', fresh, address)
  await goHome(clients[1], 'bob', pending.bob, await approved(pending.bob))
  assert.equal((await toRelay(old)).status, 400)
})

describe('sites come and go', () => {
  test('one that was removed is refused, its sign-in still waits, and it works when it is back', async () => {
    const client = visitor('bob')
    const flow = await client.start({ mcp: 'demo' })
    const address = await approved(flow)
    configure({ alice: {} })
    await relayed.restart()
    const refused = await toRelay(address)
    assert.equal(refused.status, 400)
    assert.match(refused.content, /data-problem="relay-refused"/)
    await until('the log says why', () => relayed.output().includes('cause=unknown-site site=bob'))
    assert.equal((await client.status(flow)).state, 'waiting')
    configure({ alice: {}, bob: {} })
    await relayed.restart()
    await goHome(client, 'bob', flow, address)
  })

  test('under load no request fails, and a sign-in that was pending before is finished', async () => {
    const client = visitor('alice')
    const flow = await client.start({ mcp: 'demo' })
    const address = await approved(flow)
    const wrong = []
    let count = 0
    let running = true
    const lane = async () => {
      while (running) {
        const answer = await toRelay(address).catch((error) => ({ status: error.message }))
        if (answer.status !== 303) wrong.push(answer.status)
        count++
      }
    }
    const lanes = Promise.all(Array.from({ length: 8 }, lane))
    for (const sites of [{ alice: {}, bob: {}, carol: {} }, { alice: {} }, { alice: {}, bob: {} }]) {
      const before = count
      await until('requests go through', () => count > before + 50)
      configure(sites)
      await relayed.restart()
    }
    running = false
    await lanes
    assert.deepEqual(wrong, [])
    assert.ok(count > 150, `${count} requests`)
    await goHome(client, 'alice', flow, address)
  })
})

test('nothing but its callback is there, and http leads to https without a query in any log', async () => {
  for (const path of ['/', '/signin/', '/signin/flow/x', '/auth/callback', '/mcp/demo/auth', '/relay/callback/']) {
    assert.equal((await toRelay(`${path}?code=C`)).status, 404, path)
  }
  assert.equal((await toRelay('/signin/health')).status, 200)
  const page = await toRelay(`${PATH}?code=C&state=S`)
  assert.equal(page.status, 400)
  for (const [, asset] of page.content.matchAll(/(?:href|src)="(\/[^"]*)"/g)) assert.equal((await toRelay(asset)).status, 200, asset)
  const plain = await ask({ port: relay.plainPort }, 'GET', `${PATH}?code=C&state=S`, { host: host('relay') })
  assert.equal(plain.status, 301)
  assert.equal(plain.headers.location, `https://${host('relay')}${PATH}?code=C&state=S`)
})
