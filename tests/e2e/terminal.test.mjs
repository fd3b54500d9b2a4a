/*
 * Sign-ins that the real `opencode auth login` began in a terminal: its address is pasted on the start
 * page, and the browser's side goes on from there.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { Client } from '../lib/client.mjs'
import { accepts, until } from '../lib/net.mjs'
import { LISTENER_PORT } from '../lib/opencode.mjs'
import { KINDS, UNCONFIRMED, expectEnd, startSite } from '../lib/site.mjs'
import { startAuthLogin } from '../lib/terminal.mjs'

const HANDED = { says: /Look at your terminal now/, again: false }

let site, provider, logins
before(async () => {
  site = await startSite()
  provider = site.provider
  logins = []
})
after(() => site?.stop())
afterEach(async () => {
  for (const login of logins.splice(0)) await login.stop()
  await until('nobody listens any more', async () => !(await accepts({ port: LISTENER_PORT })))
  await site.forget()
  for (const one of [provider, provider.gitlab, provider.poe, provider.digitalocean]) {
    one.exchanges.length = 0
    one.refuseNext = false
  }
})

/* A login of the user whose opencode runs beside it. */
async function login(options) {
  const one = await startAuthLogin({ provider, home: site.opencode.home, ...options })
  logins.push(one)
  assert.ok(one.url, one.output())
  return one
}

const exchanged = (one) => one.exchanges.map(({ error }) => error)

/* What a narrow window makes of an address: line ends, with the terminal's own frame and blanks. */
const wrapped = (url, columns) => url.match(new RegExp(`.{1,${columns}}`, 'g')).join('\r\n   ')
const framed = (url, columns) => url.match(new RegExp(`.{1,${columns}}`, 'g')).join('\n│  ')

for (const kind of KINDS) {
  test(`through ${kind}: adopted, pasted, and the terminal says that it worked`, async () => {
    const client = site.client(kind)
    const terminal = await login()
    const flow = await client.adopt(terminal.url)
    assert.equal(flow.authorize, terminal.url)
    assert.match((await client.send('GET', flow.path)).content, /Finish the sign-in of your terminal/)
    assert.equal((await client.paste(flow, provider.approve(flow.authorize))).headers.get('location'), flow.path)
    await expectEnd(client, flow, UNCONFIRMED, HANDED)
    assert.equal(await terminal.done, 0)
    assert.match(terminal.output(), /Login successful/)
    assert.deepEqual(exchanged(provider), [null])
    assert.ok(terminal.auth().openai.refresh)
    assert.ok((await site.connected()).includes('openai'), 'the running opencode has it at once')
  })
}

test('the address as terminals show it; twice the same; the address bar is edited', async () => {
  const client = site.client()
  const terminal = await login({ columns: 40 })
  const { url } = terminal
  const flow = await client.adopt(`●  Go to: ${url}`)
  assert.equal(flow.authorize, url)
  for (const text of [url, `  ${url}\n`, wrapped(url, 40), wrapped(url, 7), framed(url, 37), `Go to: ${wrapped(url, 80)}`]) {
    const same = await client.adopt(text)
    assert.equal(same.path, flow.path, JSON.stringify(text))
    assert.equal(same.authorize, url)
  }
  // the page of a sign-in that is one browser's is nobody else's
  const stranger = site.client()
  assert.equal((await stranger.send('GET', flow.path)).status, 400)
  assert.doesNotMatch((await stranger.send('GET', '/signin/')).content, new RegExp(flow.id))
  const taken = await stranger.form('/signin/adopt', { address: url })
  assert.equal((await stranger.send('GET', taken.headers.get('location'))).status, 400)
  assert.equal((await stranger.callback(provider.approve(url))).status, 400)
  assert.equal((await client.status(flow)).state, 'waiting')
  assert.match((await client.send('GET', '/signin/')).content, new RegExp(`href="${flow.path}"`))

  assert.equal((await client.callback(provider.approve(url))).headers.get('location'), flow.path)
  await expectEnd(client, flow, UNCONFIRMED, HANDED)
  assert.equal(await terminal.done, 0)
})

test('a refused exchange: the terminal says so', async () => {
  const client = site.client()
  const terminal = await login()
  const flow = await client.adopt(terminal.url)
  provider.refuseNext = true
  await client.paste(flow, provider.approve(flow.authorize))
  await expectEnd(client, flow, UNCONFIRMED, HANDED)
  assert.equal(await terminal.done, 1)
  assert.match(terminal.output(), /Failed to authorize: Token exchange failed/)
  assert.equal(site.opencode.auth().openai, undefined)
})

test('declined: here and in the terminal', async () => {
  const client = site.client()
  const terminal = await login()
  const flow = await client.adopt(terminal.url)
  await client.paste(flow, provider.deny(flow.authorize))
  await expectEnd(client, flow, { state: 'declined', expires_in: 0 }, { again: false, says: /run the command in the terminal again/ })
  assert.equal(await terminal.done, 1)
  assert.match(terminal.output(), /The user denied the request/)
})

test('the command was ended in the meantime: told, with the way back', async () => {
  const client = site.client()
  const terminal = await login()
  const flow = await client.adopt(terminal.url)
  await terminal.stop()
  await until('its listener is gone', async () => !(await accepts({ port: LISTENER_PORT })))
  await client.paste(flow, provider.approve(flow.authorize))
  const gone = { state: 'failed', expires_in: 0, reason: 'listener-gone' }
  const page = await expectEnd(client, flow, gone, { again: false, says: /The command there was ended/ })
  assert.match(page, /href="\/signin\/#terminal"/)
})

test('the others, side by side', async () => {
  const client = site.client()
  const [gitlab, poe, digitalocean] = await Promise.all([
    login({ id: 'gitlab', method: 'GitLab OAuth', answers: { 'GitLab instance URL': '' } }),
    login({ id: 'poe', method: 'Login with Poe (browser)' }),
    login({ id: 'digitalocean', method: 'Login with DigitalOcean' }),
  ])
  const sides = [[gitlab, provider.gitlab], [poe, provider.poe], [digitalocean, provider.digitalocean]]
  const flows = []
  for (const [terminal] of sides) flows.push(await client.adopt(terminal.url))
  for (const [i, [terminal, side]] of sides.entries()) {
    await client.paste(flows[i], side.approve(terminal.url))
    await expectEnd(client, flows[i], UNCONFIRMED, HANDED)
    assert.equal(await terminal.done, 0)
    assert.match(terminal.output(), /Login successful/)
    assert.deepEqual(exchanged(side), [null])
  }
  for (const id of ['gitlab', 'poe', 'digitalocean']) assert.ok(site.opencode.auth()[id], id)
})

test('what is no address of a terminal’s sign-in: the start page says what is wrong', async () => {
  const authorize = (redirect) =>
    `https://auth.openai.com/oauth/authorize?${new URLSearchParams({
      response_type: 'code', client_id: 'app', redirect_uri: redirect, state: 'x'.repeat(43),
    })}`
  const mine = 'http://localhost:1455/auth/callback'
  const client = site.client()
  const cases = [
    ['hello there', /That is not the address of a sign-in page/],
    [authorize(mine).slice(0, 60), /That is not the address of a sign-in page/],
    [authorize(mine).replace('https://', 'https://user:word@'), /That is not the address of a sign-in page/],
    [`${client.origin}/signin/flow/${'a'.repeat(22)}`, /That is not the address of a sign-in page/],
    [`${mine}?code=abc&state=def`, /That is the answer, not the beginning/],
    [authorize('https://evil.example/auth/callback'), /That sign-in does not end at the terminal/],
    [authorize('http://127.0.0.1:80/callback'), /That sign-in does not end at the terminal/],
  ]
  for (const [address, title] of cases) {
    const answer = await client.form('/signin/adopt', { address })
    assert.equal(answer.status, 400, address)
    assert.match(answer.content, /<form [^>]*data-adopt/)
    assert.match(/<p [^>]*role="alert".*/.exec(answer.content)[0], title)
    assert.equal(client.cookie, undefined)
  }
  const foreign = { 'sec-fetch-site': 'cross-site' }
  assert.equal((await client.form('/signin/adopt', { address: authorize(mine) }, foreign)).status, 403)
})

test('a password: nothing is taken over without it', async () => {
  const locked = await startSite({ password: 'secret-of-the-test', kinds: ['nginx-fcgi'] })
  try {
    const stranger = new Client(locked.fronts['nginx-fcgi'].origin)
    const terminal = await login()
    const refused = await stranger.form('/signin/adopt', { address: terminal.url })
    assert.equal(refused.status, 401)
    assert.match(refused.headers.get('www-authenticate'), /Secure Area/)
    assert.equal(stranger.cookie, undefined)
    assert.equal((await stranger.callback(provider.approve(terminal.url))).status, 400)
    const client = locked.client()
    const flow = await client.adopt(terminal.url)
    await client.paste(flow, provider.approve(flow.authorize))
    await expectEnd(client, flow, UNCONFIRMED, HANDED)
    assert.equal(await terminal.done, 0)
  } finally {
    await locked.stop()
  }
})
