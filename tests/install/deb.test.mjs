/*
 * The Debian package: built, installed into a root of its own by the real dpkg, its programs run,
 * upgraded, removed, purged.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { BUILD, cleanEnv } from '../lib/front.mjs'
import { scratch } from '../lib/net.mjs'
import { ROOT, isRoot, makeEnv, tree } from '../lib/place.mjs'

const CONFIG = '/etc/opencode-callback/opencode-callback.ini'
let folder, deb, root
before(() => {
  folder = scratch('deb')
  execFileSync('chmod', ['755', folder.path])
  // a folder of its own for what is built: the programs are those of BUILD_DIR
  const build = join(folder.path, 'build')
  mkdirSync(build)
  for (const name of ['opencode-callback.cgi', 'opencode-callback.fcgi']) execFileSync('cp', [join(BUILD, name), build])
  deb = execFileSync(join(ROOT, 'conf/debian/build'), { encoding: 'utf8', env: makeEnv({ BUILD_DIR: build }), stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  root = join(folder.path, 'root')
})
after(() => folder?.remove())

const out = (program, ...args) => execFileSync(program, args, { encoding: 'utf8' })
const field = (name) => out('dpkg-deb', '-f', deb, name).trim()

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
  const names = field('Depends').split(', ').map((one) => one.split(/[ |]/)[0])
  for (const path of ['var/lib/dpkg/info', 'var/lib/dpkg/updates', 'var/lib/dpkg/triggers', 'etc', 'run']) {
    mkdirSync(join(root, path), { recursive: true })
  }
  const status = out('dpkg-query', '--status', ...new Set(names))
  writeFileSync(join(root, 'var/lib/dpkg/status'), status.replace(/^Conffiles:\n(?: .*\n)*/gm, ''))
  for (const name of new Set(names)) writeFileSync(join(root, `var/lib/dpkg/info/${name}.list`), '')
}

/* What is in the root besides dpkg's own files. */
const files = () => tree(root).filter((name) => !name.startsWith('/var/'))

test('the package says what it is', () => {
  assert.match(deb, /\/opencode-callback_0\.1\.0_[a-z0-9]+\.deb$/)
  assert.equal(field('Package'), 'opencode-callback')
  assert.equal(`#define APP_VERSION "${field('Version')}"`, /^#define APP_VERSION .*$/m.exec(readFileSync(join(ROOT, 'common/util/version.h'), 'utf8'))[0])
  assert.equal(field('Architecture'), out('dpkg', '--print-architecture').trim())
  for (const name of ['libc6', 'libfcgi0(?:ldbl|t64)', 'libinih1', 'libjansson4', 'libsodium23', 'libcurl4(?:t64)?', 'systemd']) {
    assert.match(field('Depends'), new RegExp(`(?:^|, )${name}(?: |,)`))
  }
  const contents = out('dpkg-deb', '-c', deb)
  for (const line of contents.trim().split('\n')) assert.match(line, /^[d-]rw[x-]r-[x-]r-[x-] root\/root /)
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

test('installed, upgraded, removed and purged, with nothing left', { skip: !isRoot && 'needs root' }, () => {
  makeRoot()
  const before = files()
  dpkg('-i', deb)
  const there = files()
  for (const name of [
    CONFIG, '/usr/sbin/opencode-callback.fcgi', '/usr/lib/cgi-bin/opencode-callback.cgi',
    '/usr/share/man/man8/opencode-callback.8.gz', '/usr/share/man/man5/opencode-callback.ini.5.gz',
    '/usr/share/doc/opencode-callback/copyright', '/usr/lib/systemd/system/opencode-callback.socket',
  ]) assert.ok(there.includes(name), name)
  assert.match(dpkg('--status', 'opencode-callback'), /^Status: install ok installed$/m)
  assert.equal(dpkg('--verify', 'opencode-callback'), '')

  // the user and the folders, by sysusers.d and tmpfiles.d
  const user = /^opencode-callback:x:(\d+):(\d+):opencode-callback:\/:\/usr\/sbin\/nologin$/m
  const [, uid, gid] = user.exec(readFileSync(join(root, 'etc/passwd'), 'utf8'))
  assert.ok(Number(uid) < 1000)
  assert.match(readFileSync(join(root, 'etc/group'), 'utf8'), new RegExp(`^opencode-callback:x:${gid}:`, 'm'))
  const access = (path) => {
    const { mode, uid, gid } = statSync(join(root, path))
    return [(mode & 0o7777).toString(8), uid, gid].join(' ')
  }
  assert.equal(access('/run/opencode'), `2770 0 ${gid}`)
  assert.equal(access('/run/opencode-callback'), `700 ${uid} ${gid}`)

  // the programs run: from there, and as they are
  const worker = join(root, 'usr/sbin/opencode-callback.fcgi')
  assert.equal(out(worker, '--version'), `opencode-callback ${field('Version')}\n`)
  const config = spawnSync(worker, ['-c', join(root, CONFIG), '--check-config'], { encoding: 'utf8', env: cleanEnv() })
  assert.equal(config.status, 0, config.stderr)
  assert.equal(spawnSync(join(root, 'usr/lib/cgi-bin/opencode-callback.cgi'), { env: cleanEnv() }).status, 64)

  // a changed configuration survives an upgrade and a removal, not a purge
  const mine = '[opencode]\nurl = https://opencode.example.com\n'
  writeFileSync(join(root, CONFIG), mine)
  writeFileSync(join(root, 'run/opencode-callback/flow'), '')
  dpkg('-i', deb)
  assert.equal(readFileSync(join(root, CONFIG), 'utf8'), mine)
  assert.ok(existsSync(join(root, 'run/opencode-callback/flow')), 'pending sign-ins survive an upgrade')
  dpkg('-r', 'opencode-callback')
  assert.equal(readFileSync(join(root, CONFIG), 'utf8'), mine)
  assert.ok(!existsSync(worker))
  dpkg('-P', 'opencode-callback')

  const users = ['group', 'gshadow', 'passwd', 'shadow'].flatMap((name) => [`/etc/${name}`, `/etc/${name}-`])
  const locks = ['/etc/.pwd.lock']
  assert.deepEqual(files().filter((name) => ![...before, ...users, ...locks].includes(name)), [])
})
