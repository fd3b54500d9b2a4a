// The drawing of the tab that nothing answers: the words of the visitor's own browser, the words of none where the
// browser is unknown or runs no script, and how one gets at the address on a phone.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { describe, test } from 'node:test'
import { inspect, useBrowser } from './browse.mjs'

const { site, newPage } = await useBrowser()

const CHROMIUM = 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0'
const WEBKIT = 'AppleWebKit/605.1.15 (KHTML, like Gecko)'
const REFUSED = ' refused to connect.\nERR_CONNECTION_REFUSED'
const NONE = ['localhost:1455', 'This page could not be opened', 'Nothing answers at localhost:1455.']
const PHONE_TIP = 'Touch and hold the address, then choose Copy.'
const CHROME = ['localhost', 'This site can’t be reached', `localhost${REFUSED}`]
const EDGE = ['localhost', 'Hmmm… can\'t reach this page', `localhost${REFUSED}`]
const FIREFOX = ['Problem loading page', 'Unable to connect', 'Firefox can’t establish a connection to the server at localhost:1455.']
const SAFARI = ['Failed to open page', 'Safari Can’t Connect to the Server',
  'Safari can’t open the page because Safari can’t connect to the server “localhost”.']
const IOS = ['', 'Safari can’t open the page', 'because it couldn’t connect to the server.']
const ITS_OWN = 'Each browser says it in its own words.'

const desktop = {
  'Chrome': { agent: `(Windows NT 10.0; Win64; x64) ${CHROMIUM} Safari/537.36`, words: CHROME, tip: '' },
  'Edge': { agent: `(Windows NT 10.0; Win64; x64) ${CHROMIUM} Safari/537.36 Edg/130.0.0.0`, words: EDGE, tip: '' },
  'Opera': { agent: `(X11; Linux x86_64) ${CHROMIUM} Safari/537.36 OPR/115.0.0.0`, words: CHROME, tip: '' },
  'Firefox': { agent: '(X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0', words: FIREFOX, tip: '' },
  'Safari': { agent: `(Macintosh; Intel Mac OS X 10_15_7) ${WEBKIT} Version/18.0 Safari/605.1.15`, words: SAFARI,
    tip: 'Safari may show only its first part: click the address, then all of it is there to copy.' },
  'a WebKit that is not Safari': { agent: `(X11; Linux x86_64) ${WEBKIT} Version/18.0 Safari/605.1.15`, words: NONE, tip: ITS_OWN },
  'an unknown browser': { agent: '(compatible; Ladybird/1.0)', words: NONE, tip: ITS_OWN },
  'a browser that says nothing': { agent: '', words: NONE, tip: ITS_OWN },
}
const phones = {
  'Chrome on Android': { agent: `(Linux; Android 10; K) ${CHROMIUM} Mobile Safari/537.36`, words: CHROME,
    tip: 'Tap the address, then the copy icon beside it.' },
  'Edge on Android': { agent: `(Linux; Android 10; K) ${CHROMIUM} Mobile Safari/537.36 EdgA/130.0.0.0`, words: EDGE,
    tip: 'Tap the address, then the copy icon beside it.' },
  'Firefox on Android': { agent: '(Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0', tip: PHONE_TIP,
    words: [FIREFOX[0], FIREFOX[1], 'The site could be temporarily unavailable or too busy.'] },
  'Safari on iPhone': { agent: `(iPhone; CPU iPhone OS 18_0 like Mac OS X) ${WEBKIT} Version/18.0 Mobile/15E148 Safari/604.1`,
    words: IOS, tip: PHONE_TIP },
  'Safari on an iPad that says it is a Macintosh': {
    agent: `(Macintosh; Intel Mac OS X 10_15_7) ${WEBKIT} Version/18.0 Safari/605.1.15`, touch: 5, words: IOS, tip: PHONE_TIP },
  'Chrome on iPhone': { agent: `(iPhone; CPU iPhone OS 18_0 like Mac OS X) ${WEBKIT} CriOS/130.0.0.0 Mobile/15E148 Safari/604.1`,
    words: CHROME, tip: PHONE_TIP },
  'Firefox on iPhone': { agent: `(iPhone; CPU iPhone OS 18_0 like Mac OS X) ${WEBKIT} FxiOS/132.0 Mobile/15E148 Safari/605.1.15`,
    words: NONE, tip: `${PHONE_TIP} ${ITS_OWN}` },
}

async function open({ agent, touch = 0, name = 'waiting', ...options }) {
  const page = await newPage({ userAgent: `Mozilla/5.0 ${agent}`, locale: 'en-US', ...options })
  await page.addInitScript((points) => Object.defineProperty(navigator, 'maxTouchPoints', { get: () => points }), touch)
  await page.goto(`${site.origin}/${name}.html`)
  return page
}

const wordsOf = (page) => Promise.all(['top span', 'page strong', 'page span'].map((part) => page.locator(`.tab-${part}`).textContent()))
const tipOf = (page) => page.locator('.tab-tip').textContent()

for (const [name, { words, tip, ...browser }] of Object.entries({ ...desktop, ...phones })) {
  test(name, async () => {
    const width = name in phones ? 390 : 1280
    for (const colorScheme of ['light', 'dark']) {
      const page = await open({ ...browser, colorScheme, viewport: { width, height: 844 } })
      assert.deepEqual(await wordsOf(page), words)
      assert.equal(await tipOf(page), tip)
      assert.equal(await page.locator('.tab-top').isVisible(), !(name in phones))
      await page.getByRole('img', { name: `tab that says: ${words[1]}. Its address, localhost:1455/auth/callback?code=…,` }).waitFor()
      // open, as whoever needs it sees it
      await page.locator('summary').click()
      const seen = await page.evaluate(inspect)
      assert.deepEqual(seen.faint, [])
      assert.ok(seen.overflow <= 0)
      // nothing in the drawing is cut off
      assert.deepEqual(await page.$$eval('.tab, .tab *:not(svg, path)', (all) => all.filter((e) => e.scrollWidth > e.clientWidth + 1
        && getComputedStyle(e).display !== 'inline').map((e) => e.className)), [])
      assert.deepEqual(page.faults, [])
    }
  })
}

test('without JavaScript', async () => {
  const page = await newPage({ javaScriptEnabled: false, userAgent: `Mozilla/5.0 ${desktop.Edge.agent}` })
  await page.goto(`${site.origin}/waiting.html`)
  assert.deepEqual(await wordsOf(page), NONE)
  assert.equal(await tipOf(page), ITS_OWN)
  await page.locator('summary').click()
  await page.getByText('If not, end that program').waitFor()
})

test('a browser in another language is not said to use these words', async () => {
  const page = await open({ ...desktop.Chrome, locale: 'de-DE' })
  assert.deepEqual(await wordsOf(page), CHROME)
  assert.equal(await tipOf(page), ITS_OWN)
})

test('another host and port', async () => {
  const page = await open({ ...desktop.Firefox, name: 'mcp-waiting' })
  assert.equal((await wordsOf(page))[2], 'Firefox can’t establish a connection to the server at 127.0.0.1:19876.')
  assert.equal((await wordsOf(await open({ ...desktop.Chrome, name: 'mcp-waiting' })))[2], `127.0.0.1${REFUSED}`)
})

test('every page with a drawing gets it, and no other page has an error', async () => {
  const page = await open(desktop.Edge)
  for (const name of site.names.filter((one) => /waiting|done|start/.test(one))) {
    await page.goto(`${site.origin}/${name}`)
    const bold = await page.locator('.tab-page strong').allTextContents()
    assert.deepEqual(bold, /^(?:direct|relay|typed)-|done|start/.test(name) ? [] : [EDGE[1]], name)
  }
  assert.deepEqual(page.faults, [])
})

describe('the words are the browser’s', () => {
  // the browser at hand is the one that can be asked
  test('Chromium itself writes them into a dead tab', async () => {
    const server = createServer()
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address()
    await new Promise((resolve) => server.close(resolve))
    const dead = await newPage({ locale: 'en-US' })
    await dead.goto(`http://localhost:${port}/auth/callback?code=C`).catch(() => {})
    await dead.getByText('ERR_CONNECTION_REFUSED').waitFor()
    const said = await dead.locator('body').innerText()
    const [title, bold, below] = CHROME
    assert.equal(await dead.title(), title)
    for (const line of [bold, ...below.split('\n')]) assert.ok(said.includes(line), `${line} in ${said}`)
  })
})
