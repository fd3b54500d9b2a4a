/*
 * The corpus of each fuzz target, replayed by programs that gcc and clang made with the address and
 * undefined-behaviour sanitizers. What the fuzzers have found is a file of the corpus, for ever.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const FILES_MAX = 80
const BYTES_MAX = 200 * 1024
const root = fileURLToPath(new URL('../..', import.meta.url))
const build = resolve(root, process.env.BUILD_DIR || 'build')
const folder = join(root, 'tests/fuzz')
const names = readdirSync(folder).filter((name) => name.endsWith('_fuzz.c')).map((name) => name.slice(0, -7))
const corpus = (name) => readdirSync(join(folder, 'corpus', name)).map((file) => join(folder, 'corpus', name, file))

test('each target has a corpus that is small, each corpus a target', () => {
  assert.ok(names.length >= 10)
  assert.deepEqual(readdirSync(join(folder, 'corpus')).sort(), [...names].sort())
  for (const name of names) {
    const files = corpus(name)
    assert.ok(files.length > 0 && files.length <= FILES_MAX, `${name} has ${files.length} files`)
    const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0)
    assert.ok(bytes <= BYTES_MAX, `${name} has ${bytes} bytes`)
  }
})

for (const compiler of ['gcc', 'clang']) {
  for (const name of names) {
    test(`${name}, built with ${compiler}`, () => {
      const program = join(build, 'fuzz', compiler, 'replay', name)
      assert.ok(existsSync(program), `${program} is missing: make replay`)
      const run = spawnSync(program, [join(folder, 'corpus', name)], { encoding: 'utf8', timeout: 300_000 })
      assert.equal(run.status, 0, `${run.signal ?? run.status}\n${run.stderr.slice(-6000)}`)
      assert.match(run.stdout, new RegExp(`^${corpus(name).length} files, \\d+ runs\n$`))
    })
  }
}
