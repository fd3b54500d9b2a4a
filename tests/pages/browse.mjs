// What the tests of the pages share: a site and a browser for a file, a page whose mistakes are kept, and a look at
// what a page looks like.
import assert from 'node:assert/strict'
import { after, afterEach } from 'node:test'
import { chromium } from 'playwright-core'
import { servePages } from './serve.mjs'

// Starts both, and ends them after the tests of this file: {site, newPage}.
export async function useBrowser() {
  const site = await servePages()
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
  const contexts = []

  after(async () => {
    await browser.close()
    await site.stop()
  })

  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close()
  })

  // A page whose mistakes (exceptions, violations of the policy) are kept in page.faults.
  async function newPage(options = {}) {
    const context = await browser.newContext(options)
    contexts.push(context)
    const page = await context.newPage()
    page.faults = []
    page.on('pageerror', (error) => page.faults.push(String(error)))
    page.on('console', (message) => {
      if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) page.faults.push(message.text())
    })
    return page
  }
  return { site, newPage }
}

// Waits until check() is true; the deadline is only for failing.
export async function until(check, what) {
  const deadline = Date.now() + 10_000
  while (!(await check())) {
    assert.ok(Date.now() < deadline, `timed out: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

// Runs in the page: the texts whose contrast with what is behind them is below WCAG AA, and what sticks out sideways.
export function inspect() {
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
