/*
 * tests/promises.md is what it says: each file that it names is there and holds the words that it quotes,
 * each row has a proof or a reason, each promise of SECURITY.md has a row, and the tables of inputs are run
 * by the tests that it names.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const tests = join(root, 'tests')
const read = (file) => readFileSync(file, 'utf8')
const text = read(join(tests, 'promises.md'))
const PROMISES = 14
const WITHOUT = /^(?:No test|Not built yet): [A-Za-z][^|]+\.$/

/* {heading, cells} of each row of each table, without the two that begin one. */
function rows() {
  const found = []
  let heading = ''
  let head = 0
  for (const line of text.split('\n')) {
    if (line.startsWith('## ')) heading = line.slice(3)
    if (!line.startsWith('|')) head = 0
    else if (++head > 2) found.push({ heading, cells: line.split('|').slice(1, -1).map((cell) => cell.trim()) })
  }
  return found
}

/* The proofs in a cell: {file, words}. */
const proofs = (cell) => [...cell.matchAll(/`([\w./-]+)`((?: ?“[^”]+”,?)*)/g)].map(([, file, words]) => ({ file, words: [...words.matchAll(/“([^”]+)”/g)].map(([, one]) => one) }))

/* What is wrong with a row's last cell. */
function complaints(cell) {
  if (WITHOUT.test(cell)) return []
  const named = proofs(cell)
  if (named.length === 0) return ['neither a proof nor a reason']
  return named.flatMap(({ file, words }) => {
    const path = join(tests, file)
    if (!existsSync(path)) return [`there is no tests/${file}`]
    if (words.length === 0) return [`tests/${file}: no words of a test`]
    const source = read(path)
    return words.filter((one) => !source.includes(one)).map((one) => `tests/${file} does not hold “${one}”`)
  })
}

const all = rows()

describe('tests/promises.md', () => {
  test('has a row for each input', () => assert.ok(all.length > 150, `${all.length} rows`))
  for (const section of new Set(all.map(({ heading }) => heading))) {
    test(`${section}: each row has its proof`, () => {
      const wrong = all.filter(({ heading }) => heading === section).flatMap(({ cells }) => complaints(cells.at(-1)).map((why) => `${cells.at(-2)}: ${why}`))
      assert.deepEqual(wrong, [])
    })
  }
  test('names each promise, and gives it a proof', () => {
    const numbers = all.filter(({ heading }) => heading === 'The promises').map(({ cells }) => cells[0])
    assert.deepEqual([...new Set(numbers)].map(Number).sort((a, b) => a - b), Array.from({ length: PROMISES }, (_, i) => i + 1))
  })
  test('names each promise of SECURITY.md', () => {
    const promised = read(join(root, 'SECURITY.md')).split('## ')[1].match(/^\d+(?=\. )/gm)
    const numbers = all.filter(({ heading }) => heading === 'What SECURITY.md promises').map(({ cells }) => cells[0])
    assert.deepEqual(numbers, promised)
  })
})

test('the tables of inputs are run by the tests that are said to run them', () => {
  const runs = {
    'refusals.mjs': [['begins', 'pastes', 'queries', 'senders', 'tokens'], ['frontends/refusals.test.mjs', 'web/same.test.mjs', 'e2e/stranger.test.mjs']],
    'malformed.mjs': [['protocol', 'methods', 'bytes', 'paths', 'spellings', 'names', 'theirs'], ['web/same.test.mjs']],
    'near_misses.mjs': [['damaged', 'twice', 'states', 'hosts', 'foreign', 'cookies', 'manyCookies', 'foreignCookies', 'senders', 'begins', 'fetchers', 'addresses', 'handed', 'pairs'],
    ['frontends/near_misses.test.mjs']],
  }
  for (const [library, [tables, files]] of Object.entries(runs)) {
    const source = read(join(tests, 'lib', library))
    const exported = [...source.matchAll(/^export const (\w+) = (?:\[|\{|Object\.fromEntries|NAMES)/gm)].map(([, name]) => name)
    assert.deepEqual(exported.sort(), tables.sort(), library)
    for (const file of files) {
      const code = read(join(tests, file))
      assert.ok(code.includes(`/lib/${library}'`), `${file} imports ${library}`)
      for (const table of tables) {
        assert.match(code, new RegExp(`(?:Object\\.(?:entries|keys|values)\\((?:malformed\\.|nearMisses\\.)?${table}\\b|(?:malformed|nearMisses)\\.${table}\\b)`),
        `${file} runs ${table}`)
      }
    }
  }
})
