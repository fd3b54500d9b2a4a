/*
 * Connecting ChatGPT from a remote browser: the real opencode, its unmodified web UI, and a provider
 * that really checks PKCE; through nginx with the worker and through Apache with the CGI program.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { Client } from '../lib/client.mjs'
import { startFront } from '../lib/front.mjs'
import { request } from '../lib/net.mjs'
import { startOpencode } from '../lib/opencode.mjs'
import { startProvider } from '../lib/provider.mjs'
import {
  chooseBrowserMethod, expectConnected, expectNotConnected, expectState, launch, newContext,
  openConnectDialog, openFlowPage, openTab, paste, shot, signIn, signInToDeadTab,
  waitUntilDead,
} from './ui.mjs'

const BEGIN = '/provider/openai/oauth/authorize'
const FLOW_PATH = /^\/signin\/flow\/[\w-]{22}$/
const ACCOUNT = 'account-of-the-test'

// Starting these takes seconds, so the tests share them.
let provider, opencode, remote
before(async () => {
  provider = await startProvider()
  opencode = await startOpencode({ provider })
  remote = await launch({ provider })
})
after(async () => {
  await remote?.close()
  await opencode?.stop()
  await provider?.stop()
})

/* Takes away what a test has left in opencode: accounts, a sign-in that waits, what is loaded. */
async function tidy() {
  const own = new Client(opencode.origin)
  for (const id of Object.keys(opencode.auth())) await own.send('DELETE', `/auth/${id}`)
  await request({ port: 1455 }, 'GET', '/cancel').catch(() => {})
  await own.send('POST', '/instance/dispose')
}

for (const kind of ['nginx-fcgi', 'apache-cgi']) {
  describe(`a sign-in through ${kind}`, () => {
    let shared, front, browser, context
    const open = (ini) => startFront({ kind, opencodePort: opencode.port, opencodeSocket: opencode.socket, ini })
    before(async () => (shared = await open()))
    after(() => shared?.stop())

    const start = async ({ onServer = false, ini } = {}) => {
      front = ini ? await open(ini) : shared
      browser = onServer ? await launch({ provider, onServer }) : remote
      context = await newContext(browser)
    }

    /* The tokens are there, they are those of the last exchange, and there was only one. */
    const expectAccount = () => {
      assert.deepEqual(provider.exchanges.map(({ error }) => error), [null])
      const { openai } = opencode.auth()
      assert.equal(openai.accountId, ACCOUNT)
      assert.ok(provider.canaries().includes(openai.access))
      assert.ok(provider.canaries().includes(openai.refresh))
    }

    beforeEach(() => {
      provider.exchanges.length = 0
      provider.refuseNext = false
    })

    afterEach(async () => {
      const said = `${front?.logs()}${opencode.logs()}`
      for (const one of browser?.contexts() ?? []) await one.close()
      if (browser !== remote) await browser?.close()
      if (front !== shared) await front?.stop()
      browser = front = undefined
      await tidy()
      for (const secret of provider.canaries()) assert.ok(!said.includes(secret), `a log holds ${secret}`)
    })

    test('the dead tab’s address is pasted', async () => {
      await start()
      const { ui, flow } = await openFlowPage(context, front.origin)
      const { origin, pathname, search } = new URL(flow.url())
      assert.equal(origin, front.origin)
      assert.match(pathname, FLOW_PATH)
      assert.equal(search, '')
      await expectState(flow, 'waiting')
      await shot(flow, `${kind}-waiting`)
      const { address } = await signInToDeadTab(context, flow)
      await paste(flow, address) // the script sends it
      await expectState(flow, 'done')
      await shot(flow, `${kind}-done`)
      await expectConnected(ui)
      await shot(ui, `${kind}-ui-connected`)
      expectAccount()

      // Back and Reload change nothing and deliver nothing.
      await flow.reload()
      await expectState(flow, 'done')
      await flow.goBack()
      await expectState(flow, 'done')
      expectAccount()
    })

    test('the address is edited in the address bar', async () => {
      await start()
      const { ui, flow } = await openFlowPage(context, front.origin)
      const { tab, address } = await signInToDeadTab(context, flow)
      await tab.goto(address.replace('http://localhost:1455', front.origin))
      assert.match(new URL(tab.url()).pathname, FLOW_PATH)
      assert.equal(new URL(tab.url()).search, '')
      await expectState(tab, 'done')
      await flow.bringToFront()
      await expectState(flow, 'done') // by itself
      await expectConnected(ui)
      expectAccount()

      // The same once more: the verdict again, and no second delivery.
      await tab.goto(address.replace('http://localhost:1455', front.origin))
      await expectState(tab, 'done')
      expectAccount()
    })

    test('the user declines', async () => {
      await start()
      const { ui, flow } = await openFlowPage(context, front.origin)
      const { address } = await signInToDeadTab(context, flow, 'Deny')
      await paste(flow, address)
      await expectState(flow, 'declined')
      assert.match(await flow.locator('h1').innerText(), /declined/)
      await shot(flow, `${kind}-declined`)
      await expectNotConnected(ui)
      await shot(ui, `${kind}-ui-declined`)
      assert.deepEqual(provider.exchanges, [])
      assert.deepEqual(opencode.auth(), {})
    })

    test('the provider refuses the code', async () => {
      await start()
      const { ui, flow } = await openFlowPage(context, front.origin)
      const { address } = await signInToDeadTab(context, flow)
      provider.refuseNext = true
      await paste(flow, address)
      const state = await expectState(flow, 'failed')
      assert.equal(await state.getAttribute('data-reason'), 'refused-by-provider')
      assert.match(await flow.locator('h1').innerText(), /OpenAI|ChatGPT/)
      await shot(flow, `${kind}-refused`)
      await expectNotConnected(ui)
      assert.deepEqual(provider.exchanges.map(({ error }) => error), ['invalid_grant'])
      assert.deepEqual(opencode.auth(), {})
    })

    test('the browser runs on the server itself', async () => {
      await start({ onServer: true, ini: { flow: { lifetime: 10 } } })
      const { ui, flow } = await openFlowPage(context, front.origin)
      assert.match(await flow.content(), /this page says how it went, at the latest when its time is over/)
      const tab = await signIn(context, flow)
      await tab.getByText('Authorization successful').first().waitFor()
      await expectConnected(ui)
      expectAccount()
      await flow.bringToFront()
      const state = await expectState(flow, 'done', 40_000)
      assert.equal(await state.getAttribute('data-reason'), 'unconfirmed')
      await shot(flow, `${kind}-on-server`)
      expectAccount()
    })

    test('wrong things are pasted first', async () => {
      await start()
      const { ui, flow } = await openFlowPage(context, front.origin)
      const authorize = await flow.locator('a#open').getAttribute('href')
      const { address } = await signInToDeadTab(context, flow)
      const code = new URL(address).searchParams.get('code')
      const wrong = ['', 'code', authorize, address.replace('localhost:1455', 'example.com'), 'hello']
      await flow.bringToFront()
      for (const text of wrong) {
        await flow.locator('input[name="address"]').fill(text)
        const [answer] = await Promise.all([
          flow.waitForResponse((response) => response.request().method() === 'POST'),
          flow.getByRole('button', { name: 'Finish' }).click(),
        ])
        assert.equal(answer.status(), 400)
        await flow.locator('#problem').waitFor()
        assert.ok(!(await flow.content()).includes(code))
        await expectState(flow, 'waiting')
      }
      await shot(flow, `${kind}-problem`)
      assert.deepEqual(provider.exchanges, [])
      await paste(flow, address)
      await expectState(flow, 'done')
      await expectConnected(ui)
      expectAccount()
    })

    test('the code alone is pasted, and asked back', async () => {
      await start()
      const { ui, flow } = await openFlowPage(context, front.origin)
      const { address } = await signInToDeadTab(context, flow)
      await paste(flow, new URL(address).searchParams.get('code'))
      await flow.getByRole('button', { name: 'Finish' }).click()
      await flow.locator('#code').waitFor()
      await shot(flow, `${kind}-code-alone`)
      assert.deepEqual(provider.exchanges, [])
      await flow.getByRole('link', { name: 'Back to the sign-in' }).click()
      await expectState(flow, 'waiting')
      await paste(flow, new URL(address).searchParams.get('code'))
      await flow.getByRole('button', { name: 'Finish' }).click()
      await flow.getByRole('button', { name: 'Finish with it' }).click()
      await expectState(flow, 'done')
      await expectConnected(ui)
      expectAccount()
    })

    test('another browser is refused, and the right one still finishes', async () => {
      await start()
      const { ui, flow } = await openFlowPage(context, front.origin)
      const { address } = await signInToDeadTab(context, flow)
      const stranger = await newContext(browser)
      const page = await stranger.newPage()
      const edited = address.replace('http://localhost:1455', front.origin)
      for (const url of [flow.url(), edited, edited.replace('code=', 'code=x'), edited.replace(/code=[^&]*/, 'error=access_denied')]) {
        const answer = await page.goto(url)
        assert.equal(answer.status(), 400)
        await page.locator('#problem').waitFor()
      }
      await shot(page, `${kind}-stranger`)
      assert.deepEqual(provider.exchanges, [])
      await paste(flow, address)
      await expectState(flow, 'done')
      await expectConnected(ui)
      expectAccount()
    })

    test('a newer sign-in takes the place of an older one', async () => {
      await start()
      const first = await openFlowPage(context, front.origin)
      const { address } = await signInToDeadTab(context, first.flow)
      const second = await openFlowPage(context, front.origin)
      await first.flow.bringToFront()
      await expectState(first.flow, 'superseded') // by itself
      await shot(first.flow, `${kind}-superseded`)
      const old = await context.newPage()
      await old.goto(address.replace('http://localhost:1455', front.origin))
      await expectState(old, 'superseded')
      assert.deepEqual(provider.exchanges, [])
      const { address: newer } = await signInToDeadTab(context, second.flow)
      await paste(second.flow, newer)
      await expectState(second.flow, 'done')
      await expectConnected(second.ui)
      expectAccount()
    })

    test('the keyboard alone', async () => {
      await start()
      const { ui, flow } = await openFlowPage(context, front.origin)
      await pressTabTo(flow, 'a#open')
      const [tab] = await Promise.all([context.waitForEvent('page'), flow.keyboard.press('Enter')])
      await tab.close()
      const { address } = await signInToDeadTab(context, flow)
      await flow.bringToFront()
      await flow.evaluate((value) => navigator.clipboard.writeText(value), address)
      await pressTabTo(flow, 'input[name="address"]')
      await flow.keyboard.press('Control+V')
      await expectState(flow, 'done')
      await expectConnected(ui)
      expectAccount()
    })

    test('without JavaScript', async () => {
      await start()
      const { url, cookie } = await begin(front.origin)
      const plain = await newContext(browser, { javaScriptEnabled: false })
      await plain.addCookies([{ ...cookie, url: front.origin }])
      const flow = await plain.newPage()
      await flow.goto(url)
      await expectState(flow, 'waiting')
      const { address } = await signInToDeadTab(plain, flow)
      await flow.bringToFront()
      await flow.locator('input[name="address"]').fill(address)
      await flow.keyboard.press('Enter')
      await expectState(flow, 'done')
      await shot(flow, `${kind}-no-script`)
      expectAccount()
    })

    test('a sign-in that was begun outside the browser asks first', async () => {
      await start()
      const { url } = await begin(front.origin)
      const flow = await context.newPage()
      await flow.goto(url)
      await flow.locator('#ask').waitFor()
      assert.equal(await flow.locator('a#open').count(), 0)
      await shot(flow, `${kind}-ask`)
      await flow.locator('#ask button').click()
      await expectState(flow, 'waiting')
      const { address } = await signInToDeadTab(context, flow)
      await paste(flow, address)
      await expectState(flow, 'done')
      expectAccount()
    })
  })
}

test('a browser whose localhost:1455 is dead gets nowhere without us', async () => {
  const context = await newContext(remote)
  try {
    const ui = await context.newPage()
    await openConnectDialog(ui, opencode.origin)
    const link = await chooseBrowserMethod(ui)
    assert.match(await link.getAttribute('href'), /^https:\/\/auth\.openai\.com\//)
    const tab = await openTab(context, link)
    await tab.getByRole('link', { name: 'Allow' }).click()
    await waitUntilDead(tab)
    assert.deepEqual(opencode.auth(), {})
    assert.equal(await ui.getByText('OpenAI connected').count(), 0)
  } finally {
    await context.close()
  }
})

/* Begins as the UI does, but with no browser. Resolves with the flow page's URL and the cookie offered. */
async function begin(origin) {
  const answer = await fetch(origin + BEGIN, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Origin: origin },
    body: '{"method":0,"inputs":{}}',
  })
  assert.equal(answer.status, 200)
  const { url } = await answer.json()
  const [, name, value] = /^([^=]+)=([^;]+);/.exec(answer.headers.get('set-cookie'))
  assert.equal(new URL(url).origin, origin)
  return { url, cookie: { name, value } }
}

async function pressTabTo(page, selector) {
  await page.bringToFront()
  for (let i = 0; i < 20; i++) {
    await page.keyboard.press('Tab')
    if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return
  }
  assert.fail(`the Tab key does not lead to ${selector}`)
}
