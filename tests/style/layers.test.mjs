/*
 * common/ is built in layers, bottom to top: a file includes its own folder and those above it in the
 * list, and no two modules include each other, directly or in a circle. A file is found by its name, and
 * a public function by its file's. What the layers are is in common/README.md.
 */
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const LAYERS = ['util', 'http', 'flow', 'store', 'config', 'view', 'core', 'opencode', 'signin', 'route', 'process']

/* What a front end may include of common/; the doctor, which looks at a site from outside, more. */
const FRONT_END = /^(?:route\/app\.h|(?:http|config|util|process)\/\w+\.h)$/
const DOCTOR = /^(?:flow\/(?:provider|url)|opencode\/call)\.h$/

/* Public functions that do not begin with their file's stem. The list may only shrink. */
const EXCEPTIONS = []

const sources = ['common', 'cgi', 'fcgi']
  .flatMap((folder) => readdirSync(join(root, folder), { recursive: true }).map((name) => `${folder}/${name}`))
  .filter((file) => /\.[ch]$/.test(file))
const read = (file) => readFileSync(join(root, file), 'utf8')
const stem = (file) => file.replace(/\.[ch]$/, '')

/* The Makefile makes these. */
const MADE = ['process/sandbox_filter.h', 'store/redis/redis_scripts.h']

/* Where an include leads, by the folders that the compiler is told. */
function resolve(file, name) {
  const path = [`common/${name}`, `fcgi/${name}`, `cgi/${name}`].find((one) => sources.includes(one))
  assert.ok(path, `${file} includes "${name}": write it from common/, or in fcgi/ from there`)
  return path
}
const includes = (file) => [...read(file).matchAll(/^\s*#\s*include\s*"([^"]+)"/gm)]
  .map(([, name]) => name).filter((name) => !MADE.includes(name)).map((name) => resolve(file, name))
const layer = (file) => LAYERS.indexOf(file.split('/')[1])
const common = sources.filter((file) => file.startsWith('common/'))

test('every file is in a layer, and includes nothing above it', () => {
  const wrong = []
  for (const file of common) {
    assert.notEqual(layer(file), -1, `${file} is in no layer`)
    for (const to of includes(file)) if (!to.startsWith('common/') || layer(to) > layer(file)) wrong.push(`${file} includes ${to}`)
  }
  assert.deepEqual(wrong, [])
})

test('no two modules include each other, directly or in a circle', () => {
  const edges = new Map()
  for (const file of sources) {
    const to = edges.get(stem(file)) ?? edges.set(stem(file), new Set()).get(stem(file))
    for (const other of includes(file)) if (stem(other) !== stem(file)) to.add(stem(other))
  }
  const done = new Set()
  const walk = (module, path) => {
    assert.ok(!path.includes(module), `a circle: ${[...path.slice(path.indexOf(module)), module].join(' -> ')}`)
    if (done.has(module)) return
    for (const to of edges.get(module) ?? []) walk(to, [...path, module])
    done.add(module)
  }
  for (const module of edges.keys()) walk(module, [])
})

test('the front ends include what is theirs, and never each other', () => {
  const wrong = []
  for (const file of sources.filter((one) => !one.startsWith('common/'))) {
    for (const to of includes(file)) {
      if (to.split('/')[0] === file.split('/')[0]) continue
      const name = to.replace('common/', '')
      if (to.startsWith('common/') && (FRONT_END.test(name) || (dirname(file) === 'fcgi/doctor' && DOCTOR.test(name)))) continue
      wrong.push(`${file} includes ${to}`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('no two files have one name', () => {
  const seen = new Map()
  for (const file of sources) {
    const name = basename(file)
    if (name === 'main.c') continue
    assert.ok(!seen.has(name), `${file} and ${seen.get(name)}`)
    seen.set(name, file)
  }
})

/* The functions that a header declares. */
function declared(file) {
  let text = read(file).replace(/\/\*[^]*?\*\//g, '').replace(/^#.*(?:\\\n.*)*$/gm, '')
  for (let before = ''; before !== text; ) [before, text] = [text, text.replace(/\{[^{}]*\}/g, '')]
  return text.split(';').map((part) => part.trim().replace(/\s+/g, ' ')).filter((part) => !part.startsWith('typedef'))
    .map((part) => /^(?:[\w *]+?[ *])(\w+) ?\(/.exec(part)?.[1] ?? /^config_(?:reader|writer) (\w+)$/.exec(part)?.[1]).filter(Boolean)
}

test("a public function begins with its file's stem", () => {
  const all = sources.filter((file) => file.endsWith('.h')).flatMap((file) => declared(file).map((name) => ({ file, name })))
  assert.ok(all.length > 300, `${all.length} are found`)
  const wrong = all.filter(({ file, name }) => name !== basename(stem(file)) && !name.startsWith(`${basename(stem(file))}_`)).map(({ name }) => name)
  assert.deepEqual(wrong.sort(), [...EXCEPTIONS].sort())
})
