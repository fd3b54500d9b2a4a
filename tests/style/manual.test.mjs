/*
 * What is written about the programs is what they do: keys, defaults and ranges in the sample ini
 * and in the manual, options in the manual and in --help, files and variables that the code names.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { WORKER, cleanEnv } from '../lib/front.mjs'
import { scratch } from '../lib/net.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path) => readFileSync(join(root, path), 'utf8')
const SAMPLE = 'conf/opencode-callback.ini'
const PAGE8 = read('conf/man/opencode-callback.8')
const PAGE5 = read('conf/man/opencode-callback.ini.5')

/* "[section] key = value" for every key of an ini file, in order. */
function iniKeys(text) {
  const found = []
  let section = ''
  for (const line of text.split('\n')) {
    const head = /^\[([^\]]+)\]$/.exec(line)
    if (head) section = head[1]
    const key = /^([a-z_]+) =(.*)$/.exec(line)
    if (key) found.push(`[${section}] ${key[1]} = ${key[2].trim()}`)
  }
  return found
}

/* The same of the manual: ".Ss [section]", ".It Ic key No = value". */
function manualKeys(text) {
  const found = []
  let section = ''
  for (const line of text.split('\n')) {
    const head = /^\.Ss \[([^\]]+)\]$/.exec(line)
    if (head) section = head[1]
    if (line.startsWith('.Sh ')) section = ''
    const key = /^\.It Ic (\S+) No =(.*)$/.exec(line)
    if (key) found.push(`[${section}] ${key[1]} = ${key[2].trim()}`)
  }
  return found
}

/* The text below one key of the manual. */
function manualText(section, key) {
  const from = PAGE5.indexOf(`\n.It Ic ${key} No =`, PAGE5.indexOf(`\n.Ss [${section}]\n`))
  const rest = PAGE5.slice(from + 1)
  return rest.slice(rest.indexOf('\n'), rest.search(/\n\.(It Ic|El)/)).replace(/\s+/g, ' ')
}

const worker = (...args) => spawnSync(WORKER, args, { encoding: 'utf8', env: cleanEnv() })

function withIni(text, action) {
  const folder = scratch('ini')
  try {
    const file = join(folder.path, 'a.ini')
    writeFileSync(file, text, { mode: 0o644 })
    return action(file)
  } finally {
    folder.remove()
  }
}

const dumped = () => withIni('', (file) => iniKeys(worker('-c', file, '--dump-config').stdout))

test('the sample ini has every key of the code, in its order, with its default, and no other', () => {
  assert.ok(dumped().length > 10)
  assert.deepEqual(iniKeys(read(SAMPLE)), dumped())
})

test('the manual has every key of the code, in the order of the sample ini, with its default, and no other', () => {
  assert.deepEqual(manualKeys(PAGE5), dumped())
})

test('the manual and the sample ini have the keys of the sections that there are none of by default', () => {
  const text = '[relay-site alice]\ntarget = https://alice.example.com/auth/callback\nkey_file = /etc/opencode-callback/alice.key\n'
  const keys = withIni(text, (file) => iniKeys(worker('-c', file, '--dump-config').stdout)).filter((line) => line.startsWith('[relay-site alice] '))
  const section = PAGE5.slice(PAGE5.indexOf('\n.Ss [relay-site ID]\n'))
  const names = [...section.slice(0, section.indexOf('\n.Sh ')).matchAll(/^\.It Ic (\S+)$/gm)].map(([, name]) => name)
  assert.deepEqual(names, keys.map((line) => line.split(' ')[2]))
  const sample = iniKeys(read(SAMPLE).slice(read(SAMPLE).indexOf(';   [relay-site')).replace(/^;   /gm, ''))
  assert.deepEqual(sample, keys)
})

test('a key that stands in one place only is found', () => {
  for (const keys of [iniKeys, manualKeys]) {
    assert.deepEqual(keys('[a]\n.Ss [a]\n'), [])
  }
  assert.deepEqual(iniKeys('[a]\n; b = 1\nc =\n'), ['[a] c = '])
  assert.deepEqual(manualKeys('.Ss [a]\n.It Ic c No =\n.It Ic d No = 1 2\n'), ['[a] c = ', '[a] d = 1 2'])
})

test('the sample ini is accepted, and means the defaults', () => {
  const result = worker('-c', join(root, SAMPLE), '--dump-config')
  assert.equal(result.status, 0, result.stderr)
  assert.deepEqual(iniKeys(result.stdout), dumped())
})

test('the ranges of the manual are those of the code', () => {
  let ranges = 0
  for (const line of dumped()) {
    const [, section, key, value] = /^\[(.+)\] (\S+) = (.*)$/.exec(line)
    const range = /from (\d+) to (\d+)/.exec(manualText(section, key))
    assert.equal(range !== null, /^\d+(\/min)?$/.test(value), `[${section}] ${key}: a number has a range, and only a number`)
    if (!range) continue
    ranges++
    const [min, max] = [Number(range[1]), Number(range[2])]
    for (const [number, status] of [[min, 0], [max, 0], [min - 1, 78], [max + 1, 78]]) {
      const result = withIni(`[${section}]\n${key} = ${value.replace(/\d+/, number)}\n`, (file) => worker('-c', file, '--check-config'))
      assert.equal(result.status, status, `[${section}] ${key} = ${number}: ${result.stderr}`)
    }
  }
  assert.ok(ranges >= 5)
})

test('the manual has the options of --help, and no other', () => {
  const help = worker('--help').stdout
  const told = [...help.matchAll(/^  (-\S+)/gm)].map(([, option]) => option)
  const manual = [...PAGE8.matchAll(/^\.It Fl (\S+)/gm)].map(([, name]) => `-${name}`)
  assert.deepEqual(manual, told)
  for (const option of told) assert.ok(PAGE8.includes(`Fl ${option.slice(1)}`))
})

test('the manual has every environment variable of the code, and no other', () => {
  const files = ['cgi', 'fcgi', 'common/process'].flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`))
  const code = files.filter((name) => name.endsWith('.c')).map(read).join('\n')
  const names = new Set([...code.matchAll(/"((?:OPENCODE|LISTEN|GATEWAY|REQUEST)_[A-Z_]+)"/g)].map(([, name]) => name))
  assert.ok(names.size >= 5)
  for (const name of names) assert.match(PAGE8, new RegExp(`^\\.It Ev.*\\b${name}\\b`, 'm'), name)
  const manual = [...PAGE8.matchAll(/^\.It Ev (OPENCODE_\w+)/gm)].map(([, name]) => name)
  for (const name of manual) assert.ok(names.has(name), name)
})

test('the manual has the exit statuses of the code', () => {
  const [, list] = /^\.Sh EXIT STATUS\n([^]*?)^\.El/m.exec(PAGE8)
  assert.deepEqual([...list.matchAll(/^\.It (\d+)$/gm)].map(([, n]) => n), ['0', '1', '64', '78'])
  assert.equal(worker('--nonsense').status, 64)
  assert.equal(withIni('[web]\nx = 1\n', (file) => worker('-c', file, '--check-config').status), 78)
})

test('the manual pages are clean for mandoc, and fit their screens', () => {
  const pages = readdirSync(join(root, 'conf/man')).map((name) => join(root, 'conf/man', name))
  assert.equal(pages.length, 2)
  const result = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', ...pages], { encoding: 'utf8' })
  assert.equal(result.status, 0, result.stdout + result.stderr)
  for (const page of pages) {
    const text = execFileSync('mandoc', ['-T', 'utf8', '-O', 'width=78', page], { encoding: 'utf8' })
    assert.ok(text.split('\n').length < 250, page)
  }
})
