/*
 * The same in front of opencode 2, from our own start page in Chromium, with the real preview: its
 * password is always on, each sign-in is an attempt that finishes by itself, and MCP servers are
 * integrations like the others.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { Client } from '../lib/client.mjs'
import { Fixture } from '../lib/fixture.mjs'
import { startMcpServer } from '../lib/mcp.mjs'
import { until } from '../lib/net.mjs'
import { startProvider } from '../lib/provider.mjs'
import { NEXT, cannotRun } from '../lib/versions.mjs'
import {
  addressOf, countActions, expectState, launch, newContext, paste, shot, signIn, signInToDeadTab, watchChallenges,
} from './ui.mjs'

const CHATGPT = 'form[data-provider="openai"][data-method="chatgpt-browser"] button'
const skip = cannotRun(NEXT) ?? false
const NAME = 'Issue tracker'

const fixture = new Fixture()
let provider, browser, local
before(async () => {
  if (skip) return
  provider = await startProvider()
  browser = await launch({ provider })
})
after(async () => {
  await browser?.close()
  await local?.close()
  await fixture.stop()
  await provider?.stop()
})

for (const kind of ['nginx-fcgi', 'apache-cgi']) {
  describe(`opencode 2 through ${kind}`, { skip }, () => {
    let server, opencode, front, context, page, asked
    before(async () => (server = await startMcpServer())) // it registers 20 clients
    after(() => server?.stop())
    beforeEach(() => {
      provider.exchanges.length = 0
      provider.refuseNext = false
    })
    afterEach(async (t) => {
      const said = `${front?.logs()}${opencode?.logs()}`
      await context?.close()
      context = front = opencode = undefined
      await fixture.tidy(t)
      for (const secret of provider.canaries()) assert.ok(!said.includes(secret), `a log holds ${secret}`)
    })

    /* mcp: the settings of the one MCP server, if there is one. */
    const start = async ({ mcp, onServer = false } = {}) => {
      opencode = await fixture.start({ provider, version: NEXT })
      front = await fixture.serve({ kind })
      if (mcp) await fixture.knowMcp({ [NAME]: server.remote(mcp(front.origin)) })
      if (onServer) local ??= await launch({ provider, onServer })
      context = await newContext(onServer ? local : browser)
      const [username, password] = Buffer.from(opencode.authorization.Authorization.slice(6), 'base64').toString().split(':')
      page = await context.newPage()
      asked = await watchChallenges(context, { username, password })
      await page.goto(`${front.origin}/signin/`)
    }

    const chooseChatGpt = async () => {
      await page.locator(CHATGPT).click()
      await expectState(page, 'waiting')
    }

    const chooseServer = async () => {
      const form = page.locator('form[data-mcp]')
      assert.equal(await form.getAttribute('data-mcp'), encodeURIComponent(NAME))
      await shot(page, `opencode2-${kind}-start`)
      await form.locator('button').click()
      await expectState(page, 'waiting')
      assert.match(await page.locator('h1').innerText(), new RegExp(`Connect ${NAME}`))
    }

    const own = () => new Client(opencode.origin, { authorization: opencode.authorization.Authorization })

    /* The verdict on the page, what opencode lists, and that nobody was asked for a password but once. */
    const expectAccount = async () => {
      await expectState(page, 'done')
      const path = new URL(page.url()).pathname
      const { authorization } = { authorization: opencode.authorization.Authorization }
      assert.deepEqual(await new Client(front.origin, { authorization, headers: { cookie: await cookies() } }).status({ path }),
        { state: 'done', expires_in: 0 })
      assert.deepEqual(await opencode.accounts(), ['openai'])
      assert.deepEqual(asked, [`${front.origin}/signin/`])
    }
    const cookies = async () =>
      (await context.cookies(front.origin)).map(({ name, value }) => `${name}=${value}`).join('; ')

    test('ChatGPT: the dead tab’s address is pasted', async () => {
      await start()
      await shot(page, `opencode2-${kind}-start-chatgpt`)
      await chooseChatGpt()
      await shot(page, `opencode2-${kind}-chatgpt`)
      const { address } = await signInToDeadTab(context, page)
      await paste(page, address)
      await expectAccount()
      await shot(page, `opencode2-${kind}-chatgpt-done`)
      assert.deepEqual(provider.exchanges.map(({ error }) => error), [null])
      await page.goto(`${front.origin}/signin/`)
      await page.getByText('connected', { exact: true }).first().waitFor()
    })

    test('ChatGPT: the address is edited in the address bar', async () => {
      await start()
      await chooseChatGpt()
      const { tab, address } = await signInToDeadTab(context, page)
      await tab.goto(address.replace('http://localhost:1455', front.origin))
      await expectState(tab, 'done')
      await page.bringToFront()
      await expectAccount()
    })

    test('declined, and refused at the token endpoint: each is told, and begun again with one click', async () => {
      await start()
      await chooseChatGpt()
      const denied = await signInToDeadTab(context, page, 'Deny')
      await paste(page, denied.address)
      await expectState(page, 'declined')
      await shot(page, `opencode2-${kind}-declined`)
      provider.refuseNext = true
      await page.locator('form[action$="/start"] button').click()
      await expectState(page, 'waiting')
      const refused = await signInToDeadTab(context, page)
      await paste(page, refused.address)
      await expectState(page, 'failed')
      assert.match(await page.locator('h1').innerText(), /ChatGPT did not accept/)
      await shot(page, `opencode2-${kind}-refused`)
      assert.deepEqual(await opencode.accounts(), [])
    })

    test('a browser on the server itself: the listener takes the answer, and the page says so', async () => {
      await start({ onServer: true })
      await chooseChatGpt()
      const tab = await signIn(context, page)
      await tab.getByText(/authorization successful/i).waitFor()
      await page.bringToFront()
      await expectAccount()
    })

    test('an MCP server with a public redirect URI: two clicks, nothing copied, nothing typed', async () => {
      await start({ mcp: (origin) => ({ redirectUri: `${origin}/mcp/oauth/callback` }) })
      const actions = await countActions(context)
      await chooseServer()
      const path = new URL(page.url()).pathname
      await page.locator('a#open').click()
      await expectState(page, 'done')
      assert.deepEqual([new URL(page.url()).pathname, new URL(page.url()).search], [path, ''])
      assert.match(await page.locator('h1').innerText(), new RegExp(`${NAME} is connected`))
      await shot(page, `opencode2-${kind}-direct-done`)
      assert.deepEqual(actions, ['click', 'click'])
      assert.deepEqual(await opencode.mcp(), { [NAME]: 'connected' })
      assert.deepEqual(asked, [`${front.origin}/signin/`])
    })

    test('an MCP server that redirects to opencode’s listener, on any port: pasted', async () => {
      await start({ mcp: () => undefined })
      // opencode runs on another computer: nothing answers on this one's loopback but our site
      const elsewhere = (url) => url.hostname === '127.0.0.1' && url.origin !== front.origin
      await context.route(elsewhere, (route) => route.abort('connectionrefused'))
      await chooseServer()
      const [tab] = await Promise.all([context.waitForEvent('page'), page.locator('a#open').click()])
      await until('the tab has been sent on', async () => /^http:\/\/127\.0\.0\.1:\d+\/callback\?/.test(await addressOf(tab)))
      await shot(page, `opencode2-${kind}-loopback`)
      await paste(page, await addressOf(tab))
      await expectState(page, 'done')
      assert.deepEqual(await opencode.mcp(), { [NAME]: 'connected' })
    })

    test('a begin as opencode’s own window sends it: our page in the answer, the attempt complete', async () => {
      await start()
      const target = '/api/integration/openai/connect/oauth'
      const data = await page.evaluate(async (path) => {
        const answer = await fetch(path, {
          method: 'POST', headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ methodID: 'chatgpt-browser', inputs: {} }),
        })
        return (await answer.json()).data
      }, target)
      assert.match(data.url, new RegExp(`^${front.origin}/signin/flow/[\\w-]{22}$`))
      await page.goto(data.url)
      await expectState(page, 'waiting')
      const { address } = await signInToDeadTab(context, page)
      await paste(page, address)
      await expectAccount()
      const { content } = await own().send('GET', `${target}/${data.attemptID}`)
      assert.equal(JSON.parse(content).data.status, 'complete')
    })
  })
}
