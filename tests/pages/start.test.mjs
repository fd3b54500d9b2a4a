// The start page, and what else begins a sign-in or carries an answer over, in a real browser.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inspect, until, useBrowser } from './browse.mjs'
import { flowPath } from './serve.mjs'

const query = '?directory=%2Fhome%2Fme&workspace=a'
const authorize = 'https://auth.example.com/oauth/authorize?client_id=a&redirect_uri=http%3A%2F%2Flocalhost%3A1455&state=b'
const { site, newPage } = await useBrowser()

async function open(name, options, path = '/signin/') {
  site.page = `${name}.html`
  site.answerPage = 'problem-begin-refused.html'
  site.status = { state: 'waiting', expires_in: 287 }
  site.posts = []
  const page = await newPage(options)
  await page.goto(site.origin + path)
  return page
}

// Clicks the one button of a form and answers what was sent.
async function send(page, form) {
  await page.locator(`${form} button`).click()
  await page.waitForSelector('[data-problem]')
  return site.posts.at(-1)
}

const copilot = 'form[data-provider="github-copilot"]'
const enterprise = `${copilot} [name="input.enterpriseUrl"]`
const deployment = `${copilot} select`

describe('the start page', () => {
  for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? 'with' : 'without'

    test(`begins what its buttons say, ${how} JavaScript`, async () => {
      const page = await open('start-full', { javaScriptEnabled })
      const forms = [
        ['form[data-mcp="calendar"]', { mcp: 'calendar' }],
        ['form[data-mcp="issue%20tracker"]', { mcp: 'issue%20tracker' }],
        ['form[data-provider=poe][data-method="0"]', { provider: 'poe', method: '0' }],
        ['form[data-provider=openai][data-method="0"]', { provider: 'openai', method: '0' }],
        ['form[data-provider=openai][data-method="1"]', { provider: 'openai', method: '1' }],
        ['form[data-provider=gitlab]', { provider: 'gitlab', method: '0', 'input.instanceUrl': '' }],
      ]
      for (const [form, sent] of forms) {
        assert.deepEqual(await send(page, form), { to: `/signin/start${query}`, ...sent })
        await page.goto(`${site.origin}/signin/`)
      }
      assert.deepEqual(page.faults, [])
    })

    test(`takes the address of a terminal's sign-in, ${how} JavaScript`, async () => {
      const page = await open('start', { javaScriptEnabled })
      await page.fill('[name=address]', authorize)
      assert.deepEqual(await send(page, 'form[data-adopt]'), { to: `/signin/adopt${query}`, address: authorize })
    })
  }

  test('each form has one button, and each button one thing to say', async () => {
    const page = await open('start-full')
    const forms = await page.$$eval('form', (all) => all.map((form) => form.querySelectorAll('button').length))
    assert.equal(forms.length, 11)
    assert.deepEqual(new Set(forms), new Set([1]))
    const names = await page.$$eval('form button, a.button', (all) => all.map((b) => b.textContent))
    assert.equal(new Set(names).size, names.length, names.join('\n'))
    for (const name of ['Connect Poe, Login with Poe (browser)', 'Reconnect ChatGPT, ChatGPT Pro/Plus (headless)', 'Begin anew issue tracker'])
      await page.getByRole('button', { name, exact: true }).waitFor()
    await page.getByRole('link', { name: 'Go on with DigitalOcean', exact: true }).waitFor()
  })

  test('has no button for a server that needs none, and says how it is', async () => {
    const page = await open('start')
    for (const [name, text] of [
      ['wiki', 'connected'],
      ['resting', 'switched off'],
      ['registry', 'opencode.json'],
      ['future', 'something_new'],
    ]) {
      const row = page.locator('.row', { has: page.getByRole('heading', { name, exact: true }) })
      assert.match(await row.textContent(), new RegExp(text))
      assert.equal(await row.getByRole('button').count(), 0, name)
    }
  })

  for (const viewport of [
    { width: 1280, height: 720 },
    { width: 320, height: 640 },
  ])
    test(`what waits is seen first, ${viewport.width} wide`, async () => {
      const page = await open('start', { viewport })
      const box = await page.locator('form[data-mcp="issue%20tracker"] button').boundingBox()
      assert.ok(box.y + box.height <= viewport.height, `the button ends at ${box.y + box.height}`)
      const order = await page.$$eval('h2, form', (all) => all.map((e) => e.dataset.mcp ?? e.dataset.provider ?? e.id))
      assert.deepEqual(order.slice(0, 4), ['servers', 'issue%20tracker', 'calendar', 'accounts'])
      /* what is connected is not in the way of what is not */
      assert.deepEqual(order.slice(4, -2), ['github-copilot', 'poe', 'digitalocean', 'snowflake-cortex', 'xai', 'openai', 'openai', 'gitlab'])
      await page.goto(`${site.origin}/start-full.html`)
      assert.equal((await page.$$eval('h2', (all) => all.map((e) => e.id)))[0], 'flows')
      const first = await page.getByRole('link', { name: 'Go on with ChatGPT' }).boundingBox()
      assert.ok(first.y + first.height <= viewport.height)
    })

  test('everything that is clicked is large enough for a finger', async () => {
    for (const width of [320, 1200]) {
      const page = await open('start-full', { viewport: { width, height: 800 } })
      const small = await page.$$eval('.button, input:not([type=hidden]), select', (all) =>
        all.filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 44).map((e) => e.outerHTML))
      assert.deepEqual(small, [])
    }
  })

  test('the keyboard goes from top to bottom, and one sees where it is', async () => {
    const page = await open('start-full')
    let last = 0
    let stops = 0
    const end = await page.getByRole('button', { name: 'Paste from clipboard' }).elementHandle()
    for (let done = false; !done; stops++) {
      assert.ok(stops < 60)
      await page.keyboard.press('Tab')
      const now = await page.evaluate((e) => {
        const focus = document.activeElement
        if (getComputedStyle(focus).outlineStyle !== 'solid') throw new Error(`no outline: ${focus.outerHTML}`)
        const box = focus.getBoundingClientRect()
        return { bottom: box.bottom + scrollY, left: box.left, end: focus === e }
      }, end)
      assert.ok(now.bottom >= last - 1, `stop ${stops} is above the one before`)
      last = now.bottom
      done = now.end
    }
    assert.ok(stops >= 26, `${stops} stops`)
  })

  test('two begins are not sent at once', async () => {
    const page = await open('start')
    await page.evaluate(() => {
      const button = document.querySelector('form[data-provider=poe] button')
      addEventListener('pagehide', () => (sessionStorage.seen = `${button.textContent} ${button.disabled}`))
      button.click()
      document.querySelector('form[data-mcp=calendar]').requestSubmit()
    })
    await page.waitForSelector('[data-problem]')
    assert.deepEqual(site.posts.map((post) => post.provider), ['poe'])
    assert.equal(await page.evaluate(() => sessionStorage.seen), 'Beginning… true')
  })

  test('with nothing to connect it says so, and still helps a terminal', async () => {
    const page = await open('start-nothing')
    assert.match(await page.textContent('#nothing'), /no provider .* no MCP server/)
    assert.equal(await page.locator('form').count(), 1)
    assert.deepEqual(await page.$$eval('h2', (all) => all.map((e) => e.id)), ['adopt'])
  })

  test('names and labels of any length do not break it apart', async () => {
    const page = await open('start-full', { viewport: { width: 320, height: 700 } })
    await page.evaluate(() => {
      for (const e of document.querySelectorAll('h3, .hint, .field > span, .unseen, option, .ended a')) e.textContent = 'x'.repeat(300)
    })
    assert.ok((await page.evaluate(inspect)).overflow <= 0)
    await page.setViewportSize({ width: 1200, height: 700 })
    assert.ok((await page.evaluate(inspect)).overflow <= 0)
  })
})

describe('questions that depend on others', () => {
  test('are asked and sent while their condition holds', async () => {
    const page = await open('start')
    assert.equal(await page.locator(enterprise).isVisible(), false)
    assert.equal(await page.locator('.when').first().isVisible(), false)
    assert.deepEqual(await send(page, copilot), {
      to: `/signin/start${query}`, provider: 'github-copilot', method: '0', 'input.deploymentType': 'github.com',
    })
    await page.goto(`${site.origin}/signin/`)
    await page.selectOption(deployment, 'enterprise')
    await page.fill(enterprise, 'example.ghe.com')
    assert.equal((await send(page, copilot))['input.enterpriseUrl'], 'example.ghe.com')
    await page.goto(`${site.origin}/signin/`)
    await page.selectOption(deployment, 'enterprise')
    await page.fill(enterprise, 'example.ghe.com')
    await page.selectOption(deployment, 'other')
    assert.equal('input.enterpriseUrl' in (await send(page, copilot)), false)
    assert.deepEqual(page.faults, [])
  })

  test('fit what the browser puts back on the way back', async () => {
    const page = await open('start')
    await page.selectOption(deployment, 'enterprise')
    await page.goto(`${site.origin}/waiting.html`)
    await page.goBack()
    await until(async () => (await page.locator(deployment).inputValue()) === 'enterprise', 'the choice of before')
    await until(() => page.locator(enterprise).isVisible(), 'the question that fits the choice')
  })

  test('say when they matter, without JavaScript', async () => {
    const page = await open('start', { javaScriptEnabled: false })
    assert.equal(await page.locator(enterprise).isVisible(), true)
    await page.getByText('(only if “Select GitHub deployment type” is “GitHub Enterprise”)').waitFor()
    await page.getByLabel(/GitHub Enterprise URL/).fill('example.ghe.com')
    assert.deepEqual(await send(page, copilot), {
      to: `/signin/start${query}`, provider: 'github-copilot', method: '0',
      'input.deploymentType': 'github.com', 'input.enterpriseUrl': 'example.ghe.com',
    })
  })

  test('others are always asked', async () => {
    const page = await open('start')
    await page.getByLabel('Snowflake Account Identifier').fill('org-me')
    const sent = await send(page, 'form[data-provider=snowflake-cortex]')
    assert.deepEqual([sent['input.account'], sent['input.role']], ['org-me', ''])
  })
})

describe('a form with fields of every type', () => {
  const form = 'form[data-provider=acme]'
  const types = {
    'type.port': 'integer', 'type.wait': 'number', 'type.tls': 'boolean', 'type.zones': 'multiselect',
    'when.name.0': 'tls\ttrue', 'when.zones.0': 'tls\ttrue', 'unless.zones.1': 'region\tus',
  }
  const first = { 'input.host': '', 'input.port': '443', 'input.wait': '0.5', 'input.region': 'eu', 'pick.zones.0': 'eu' }
  const sent = async (page) => {
    const { to, provider, method, ...fields } = await send(page, form)
    assert.deepEqual([to, provider, method], [`/signin/start${query}`, 'acme', 'company'])
    return fields
  }

  for (const javaScriptEnabled of [true, false]) {
    test(`sends what opencode has to know of each, ${javaScriptEnabled ? 'with' : 'without'} JavaScript`, async () => {
      const page = await open('start-form', { javaScriptEnabled })
      assert.deepEqual(await sent(page), { ...first, ...types, 'input.tls': 'true', 'input.name': '' })
      await page.goto(`${site.origin}/signin/`)
      await page.getByRole('spinbutton', { name: 'Port' }).fill('8443')
      await page.getByLabel(/^Name in the certificate/).fill('x')
      await page.getByRole('combobox', { name: 'Region' }).selectOption('us')
      await page.getByRole('checkbox', { name: 'America' }).check()
      assert.deepEqual(await sent(page), { ...first, ...types, 'input.port': '8443', 'input.tls': 'true', 'input.name': 'x', 'input.region': 'us', 'pick.zones.1': 'us' })
      assert.deepEqual(page.faults, [])
    })
  }

  test('asks what depends on a box only while that is ticked', async () => {
    const page = await open('start-form')
    const name = page.getByLabel(/^Name in the certificate/)
    assert.equal(await name.isVisible(), true)
    await page.getByRole('checkbox', { name: 'Use TLS' }).uncheck()
    assert.equal(await name.isVisible(), false)
    const fields = await sent(page)
    assert.equal('input.tls' in fields || 'input.name' in fields, false)
    // two conditions are told in words, and the server knows them
    await page.goto(`${site.origin}/signin/`)
    await page.getByText('(only if “Use TLS” is “yes” and “Region” is not “America”)').waitFor()
  })

  test('has boxes that are large enough for a finger', async () => {
    for (const width of [320, 1200]) {
      const page = await open('start-form', { viewport: { width, height: 800 } })
      const small = await page.$$eval('input[type=checkbox]', (all) => all.map((e) => e.closest('label').getBoundingClientRect().height).filter((height) => height < 44))
      assert.deepEqual(small, [])
      assert.ok((await page.evaluate(inspect)).overflow <= 0)
    }
  })
})

describe('the box for a terminal', () => {
  const permissions = ['clipboard-read', 'clipboard-write']

  test('sends a pasted address at once, and only once', async () => {
    const page = await open('start', { permissions })
    await page.evaluate((text) => navigator.clipboard.writeText(text), `${authorize}\n`)
    await page.focus('#address')
    await page.keyboard.press('Control+V')
    await page.waitForSelector('[data-problem]')
    assert.deepEqual(site.posts.map((post) => post.address.trim()), [authorize])
    assert.deepEqual(page.faults, [])
  })

  test('puts an address together that a narrow terminal broke', async () => {
    const page = await open('start', { permissions })
    await page.evaluate((text) => navigator.clipboard.writeText(text), `  ${authorize.replace('client', '\r\n│  client')}\n`)
    await page.focus('#address')
    await page.keyboard.press('Control+V')
    await page.waitForSelector('[data-problem]')
    assert.deepEqual(site.posts.map((post) => post.address.trim()), [authorize])
  })

  test('has a clipboard button that knows what to ask for', async () => {
    const page = await open('start', { permissions })
    await page.evaluate(() => navigator.clipboard.writeText('a password'))
    await page.getByRole('button', { name: 'Paste from clipboard' }).click()
    await page.getByText('copy that which the terminal printed').waitFor()
    assert.deepEqual(site.posts, [])
    await page.evaluate((text) => navigator.clipboard.writeText(text), authorize)
    await page.getByRole('button', { name: 'Paste from clipboard' }).click()
    await page.waitForSelector('[data-problem]')
    assert.deepEqual(site.posts.map((post) => post.address), [authorize])
  })

  test('says what was wrong and takes the focus', async () => {
    const page = await open('start-adopt-callback')
    await page.getByRole('alert').filter({ hasText: 'That is the answer, not the beginning' }).waitFor()
    await until(() => page.evaluate(() => document.activeElement.id === 'address'), 'focus on the box')
    assert.match(await page.title(), /^That is the answer.* · Connect accounts/)
    assert.equal(await page.getAttribute('#address', 'aria-describedby'), 'problem')
    await page.goto(`${site.origin}/start-full.html`)
    assert.equal(await page.evaluate(() => document.activeElement.tagName), 'BODY')
  })
})

describe('an answer behind the # of the address', () => {
  const target = '/auth/callback#access_token=secret&expires_in=1&state=s'

  test('is carried over by one click', async () => {
    const page = await open('problem-no-state-token-list', {}, target)
    const button = page.getByRole('button', { name: 'Finish the DigitalOcean sign-in' })
    await button.waitFor()
    assert.equal(await page.getByRole('link', { name: 'Go to the DigitalOcean sign-in' }).isVisible(), false)
    assert.deepEqual(site.posts, [])
    await button.click()
    await page.waitForSelector('[data-problem=begin-refused]')
    assert.deepEqual(site.posts, [{ address: site.origin + target }])
    assert.deepEqual(page.faults, [])
  })

  for (const [name, path, options] of [
    ['without a #', '/auth/callback', {}],
    ['with another word behind the #', '/auth/callback#top', {}],
    ['without JavaScript', target, { javaScriptEnabled: false }],
  ])
    test(`has to be pasted ${name}`, async () => {
      const page = await open('problem-no-state-token-list', options, path)
      assert.equal(await page.locator('form[data-fragment]').isVisible(), false)
      await page.getByText('copy all of it').waitFor()
      const link = page.getByRole('link', { name: 'Go to the DigitalOcean sign-in' })
      assert.equal(await link.getAttribute('href'), flowPath)
      assert.equal(await page.locator('main a.button').first().textContent(), 'Go to the DigitalOcean sign-in')
    })

  test('a refusal as well', async () => {
    const page = await open('problem-no-state-token-list', {}, '/auth/callback#error=access_denied&state=s')
    await page.getByRole('button', { name: 'Finish the DigitalOcean sign-in' }).click()
    await page.waitForSelector('[data-problem=begin-refused]')
    assert.equal(site.posts[0].address, `${site.origin}/auth/callback#error=access_denied&state=s`)
  })
})

describe('other ways to go on', () => {
  test('a provider that sends people back here is opened in this tab', async () => {
    const page = await open('direct-waiting', {}, flowPath)
    const link = page.locator('a#open')
    assert.equal(await link.getAttribute('target'), null)
    assert.equal(await page.locator('form, input, .tab').count(), 0)
    assert.equal(await page.textContent('#status'), 'Waiting for the sign-in')
    await page.locator('#clock', { hasText: /\d:\d\d/ }).waitFor()
    site.page = 'direct-done.html'
    site.status = { state: 'done' }
    await page.waitForSelector('#state[data-state=done]')
    assert.match(await page.title(), /^issue tracker is connected/)
    assert.deepEqual(page.faults, [])
  })

  for (const javaScriptEnabled of [true, false])
    test(`what ended can be begun again, ${javaScriptEnabled ? 'with' : 'without'} JavaScript`, async () => {
      const page = await open('token-expired', { javaScriptEnabled }, flowPath)
      const names = await page.$$eval('.actions .button', (all) => all.map((e) => e.textContent))
      assert.deepEqual(names, ['Begin again', 'Go to opencode'])
      assert.deepEqual(await send(page, 'form[data-again]'), { to: '/signin/start', again: flowPath.split('/').at(-1) })
    })

  test('beginning again does not stand in front where it may be needless', async () => {
    const page = await open('token-done-unconfirmed', {}, flowPath)
    const names = await page.$$eval('.actions .button', (all) => all.map((e) => e.textContent))
    assert.deepEqual(names, ['Go to opencode', 'Connect more', 'Begin again'])
    assert.equal(await page.locator('form[data-again] .quiet').count(), 1)
  })
})
