/*
 * make install and make uninstall, in a folder of the test's own: what is put where, and that
 * nothing of it is left.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { BUILD, cleanEnv, give, unprivileged } from '../lib/front.mjs'
import { accepts, scratch, startProgram, until } from '../lib/net.mjs'
import { ROOT, makeEnv, place, tree } from '../lib/place.mjs'

const CONFIG = '/etc/opencode-callback/opencode-callback.ini'
let folder
before(() => (folder = scratch('install')))
after(() => folder?.remove())

function empty() {
  const path = join(folder.path, `d${empty.count++}`)
  execFileSync('mkdir', ['-m', '755', path])
  give(path)
  return path
}
empty.count = 0

const files = (path) => tree(path).filter((name) => !name.endsWith('/'))
const ours = (path) => tree(path).filter((name) => /opencode/.test(name))

test('an ordinary user can install into a folder, and uninstall leaves nothing of ours', () => {
  const destdir = empty()
  execFileSync('chmod', ['755', folder.path])
  const wrap = unprivileged('env').flat()
  place('install', { destdir, wrap })
  const expected = [
    CONFIG,
    '/usr/lib/cgi-bin/opencode-callback.cgi',
    '/usr/lib/systemd/system/opencode-callback.service',
    '/usr/lib/systemd/system/opencode-callback.socket',
    '/usr/lib/sysusers.d/opencode-callback.conf',
    '/usr/lib/tmpfiles.d/opencode-callback.conf',
    '/usr/sbin/opencode-callback.fcgi',
    '/usr/share/man/man5/opencode-callback.ini.5',
    '/usr/share/man/man8/opencode-callback.8',
    '/usr/share/opencode-callback/opencode-callback.js',
    '/usr/share/opencode-callback/plugin/index.js',
    '/usr/share/opencode-callback/plugin/ports.js',
    '/usr/share/opencode-callback/plugin/request.js',
    '/usr/share/opencode-callback/plugin/serve.js',
    '/usr/share/opencode-callback/plugin/socket.js',
    // all parts of sites
    ...['apache', 'caddy', 'haproxy', 'lighttpd', 'nginx'].flatMap((server) => readdirSync(join(ROOT, 'conf', server))
      .filter((name) => name.startsWith('part')).map((name) => `/usr/share/opencode-callback/${server}/${name}`)),
  ]
  const there = files(destdir)
  assert.deepEqual(there.filter((name) => !name.startsWith('/usr/share/doc/')).sort(), expected.sort())
  for (const name of there) {
    const { mode } = statSync(join(destdir, name))
    assert.equal(mode & 0o777, /\.(cgi|fcgi)$/.test(name) ? 0o755 : 0o644, name)
  }
  place('install', { destdir, wrap }) // again, over itself
  assert.deepEqual(files(destdir), there)
  place('uninstall', { destdir, wrap })
  assert.deepEqual(files(destdir), [])
  assert.deepEqual(ours(destdir), [])
  place('uninstall', { destdir, wrap })
})

test('uninstall takes nothing that was there before, nor what others have put beside it', () => {
  const destdir = empty()
  for (const name of ['/usr/sbin/other', '/etc/opencode-callback/opencode.env', '/usr/share/doc/opencode-callback/mine']) {
    execFileSync('install', ['-D', '/dev/null', join(destdir, name)])
  }
  const before = tree(destdir)
  place('install', { destdir })
  assert.ok(tree(destdir).length > before.length)
  place('uninstall', { destdir })
  const left = tree(destdir)
  for (const name of before) assert.ok(left.includes(name), `${name} is gone`)
  assert.deepEqual(files(destdir), before.filter((name) => !name.endsWith('/')))
})

test('a changed configuration is neither overwritten nor removed', () => {
  const destdir = empty()
  place('install', { destdir })
  const mine = '[opencode]\nurl = https://opencode.example.com\n'
  writeFileSync(join(destdir, CONFIG), mine)
  place('install', { destdir })
  assert.equal(readFileSync(join(destdir, CONFIG), 'utf8'), mine)
  assert.match(place('uninstall', { destdir }), /was changed, it stays/)
  assert.equal(readFileSync(join(destdir, CONFIG), 'utf8'), mine)
  assert.deepEqual(files(destdir), [CONFIG])
})

test('a program that runs can be replaced, and a link is not written through', async () => {
  const destdir = empty()
  place('install', { destdir })
  const worker = join(destdir, '/usr/sbin/opencode-callback.fcgi')
  const socket = join(destdir, 'worker.sock')
  const program = startProgram(worker, ['-c', join(destdir, CONFIG), '-s', socket], { env: cleanEnv() })
  await until('the worker accepts', () => accepts({ path: socket }))
  place('install', { destdir })
  assert.ok(program.running())
  assert.deepEqual(await program.stop(), { code: 0, signal: null })
  const victim = join(destdir, 'victim')
  writeFileSync(victim, 'untouched')
  rmSync(worker)
  symlinkSync(victim, worker)
  place('install', { destdir })
  assert.equal(readFileSync(victim, 'utf8'), 'untouched')
})

for (const prefix of ['/usr', '/usr/local', '/opt/opencode-callback']) {
  test(`with PREFIX=${prefix}, every path of ours in what is installed leads to what is installed`, () => {
    const destdir = empty()
    place('install', { destdir, prefix })
    let seen = 0
    for (const name of files(destdir)) {
      if (/\.(cgi|fcgi)$/.test(name) && !name.includes('/doc/')) continue
      if (name.endsWith('/doc/opencode-callback/README.md')) continue
      const text = readFileSync(join(destdir, name), 'utf8')
      for (const [path] of text.matchAll(/\/(?:usr|opt)\/[\w./-]*opencode-callback[\w./-]*\w|\/usr\/[\w/]*cgi-bin\b/g)) {
        seen++
        assert.ok(existsSync(join(destdir, path)), `${name} names ${path}`)
      }
    }
    assert.ok(seen >= 10, `${seen} paths`)
    const worker = join(destdir, prefix, 'sbin/opencode-callback.fcgi')
    const told = spawnSync(worker, ['--version'], { encoding: 'utf8', env: cleanEnv() })
    assert.equal(`${told.status} ${told.stdout}`, '0 opencode-callback 0.1.0\n')
    place('uninstall', { destdir, prefix })
    assert.deepEqual(files(destdir), [])
    assert.deepEqual(ours(destdir).filter((name) => !`${prefix}/`.startsWith(name) && !name.startsWith(prefix)), [])
  })
}

test('make hands PREFIX, DESTDIR and BUILD_DIR on', () => {
  const destdir = empty()
  const make = (target) => {
    const args = ['-s', '-C', ROOT, '-o', 'all', target, `DESTDIR=${destdir}`, `BUILD_DIR=${BUILD}`]
    const result = spawnSync('make', args, { encoding: 'utf8', env: makeEnv() })
    assert.equal(result.status, 0, result.stdout + result.stderr)
  }
  make('install')
  assert.ok(existsSync(join(destdir, '/usr/local/sbin/opencode-callback.fcgi')))
  make('uninstall')
  assert.deepEqual(files(destdir), [])
})

test('a PREFIX that could not be written into the files is refused', () => {
  const destdir = empty()
  for (const prefix of ['usr', '/a b', '/a|b', '/a;b', '/a&b']) {
    assert.throws(() => place('install', { destdir, prefix }), /PREFIX must be an absolute path/)
  }
  assert.deepEqual(tree(destdir), [])
})
