/*
 * Connecting from our own start page, as a user does it in Chromium: the real opencode, a real MCP
 * server with its authorization server, ChatGPT; and what each of these asks of the user.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { Fixture } from '../lib/fixture.mjs'
import { startMcpServer } from '../lib/mcp.mjs'
import { until } from '../lib/net.mjs'
import { startProvider } from '../lib/provider.mjs'
import {
  addressOf, countActions, expectState, launch, newContext, openMcpList, paste, shot, signInToDeadTab,
  watchChallenges,
} from './ui.mjs'

const CHATGPT = 'form[data-provider="openai"][data-method="0"] button'
const LISTENER = 'http://127.0.0.1:19876'

// Starting these takes seconds, so the tests share them.
const fixture = new Fixture()
let provider, browser
before(async () => {
  provider = await startProvider()
  browser = await launch({ provider })
})
after(async () => {
  await browser?.close()
  await fixture.stop()
  await provider?.stop()
})

for (const kind of ['nginx-fcgi', 'apache-cgi']) {
  describe(`the start page through ${kind}`, () => {
    let server, opencode, front, context, page, visited
    before(async () => (server = await startMcpServer())) // it registers 20 clients
    after(() => server?.stop())
    beforeEach(() => {
      provider.exchanges.length = 0
    })
    afterEach(async (t) => {
      const said = `${front?.logs()}${opencode?.logs()}`
      await context?.close()
      context = front = opencode = undefined
      await fixture.tidy(t)
      for (const secret of provider.canaries()) assert.ok(!said.includes(secret), `a log holds ${secret}`)
    })

    /* direct: the MCP server's redirect URI is our own public one, else opencode's listener. */
    const start = async ({ direct = false, password } = {}) => {
      opencode = await fixture.start({ provider, password })
      front = await fixture.serve({ kind })
      const settings = direct ? { redirectUri: `${front.origin}/mcp/oauth/callback` } : undefined
      await fixture.knowMcp({ demo: server.remote(settings) })
      context = await newContext(browser)
      visited = []
      context.on('request', (request) => {
        const { origin, pathname } = new URL(request.url())
        if (origin === front.origin) visited.push(pathname)
      })
      page = await context.newPage()
    }

    /* From the start page to the flow page of the one MCP server. */
    const chooseServer = async () => {
      await page.goto(`${front.origin}/signin/`)
      const form = page.locator('form[data-mcp]')
      assert.equal(await form.count(), 1)
      assert.equal(await form.getAttribute('data-mcp'), 'demo')
      await shot(page, `${kind}-start`)
      await form.locator('button').click()
      await expectState(page, 'waiting')
    }

    /* The provider approves at once; the tab has gone where it was sent, and nobody is there. */
    const openToDeadTab = async () => {
      const [tab] = await Promise.all([context.waitForEvent('page'), page.locator('a#open').click()])
      await until('the tab has been sent on', async () => (await addressOf(tab)).startsWith(`${LISTENER}/`))
      await until('it has failed to load', async () => (await tab.title()) === '127.0.0.1')
      return { tab, address: await addressOf(tab) }
    }

    const expectServerConnected = async () => {
      const answer = await fetch(`${opencode.origin}/mcp`, { headers: opencode.authorization })
      assert.deepEqual(await answer.json(), { demo: { status: 'connected' } })
    }

    test('an MCP server with a public redirect URI: two clicks, nothing copied, nothing typed', async () => {
      await start({ direct: true })
      const actions = await countActions(context)
      await chooseServer()
      const path = new URL(page.url()).pathname
      await shot(page, `${kind}-direct`)
      await page.locator('a#open').click()
      await expectState(page, 'done')
      assert.deepEqual([new URL(page.url()).pathname, new URL(page.url()).search], [path, ''])
      assert.match(await page.locator('h1').innerText(), /demo is connected/)
      await shot(page, `${kind}-direct-done`)
      assert.deepEqual(actions, ['click', 'click'])
      assert.equal(context.pages().length, 1)
      await expectServerConnected()

      // The start page knows it too, and has nothing left to do for it.
      await page.goto(`${front.origin}/signin/`)
      assert.equal(await page.locator('form[data-mcp]').count(), 0)
      await page.getByText('connected', { exact: true }).first().waitFor()
      await shot(page, `${kind}-start-connected`)
    })

    test('the exchange takes its time, while the flow page is still in the tab that waits for it', async () => {
      await start({ direct: true })
      await chooseServer()
      const flow = page.url()
      await page.route(`${server.authOrigin}/authorize?*`, async (route) => {
        const location = await server.approve(route.request().url())
        process.kill(server.pid, 'SIGSTOP') // before it is asked for tokens
        await route.fulfill({ status: 302, headers: { location } })
      })
      try {
        const clicked = page.locator('a#open').click({ noWaitAfter: true })
        const other = await context.newPage()
        await other.goto(flow)
        await expectState(other, 'delivering')
        for (let looks = 0; looks < 2; looks++) await other.waitForResponse(`${flow}/status`)
        process.kill(server.pid, 'SIGCONT')
        await clicked
        await expectState(other, 'done') // by itself
      } finally {
        process.kill(server.pid, 'SIGCONT')
      }
      await expectState(page, 'done')
      assert.equal(page.url(), flow)
      await expectServerConnected()
    })

    test('an MCP server that redirects to opencode’s listener: the dead tab’s address is pasted', async () => {
      await start()
      await chooseServer()
      await shot(page, `${kind}-loopback`)
      const { address } = await openToDeadTab()
      const actions = await countActions(context)
      await paste(page, address)
      await expectState(page, 'done')
      await shot(page, `${kind}-loopback-done`)
      assert.deepEqual(actions.filter((action) => action === 'paste'), ['paste'])
      await expectServerConnected()
    })

    test('the same, with the address edited in the address bar', async () => {
      await start()
      await chooseServer()
      const { tab, address } = await openToDeadTab()
      await tab.goto(address.replace(LISTENER, front.origin))
      assert.equal(tab.url(), page.url())
      await expectState(tab, 'done')
      await page.bringToFront()
      await expectState(page, 'done') // by itself
      await expectServerConnected()
    })

    test('a password is asked for once, on the start page', async () => {
      await start({ direct: true, password: 'secret-of-the-test' })
      const asked = await watchChallenges(context, { username: 'opencode', password: 'secret-of-the-test' })
      await chooseServer()
      await page.locator('a#open').click()
      await expectState(page, 'done')
      await expectServerConnected()

      await page.goto(`${front.origin}/signin/`)
      await page.locator(CHATGPT).click()
      const { tab, address } = await signInToDeadTab(context, page)
      await tab.goto(address.replace('http://localhost:1455', front.origin))
      await expectState(tab, 'done')
      await expectState(page, 'done')
      assert.ok(opencode.auth().openai.refresh)

      assert.deepEqual(asked, [`${front.origin}/signin/`])
      // The callbacks were challenged all the same, and the browser answered by itself.
      for (const path of ['/mcp/oauth/callback', '/auth/callback']) {
        const statuses = () => [...front.logs().matchAll(new RegExp(`GET ${path} HTTP/1\\.1" (\\d+) `, 'g'))]
        await until(`the answers to ${path} are logged`, () => statuses().length > 1)
        assert.equal(statuses()[0][1], '401')
      }
      assert.ok(!front.logs().includes('secret-of-the-test'))
    })

    test('ChatGPT, without opening opencode’s own UI', async () => {
      await start()
      await page.goto(`${front.origin}/signin/`)
      await page.locator(CHATGPT).click()
      await expectState(page, 'waiting')
      await shot(page, `${kind}-chatgpt`)
      const { address } = await signInToDeadTab(context, page)
      await paste(page, address)
      await expectState(page, 'done')
      await shot(page, `${kind}-chatgpt-done`)
      assert.deepEqual(provider.exchanges.map(({ error }) => error), [null])
      assert.ok(provider.canaries().includes(opencode.auth().openai.refresh))
      const { connected } = await (await fetch(`${opencode.origin}/provider`)).json()
      assert.ok(connected.includes('openai'))
      assert.ok(visited.length > 0)
      assert.deepEqual(visited.filter((path) => !path.startsWith('/signin/')), [])
    })

    test('the web UI’s own button for an MCP server', async () => {
      await start({ direct: true })
      await openMcpList(page, opencode, front.origin)
      const toggle = page.getByText('Click to authenticate')
      await toggle.click()
      const toast = page.getByText(`Sign in to demo at ${front.origin}/signin/ and then click here again.`)
      await toast.waitFor()
      await shot(page, `${kind}-ui-toast`)

      const own = await context.newPage()
      await own.goto(`${front.origin}/signin/`)
      await shot(own, `${kind}-start-waiting`)
      await own.locator('a[href^="/signin/flow/"]').click()
      await expectState(own, 'waiting')
      await own.locator('a#open').click()
      await expectState(own, 'done')
      await shot(own, `${kind}-ui-done`)
      await expectServerConnected()

      await page.bringToFront()
      await toggle.click()
      await toggle.waitFor({ state: 'hidden' })
      await shot(page, `${kind}-ui-mcp-connected`)
    })
  })
}
