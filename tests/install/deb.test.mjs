/*
 * The source archive: the same bytes each time, and enough to build from. The Debian package: built
 * from it by an ordinary user, looked at by lintian, installed into a root of its own by the real
 * dpkg, its programs run, upgraded, removed, purged.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { cleanEnv, give, unprivileged } from '../lib/front.mjs'
import { scratch } from '../lib/net.mjs'
import { ROOT, isRoot, makeEnv, tree } from '../lib/place.mjs'

const CONFIG = '/etc/opencode-callback/opencode-callback.ini'
const DOC = '/usr/share/doc/opencode-callback'
const WANTS = '/etc/systemd/system/sockets.target.wants/opencode-callback.socket'
const MAINTAINER = "Jürgen & O'Hara/Söhne <packages@example.org>"
const [, VERSION] = /^#define APP_VERSION "(.*)"$/m.exec(readFileSync(join(ROOT, 'common/util/version.h'), 'utf8'))
const NAME = `opencode-callback-${VERSION}`

let folder, archive, source, deb, root
before(() => {
  folder = scratch('deb')
  chmodSync(folder.path, 0o755)
  archive = dist(ROOT, makeFolder('first'))
  chmodSync(archive, 0o644) // whatever the umask
  unpack(makeFolder('source'))
  source = join(folder.path, 'source', NAME)
  root = join(folder.path, 'root')
})
after(() => folder?.remove())

const out = (program, ...args) => execFileSync(program, args, { encoding: 'utf8' })
const field = (name) => out('dpkg-deb', '-f', deb, name).trim()
const changelog = () => readFileSync(join(ROOT, 'conf/debian/changelog'), 'utf8')

function makeFolder(name) {
  const path = join(folder.path, name)
  mkdirSync(path, { mode: 0o755 })
  give(path)
  return path
}

/* Unpacks the archive as the ordinary user, whose files they are then. */
function unpack(into) {
  run('tar', ['-x', '-f', archive, '-C', into])
}

/* Runs a program as an ordinary user. */
function run(program, args, { env = makeEnv(), ...options } = {}) {
  const [words, rest] = unprivileged(program, args, { strict: true })
  const result = spawnSync(words, rest, { encoding: 'utf8', env, maxBuffer: 1 << 26, cwd: folder.path, ...options })
  assert.equal(result.status, 0, `${program} ${args.join(' ')}\n${(result.stdout + result.stderr).slice(-4000)}`)
  return result.stdout
}

/* make dist in a folder. Returns the path of the archive, which it prints. */
function dist(where, build, extra = {}) {
  const result = spawnSync('make', ['-s', '-C', where, 'dist', `BUILD_DIR=${build}`], { encoding: 'utf8', env: makeEnv(extra) })
  assert.equal(result.status, 0, result.stdout + result.stderr)
  assert.deepEqual(readdirSync(build), [`${NAME}.tar.gz`])
  return result.stdout.trim()
}

const same = (one, other) => assert.ok(readFileSync(one).equals(readFileSync(other)), `${one} and ${other} differ`)

/* dpkg on the root of this test. Its scripts run with DPKG_ROOT, without chroot. */
function dpkg(...args) {
  const options = [`--root=${root}`, '--log=/dev/null', '--force-script-chrootless']
  const result = spawnSync('dpkg', [...options, ...args], {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
  })
  assert.equal(result.status, 0, `dpkg ${args.join(' ')}\n${result.stdout}${result.stderr}`)
  return result.stdout
}

/* A root that has what the package depends on, as this machine has it, and nothing else. */
function makeRoot() {
  rmSync(root, { recursive: true, force: true })
  const fields = `${field('Depends')}, ${field('Pre-Depends')}`.replace(/, $/, '')
  const names = new Set(fields.split(', ').map((one) => one.split(/[ |]/)[0]))
  for (const path of ['var/lib/dpkg/info', 'var/lib/dpkg/updates', 'var/lib/dpkg/triggers', 'etc', 'run', 'usr/lib', 'usr/sbin', 'usr/bin']) {
    mkdirSync(join(root, path), { recursive: true })
  }
  // as on every Debian since 12
  for (const path of ['lib', 'sbin', 'bin']) symlinkSync(`usr/${path}`, join(root, path))
  const status = out('dpkg-query', '--status', ...names)
  writeFileSync(join(root, 'var/lib/dpkg/status'), status.replace(/^Conffiles:\n(?: .*\n)*/gm, ''))
  for (const name of names) writeFileSync(join(root, `var/lib/dpkg/info/${name}.list`), '')
}

/* What is in the root besides dpkg's own files. */
const files = () => tree(root).filter((name) => !/^\/var\/($|lib\/($|dpkg\/))/.test(name))

test('make dist makes the same bytes twice, and from what it has packed', () => {
  same(archive, dist(ROOT, makeFolder('second')))
  same(archive, dist(source, makeFolder('unpacked')))
  const date = String(statSync(join(source, 'Makefile')).mtimeMs / 1000)
  const copy = join(folder.path, 'copy')
  execFileSync('cp', ['-r', source, copy]) // other dates
  execFileSync('chmod', ['-R', 'go-rwx', copy])
  same(archive, dist(copy, makeFolder('other-modes'), { SOURCE_DATE_EPOCH: date }))
})

test('the archive has what git tracks, owned by nobody in particular, and nothing else', () => {
  const lines = out('tar', '-t', '-v', '--numeric-owner', '-f', archive).trim().split('\n')
  for (const line of lines) assert.match(line, /^(-rw-r--r--|-rwxr-xr-x|lrwxrwxrwx) 0\/0 /)
  const names = out('tar', '-t', '-f', archive).trim().split('\n')
  for (const name of names) assert.ok(name.startsWith(`${NAME}/`), name)
  const packed = names.map((name) => name.slice(NAME.length + 1))
  for (const name of ['Makefile', 'README.md', 'LICENSE', '.clang-format', 'conf/debian/rules', 'tests/install/deb.test.mjs']) assert.ok(packed.includes(name), name)
  assert.deepEqual(packed.filter((name) => /^build\/|^\.git\/|node_modules/.test(name)), [])
  const git = spawnSync('git', ['-c', `safe.directory=${ROOT.replace(/\/$/, '')}`, '-C', ROOT, 'ls-files', '-z'], { encoding: 'utf8' })
  // without git, as in an unpacked archive, it is everything
  if (git.status === 0) assert.deepEqual(packed.sort(), git.stdout.split('\0').filter(Boolean).sort())
})

test('in the unpacked archive, make all and make deb work for an ordinary user', () => {
  const build = join(source, 'build')
  run('make', ['-s', '-j2', '-C', source, 'all', 'CFLAGS=-O1'])
  assert.equal(out(join(build, 'opencode-callback.fcgi'), '--version'), `opencode-callback ${VERSION}\n`)
  writeFileSync(join(build, 'opencode-callback_0.0.1_all.deb'), 'an older one')
  // with what a caller's make may have set, which is not for the package's own
  const printed = run('make', ['-s', '-C', source, 'deb', 'PREFIX=/opt', 'DESTDIR=/nowhere'], { env: makeEnv({ MAINTAINER }) })
  deb = printed.trim().split('\n').at(-1)
  assert.equal(dirname(deb), build)
  assert.deepEqual(readdirSync(build).filter((name) => name.endsWith('.deb')).map((name) => join(build, name)), [deb], 'README.md names it with a *')
})

test('lintian has no error and no warning', () => {
  const [changes] = readdirSync(join(dirname(deb), 'deb')).filter((name) => name.endsWith('.changes'))
  const told = run('lintian', ['--fail-on', 'error,warning', '--info', join(dirname(deb), 'deb', changes)], { env: { ...process.env, HOME: folder.path } })
  assert.doesNotMatch(told, /^[EW]: /m)
  // nothing is kept silent
  assert.deepEqual(tree(join(ROOT, 'conf/debian')).filter((name) => /lintian/.test(name)), [])
})

test('the package says what it is', () => {
  assert.match(deb, new RegExp(`/opencode-callback_${VERSION.replaceAll('.', '\\.')}_[a-z0-9]+\\.deb$`))
  assert.equal(field('Package'), 'opencode-callback')
  assert.equal(field('Version'), VERSION, 'conf/debian/changelog has the version of the programs')
  assert.equal(field('Architecture'), out('dpkg', '--print-architecture').trim())
  assert.equal(field('Maintainer'), MAINTAINER)
  for (const name of ['libc6', 'libfcgi0(?:ldbl|t64)', 'libinih1', 'libjansson4', 'libsodium23', 'libcurl4(?:t64)?', 'systemd']) {
    assert.match(field('Depends'), new RegExp(`(?:^|, )${name}(?: |,)`))
  }
  const contents = out('dpkg-deb', '-c', deb)
  for (const line of contents.trim().split('\n')) assert.match(line, /^(?:[d-]rw[x-]r-[x-]r-[x-]|lrwxrwxrwx) root\/root /)
  const [, control] = /^(Maintainer: .*)$/m.exec(readFileSync(join(ROOT, 'conf/debian/control'), 'utf8'))
  assert.ok(changelog().includes(` -- ${control.slice('Maintainer: '.length)}  `), 'one maintainer')
})

test('its copyright file has the words of the license', () => {
  const plain = (text) => text.replace(/^ \.$/gm, '').split(/\s+/).join(' ').trim()
  const license = plain(readFileSync(join(ROOT, 'LICENSE'), 'utf8').replace(/^[^]*?(?=Permission)/, ''))
  assert.ok(license.length > 500)
  assert.ok(plain(readFileSync(join(ROOT, 'conf/debian/copyright'), 'utf8')).endsWith(`License: ISC ${license}`))
})

test('what it depends on can be installed', () => {
  for (const group of field('Depends').split(', ')) {
    const names = group.split(' | ').map((one) => one.split(' ')[0])
    const found = names.some((name) => /Candidate: [^(]/.test(out('apt-cache', 'policy', name)))
    assert.ok(found, group)
  }
})

test('the library that is loaded by name is the one that the package names', () => {
  const [, soname] = /curl_soname\[\] = "(.*)"/.exec(readFileSync(join(ROOT, 'common/util/curl_lib.c'), 'utf8'))
  const [name] = /libcurl\w+/.exec(field('Depends'))
  assert.match(out('dpkg', '-L', name), new RegExp(`/${soname.replaceAll('.', '\\.')}$`, 'm'))
})

test("the commands for the web servers find their files in the package's own folder", () => {
  const into = join(folder.path, 'extracted')
  execFileSync('dpkg-deb', ['-x', deb, into])
  const pages = readdirSync(join(into, DOC, 'examples')).map((name) => join(into, DOC, 'examples', name, 'README.md')).filter((name) => existsSync(name))
  const text = pages.map((name) => readFileSync(name, 'utf8')).join('\n')
  const paths = new Set([...text.matchAll(/^ {4}.*$/gm)].flatMap(([line]) => line.match(/(?<![\w/])conf\/[\w./@-]*\w/g) ?? []))
  assert.ok(paths.size > 15, [...paths].join(' '))
  for (const path of paths) assert.ok(statSync(join(into, DOC, path)).size > 0, path)
})

test('at an upgrade the worker restarts if it runs, and its socket does not; a removal stops both', () => {
  const invoked = (script) => [...out('dpkg-deb', '-I', deb, script).matchAll(/deb-systemd-invoke (\S+) '(\S+)'/g)].map((found) => found.slice(1).join(' '))
  // start means: if the administrator has enabled it
  assert.deepEqual(invoked('postinst').sort(), ['start opencode-callback.socket', 'try-restart opencode-callback.service'])
  assert.deepEqual(invoked('prerm'), ['stop opencode-callback.socket'], 'which the worker requires')
  assert.deepEqual(invoked('postrm'), [])
  assert.doesNotMatch(out('dpkg-deb', '-I', deb), / preinst /)
  assert.match(readFileSync(join(ROOT, 'conf/systemd/opencode-callback.service'), 'utf8'), /^Requires=opencode-callback\.socket$/m)
  assert.match(readFileSync(join(ROOT, 'conf/systemd/opencode-callback.socket'), 'utf8'), /^RemoveOnStop=yes$/m)
})

/* The same package as an older version with another configuration and another unit. */
function makeOlder() {
  const older = join(folder.path, 'older')
  execFileSync('dpkg-deb', ['-R', deb, older])
  const change = (path, from, to) => {
    const text = readFileSync(join(older, path), 'utf8')
    assert.match(text, from)
    writeFileSync(join(older, path), text.replace(from, to))
  }
  change('DEBIAN/control', /^Version: .*$/m, 'Version: 0.0.9')
  change(CONFIG, /^lifetime = 300$/m, 'lifetime = 240')
  change(join(existsSync(join(older, 'lib')) ? 'lib' : 'usr/lib', 'systemd/system/opencode-callback.socket'), /^SocketMode=0660$/m, 'SocketMode=0600')
  execFileSync('dpkg-deb', ['--root-owner-group', '-Znone', '-b', older, `${older}.deb`], { stdio: 'ignore' })
  return `${older}.deb`
}

const read = (path) => readFileSync(join(root, path), 'utf8')
const version = () => /^Version: (.*)$/m.exec(dpkg('--status', 'opencode-callback'))[1]
const next = (printed) => printed.split('\n').filter((line) => line.startsWith('opencode-callback: '))

test('installed, upgraded, removed and purged, with nothing left', { skip: !isRoot && 'needs root' }, () => {
  const older = makeOlder()
  makeRoot()
  const before = files()
  dpkg('-i', older)
  const there = files()
  for (const name of [
    CONFIG, '/usr/sbin/opencode-callback.fcgi', '/usr/lib/cgi-bin/opencode-callback.cgi',
    '/usr/share/man/man8/opencode-callback.8.gz', '/usr/share/man/man5/opencode-callback.ini.5.gz', '/usr/share/man/man8/opencode-callback.fcgi.8.gz',
    `${DOC}/copyright`, `${DOC}/README.md`, `${DOC}/CHANGELOG.md`, '/usr/lib/systemd/system/opencode-callback.socket',
  ]) assert.ok(there.includes(name), name)
  assert.match(dpkg('--status', 'opencode-callback'), /^Status: install ok installed$/m)
  assert.ok(!existsSync(join(root, WANTS)), 'the administrator enables the socket')

  // the user and the folders, by sysusers.d and tmpfiles.d
  const user = /^opencode-callback:x:(\d+):(\d+):opencode-callback:\/:\/usr\/sbin\/nologin$/m
  const [, uid, gid] = user.exec(read('etc/passwd'))
  assert.ok(Number(uid) < 1000)
  assert.match(read('etc/group'), new RegExp(`^opencode-callback:x:${gid}:`, 'm'))
  const access = (path) => {
    const { mode, uid, gid } = statSync(join(root, path))
    return [(mode & 0o7777).toString(8), uid, gid].join(' ')
  }
  assert.equal(access('/run/opencode'), `2770 0 ${gid}`)
  assert.equal(access('/run/opencode-callback'), `700 ${uid} ${gid}`)

  // an upgrade brings the new files, and keeps the pending sign-ins and the socket that the administrator enabled
  const flow = join(root, 'run/opencode-callback/flow')
  writeFileSync(flow, 'pending', { mode: 0o600 })
  chownSync(flow, Number(uid), Number(gid))
  const pending = () => [read('run/opencode-callback/flow'), access('/run/opencode-callback/flow'), access('/run/opencode-callback')]
  const kept = pending()
  const enable = () => {
    mkdirSync(dirname(join(root, WANTS)), { recursive: true })
    symlinkSync('/lib/systemd/system/opencode-callback.socket', join(root, WANTS))
  }
  enable()
  dpkg('-i', deb)
  assert.equal(version(), VERSION)
  assert.match(read(CONFIG), /^lifetime = 300$/m, 'a configuration that nobody changed is the new one')
  assert.match(read('usr/lib/systemd/system/opencode-callback.socket'), /^SocketMode=0660$/m)
  assert.equal(dpkg('--verify', 'opencode-callback'), '')
  assert.deepEqual(pending(), kept)
  assert.ok(lstatSync(join(root, WANTS)).isSymbolicLink())

  // the programs run: from there, and as they are
  const worker = join(root, 'usr/sbin/opencode-callback.fcgi')
  assert.equal(out(worker, '--version'), `opencode-callback ${VERSION}\n`)
  const config = spawnSync(worker, ['-c', join(root, CONFIG), '--check-config'], { encoding: 'utf8', env: cleanEnv() })
  assert.equal(config.status, 0, config.stderr)
  assert.equal(spawnSync(join(root, 'usr/lib/cgi-bin/opencode-callback.cgi'), { env: cleanEnv() }).status, 64)

  // a changed configuration survives upgrades, and a removal, not a purge
  const mine = '[opencode]\nurl = https://opencode.example.com\n'
  writeFileSync(join(root, CONFIG), mine)
  dpkg('-i', deb)
  assert.equal(read(CONFIG), mine)
  dpkg('--force-confold', '-i', older)
  dpkg('--force-confold', '-i', deb)
  assert.equal(version(), VERSION)
  assert.equal(read(CONFIG), mine, 'although the new version has another one')
  assert.deepEqual(pending(), kept)
  dpkg('-r', 'opencode-callback')
  assert.equal(read(CONFIG), mine)
  assert.deepEqual(pending(), kept)
  assert.ok(!existsSync(worker))
  dpkg('-P', 'opencode-callback')

  const users = ['group', 'gshadow', 'passwd', 'shadow'].flatMap((name) => [`/etc/${name}`, `/etc/${name}-`])
  const locks = ['/etc/.pwd.lock']
  // systemd's own folders, which deb-systemd-helper made or which held the link above
  const shared = ['/etc/systemd/', '/etc/systemd/system/', '/etc/systemd/system/sockets.target.wants/', '/var/lib/systemd/']
  assert.deepEqual(files().filter((name) => ![...before, ...users, ...locks, ...shared].includes(name)), [])
})

test('it says in three lines what to do next for the web server that is here, once', { skip: !isRoot && 'needs root' }, () => {
  makeRoot()
  const servers = { '': null, nginx: '/usr/sbin/nginx', apache2: '/usr/sbin/apache2', lighttpd: '/usr/sbin/lighttpd', caddy: '/usr/bin/caddy', haproxy: '/usr/sbin/haproxy' }
  for (const [name, program] of Object.entries(servers)) {
    if (program) {
      const dir = dirname(program)
      assert.ok(existsSync(program), `${name} has its program there`)
      mkdirSync(join(root, dir), { recursive: true })
      execFileSync('install', ['-m', '755', '/dev/null', join(root, program)])
    }
    const lines = next(dpkg('-i', deb))
    assert.equal(lines.length, 3, lines.join('\n'))
    const [server, opencode, check] = lines
    if (program) {
      const [, page, example, target] = /^opencode-callback: 1\. \w+: \S+\/examples\/(\w+\/README\.md) has the commands; \S+\/examples\/(\S+) goes to (\S+), /.exec(server) ?? assert.fail(server)
      const commands = readFileSync(join(root, DOC, 'examples', page), 'utf8')
      assert.ok(server.startsWith(`opencode-callback: 1. ${name}: `), server)
      assert.ok(existsSync(join(root, DOC, 'examples', example)), example)
      assert.ok(commands.includes(`conf/${example} >`), `${page} names ${example}`)
      assert.ok(commands.includes(`>${target}\n`), `${page} names ${target}`)
    } else {
      assert.match(server, /^opencode-callback: 1\. No web server is here yet: \/usr\/share\/doc\/opencode-callback\/examples\/README\.md /)
      assert.ok(existsSync(join(root, DOC, 'examples/README.md')))
    }
    const [plugin] = /"plugin": \["file:\/\/\S+?"\]/.exec(opencode)
    assert.ok(readFileSync(join(ROOT, 'README.md'), 'utf8').includes(`{ ${plugin} }`), plugin)
    assert.match(opencode, /usermod -aG opencode-callback /)
    assert.match(check, / opencode-callback\.fcgi --doctor https:\/\/YOUR\.HOST$/)
    assert.deepEqual(next(dpkg('-i', deb)), [], 'not at an upgrade')
    dpkg('-P', 'opencode-callback')
    if (program) rmSync(join(root, program))
  }
})
