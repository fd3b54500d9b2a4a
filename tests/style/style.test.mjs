/*
 * The rules of the code that a program can check: functions that have no place here, what the core
 * may know, sizes, formatting, and that the files that people copy name no machine but their own.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { basename, extname, join, relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { KINDS, RELAYS } from '../lib/servers.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))

function walk(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (['node_modules', 'build', '.git'].includes(entry.name)) return []
    const path = join(folder, entry.name)
    return entry.isDirectory() ? walk(path) : [path]
  })
}

const files = (folder, ...ends) => walk(join(root, folder)).filter((file) => ends.includes(extname(file)))
const programs = ['common', 'cgi', 'fcgi'].flatMap((folder) => files(folder, '.c', '.h'))
const read = (file) => readFileSync(file, 'utf8')

/* Code without comments and strings: a word in them is no call. */
function code(file) {
  const text = read(file).replaceAll('__attribute__((format(printf', '')
  return text.replace(/\/\*[^]*?\*\/|\/\/.*|"(?:\\.|[^"\\\n])*"/g, (text) => text.replace(/[^\n]/g, ' '))
}

function assertNowhere(where, pattern) {
  for (const file of where) {
    code(file).split('\n').forEach((line, i) => {
      assert.doesNotMatch(line, pattern, `${relative(root, file)}:${i + 1}`)
    })
  }
}

test('there is something to check', () => assert.ok(programs.length > 20))

test('functions that have no place here', () => {
  const banned = 'strcpy|strcat|sprintf|vsprintf|strncpy|strncat|strtok|atoi|atol|sscanf|gets|system|popen|alloca|mktemp|tmpnam|rand'
  assertNowhere([...programs, ...files('tests/unit', '.c')], new RegExp(`\\b(?:${banned})\\s*\\(`))
  assertNowhere(programs, /fcgi_stdio/)
})

test('the core knows nothing of the process around it', () => {
  const core = programs.filter((file) => /^common\/(?!process\/)/.test(relative(root, file)))
  assertNowhere(core, /\b(?:getenv|setenv|putenv|exit|_exit|abort|printf|puts|putchar|environ|stdin|stdout|FCGX_\w+)\b/)
})

test('secrets are compared by secret_equal', () => {
  const words = '(?:cookie|token|state|code|browser|password|authorization)'
  assertNowhere(programs, new RegExp(`\\b(?:strcmp|memcmp|strncmp)\\s*\\([^;]*(?:->|\\.|\\b)${words}\\b(?!_)\\s*[,)]`))
})

test('no file has 500 lines or more, no line 120 characters', () => {
  for (const file of programs) {
    const lines = read(file).split('\n')
    assert.ok(lines.length <= 500, `${relative(root, file)} has ${lines.length} lines`)
    lines.forEach((line, i) => assert.ok(line.length <= 120, `${relative(root, file)}:${i + 1} is too long`))
  }
})

test('no work left in comments', () => {
  for (const file of [...programs, ...files('conf', '.js', '.conf', '.ini')]) {
    assert.ok(!/\b(?:TODO|FIXME|XXX|HACK)\b/.test(read(file)), relative(root, file))
  }
})

test('headers have their guard and the name of their file', () => {
  for (const file of programs.filter((name) => name.endsWith('.h'))) {
    const guard = file.split('/').pop().toUpperCase().replace('.', '_')
    assert.match(read(file), new RegExp(`#ifndef ${guard}\n#define ${guard}\n`), relative(root, file))
  }
})

test('shell scripts have no syntax error', () => {
  const scripts = [
    'tests/check', 'tests/coverage', 'tests/debian/check', 'tests/debian/first-run', 'tests/debian/in', 'tests/debian/make', 'tests/install-deps', 'tests/demo/start', 'tests/demo/fit', '.ci/run', 'conf/install',
    'conf/dist', 'conf/deb', 'conf/debian/postinst', 'conf/debian/postrm',
    'conf/docker/health', 'conf/docker/web', 'conf/suexec/opencode-callback.cgi', 'tests/install/systemd.boot', 'tests/fuzz/run',
  ]
  for (const script of scripts) execFileSync('sh', ['-n', join(root, script)])
})

test('README.md has at most 150 lines', () => {
  assert.ok(read(join(root, 'README.md')).trimEnd().split('\n').length <= 150)
})

test('what the README and the configurations name is there', () => {
  const readme = read(join(root, 'README.md'))
  for (const [, path] of readme.matchAll(/`((?:conf|tests|common|cgi|fcgi)\/[\w./-]+)`/g)) {
    assert.ok(existsSync(join(root, path)), `README.md names ${path}`)
  }
})

test('the web servers send the same paths to us, all that the defaults name', () => {
  const paths = ['auth/callback', 'mcp/oauth/callback', 'callback', 'oauth-callback', 'oauth2callback']
  // opencode's router knows neither case nor the number of slashes: begins are matched as loosely
  const loose = '(?is:/+provider/.+/oauth/+authorize.*|/+mcp/.+/auth(/+authenticate)?/*(;.*)?|/+api/+integration/.+/connect/+oauth/*(;.*)?)'
  const begins = ['/+provider/.+/oauth/+authorize', '/+mcp/.+/auth(/+authenticate)?/*(;.*)?$', '/+api/+integration/.+/connect/+oauth/*(;.*)?$']
  const loosePart = '/+(provider/.+/oauth/+authorize|mcp/.+/auth(/+authenticate)?/*(;|$)|api/+integration/.+/connect/+oauth/*(;|$))'
  const all = `^((${paths.map((path) => `/${path}`).join('|')})/?|/signin|/signin/.*|${loose})$`
  const rules = {
    nginx: (text) => /^\tinclude \S+\/nginx\/part-paths\.conf;$/m.test(text) && [`rewrite ^/(${paths.join('|')})/?$ `, `rewrite "(?is)^${loosePart}" `].every((one) => read(join(root, 'conf/nginx/part-paths.conf')).includes(one)),
    apache: (text) => /^\tInclude \S+\/apache\/part-paths\.conf$/m.test(text) && [`"^/(${paths.join('|')})/?$" `, `"(?is)^${loosePart}" `].every((one) => read(join(root, 'conf/apache/part-paths.conf')).includes(`RewriteRule ${one}`)),
    caddy: (text) => /^\timport \S+\/caddy\/part\.Caddyfile$/m.test(text) && [...paths.map((path) => `^/${path}/?$`), ...begins.map((one) => `(?is)^${one}`)]
      .every((one) => read(join(root, 'conf/caddy/part.Caddyfile')).includes(`path_regexp ${one}\n`)),
    lighttpd: (text) => /^\tinclude "\S+\/lighttpd\/part\.conf"$/m.test(text) && read(join(root, 'conf/lighttpd/part.conf')).includes(all),
  }
  for (const { conf } of Object.values(KINDS)) {
    const text = read(join(root, 'conf', conf))
    const rule = rules[conf.split('/')[0]] ?? ((it) => it.includes(all))
    assert.ok(rule(text), conf)
  }
})

test("HAProxy's file holds the blocks to paste word for word", () => {
  const site = read(join(root, 'conf/haproxy/opencode-callback.cfg'))
  const blocks = read(join(root, 'conf/haproxy/part.cfg')).split(/^# \d\. (?:.*\n)(?:#.*\n)*\n/m).slice(1).map((block) => block.trim())
  assert.equal(blocks.length, 3)
  for (const block of blocks) assert.ok(site.includes(block), block)
})

test('each web server configuration is one that the tests start', () => {
  const known = Object.values({ ...KINDS, ...RELAYS }).map(({ conf }) => join(root, 'conf', conf))
  // an upstream, not a whole site: web/nodes.test.mjs puts it into one
  known.push(join(root, 'conf/nginx/opencode-callback-nodes.conf'))
  for (const server of ['nginx', 'apache', 'lighttpd', 'caddy', 'haproxy']) {
    // parts of sites: those that are there include them, and web/existing.test.mjs puts them into others
    const sites = walk(join(root, 'conf', server)).filter((name) => !/^(?:part[-.]|README\.md)/.test(basename(name)))
    for (const file of sites) assert.ok(known.includes(file), relative(root, file))
  }
})
