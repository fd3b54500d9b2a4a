/*
 * The oldest version of each library that conf/README.md names is the one that the code takes: of each name of
 * a library that stands in the code, its own documentation says since when it is there.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { extname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'

const root = fileURLToPath(new URL('../..', import.meta.url))
const README = readFileSync(join(root, 'conf/README.md'), 'utf8')
const sources = ['common', 'cgi', 'fcgi']
  .flatMap((folder) => readdirSync(join(root, folder), { recursive: true }).map((name) => join(root, folder, name)))
  .filter((file) => ['.c', '.h'].includes(extname(file)))
  .map((file) => readFileSync(file, 'utf8').replace(/\/\*[^]*?\*\//g, ''))
  .join('\n')
const code = sources.replace(/"(?:\\.|[^"\\\n])*"/g, '""')

const run = (program, ...args) => execFileSync(program, args, { encoding: 'utf8' })
const unpack = (file) => gunzipSync(readFileSync(file)).toString('utf8')
const numbers = (version) => version.split('.').map(Number)
const compare = (a, b) => {
  const [x, y] = [numbers(a), numbers(b)]
  return x.concat(y).map((_, i) => (x[i] ?? 0) - (y[i] ?? 0)).find((n) => n !== 0) ?? 0
}
const newest = (versions) => versions.sort(compare).at(-1)

/* {name: version} of the functions of a shared library, by the symbols file of its package. */
function functions(soname) {
  const [name] = run('dpkg-query', '-S', `*/${soname}*`).split(': ')
  const file = [name, `${name}:${run('dpkg', '--print-architecture').trim()}`]
    .map((one) => `/var/lib/dpkg/info/${one}.symbols`).find(existsSync)
  const lines = readFileSync(file, 'utf8').matchAll(/^ (\w+)@\S+ (?:\d+:)?([\d.]*\d)/gm)
  return Object.fromEntries([...lines].map(([, name, version]) => [name, version]))
}

function curl() {
  const text = unpack('/usr/share/man/man3/libcurl-symbols.3.gz')
  const symbols = [...text.matchAll(/^\.IP (\w+)\nIntroduced in ([\d.]*\d)/gm)].map(([, name, version]) => [name, version])
  return { ...functions('libcurl.so.4'), ...Object.fromEntries(symbols) }
}

/* Words of the format strings are asked for as FORMAT_x. */
function jansson() {
  const text = readFileSync('/usr/share/doc/libjansson-dev/html/_sources/apiref.rst.txt', 'utf8')
  const since = Object.fromEntries(Object.keys(functions('libjansson.so.4')).map((name) => [name, '2.0']))
  const parts = text.split(/^(?=\.\. (?:c:)?(?:function|type|var)::|``[\w*?!, `]+`` (?:\(|\[))/m)
  for (const part of parts) {
    const version = /versionadded:: ([\d.]+)/.exec(part)?.[1]
    const name = /^\.\. (?:c:)?function:: .*?(json_\w+)\(/.exec(part)?.[1]
    if (name) since[name] = version ?? since[name] ?? '2.0'
    if (version && part.startsWith('``')) for (const [, word] of part.split('\n')[0].matchAll(/``(.+?)``/g)) since[`FORMAT_${word}`] = version
  }
  return since
}

/* A name of libseccomp's is as old as the first release whose notes name it. */
function seccomp() {
  const since = functions('libseccomp.so.2')
  for (const part of unpack('/usr/share/doc/libseccomp2/changelog.gz').split(/^\* Version /m).slice(1)) {
    for (const [name] of part.matchAll(/\bSCMP_\w+/g)) since[name] = /^[\d.]*\d/.exec(part)[0]
  }
  return since
}

const LIBRARIES = {
  libcurl: { names: /\b(?:curl_(?:easy|multi|url|slist|global|free)\w*|CURL(?:OPT|INFO|U|UPART|UE|E|M|MSG|_HTTP|_GLOBAL)_\w+)/g, since: curl },
  jansson: { names: /\bjson_(?:array|object|string|integer|real|true|false|null|boolean|pack|unpack|load|dump|incref|decref|is|set|get|number|equal|copy|deep)\w*/g, since: jansson },
  libsodium: { names: /\b(?:sodium|crypto|randombytes)_\w+/g, since: () => functions('libsodium.so.23') },
  hiredis: { names: /\bredisReader\w+/g, since: () => functions('libhiredis.so.'), several: true },
  libseccomp: { names: /\b(?:seccomp_(?!data|notif)\w+|SCMP_(?:ACT|FLTATR)_\w+)/g, since: seccomp },
  inih: { names: /\bini_parse\w*/g, since: () => functions('libinih.so.1') },
}

const stated = (name) => new RegExp(`^\\| ${name} \\| (\\S+) \\|`, 'm').exec(README)?.[1]
const installed = (name) => /^[\d.]*\d/.exec(run('pkg-config', '--modversion', name))[0].replace(/^(0\.14)\.\d+$/, '$1')

for (const [name, { names, since, several }] of Object.entries(LIBRARIES)) {
  test(`${name}: README's version has all that the code uses, and no older one has`, () => {
    const known = since()
    const own = new Set([...code.matchAll(names)].map(([word]) => word).filter((word) => word in known))
    if (name === 'jansson') for (const [, text] of sources.matchAll(/json_pack\(\s*"([^"]*)"/g)) for (const [word] of text.matchAll(/\w\*/g)) own.add(`FORMAT_${word}`)
    assert.ok(own.size > 0, 'it is used')
    const least = newest([...own].map((word) => known[word]).filter(Boolean))
    const why = [...own].filter((word) => known[word] === least).slice(0, 3).join(', ')
    assert.ok(stated(name), `README.md names ${name}`)
    // each hiredis says of all its functions that they are as old as itself: the oldest that is tested counts
    if (!several || compare(installed(name), stated(name)) === 0) assert.equal(compare(stated(name), least), 0, `${least}: ${why}`)
    assert.ok(compare(installed(name), stated(name)) >= 0, `installed: ${installed(name)}`)
  })
}

test('README names every library that the programs are made with', () => {
  const needed = [...new Set([...readFileSync(join(root, 'Makefile'), 'utf8').matchAll(/-l(inih|sodium|jansson|hiredis|fcgi|seccomp)\b/g)].map(([, name]) => name))]
  assert.ok(needed.length >= 5)
  for (const name of needed) assert.match(README, new RegExp(`^\\| (?:lib)?${name} \\| \\d`, 'm'), name)
})
