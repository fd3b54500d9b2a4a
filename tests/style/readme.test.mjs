/*
 * common/README.md and tests/README.md name each folder below theirs, and each path that these two and
 * CONTRIBUTING.md have in backticks exists.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (file) => readFileSync(join(root, file), 'utf8')

/* {path, folder} of everything below a folder, seen from there. */
function below(folder) {
  const found = []
  const walk = (prefix) => {
    for (const entry of readdirSync(join(root, folder, prefix), { withFileTypes: true })) {
      if (['node_modules', 'build', '.git'].includes(entry.name)) continue
      const path = join(prefix, entry.name)
      found.push({ path, folder: entry.isDirectory() })
      if (entry.isDirectory()) walk(path)
    }
  }
  walk('')
  return found
}

/* Whether a text names a folder: in backticks, or with a slash behind. home: where the text is. */
function names(text, home, folder) {
  const name = `(?:${home}/)?${folder.replaceAll('.', '\\.')}`
  return new RegExp(`\`${name}/?\`|(?<![\\w./-])${name}/(?![\\w-])`).test(text)
}

const FILE = /\.(?:c|h|mjs|js|md|lua|css|svg|ini|test\.mjs)$/
const PLACEHOLDER = /NAME|WORD/

/* The paths in a text's backticks: what ends like a file or a folder, or begins with a folder that exists. `x.[ch]` is two. */
function paths(text, home) {
  const begins = (word) => [root, join(root, home)].some((folder) => existsSync(join(folder, word)))
  const words = [...text.replace(/^```[^]*?^```/gm, '').matchAll(/`([\w.-]+(?:\/[\w.-]+)*\/?(?:\[ch\])?)`/g)].map(([, word]) => word)
  return words
    .flatMap((word) => (word.endsWith('.[ch]') ? [`${word.slice(0, -4)}c`, `${word.slice(0, -4)}h`] : [word]))
    .filter((word) => FILE.test(word) || (word.includes('/') && (word.endsWith('/') || begins(word.split('/')[0]))))
    .filter((word) => !PLACEHOLDER.test(word) && !word.startsWith('build/'))
}

/* Seen from the root or from the text's folder; a name alone may be anywhere below. */
function exists(path, home) {
  if (existsSync(join(root, path)) || existsSync(join(root, home, path))) return true
  return !path.includes('/') && [...below(home)].some((entry) => basename(entry.path) === path)
}

for (const readme of ['common/README.md', 'tests/README.md']) {
  const home = dirname(readme)
  test(`${readme} names each folder`, () => {
    const text = read(readme)
    const folders = below(home).filter(({ path, folder }) => folder && dirname(path) !== 'fuzz/corpus').map(({ path }) => path)
    assert.ok(folders.length > 5)
    assert.deepEqual(folders.filter((folder) => !names(text, home, folder)), [])
  })
}

describe('each path that is named exists', () => {
  for (const file of ['common/README.md', 'tests/README.md', 'CONTRIBUTING.md']) {
    test(file, () => {
      const named = paths(read(file), dirname(file))
      assert.ok(named.length > 5)
      assert.deepEqual(named.filter((path) => !exists(path, dirname(file))), [])
    })
  }
})
