/*
 * Plain http on a name of a private network, which [web] http = private allows: a whole sign-in in
 * Chromium, to which such a name is not secure, so that it sends no Sec-Fetch headers and keeps no
 * secure cookie. And what is said where the setting is not made.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { chromium } from 'playwright-core'
import { Fixture } from '../lib/fixture.mjs'
import { freePort, request } from '../lib/net.mjs'
import { startProvider } from '../lib/provider.mjs'
import { CHROMIUM, expectState, newContext, shot, signInToDeadTab } from './ui.mjs'

const NAME = 'box.lan'
const CHATGPT = 'form[data-provider="openai"][data-method="0"] button'
const fixture = new Fixture()
let provider, browser, opencode, front, context
before(async () => {
  provider = await startProvider()
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [`--host-resolver-rules=MAP auth.openai.com 127.0.0.1:${provider.tlsPort}, MAP localhost:1455 127.0.0.1:9, MAP *.lan 127.0.0.1`],
  })
})
after(async () => {
  await browser?.close()
  await fixture.stop()
  await provider?.stop()
})
afterEach(async (t) => {
  await context?.close()
  context = undefined
  await fixture.tidy(t)
})

for (const kind of ['nginx-fcgi', 'apache-cgi']) {
  test(`through ${kind}: pasted, and the address edited`, async () => {
    opencode = await fixture.start({ provider })
    const port = await freePort()
    front = await fixture.serve({ kind, port, ini: { web: { http: 'private' } } })
    const origin = `http://${NAME}:${port}`
    context = await newContext(browser, { permissions: [] })
    const page = await context.newPage()
    const heard = []
    page.on('request', async (one) => one.method() === 'POST' && heard.push(await one.allHeaders()))
    for (const edit of [false, true]) {
      await page.goto(`${origin}/signin/`)
      assert.equal(await page.evaluate(() => isSecureContext), false)
      await page.locator(CHATGPT).click()
      await expectState(page, 'waiting')
      await shot(page, `private-${kind}`)
      const { tab, address } = await signInToDeadTab(context, page)
      if (edit) await tab.goto(address.replace('http://localhost:1455', origin))
      else await page.locator('input[name="address"]').fill(address)
      if (!edit && (await page.locator('#state[data-state="waiting"]').count())) await page.keyboard.press('Enter')
      await page.bringToFront()
      await expectState(page, 'done')
    }
    assert.ok(opencode.auth().openai.refresh)
    assert.ok(heard.length >= 3)
    for (const headers of heard) {
      assert.equal(headers['sec-fetch-site'], undefined)
      assert.equal(headers.origin, origin)
    }
    const [cookie] = await context.cookies(origin)
    assert.deepEqual([cookie.name, cookie.secure, cookie.httpOnly], ['opencode-callback', false, true])
  })
}

test('without the setting the page names it, and three ways to https', async () => {
  opencode = await fixture.start({ provider })
  front = await fixture.serve({ kind: 'nginx-fcgi' })
  const { status, body } = await request({ port: front.port }, 'GET', '/signin/', { host: NAME })
  assert.equal(status, 403)
  for (const words of [/http = private/, /certificate/, /tailscale serve/, /ssh -L/]) assert.match(body, words)
  // a public name is never meant by it
  front = await fixture.serve({ kind: 'nginx-fcgi', ini: { web: { http: 'private' } } })
  assert.equal((await request({ port: front.port }, 'GET', '/signin/', { host: 'opencode.example.com' })).status, 403)
  assert.equal((await request({ port: front.port }, 'GET', '/signin/', { host: NAME })).status, 200)
})
