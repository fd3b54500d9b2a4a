// Takes pictures of the pages, to be looked at by people:
// node tests/pages/look.mjs FOLDER [NAME…], such as NAME = waiting or failed-timeout; without names, all.
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { chromium } from 'playwright-core'
import { servePages } from './serve.mjs'

const [folder, ...wanted] = process.argv.slice(2)
if (!folder) {
  console.error('usage: look.mjs FOLDER [NAME…]')
  process.exit(64)
}
await mkdir(folder, { recursive: true })
const site = await servePages()
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
try {
  for (const colorScheme of ['light', 'dark'])
    for (const width of [1200, 320]) {
      const page = await browser.newPage({ colorScheme, viewport: { width, height: 800 } })
      for (const file of site.names) {
        const name = path.basename(file, '.html')
        if (wanted.length && !wanted.includes(name)) continue
        await page.goto(`${site.origin}/${file}`)
        await page.screenshot({ path: path.join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: true })
      }
      await page.close()
    }
} finally {
  await browser.close()
  await site.stop()
}
