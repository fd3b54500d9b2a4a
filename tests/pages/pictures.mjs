// Makes the pictures of README.md from the real pages: node tests/pages/pictures.mjs (make pictures).
// Beside each stands the digest of the page that it shows; pictures.test.mjs compares.
import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { servePages } from './serve.mjs'

const folder = fileURLToPath(new URL('pictures/', import.meta.url))

/* The pictures: the page of each. */
export const PICTURES = { 'flow.png': 'waiting.html' }

/* A page's digest. It names its style and script by theirs. */
export async function digestOf(site, name) {
  const html = await (await fetch(`${site.origin}/${name}`)).text()
  return createHash('sha256').update(html).digest('hex')
}

export const digestFile = (picture) => path.join(folder, picture.replace(/png$/, 'sha256'))
export const shown = async (picture) => (await readFile(digestFile(picture), 'latin1')).trim()

async function make() {
  await mkdir(folder, { recursive: true })
  const site = await servePages()
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
  try {
    const page = await browser.newPage({ colorScheme: 'light', viewport: { width: 820, height: 600 } })
    for (const [picture, name] of Object.entries(PICTURES)) {
      await page.goto(`${site.origin}/${name}`)
      await page.locator('.steps').screenshot({ path: path.join(folder, picture) })
      await writeFile(digestFile(picture), `${await digestOf(site, name)}\n`)
    }
  } finally {
    await browser.close()
    await site.stop()
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await make()
