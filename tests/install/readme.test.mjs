/*
 * What README.md and the pages of the web servers (conf/SERVER/README.md) tell a user to do, done: each section's
 * commands, word for word, in a root of its own over this machine's files, of which nothing stays. Afterwards the site answers at its https address.
 * In the place of systemctl and apt are small programs (systemctl, readme.apt), as no systemd runs there
 * and nothing is fetched; all else is real: the package, the units' users, sockets and commands, the web servers.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { BUILD } from '../lib/front.mjs'
import { scratch, startProgram, until } from '../lib/net.mjs'
import { ROOT, isRoot } from '../lib/place.mjs'
import { wrap } from '../lib/relay.mjs'
import { startStandin } from '../lib/standin.mjs'

const HOST = 'box.local' // a name for which Caddy needs no certificate authority
const read = (name) => readFileSync(join(ROOT, name), 'utf8')

/* {heading: its lines} of a file; commands() of one: the lines of its indented blocks. */
const sectionsOf = (name) => Object.fromEntries([...read(name).matchAll(/^#{2,3} (.*)\n([^]*?)(?=^#{1,3} |(?![^]))/gm)].map(([, heading, text]) => [heading, text]))
const SERVERS = ['nginx', 'apache', 'lighttpd', 'caddy', 'haproxy', 'traefik', 'nginx-proxy-manager', 'tailscale', 'cloudflare']
const pages = SERVERS.map((name) => sectionsOf(`conf/${name}/README.md`))
const sections = Object.assign({}, ...pages, sectionsOf('README.md'), sectionsOf('conf/relay/README.md'))
const commands = (name) => (sections[name].match(/^ {4}\S.*(?:\n {5,}\S.*)*$/gm) ?? []).map((line) => line.slice(4).replaceAll('YOUR.HOST', HOST))
const headings = pages.flatMap((page) => Object.keys(page)).filter((name) => name !== 'A site that you have')

/* Programs that are not here: their own few lines are looked at in tests/style/tunnels.test.mjs. */
const ABSENT = ['Traefik', 'Nginx Proxy Manager', 'Tailscale serve and funnel', 'Cloudflare Tunnel']
const PROXY = 'Behind Cloudflare\'s proxy'
const LOOPBACK = 'Behind Traefik, Nginx Proxy Manager, Tailscale or Cloudflare Tunnel'

test('a section for each server, of at most ten lines, that names its file', () => {
  assert.equal(headings.length, 15)
  for (const name of headings) {
    const lines = sections[name].trim().split('\n').filter((line) => line.trim())
    assert.ok(lines.length <= 10, `${name}: ${lines.length} lines`)
    const [, file] = /\b(conf\/[\w./-]+)/.exec(sections[name]) ?? assert.fail(`${name} names no file`)
    assert.ok(existsSync(join(ROOT, file)), file)
  }
})

/* Where root may not mount anything, the commands cannot be tried. */
const script = 'mount --make-rprivate / && mount -t tmpfs tmpfs /mnt && mkdir /mnt/u /mnt/w /mnt/r && mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt/r'
const mounts = !isRoot || spawnSync('unshare', ['-m', '-n', '-p', '--fork', 'sh', '-c', script]).status === 0
if (!isRoot) test('the commands of each section', { skip: 'needs root' }, () => {})
else if (!mounts) console.log('# not tried here, without mount namespaces and overlayfs: the commands of each section')
else describe('the commands of', () => {
  const TREE = '/root/opencode-callback' // where a user has this folder
  let folder, keeper, top
  const boxes = new Set()

  /* A root over those of earlier boxes; run(script) in it. */
  async function openBox(name, ...lower) {
    const place = join(top, name)
    const box = startProgram('nsenter', [
      '-t', String(keeper.pid), '-m', 'unshare', '-m', '-n', '-p', '-i', '--fork', '--kill-child', join(top, 'readme.box'), place,
      [...lower.map((one) => join(top, one, 'upper')), '/'].join(':'),
    ], { stdio: ['pipe', 'pipe', 'pipe'] })
    boxes.add(box)
    await until('the box is there', () => box.output().includes('ready\n') || (!box.running() && assert.fail(box.output())))
    const children = (pid) => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean)
    const pid = await until('it waits in its root', () => {
      const [child] = children(box.pid)
      return readFileSync(`/proc/${child}/comm`, 'utf8') === 'cat\n' && child
    })
    const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8', HOME: '/root', DEBIAN_FRONTEND: 'noninteractive' }
    async function run(script, ms = 60_000) {
      const words = ['-t', pid, '-m', '-n', '-p', '-i', '-r', '-w', '--', 'sh', '-ec', `cd ${TREE} 2>/dev/null || cd /\n${script}`]
      const program = startProgram('nsenter', words, { env })
      const timer = setTimeout(() => program.stop('SIGKILL'), ms)
      const { code } = await program.ended
      await program.closed
      clearTimeout(timer)
      return { code, output: program.output() }
    }
    const told = async () => (await run('tail -n 20 /run/systemctl-test/*.log /var/log/*/error.log; ls -la /run/opencode*')).output
    async function must(script, ms) {
      const { code, output } = await run(script, ms)
      assert.equal(code, 0, `${script}\n${output}${code && await told()}`)
      return output
    }
    const close = async () => {
      await box.stop('SIGKILL')
      boxes.delete(box)
    }
    return { run, must, told, path: (name) => `/proc/${pid}/root${name}`, close }
  }

  before(async () => {
    folder = scratch('readme')
    top = join(folder.path, 'top')
    mkdirSync(top)
    keeper = startProgram('unshare', ['-m', 'sh', '-c', `mount --make-rprivate / && mount -t tmpfs tmpfs '${top}' && cp '${ROOT}/tests/install/readme.box' '${top}' && echo ready && exec cat`], { stdio: ['pipe', 'pipe', 'pipe'] })
    await until('the memory is there', () => keeper.output().includes('ready\n') || (!keeper.running() && assert.fail(keeper.output())))

    // what a user has before the first command: this folder as built, a certificate, a user alice
    const box = await openBox('machine')
    const copy = (from, to) => execFileSync('cp', ['-a', ...[from].flat(), box.path(to)])
    mkdirSync(box.path(`${TREE}/tests`), { recursive: true })
    copy(['common', 'cgi', 'fcgi', 'conf', 'Makefile', 'README.md', 'CHANGELOG.md', 'LICENSE', 'SECURITY.md'].map((name) => join(ROOT, name)), TREE)
    copy(join(ROOT, 'tests/install-deps'), `${TREE}/tests`)
    // not the base images of images.test.mjs, which are large
    mkdirSync(box.path(`${TREE}/build`))
    copy(readdirSync(BUILD).filter((name) => name !== 'images').map((name) => join(BUILD, name)), `${TREE}/build`)
    for (const [name, as] of [['systemctl', 'systemctl'], ['readme.apt', 'apt'], ['readme.apt', 'apt-get']]) copy(join(ROOT, 'tests/install', name), `/usr/local/bin/${as}`)
    await box.must(`rm -rf /run/systemd/system /run/*.pid /run/*.sock /run/opencode* build/check /etc/tmpfiles.d/opencode* /etc/systemd/system/opencode*
id alice >/dev/null 2>&1 || useradd -m alice
echo '127.0.0.1 ${HOST}' >>/etc/hosts
systemd-tmpfiles --create haproxy.conf $(cd /usr/lib/tmpfiles.d && ls lighttpd*.conf) # lighttpd's has another name since Debian 13
mkdir -p /etc/letsencrypt/live/${HOST} && cd /etc/letsencrypt/live/${HOST}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=${HOST} -addext subjectAltName=DNS:${HOST} -keyout privkey.pem -out fullchain.pem 2>/dev/null
apt-cache policy nginx >/dev/null # once, for all boxes`)
    const [deb, group, ...rest] = commands('Install') // the rest is for opencode.json
    const told = (await box.must(deb, 300_000)).split('\n').filter((line) => /^opencode-callback: \d\. /.test(line))
    assert.equal(told.length, 3, told.join('\n'))
    assert.match(told[0], /: 1\. nginx: /, 'the first of the web servers of this machine')
    await box.must(group)
    assert.match(await box.must('id alice'), /\(opencode-callback\)/)
    const settings = rest.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line))
    const plugin = ['file:///usr/share/opencode-callback/plugin/']
    assert.deepEqual(settings, [{ plugin }, { plugins: plugin }], 'of opencode 1, and of opencode 2')
    assert.ok(existsSync(box.path('/usr/share/opencode-callback/plugin/index.js')))
    await box.close()
  })
  after(async () => {
    for (const box of [...boxes]) await box.stop('SIGKILL')
    await keeper?.stop('SIGKILL')
    folder?.remove()
  })

  /* A box in which opencode runs: a stand-in behind the plugin's socket, and what leads port 4096 to it. */
  async function openMachine(t, name, lower = ['machine']) {
    const box = await openBox(name, ...lower)
    const socket = box.path('/run/opencode/opencode.sock')
    const standin = await startStandin(socket)
    chownSync(socket, 0, statSync(box.path('/run/opencode')).gid)
    t.after(async () => {
      await box.close()
      await standin.stop()
    })
    await box.must('setsid socat TCP-LISTEN:4096,bind=127.0.0.1,fork,reuseaddr UNIX-CONNECT:/run/opencode/opencode.sock </dev/null >/dev/null 2>&1 &')
    return { ...box, standin }
  }
  const ask = async (box, url, ...args) => (await box.run(`curl -sk -m 5 -w '\\n%{http_code} %{redirect_url}' ${args.join(' ')} '${url}'`)).output
  async function healthy(box, url, ...args) {
    let answer
    const up = until(`${url} says ok`, async () => /^\{"status":"ok"[^]*\n200 $/.test((answer = await ask(box, url, ...args))))
    await up.catch(async (error) => assert.fail(`${error.message}: ${answer}\n${await box.told()}`))
  }

  async function assertUp(box, origin = `https://${HOST}`, ...args) {
    await healthy(box, `${origin}/signin/health`, ...args)
    const begin = await ask(box, `${origin}/provider/p1/oauth/authorize`, '-H', "'Content-Type: application/json'", '-H', "'Sec-Fetch-Site: same-origin'", ...args,
      '-d', `'{"method":0,"inputs":{"state":"s1234567890","redirect":"http://localhost:1455/auth/callback"}}'`)
    assert.match(begin, new RegExp(`^\\{"url":"https://${HOST.replaceAll('.', '\\.')}/signin/flow/[\\w-]{22}"`), begin)
    assert.match(await ask(box, `${origin}/session`, ...args), /Authorization Successful.*\s200 $/, 'all else is opencode')
  }

  const done = new Set()
  async function runSection(box, name, change = (text) => text) {
    done.add(name)
    for (const command of commands(name)) await box.must(change(command))
  }
  const WEB = headings.filter((name) => ![...ABSENT, PROXY, LOOPBACK].includes(name))
  for (const [i, name] of WEB.entries()) {
    test(name, async (t) => {
      const box = await openMachine(t, `web${i}`)
      await runSection(box, name)
      await assertUp(box)
      // a moment after a reload, the old nginx may still answer
      await until('http leads to https', async () => /\s301 https:\/\/box\.local\/session$/.test(await ask(box, `http://${HOST}/session`)))
    })
  }

  test("in the package's own folder, without the sources: nginx and fcgiwrap", async (t) => {
    assert.match(read('conf/nginx/README.md'), /in the folder of the project \(or, where only the package is,\sin\s`\/usr\/share\/doc\/opencode-callback`\)/)
    const box = await openMachine(t, 'packaged')
    await box.must('rm -r conf common')
    await runSection(box, 'nginx and fcgiwrap', (text) => `cd /usr/share/doc/opencode-callback\n${text}`)
    await assertUp(box)
  })

  test('lighttpd, starting the program itself: the CGI program', async (t) => {
    const box = await openMachine(t, 'cgi')
    await runSection(box, 'lighttpd, starting the program itself', (text) => text.replace('-spawned.conf', '-cgi.conf'))
    await assertUp(box)
  })

  test(LOOPBACK, async (t) => {
    const box = await openMachine(t, 'loopback')
    // somebody else has the ports
    await box.must('setsid socat TCP-LISTEN:80,fork,reuseaddr SYSTEM:true </dev/null >/dev/null 2>&1 &\nuntil curl -s -m 1 127.0.0.1:80; [ $? = 52 ]; do :; done')
    await runSection(box, LOOPBACK, (text) => text.replace(/^apt-get install.*/, '$& || :'))
    await assertUp(box, 'http://127.0.0.1:4180', '-H', `'Host: ${HOST}'`, '-H', "'X-Forwarded-For: 203.0.113.9'")
    assert.match(await box.must('cat /run/systemctl-test/*.log'), /event=flow-begun .*client=203\.0\.113\.9 /)
  })

  test('a relay: its keys and sections, as the worker reads them', async (t) => {
    const box = await openMachine(t, 'relay')
    await box.must('apt-get install nginx')
    const lines = commands('Set-up')
    await box.must(lines.slice(0, lines.indexOf('[relay]')).join('\n'))
    const key = readFileSync(box.path('/etc/opencode-callback/bob.key'), 'latin1').trim()
    const state = wrap({ id: 'bob', key, state: 's1234567890' })
    const passed = () => ask(box, `https://${HOST}/relay/callback?code=c&state=${state}`)
    await until('the relay passes an answer on', async () => / 303 https:\/\/bob\.example\.com\/auth\/callback\?code=c&state=s1234567890$/.test((await passed()).replace(/\n/g, ' ')))
      .catch(async (error) => assert.fail(`${error.message}: ${await passed()}\n${await box.told()}`))
  })

  test("behind Cloudflare's proxy, nginx and Apache", async (t) => {
    done.add(PROXY)
    const [nginx, ...apache] = commands(PROXY)
    assert.equal(apache.length, 2)
    for (const [name, lines] of [['nginx', [nginx]], ['Apache, CGI', apache]]) {
      await t.test(name, async (t) => {
        const box = await openMachine(t, `cloudflare-${name.slice(0, 3)}`)
        await runSection(box, name)
        for (const line of lines) await box.must(line)
        await assertUp(box, undefined, '-H', "'CF-Connecting-IP: 203.0.113.9'")
        assert.doesNotMatch(await box.must('cat /var/log/*/opencode-callback.log'), /203\.0\.113\.9/, 'this machine is not Cloudflare')
      })
    }
  })

  test('without the package', async (t) => {
    const [, make, units, files] = /\(Without the package: `(make install PREFIX=\/usr)`, then `(systemd-sysusers)` and `(systemd-tmpfiles --create)`\.\)/.exec(sections.Install)
    const box = await openBox('made', 'machine')
    await box.must('dpkg --purge opencode-callback')
    assert.ok(!existsSync(box.path('/usr/sbin/opencode-callback.fcgi')))
    await box.must(`${make.replace('install', '-o all install')}\n${units}\n${files} --prefix=/run/opencode --prefix=/run/opencode-callback`)
    await box.close()
    const machine = await openMachine(t, 'unpacked', ['made', 'machine'])
    await runSection(machine, 'nginx')
    await assertUp(machine)
  })

  test('no section was left out', () => assert.deepEqual(headings.filter((name) => !done.has(name)), ABSENT))
})
