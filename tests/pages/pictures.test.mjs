// The pictures in README.md show the pages as they are.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { readFile, stat } from 'node:fs/promises'
import { PICTURES, digestOf, shown } from './pictures.mjs'
import { servePages } from './serve.mjs'

let site
before(async () => (site = await servePages()))
after(() => site?.stop())

for (const [picture, page] of Object.entries(PICTURES)) {
  test(`${picture} shows ${page} as it is, and is small (else: make pictures)`, async () => {
    assert.equal(await shown(picture), await digestOf(site, page))
    const file = new URL(`pictures/${picture}`, import.meta.url)
    assert.ok((await stat(file)).size < 100_000)
    assert.match(await readFile(new URL('../../README.md', import.meta.url), 'utf8'), new RegExp(`\\]\\(tests/pages/pictures/${picture}\\)`))
  })
}
