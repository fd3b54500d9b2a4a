// The pages in a real browser: each can be read, at every width and in both colour schemes; what the script
// adds works; and without the script everything still does.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import { inspect, until, useBrowser } from './browse.mjs'
import { flowPath } from './serve.mjs'

const address = 'http://localhost:1455/auth/callback?code=pasted&state=pasted'
const { site, newPage } = await useBrowser()

async function openFlow(options, { clock = false } = {}) {
  site.page = 'waiting.html'
  site.answerPage = 'waiting-paste-text.html'
  site.status = { state: 'waiting', expires_in: 287 }
  site.posts = []
  site.polls = 0
  const page = await newPage(options)
  if (clock) await page.clock.install()
  await page.goto(site.origin + flowPath)
  return page
}

test('every page can be read, wide and narrow, light and dark', async () => {
  const page = await newPage()
  // a page that reloads itself would do so under our eyes
  await page.route('**/*.html', async (route) => {
    const response = await route.fetch()
    await route.fulfill({ response, body: (await response.text()).replace(/<meta http-equiv="refresh"[^>]*>/, '') })
  })
  assert.ok(site.names.length > 150)
  for (const name of site.names) {
    await page.goto(`${site.origin}/${name}`)
    for (const [colorScheme, width] of [['light', 1200], ['dark', 320]]) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize({ width, height: 800 })
      const seen = await page.evaluate(inspect)
      const what = `${name}, ${colorScheme}, ${width} wide`
      assert.deepEqual(seen.faint, [], what)
      assert.ok(seen.overflow <= 0, `${what} scrolls sideways by ${seen.overflow}`)
      assert.equal(seen.mains, 1, what)
      assert.equal(seen.headings.length, 1, what)
      assert.ok(seen.headings[0].length > 5 && seen.title.length > 15, what)
      assert.ok(seen.styled, what)
    }
  }
  assert.deepEqual(page.faults, [])
})

test('a long address and a long name do not break the page apart', async () => {
  const page = await newPage({ viewport: { width: 320, height: 700 } })
  await page.goto(`${site.origin}/waiting.html`)
  await page.evaluate(() => {
    for (const e of document.querySelectorAll('h1, h2, code, .tab span, .button')) e.textContent = 'x'.repeat(300)
  })
  assert.ok((await page.evaluate(inspect)).overflow <= 0)
})

describe('while waiting', () => {
  test('the keyboard goes through the steps in their order, and one sees where it is', async () => {
    const page = await openFlow()
    const stops = []
    for (let i = 0; i < 7; i++) {
      await page.keyboard.press('Tab')
      stops.push(
        await page.evaluate(() => {
          const e = document.activeElement
          if (getComputedStyle(e).outlineStyle !== 'solid') throw new Error(`no outline: ${e.outerHTML}`)
          return e.id || e.textContent
        }),
      )
    }
    assert.deepEqual(stops, ['opencode', 'sign-in', 'open', 'Did a different page come up?', 'address', 'Finish', 'Paste from clipboard'])
  })

  test('the box takes the focus only after a mistake', async () => {
    const page = await newPage()
    await page.goto(`${site.origin}/waiting.html`)
    assert.equal(await page.evaluate(() => document.activeElement.tagName), 'BODY')
    await page.goto(`${site.origin}/waiting-paste-empty.html`)
    await until(() => page.evaluate(() => document.activeElement.id === 'address'), 'focus on the box')
  })

  test('a screen reader is told what there is', async () => {
    const page = await openFlow()
    await page.getByRole('img', { name: /site can’t be reached.*localhost:1455\/auth\/callback\?code=/ }).waitFor()
    await page.getByRole('textbox', { name: 'Paste that address here' }).waitFor()
    await page.getByRole('link', { name: 'Open the ChatGPT sign-in' }).waitFor()
    assert.equal(await page.getByRole('status').first().textContent(), 'Waiting for the address')
    await page.goto(`${site.origin}/waiting-paste-code.html`)
    await page.getByRole('alert').filter({ hasText: 'only a part of the address' }).waitFor()
  })

  test('the whole of the way is seen without scrolling on a small laptop', async () => {
    const page = await openFlow({ viewport: { width: 1280, height: 800 } })
    const box = await page.locator('#address').boundingBox()
    assert.ok(box.y + box.height <= 800, `the box ends at ${box.y + box.height}`)
  })

  test('what is pasted is sent at once, and only once', async () => {
    const page = await openFlow({ permissions: ['clipboard-read', 'clipboard-write'] })
    await page.evaluate((text) => navigator.clipboard.writeText(text), ` ${address}\n`)
    await page.focus('#address')
    await page.keyboard.press('Control+V')
    await page.waitForSelector('[role=alert]')
    assert.deepEqual(site.posts.map((post) => post.address.trim()), [address])
    assert.deepEqual(page.faults, [])
  })

  describe('what the script sends of what is pasted', () => {
    // the state whose flow the rendered page has: its id is in the form's action
    const paste = async (text, html) => {
      const page = await openFlow({ permissions: ['clipboard-read', 'clipboard-write'] })
      const id = createHash('sha256').update('S').digest('base64url').slice(0, 22)
      await page.evaluate((action) => document.querySelector('#address').form.setAttribute('action', action), `/signin/flow/${id}`)
      await page.evaluate(([plain, rich]) => {
        const data = new DataTransfer()
        data.setData('text/plain', plain)
        if (rich) data.setData('text/html', rich)
        document.querySelector('#address').dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))
      }, [text, html])
      await page.waitForSelector('[role=alert]')
      assert.deepEqual(page.faults, [])
      assert.equal(site.posts.length, 1)
      return site.posts[0].address
    }
    const query = 'code=a%2Bb&scope=x+y&state=S'
    const good = `http://localhost:1455/auth/callback?${query}`
    const alone = {
      'the address': good,
      'with blanks and line ends around it': ` \r\n${good}\n`,
      'by https, of 127.0.0.1': good.replace('http://localhost', 'https://127.0.0.1'),
      'with an empty fragment': `${good}#`,
      'the state not last': 'http://localhost:1455/auth/callback?state=S&code=C',
      'in a sentence': `Here: <${good}>\r\nThanks`,
      'behind the title of the tab': `localhost\r\n${good}`,
      'broken into lines': good.replace('&scope', '\r\n  │ &sco\r\npe'),
    }
    for (const [name, text] of Object.entries(alone)) {
      test(`${name}: the answer alone`, async () => {
        const sent = await paste(text)
        assert.equal(sent, text.includes('state=S&') ? 'state=S&code=C' : query)
      })
    }
    const whole = {
      'another state': good.replace('state=S', 'state=T'),
      'another host': good.replace('localhost', 'evil.example'),
      'another port': good.replace('1455', '1456'),
      'another path': good.replace('/callback', '/other'),
      'inside another address': `https://l.example/?u=${good}`,
      'two addresses': `${good} ${good}`,
      'another code, escaped': `${good} ${encodeURIComponent(good.replace('a%2Bb', 'c'))}`,
      'a word behind, and the state not last': 'http://localhost:1455/auth/callback?state=S&code=C\r\nThanks',
      'a dot behind': `${good}.`,
      'lines that break a path': good.replace('/auth', '/au\r\nth'),
      'HTML': `<a href="${good.replaceAll('&', '&amp;')}">x</a>`,
      'escaped as a whole': encodeURIComponent(good),
    }
    for (const [name, text] of Object.entries(whole)) {
      test(`${name}: the whole text`, async () => assert.equal((await paste(text)).replace(/\r?\n/g, '\r\n'), text))
    }
    test('a link of a rich text: its address', async () => {
      const html = `<a href="${good.replaceAll('&', '&amp;')}">here</a>`
      assert.equal(await paste('here', html), html)
    })
  })

  for (const text of ['http://localhost:1455/success', ' http://127.0.0.1:8080/\n'])
    test(`“${text.trim()}”, of this computer, is sent at once, so that the server says what happened`, async () => {
      const page = await openFlow({ permissions: ['clipboard-read', 'clipboard-write'] })
      await page.evaluate((t) => navigator.clipboard.writeText(t), text)
      await page.getByRole('button', { name: 'Paste from clipboard' }).click()
      await page.waitForSelector('[role=alert]')
      await page.focus('#address')
      await page.keyboard.press('Control+V')
      await until(() => site.posts.length === 2, 'the second one')
      assert.deepEqual(site.posts.map((post) => post.address.trim()), [text.trim(), text.trim()])
      assert.deepEqual(page.faults, [])
    })

  for (const text of ['hello world', 'https://example.com/', 'just-a-code', 'http://localhost.example/'])
    test(`“${text}” is left for the person to send`, async () => {
      const page = await openFlow({ permissions: ['clipboard-read', 'clipboard-write'] })
      await page.evaluate((t) => navigator.clipboard.writeText(t), text)
      await page.focus('#address')
      await page.keyboard.press('Control+V')
      await until(async () => (await page.inputValue('#address')) === text, 'the text in the box')
      await page.getByRole('button', { name: 'Finish' }).click()
      await page.waitForSelector('[role=alert]')
      assert.deepEqual(site.posts, [{ address: text }])
    })

  test('what is typed or filled in waits for the button', async () => {
    const page = await openFlow()
    await page.fill('[name=address]', address)
    assert.deepEqual(site.posts, [])
    await page.click('form button')
    await page.waitForSelector('[role=alert]')
    assert.deepEqual(site.posts, [{ address }])
  })

  test('the clipboard button sends an address and nothing else', async () => {
    const page = await openFlow({ permissions: ['clipboard-read', 'clipboard-write'] })
    const button = page.getByRole('button', { name: 'Paste from clipboard' })
    assert.equal(await page.locator('form button').count(), 1)
    await page.evaluate(() => navigator.clipboard.writeText('a password'))
    await button.click()
    await page.getByText('The clipboard holds no such address yet').waitFor()
    assert.equal(await page.inputValue('#address'), '')
    assert.deepEqual(site.posts, [])
    await page.evaluate((text) => navigator.clipboard.writeText(text), address)
    await button.click()
    await page.waitForSelector('[role=alert]')
    assert.deepEqual(site.posts, [{ address }])
    assert.deepEqual(page.faults, [])
  })

  test('a browser that does not give the clipboard away says so', async () => {
    const page = await newPage()
    await page.addInitScript(() => {
      navigator.clipboard.readText = () => Promise.reject(new DOMException('no', 'NotAllowedError'))
    })
    await page.goto(`${site.origin}/waiting.html`)
    await page.getByRole('button', { name: 'Paste from clipboard' }).click()
    await page.getByText('paste into the box instead').waitFor()
    assert.equal(await page.evaluate(() => document.activeElement.id), 'address')
    assert.deepEqual(page.faults, [])
  })

  test('without a clipboard there is no such button', async () => {
    const page = await newPage()
    await page.addInitScript(() => Object.defineProperty(Navigator.prototype, 'clipboard', { get: () => undefined }))
    await page.goto(`${site.origin}/waiting.html`)
    await page.locator('#clock', { hasText: /\d:\d\d/ }).waitFor()
    assert.equal(await page.getByRole('button').count(), 1)
    assert.deepEqual(page.faults, [])
  })

  test('the time left is counted down', async () => {
    const page = await openFlow({}, { clock: true })
    site.status = null
    assert.match(await page.textContent('#clock'), /^Expires in 4:4[67]$/)
    await page.clock.runFor(100_000)
    assert.match(await page.textContent('#clock'), /^Expires in 3:0[67]$/)
    await page.clock.runFor(130_000)
    assert.equal(await page.textContent('#status'), 'Less than a minute left')
    await page.clock.runFor(100_000)
    assert.equal(await page.textContent('#clock'), 'Expires now')
    assert.deepEqual(page.faults, [])
  })
})

describe('the page turns by itself', () => {
  for (const [state, title] of [
    ['delivering', /^Finishing the sign-in/],
    ['done', /^ChatGPT is connected/],
    ['expired', /has expired/],
    ['declined', /declined/],
  ])
    test(`to ${state}`, async () => {
      const page = await openFlow({}, { clock: true })
      await page.clock.runFor(2100)
      await until(() => site.polls > 0, 'a poll')
      assert.equal(await page.getAttribute('#state', 'data-state'), 'waiting')
      site.page = `${state}.html`
      site.status = { state }
      await until(async () => {
        await page.clock.runFor(2100)
        return (await page.locator(`#state[data-state=${state}]`).count()) === 1
      }, `the page of ${state}`)
      assert.match(await page.title(), title)
      assert.deepEqual(page.faults, [])
    })

  test('and looks no more once the sign-in has ended', async () => {
    const page = await openFlow({}, { clock: true })
    site.page = 'done.html'
    await page.goto(site.origin + flowPath)
    const before = site.polls
    await page.clock.runFor(120_000)
    assert.equal(site.polls, before)
  })

  test('after a mistake too, without sending the form again', async () => {
    const page = await openFlow()
    await page.click('form button')
    await page.waitForSelector('[role=alert]')
    assert.equal(site.posts.length, 1)
    site.page = 'done.html'
    site.status = { state: 'done' }
    await page.waitForSelector('#state[data-state=done]')
    assert.equal(site.posts.length, 1)
  })

  test('goes on looking when the server was away for a while', async () => {
    const page = await openFlow({}, { clock: true })
    site.status = null
    await until(async () => {
      await page.clock.runFor(2100)
      return site.polls >= 3
    }, 'three failed looks')
    site.page = 'done.html'
    site.status = { state: 'done' }
    await until(async () => {
      await page.clock.runFor(2100)
      return (await page.locator('#state[data-state=done]').count()) === 1
    }, 'the page of done')
    assert.deepEqual(page.faults, [])
  })

  test('a sign-in that is no longer known leads to the page that says why', async () => {
    const page = await openFlow({}, { clock: true })
    site.page = 'problem-unknown-flow.html'
    site.status = { state: 'gone' }
    await until(async () => {
      await page.clock.runFor(2100)
      return (await page.locator('[data-problem=unknown-flow]').count()) === 1
    }, 'the page of the unknown sign-in')
  })
})

describe('without JavaScript', () => {
  const options = { javaScriptEnabled: false }

  test('the box is sent by its button', async () => {
    const page = await openFlow(options)
    assert.equal(await page.textContent('#clock'), 'Expires in 5 minutes')
    await page.fill('[name=address]', address)
    await page.click('form button')
    await page.waitForSelector('[role=alert]')
    assert.deepEqual(site.posts, [{ address }])
  })

  test('only the page that waits for opencode reloads itself', async () => {
    const page = await openFlow(options)
    assert.equal(await page.locator('meta[http-equiv]').count(), 0)
    site.page = 'delivering.html'
    await page.goto(site.origin + flowPath)
    site.page = 'done.html'
    await page.waitForSelector('#state[data-state=done]')
    assert.equal(await page.locator('meta[http-equiv]').count(), 0)
  })

  test('the account can be loaded, but not by a second click on the same place', async () => {
    const page = await openFlow(options)
    site.page = 'done.html'
    await page.goto(site.origin + flowPath)
    const button = page.getByRole('button', { name: /interrupting what runs/ })
    assert.equal(await button.isVisible(), false)
    await page.getByText('Its models are missing').click()
    await button.click()
    await page.waitForSelector('[role=alert]')
    assert.deepEqual(site.posts, [{ load: 'yes' }])
  })
})
