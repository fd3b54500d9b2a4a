/*
 * Sign-ins through the real opencode, without a browser: what goes wrong around them, and that
 * nothing is lost by it.
 */
import assert from 'node:assert/strict'
import { linkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { Client } from '../lib/client.mjs'
import { give } from '../lib/front.mjs'
import { Fixture } from '../lib/fixture.mjs'
import { scratch, startProgram, until } from '../lib/net.mjs'
import { startProvider } from '../lib/provider.mjs'

const KINDS = ['nginx-fcgi', 'apache-cgi']
const LIFETIME = 2 // seconds: as short as leaves time to open the page
const fixture = new Fixture()
let provider, opencode, front
before(async () => (provider = await startProvider()))
after(async () => {
  await fixture.stop()
  await provider?.stop()
})
beforeEach(() => {
  provider.exchanges.length = 0
  provider.refuseNext = false
})
afterEach(async (t) => {
  const said = `${front?.logs()}${opencode?.logs()}`
  await fixture.tidy(t)
  opencode = front = undefined
  for (const secret of provider.canaries()) assert.ok(!said.includes(secret), `a log holds ${secret}`)
})

async function start({ kind = 'nginx-fcgi', ini, ...more } = {}) {
  opencode = await fixture.start({ provider, ...more })
  front = await fixture.serve({ kind, ini })
  return new Client(front.origin, {})
}

const done = { state: 'done', expires_in: 0 }
const exchanged = () => provider.exchanges.map(({ error }) => error)

/* Asks only when it may have expired: through Apache each question is a process. */
function expired(client, flow) {
  const end = Date.now() + LIFETIME * 1000
  return until('it has expired', async () => Date.now() >= end && (await client.status(flow)).state === 'expired')
}

for (const kind of KINDS) {
  describe(`through ${kind}`, () => {
    test('a newer sign-in ends the older one, and only that', async () => {
      const client = await start({ kind })
      const first = await client.signIn()
      const waiting = client.finishing()
      const old = await provider.approve(first.authorize)
      const second = await client.signIn()
      // opencode was told to cancel: its timer for the first one cannot end the second any more
      assert.equal((await waiting).status, 500)
      assert.equal((await client.status(first)).state, 'superseded')
      const verdict = client.finishing()
      assert.equal((await client.callback(old)).headers.get('location'), first.path)
      assert.equal((await client.paste(first, old)).status, 303)
      assert.equal((await client.status(second)).state, 'waiting')
      const answer = await client.callback(await provider.approve(second.authorize))
      assert.equal(answer.headers.get('location'), second.path)
      assert.deepEqual(await client.status(second), done)
      assert.equal((await verdict).content, 'true')
      assert.deepEqual(exchanged(), [null])
    })

    test('a begin that opencode would not accept cancels nothing', async () => {
      const client = await start({ kind })
      const flow = await client.signIn()
      for (const body of ['{"method":9}', '{"method":2}', '{"method":"0"}', '{"method":0', '[]', '']) {
        assert.ok(!(await client.begin({ body })).content.includes('"url"'))
      }
      assert.equal((await client.status(flow)).state, 'waiting')
      await client.callback(await provider.approve(flow.authorize))
      assert.deepEqual(await client.status(flow), done)
    })

    test('it belongs to a project’s directory', async () => {
      const client = await start({ kind })
      const headers = { 'x-opencode-directory': encodeURIComponent(opencode.work) }
      for (const options of [{ headers }, { target: `/provider/openai/oauth/authorize?directory=${encodeURIComponent(opencode.work)}` }]) {
        const flow = await client.signIn(options)
        await client.callback(await provider.approve(flow.authorize))
        assert.deepEqual(await client.status(flow), done)
      }
    })

    test('the lifetime ends', async () => {
      const client = await start({ kind, ini: { flow: { lifetime: LIFETIME } } })
      const flow = await client.signIn()
      const address = await provider.approve(flow.authorize)
      await expired(client, flow)
      assert.equal((await client.callback(address)).headers.get('location'), flow.path)
      assert.deepEqual(exchanged(), [])
      assert.match((await client.send('GET', flow.path)).content, /expired/)
    })

    test('what expired here is ended in opencode too, before it could end a newer one', async () => {
      const client = await start({ kind, ini: { flow: { lifetime: LIFETIME } } })
      const first = await client.signIn()
      const waiting = client.finishing()
      await expired(client, first)
      assert.equal((await client.begin()).status, 200)
      assert.equal((await waiting).status, 500) // opencode was told to cancel
    })
  })
}

test('64 callbacks at once over both front ends are one delivery', async () => {
  const client = await start()
  const apache = await fixture.serve({ kind: 'apache-cgi', ini: { flow: { store: `dir:${front.storeDir}` } } })
  const flow = await client.signIn()
  const address = await provider.approve(flow.authorize)
  const other = new Client(apache.origin)
  other.cookie = client.cookie
  const answers = await Promise.all(
    Array.from({ length: 64 }, (_, i) => (i % 2 ? client : other).callback(address)),
  )
  for (const answer of answers) assert.ok([303, 503].includes(answer.status), String(answer.status))
  await until('it has ended', async () => !['waiting', 'delivering'].includes((await client.status(flow)).state))
  assert.deepEqual(await client.status(flow), done, `${answers.map(({ status }) => status)}`)
  assert.deepEqual(exchanged(), [null])
})

test('the account is loaded on request, where no window waits', async () => {
  const client = await start()
  const listed = async () => {
    const { providers } = JSON.parse((await client.send('GET', '/config/providers')).content)
    return providers.some(({ id }) => id === 'openai')
  }
  assert.equal(await listed(), false)
  const flow = await client.signIn()
  await client.callback(await provider.approve(flow.authorize))
  assert.deepEqual(await client.status(flow), done)
  assert.equal(await listed(), false)
  assert.equal((await client.form(flow.path, { load: 'yes' })).status, 303)
  await until('its models are there', listed)
})

test('opencode is not running', async () => {
  const client = await start()
  const flow = await client.signIn()
  const address = await provider.approve(flow.authorize)
  await opencode.stop()
  const answer = await client.callback(address)
  assert.equal(answer.status, 503)
  assert.match(answer.content, /opencode cannot be reached/)
  assert.equal((await client.status(flow)).state, 'waiting')
  const begun = await client.begin()
  assert.equal(begun.status, 503)
  assert.match(JSON.parse(begun.content).data.message, /not running|plugin/)
  const health = JSON.parse((await client.send('GET', '/signin/health')).content)
  assert.deepEqual(Object.keys(health), ['status', 'reason'])
  assert.equal(health.status, 'degraded')
  assert.match(health.reason, /^opencode cannot be reached\..* loaded\? .*"plugin".*"plugins"/)
  assert.match(front.logs(), /event=opencode-socket/)
  assert.ok(!front.logs().includes(new URL(address).searchParams.get('state')))
})

for (const kind of KINDS) {
  describe(`with a password, through ${kind}`, () => {
    test('opencode has a password', async () => {
      const client = await start({ kind, password: 'secret-of-the-test' })
      const refused = await client.begin()
      assert.equal(refused.status, 401)
      assert.match(refused.headers.get('www-authenticate'), /Secure Area/)
      assert.equal(refused.headers.get('set-cookie'), null)
      const authorization = opencode.authorization.Authorization
      const flow = await client.signIn({ headers: { authorization } })
      const address = await provider.approve(flow.authorize)
      // a stranger without the password cannot end it with a begin of his own
      assert.equal((await new Client(front.origin).begin()).status, 401)
      const challenged = await client.callback(address)
      assert.equal(challenged.status, 401)
      assert.match(challenged.headers.get('www-authenticate'), /Secure Area/)
      assert.equal((await client.status(flow)).state, 'waiting')
      assert.equal((await client.callback(address, { headers: { authorization } })).status, 303)
      assert.deepEqual(await client.status(flow), done)
      assert.ok(!front.logs().includes('secret-of-the-test'))
    })

    test('somebody else may finish what is bound to nobody, if opencode lets him in', async () => {
      const client = await start({ kind, password: 'secret-of-the-test' })
      const authorization = opencode.authorization.Authorization
      const begun = await client.begin({ headers: { authorization } })
      const path = new URL(JSON.parse(begun.content).url).pathname
      const browser = new Client(front.origin)
      const ask = await browser.send('GET', path)
      assert.equal(ask.status, 200)
      assert.ok(!ask.content.includes('id="open"'))
      assert.equal((await browser.form(path, { confirm: 'yes' })).status, 401)
      assert.equal((await browser.form(path, { confirm: 'yes' }, { 'sec-fetch-site': 'cross-site', authorization })).status, 403)
      assert.equal((await browser.form(path, { confirm: 'yes' }, { authorization })).status, 303)
      const page = await browser.send('GET', path)
      assert.match(page.content, /id="open"/)
      assert.equal((await client.send('GET', path)).status, 400)
    })
  })
}

test('password_file finishes for a visitor who has no password', async () => {
  const folder = scratch('password')
  const file = join(folder.path, 'password')
  writeFileSync(file, 'secret-of-the-test\n', { mode: 0o600 })
  give(folder.path, file)
  const client = await start({ ini: { opencode: { password_file: file } }, password: 'secret-of-the-test' })
  assert.equal((await client.begin()).status, 401)
  const flow = await client.signIn({ headers: { authorization: opencode.authorization.Authorization } })
  assert.equal((await client.callback(await provider.approve(flow.authorize))).status, 303)
  assert.deepEqual(await client.status(flow), done)
  folder.remove()
})

for (const kind of KINDS) {
  describe(`without the plugin, through ${kind}`, () => {
    test('over one socket per port, without the plugin', async () => {
      const client = await start({ kind, plugin: false })
      const flow = await client.signIn()
      const address = await provider.approve(flow.authorize)
      assert.equal((await client.paste(flow, address)).status, 303)
      assert.deepEqual(await client.status(flow), done)
      assert.ok(opencode.auth().openai.refresh)
      assert.deepEqual(exchanged(), [null])
    })
  })
}

test('a socket that refuses loses nothing: Reload works', async () => {
  opencode = await fixture.start({ provider, plugin: false })
  // no socket leads to the listener's port
  const folder = scratch('sockets')
  linkSync(opencode.socket.replace('%p', opencode.port), join(folder.path, `${opencode.port}.sock`))
  front = await fixture.serve({ kind: 'nginx-fcgi', opencodeSocket: join(folder.path, '%p.sock') })
  const client = new Client(front.origin)
  const flow = await client.signIn()
  const address = await provider.approve(flow.authorize)
  assert.equal((await client.callback(address)).status, 503)
  assert.equal((await client.status(flow)).state, 'waiting')
  const bridge = startProgram('socat', [`UNIX-LISTEN:${join(folder.path, '1455.sock')},fork,mode=660`, 'TCP:127.0.0.1:1455'])
  try {
    await until('Reload works', async () => (await client.callback(address)).status === 303)
    assert.deepEqual(await client.status(flow), done)
    assert.deepEqual(exchanged(), [null])
  } finally {
    await bridge.stop()
    folder.remove()
  }
})
