/*
 * The way without the plugin: one socket per loopback port, named by %p, each a socat. A whole
 * sign-in through both front ends, with an opencode that wants a password.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { Fixture } from '../lib/fixture.mjs'
import { startProvider } from '../lib/provider.mjs'

const fixture = new Fixture()
let provider
before(async () => (provider = await startProvider()))
after(async () => {
  await fixture.stop()
  await provider?.stop()
})
afterEach((t) => fixture.tidy(t))

for (const kind of ['nginx-fcgi', 'apache-cgi']) {
  test(`a socket for each port, through ${kind}`, async () => {
    const opencode = await fixture.start({ provider, plugin: false, password: 'correct horse' })
    const front = await fixture.serve({ kind })
    provider.exchanges.length = 0
    const { authorization } = opencode
    const begin = (headers) => fetch(`${front.origin}/provider/openai/oauth/authorize`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Origin: front.origin, ...headers },
      body: '{"method":0,"inputs":{}}',
    })
    const refused = await begin({})
    assert.equal(refused.status, 401)
    assert.match(refused.headers.get('www-authenticate'), /^Basic /)

    const begun = await begin(authorization)
    assert.equal(begun.status, 200)
    const { url } = await begun.json()
    const cookie = begun.headers.get('set-cookie').split(';', 1)[0]
    const page = await fetch(url, { headers: { cookie, ...authorization } })
    const [, href] = /<a id="open"[^>]* href="([^"]+)"/.exec(await page.text())
    const callback = provider.approve(href.replaceAll('&amp;', '&')).replace('http://localhost:1455', front.origin)

    const get = (headers) => fetch(callback, { headers: { cookie, ...headers }, redirect: 'manual' })
    const challenged = await get({})
    assert.equal(challenged.status, 401)
    assert.match(challenged.headers.get('www-authenticate'), /^Basic /)
    assert.deepEqual(opencode.auth(), {})

    const answer = await get(authorization)
    assert.equal(answer.status, 303)
    assert.equal(answer.headers.get('location'), new URL(url).pathname)
    const status = await fetch(`${url}/status`, { headers: { cookie, ...authorization } })
    assert.equal((await status.json()).state, 'done')
    assert.equal(opencode.auth().openai.accountId, 'account-of-the-test')
    assert.deepEqual(provider.exchanges.map(({ error }) => error), [null])
    const said = front.logs() + opencode.logs()
    for (const secret of provider.canaries()) assert.ok(!said.includes(secret), 'a log holds a code or a token')
  })
}
