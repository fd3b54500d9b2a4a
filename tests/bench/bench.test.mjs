/*
 * Whether the benchmark works, not how quick anything is: a short run of the parts that need no other programs
 * than ours, and whether what it says is complete.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { scratch } from '../lib/net.mjs'

const numbers = (list) => list.length > 0 && list.every((value) => Number.isFinite(value))

test('a short run says what it measured, in a table and as JSON', (t) => {
  const folder = scratch('bench-test')
  t.after(folder.remove)
  const json = join(folder.path, 'bench.json')
  const env = { ...process.env, ROUNDS: '1', SECONDS_EACH: '1', PARTS: 'cgi,growth,overload', JSON: json }
  const text = execFileSync(fileURLToPath(new URL('run', import.meta.url)), { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  const { machine, parts, missed } = JSON.parse(readFileSync(json, 'utf8'))
  assert.ok(machine.cores > 0 && machine.kernel && machine.libcurl)
  assert.equal(parts.length, 3)
  for (const { title, figures } of parts) {
    assert.ok(text.includes(title), title)
    assert.ok(figures.length > 0, title)
    for (const figure of figures) {
      assert.ok(text.includes(figure.name), figure.name)
      assert.ok(numbers(figure.values) && figure.min <= figure.median && figure.median <= figure.max, figure.name)
      for (const ratio of figure.ratios) {
        assert.ok(numbers(ratio.values) && ratio.base, figure.name)
        assert.equal(ratio.met, ratio.target === undefined ? undefined : ratio.met === true, figure.name)
      }
    }
  }
  const ratios = parts.flatMap(({ figures }) => figures.flatMap((figure) => figure.ratios))
  const all = [...ratios, ...parts.flatMap(({ figures }) => figures)]
  assert.ok(ratios.length >= 6)
  assert.equal(missed, all.filter(({ met }) => met === false).length)
})
