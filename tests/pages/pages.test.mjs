// The pages in a real browser: each can be read, at every width and in both colour schemes; what the script
// adds works; and without the script everything still does.
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { chromium } from 'playwright-core'
import { flowPath, servePages } from './serve.mjs'

const address = 'http://localhost:1455/auth/callback?code=pasted&state=pasted'
let browser
let site
let context

before(async () => {
	site = await servePages()
	browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
})

after(async () => {
	await browser?.close()
	await site?.stop()
})

afterEach(async () => {
	await context?.close()
	context = undefined
})

// A page whose mistakes (exceptions, violations of the policy) are kept in page.faults.
async function newPage(options = {}) {
	context = await browser.newContext(options)
	const page = await context.newPage()
	page.faults = []
	page.on('pageerror', (error) => page.faults.push(String(error)))
	page.on('console', (message) => {
		if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) page.faults.push(message.text())
	})
	return page
}

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

// Waits until check() is true; the deadline is only for failing.
async function until(check, what) {
	const deadline = Date.now() + 10_000
	while (!(await check())) {
		assert.ok(Date.now() < deadline, `timed out: ${what}`)
		await new Promise((resolve) => setTimeout(resolve, 20))
	}
}

// Runs in the page: the texts whose contrast with what is behind them is below WCAG AA, and what sticks out sideways.
function inspect() {
	const parse = (color) => {
		const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number)
		return { r, g, b, a }
	}
	const light = ({ r, g, b }) => {
		const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4))
		return 0.2126 * x + 0.7152 * y + 0.0722 * z
	}
	const behind = (element) => {
		for (let e = element; e; e = e.parentElement) {
			const color = parse(getComputedStyle(e).backgroundColor)
			if (color.a === 1) return color
		}
		return { r: 255, g: 255, b: 255 }
	}
	const faint = []
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
	while (walker.nextNode()) {
		const text = walker.currentNode.textContent.trim()
		const element = walker.currentNode.parentElement
		if (!text || !element.checkVisibility()) continue
		const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))]
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
		if (ratio < 4.5) faint.push(`${text}: ${ratio.toFixed(2)}`)
	}
	const root = document.documentElement
	return {
		faint,
		overflow: root.scrollWidth - root.clientWidth,
		mains: document.querySelectorAll('main').length,
		headings: [...document.querySelectorAll('h1')].map((h) => h.textContent.trim()),
		title: document.title,
		styled: getComputedStyle(document.body).marginTop === '0px',
	}
}

for (const [colorScheme, width] of [
	['light', 1200],
	['light', 360],
	['dark', 360],
])
	test(`every page can be read, ${colorScheme}, ${width} wide`, async () => {
		const page = await newPage({ colorScheme, viewport: { width, height: 800 } })
		assert.ok(site.names.length > 50)
		for (const name of site.names) {
			await page.goto(`${site.origin}/${name}`)
			const seen = await page.evaluate(inspect)
			assert.deepEqual(seen.faint, [], name)
			assert.ok(seen.overflow <= 0, `${name} scrolls sideways by ${seen.overflow}`)
			assert.equal(seen.mains, 1, name)
			assert.equal(seen.headings.length, 1, name)
			assert.ok(seen.headings[0].length > 5 && seen.title.length > 15, name)
			assert.ok(seen.styled, name)
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
		for (let i = 0; i < 5; i++) {
			await page.keyboard.press('Tab')
			stops.push(
				await page.evaluate(() => {
					const e = document.activeElement
					if (getComputedStyle(e).outlineStyle !== 'solid') throw new Error(`no outline: ${e.outerHTML}`)
					return e.id || e.textContent
				}),
			)
		}
		assert.deepEqual(stops, ['opencode', 'open', 'address', 'Finish', 'Paste from clipboard'])
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

	for (const text of ['hello world', 'https://example.com/', 'just-a-code'])
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
		await page.getByText('No opencode window is open').click()
		await button.click()
		await page.waitForSelector('[role=alert]')
		assert.deepEqual(site.posts, [{ load: 'yes' }])
	})
})
