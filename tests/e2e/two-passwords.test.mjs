/*
 * A site whose web server has a guard of its own, in front of an opencode with a password: with
 * [opencode] login = own the visitor knows only the guard's.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { Client } from '../lib/client.mjs'
import { Fixture } from '../lib/fixture.mjs'
import { give, withParts } from '../lib/front.mjs'
import { scratch } from '../lib/net.mjs'
import { startProvider } from '../lib/provider.mjs'

const PASSWORD = 'CANARY-of-opencode'
const GUARD = 'CANARY-of-the-guard'
const basic = (user, password) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
const fixture = new Fixture()
const folder = scratch('two-passwords')
let provider, opencode
before(async () => {
  provider = await startProvider()
  chmodSync(folder.path, 0o711)
  writeFileSync(join(folder.path, 'password'), `${PASSWORD}\n`, { mode: 0o600 })
  writeFileSync(join(folder.path, 'wrong'), 'wrong\n', { mode: 0o600 })
  const { stdout } = spawnSync('openssl', ['passwd', '-apr1', GUARD], { encoding: 'utf8' })
  writeFileSync(join(folder.path, 'users'), `ada:${stdout}`, { mode: 0o600 })
  give(...['password', 'wrong', 'users'].map((name) => join(folder.path, name)))
})
after(async () => {
  await fixture.stop()
  await provider?.stop()
  folder.remove()
})
afterEach((t) => fixture.tidy(t))

/* nginx asks for its own password everywhere, and sends opencode's along to opencode. */
const guarded = (text) => withParts(text)
  .replace('underscores_in_headers off;', (line) =>
    `${line}\n\tauth_basic site;\n\tauth_basic_user_file ${join(folder.path, 'users')};`)
  .replace('proxy_set_header Proxy "";', (line) => `${line}\n\t\tproxy_set_header Authorization "${basic('opencode', PASSWORD)}";`)

async function start(file = 'password') {
  opencode = await fixture.start({ provider, password: PASSWORD })
  const ini = { opencode: { login: 'own', password_file: join(folder.path, file) } }
  const front = await fixture.serve({ kind: 'nginx-fcgi', ini, edit: guarded })
  return { front, client: new Client(front.origin, { authorization: basic('ada', GUARD) }) }
}

test('from the start page to the tokens, with the guard’s password alone', async () => {
  const { front, client } = await start()
  assert.equal((await new Client(front.origin, {}).send('GET', '/signin/')).status, 401, 'the guard')
  const page = await client.send('GET', '/signin/')
  assert.equal(page.status, 200, page.content)
  const flow = await client.start({ provider: 'openai', method: '0' })
  await client.paste(flow, provider.approve(flow.authorize))
  assert.deepEqual(await client.status(flow), { state: 'done', expires_in: 0 })
  assert.ok(provider.canaries().includes(opencode.auth().openai.refresh))
  const begun = await client.signIn()
  assert.equal((await client.callback(provider.approve(begun.authorize))).status, 303)
  assert.deepEqual(await client.status(begun), { state: 'done', expires_in: 0 })
  const health = JSON.parse((await client.send('GET', '/signin/health')).content)
  assert.equal(health.opencode[0].status, 'ok')
  assert.match(health.opencode[0].version, /^\d+\.\d+/)
  for (const secret of [PASSWORD, GUARD]) assert.ok(!front.logs().includes(secret))
})

test('a password_file that opencode refuses: the page says so, and asks nobody for a password', async () => {
  const { client } = await start('wrong')
  for (const answer of [await client.send('GET', '/signin/'), await client.begin()]) {
    assert.equal(answer.status, 502, answer.content)
    assert.equal(answer.headers.get('www-authenticate'), null)
    assert.match(answer.content, /opencode refuses the password that this site has for it/)
  }
})
