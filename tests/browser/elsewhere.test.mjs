/*
 * A program on the user's own computer answers at localhost:1455, where a remote browser mostly finds nobody: the page
 * says what to do then, what is pasted is told apart, and the sign-in is finished all the same.
 */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { Client } from '../lib/client.mjs'
import { startFront } from '../lib/front.mjs'
import { request, until } from '../lib/net.mjs'
import { startOpencode } from '../lib/opencode.mjs'
import { startProvider } from '../lib/provider.mjs'
import {
  addressOf, expectConnected, expectState, launch, newContext, openFlowPage, openTab, paste, shot, waitUntilDead,
} from './ui.mjs'

const CALLBACK = /^http:\/\/localhost:1455\/auth\/callback\?code=.*&state=/
const OUR_WORDS = /A program on your own computer seems to have answered there/

/* The program: {port, serve, stop, start}. serve(request, response) is what it does. */
async function startLocal() {
  const local = { serve: null, server: null, visits: [] }
  local.start = async (port = 0) => {
    local.server = createServer((req, res) => {
      local.visits.push(req.url.split('?')[0])
      local.serve(req, res)
    })
    await new Promise((resolve, reject) => local.server.listen(port, '127.0.0.1', resolve).once('error', reject))
    local.port = local.server.address().port
  }
  local.stop = async () => {
    local.server.closeAllConnections()
    if (local.server.listening) await new Promise((resolve) => local.server.close(resolve))
  }
  await local.start()
  return local
}

const text = (status, body) => (_req, res) => res.writeHead(status, { 'Content-Type': 'text/plain' }).end(body)
const sendOn = (to, body) => (req, res) => (/^\/auth\/callback/.test(req.url)
  ? res.writeHead(302, { Location: to }).end() : text(200, body)(req, res))

let provider, opencode, front, local, browser, context
before(async () => {
  provider = await startProvider()
  opencode = await startOpencode({ provider })
  front = await startFront({ kind: 'nginx-fcgi', opencodePort: opencode.port, opencodeSocket: opencode.socket })
  local = await startLocal()
  browser = await launch({ provider, local: local.port })
})
after(async () => {
  await browser?.close()
  await local?.stop()
  const said = `${front?.logs()}${opencode?.logs()}`
  await front?.stop()
  await opencode?.stop()
  await provider?.stop()
  for (const secret of provider.canaries()) assert.ok(!said.includes(secret), `a log holds ${secret}`)
})

beforeEach(async () => {
  provider.exchanges.length = 0
  local.visits.length = 0
  context = await newContext(browser)
})
afterEach(async () => {
  await context.close()
  if (!local.server.listening) await local.start(local.port)
  const own = new Client(opencode.origin)
  for (const id of Object.keys(opencode.auth())) await own.send('DELETE', `/auth/${id}`)
  await request({ port: 1455 }, 'GET', '/cancel').catch(() => {})
  await own.send('POST', '/instance/dispose')
})

/* Signs in at the provider. Resolves with the tab, once its address is what the program has made of it. */
async function signInAt(flow, address) {
  const tab = await openTab(context, flow.locator('a#open'))
  await tab.getByRole('link', { name: 'Allow' }).click()
  await until('the program has answered', async () => address.test(await addressOf(tab)))
  return tab
}

/* Sends a text by the button, and expects the words about another program; nothing has ended. */
async function expectRefused(flow, pasted) {
  await flow.bringToFront()
  await flow.locator('input[name="address"]').fill(pasted)
  const [answer] = await Promise.all([
    flow.waitForResponse((response) => response.request().method() === 'POST'),
    flow.getByRole('button', { name: 'Finish' }).click(),
  ])
  assert.equal(answer.status(), 400, pasted)
  await flow.getByRole('alert').filter({ hasText: OUR_WORDS }).waitFor()
  await expectState(flow, 'waiting')
  assert.deepEqual(provider.exchanges, [])
}

async function expectFinished({ ui, flow }) {
  await expectState(flow, 'done')
  await expectConnected(ui)
  assert.deepEqual(provider.exchanges.map(({ error }) => error), [null])
}

describe('the address still has the code: it is copied, whatever the page says', () => {
  const pages = {
    'State mismatch': text(200, 'State mismatch'),
    'State mismatch, as 400': text(400, 'State mismatch'),
    'Cannot GET /auth/callback': text(404, 'Cannot GET /auth/callback'),
    '404 Not Found': text(404, '<html><h1>404 Not Found</h1></html>'),
    'Authorization Successful': text(200, 'Authorization Successful'),
  }
  for (const [name, serve] of Object.entries(pages)) {
    test(name, async () => {
      local.serve = serve
      const { ui, flow } = await openFlowPage(context, front.origin)
      const tab = await signInAt(flow, CALLBACK)
      await tab.getByText(name.split(',')[0]).first().waitFor()
      assert.ok(local.visits.includes('/auth/callback'))
      await expectRefused(flow, name.split(',')[0])
      await paste(flow, await addressOf(tab))
      await expectFinished({ ui, flow })
    })
  }
})

describe('the address has no code any more: that program is ended, and the sign-in opened once more', () => {
  const ways = {
    'a redirect to its own page': { serve: sendOn('/success', 'Signed in'), address: /^http:\/\/localhost:1455\/success$/ },
    'a redirect to its first page': { serve: sendOn('/', 'Hello'), address: /^http:\/\/localhost:1455\/$/ },
    'its script takes the query away': {
      serve: (_req, res) => res.writeHead(200, { 'Content-Type': 'text/html' })
        .end('<script>history.replaceState(null, "", "/auth/callback")</script>Signed in'),
      address: /^http:\/\/localhost:1455\/auth\/callback$/,
    },
  }
  for (const [name, { serve, address }] of Object.entries(ways)) {
    test(name, async () => {
      local.serve = serve
      const { ui, flow } = await openFlowPage(context, front.origin)
      const tab = await signInAt(flow, address)
      await expectRefused(flow, await addressOf(tab))
      await shot(flow, 'elsewhere-refused')

      // what the page says of the Back button
      await tab.goBack()
      assert.match(await addressOf(tab), /^https:\/\/auth\.openai\.com\//)

      await local.stop()
      await flow.bringToFront()
      const again = await signInAt(flow, CALLBACK)
      await waitUntilDead(again)
      await paste(flow, await addressOf(again))
      await expectFinished({ ui, flow })
    })
  }

  test('a redirect to another port', async () => {
    const other = await startLocal()
    try {
      other.serve = text(200, 'a dev server')
      local.serve = sendOn(`http://localhost:${other.port}/login`)
      const { flow } = await openFlowPage(context, front.origin)
      const tab = await signInAt(flow, /\/login$/)
      await expectRefused(flow, await addressOf(tab))
    } finally {
      await other.stop()
    }
  })
})

test('what is pasted by the keyboard is sent at once and told apart', async () => {
  local.serve = sendOn('/success', 'Signed in')
  const { flow } = await openFlowPage(context, front.origin)
  const tab = await signInAt(flow, /\/success$/)
  await paste(flow, await addressOf(tab))
  await flow.getByRole('alert').filter({ hasText: OUR_WORDS }).waitFor()
  await expectState(flow, 'waiting')
})

test('the page says it before anything is pasted, and promises nothing', async () => {
  local.serve = text(200, 'Authorization successful')
  const { flow } = await openFlowPage(context, front.origin)
  const help = flow.getByText('Then a program on your own computer answered at localhost:1455')
  assert.equal(await help.isVisible(), false)
  await flow.getByText('Did a different page come up?').click()
  await help.waitFor()
  await shot(flow, 'elsewhere-help')
  await signInAt(flow, CALLBACK)
  await flow.bringToFront()
  await expectState(flow, 'waiting')
  assert.doesNotMatch(await flow.locator('body').innerText(), /you are done/i)
})
