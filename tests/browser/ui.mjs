/*
 * A headless Chromium as the user's remote browser, and the steps that a user takes in opencode's
 * own web UI, on our pages and at the provider. With SHOTS=folder each step leaves a picture there.
 */
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { until } from '../lib/net.mjs'

export const CHROMIUM = process.env.CHROMIUM || '/usr/bin/chromium'

/* The port that nobody answers, for everything that is on the server and not here. */
const DEAD = '127.0.0.1:9'
const LISTENERS = ['localhost:1455', '127.0.0.1:19876']

/*
 * provider: whom auth.openai.com leads to. onServer: the browser runs on opencode's own machine, so
 * it reaches its listeners; otherwise those are dead, as in life. local: or the port of a program on
 * the user's computer, which answers in the place of all of them.
 */
export function launch({ provider, onServer = false, local }) {
  const rules = [`MAP auth.openai.com 127.0.0.1:${provider.tlsPort}`]
  if (!onServer) rules.push(...LISTENERS.map((listener) => `MAP ${listener} ${local ? `127.0.0.1:${local}` : DEAD}`))
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [`--host-resolver-rules=${rules.join(', ')}`],
  })
}

/* A browser profile of its own: cookies, clipboard. */
export function newContext(browser, options = {}) {
  return browser.newContext({
    ignoreHTTPSErrors: true, // the provider's certificate is the test's own
    viewport: { width: 1280, height: 900 },
    permissions: ['clipboard-read', 'clipboard-write'],
    ...options,
  })
}

export async function shot(page, name) {
  if (!process.env.SHOTS) return
  mkdirSync(process.env.SHOTS, { recursive: true })
  await page.screenshot({ path: join(process.env.SHOTS, `${name}.png`), fullPage: true })
}

/* opencode's UI: Settings, Providers, OpenAI, Connect. */
export async function openConnectDialog(page, origin) {
  await page.goto(origin)
  await page.getByRole('button', { name: 'Settings' }).click()
  await page.getByRole('tab', { name: 'Providers' }).click()
  const row = 'xpath=//span[normalize-space()="OpenAI"]/ancestor::div[.//button][1]//button'
  await page.locator(row).click()
  await page.getByText('Select login method for OpenAI').waitFor()
}

/* The browser method of that dialog. Resolves with the link that it then shows. */
export async function chooseBrowserMethod(page) {
  await page.getByRole('button', { name: /ChatGPT Pro\/Plus.*Browser/ }).click()
  const link = page.getByRole('link', { name: 'this link' })
  await link.waitFor()
  return link
}

/* Clicks something that opens a new tab. */
export async function openTab(context, locator) {
  const [tab] = await Promise.all([context.waitForEvent('page'), locator.click()])
  await tab.waitForLoadState()
  return tab
}

/* From opencode's start page to our flow page, in a tab of its own. */
export async function openFlowPage(context, origin) {
  const ui = await context.newPage()
  await openConnectDialog(ui, origin)
  const flow = await openTab(context, await chooseBrowserMethod(ui))
  await flow.bringToFront()
  return { ui, flow }
}

/* What stands in the address bar of a tab, also where the page could not be loaded. */
export async function addressOf(tab) {
  const session = await tab.context().newCDPSession(tab)
  const { currentIndex, entries } = await session.send('Page.getNavigationHistory')
  await session.detach()
  return entries[currentIndex].url
}

/*
 * From the flow page to the provider, and there 'Allow' or 'Deny'. Resolves with the tab, once the
 * browser has gone where the provider sent it.
 */
export async function signIn(context, flow, answer = 'Allow') {
  const tab = await openTab(context, flow.locator('a#open'))
  await tab.getByRole('link', { name: answer }).click()
  await until('the provider has sent the browser on', async () => /\/auth\/callback\?/.test(await addressOf(tab)))
  return tab
}

export function waitUntilDead(tab) {
  return until('the tab has failed to load', async () => (await tab.title()) === 'localhost')
}

/* The same with a browser for which localhost:1455 is dead. Resolves with the dead tab's address. */
export async function signInToDeadTab(context, flow, answer) {
  const tab = await signIn(context, flow, answer)
  await waitUntilDead(tab)
  const address = await addressOf(tab)
  assert.match(address, /^http:\/\/localhost:1455\/auth\/callback\?/)
  return { tab, address }
}

/* Pastes as users do: by the clipboard and Ctrl-V. */
export async function paste(page, text) {
  await page.bringToFront()
  await page.evaluate((value) => navigator.clipboard.writeText(value), text)
  await page.locator('input[name="address"]').click()
  await page.keyboard.press('Control+V')
}

/* Waits until the flow page shows this state. */
export async function expectState(page, state, ms = 20_000) {
  const found = page.locator(`#state[data-state="${state}"]`)
  try {
    await found.waitFor({ timeout: ms })
  } catch {
    const now = await page.locator('body').innerText()
    assert.fail(`the page never showed ${state}; it shows ${page.url().split('?')[0]}: ${now.slice(0, 400)}`)
  }
  return found
}

/* The dialog of opencode's UI has closed by itself and says that the account is there. */
export async function expectConnected(ui) {
  await ui.getByText('OpenAI connected').waitFor({ timeout: 20_000 })
  assert.equal(await ui.getByText('Connect OpenAI').count(), 0)
}

/* The dialog of opencode's UI has stopped waiting and says that it failed. */
export async function expectNotConnected(ui) {
  await ui.getByText('Authorization failed').waitFor({ timeout: 20_000 })
  assert.equal(await ui.getByText('OpenAI connected').count(), 0)
}

/*
 * What the user does on the pages of a context from now on, oldest first: 'click', 'key', 'paste',
 * 'text'.
 */
export async function countActions(context) {
  const actions = []
  await context.exposeBinding('userDid', (_source, action) => actions.push(action))
  const listen = () => {
    if (window.userDidListens) return
    window.userDidListens = true
    const names = { click: 'click', keydown: 'key', paste: 'paste', beforeinput: 'text' }
    for (const [type, name] of Object.entries(names)) {
      addEventListener(type, (event) => event.isTrusted && window.userDid(name), true)
    }
  }
  await context.addInitScript(listen)
  for (const page of context.pages()) await page.evaluate(listen).catch(() => {}) // a dead tab
  return actions
}

/*
 * Answers as a user who is asked for a password. Resolves with the addresses that the browser asks for,
 * where it cannot answer from what it knows.
 */
export async function watchChallenges(context, { username, password }) {
  const asked = []
  const watch = async (page) => {
    const session = await context.newCDPSession(page)
    // a tab that is closed meanwhile has no answer to give
    const send = (method, params) => session.send(method, params).catch(() => {})
    session.on('Fetch.requestPaused', ({ requestId }) => send('Fetch.continueRequest', { requestId }))
    session.on('Fetch.authRequired', ({ requestId, request }) => {
      asked.push(request.url)
      const authChallengeResponse = { response: 'ProvideCredentials', username, password }
      send('Fetch.continueWithAuth', { requestId, authChallengeResponse })
    })
    await send('Fetch.enable', { handleAuthRequests: true })
  }
  context.on('page', watch)
  await Promise.all(context.pages().map(watch))
  return asked
}

/*
 * opencode's UI in its directory, with the status button that a setting adds, and the list of MCP
 * servers that this button opens.
 */
export async function openMcpList(page, opencode, origin) {
  const answer = await fetch(`${opencode.origin}/session`, {
    method: 'POST', headers: { 'Content-Type': 'application/json', ...opencode.authorization }, body: '{}',
  })
  const { id } = await answer.json()
  await page.goto(`${origin}/${Buffer.from(opencode.work).toString('base64url')}/session/${id}`)
  await page.getByRole('button', { name: 'Home' }).click()
  await page.getByRole('button', { name: 'Settings' }).click()
  const setting = 'xpath=//*[normalize-space(text())="Server status"]/ancestor::*[.//*[@role="switch"]][1]'
  await page.locator(setting).locator('[data-slot="switch-control"]').first().click()
  await page.keyboard.press('Escape')
  await page.goBack()
  await page.getByRole('button', { name: 'Status' }).first().click()
}
