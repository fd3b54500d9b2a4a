/*
 * The units: checked by systemd's own tools, and with CHECK_BOOT=1 booted by the real systemd, where
 * this machine lets us have namespaces: a sign-in survives a restart, no request is lost by one, and
 * the sandbox holds without being in the way.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { scratch, startProgram, until } from '../lib/net.mjs'
import { ROOT, isRoot, place, siteAt } from '../lib/place.mjs'
import { assertSucceeds, begunFlow, flowStatus } from '../lib/signin.mjs'
import { startStandin } from '../lib/standin.mjs'
import { NEXT, cannotRun, programOf } from '../lib/versions.mjs'

const UNITS = join(ROOT, 'conf/systemd')
let folder
before(() => (folder = scratch('systemd')))
after(() => folder?.remove())

/* systemd-analyze on the units, with paths that exist on this machine. */
function verify(text, name) {
  const path = join(folder.path, name)
  writeFileSync(path, text.replaceAll('/usr/sbin/opencode-callback.fcgi', '/bin/true').replaceAll(/^Documentation=.*\n/gm, ''))
  return spawnSync('systemd-analyze', ['verify', '--man=no', path], { encoding: 'utf8', cwd: folder.path })
}

test('systemd finds nothing wrong with the units', () => {
  for (const name of ['opencode-callback.socket', 'opencode-callback.service', 'opencode@.service']) {
    const text = readFileSync(join(UNITS, name), 'utf8')
    for (const other of readdirSync(UNITS)) if (other !== name && !other.includes('@')) verify(readFileSync(join(UNITS, other), 'utf8'), other)
    const result = verify(text, name.replace('@', '@root'))
    assert.deepEqual([result.status, result.stdout, result.stderr], [0, '', ''], name)
  }
  assert.match(verify('[Service]\nExecStart=/bin/true\nProtectSytem=strict\n', 'opencode-callback.service').stderr, /Unknown key/)
})

test('nor with what is dropped into them', () => {
  for (const name of readdirSync(UNITS).filter((one) => /^(?:service|socket)-.*\.conf$/.test(one))) {
    const unit = `opencode-callback.${name.split('-')[0]}`
    const drop = (text) => {
      const place = join(folder.path, `${unit}.d`)
      mkdirSync(place, { recursive: true })
      writeFileSync(join(place, 'dropped.conf'), text)
      const { status, stderr } = verify(readFileSync(join(UNITS, unit), 'utf8'), unit)
      rmSync(place, { recursive: true })
      return [status, stderr]
    }
    const text = readFileSync(join(UNITS, name), 'utf8')
    assert.deepEqual(drop(text), [0, ''], name)
    assert.match(drop(text.replace(/^(\w+)=/m, '$1s='))[1], /dropped\.conf:\d+: Unknown key/, name)
  }
})

test('the exposure is not above what conf/README.md quotes', () => {
  const [, quoted] = /exposure of (\d\.\d)/.exec(readFileSync(join(ROOT, 'conf/README.md'), 'utf8'))
  const args = ['security', '--offline=true', '--no-pager', join(UNITS, 'opencode-callback.service')]
  const report = execFileSync('systemd-analyze', args, { encoding: 'utf8' })
  const [, exposure] = /Overall exposure level for \S+: (\d+\.\d)/.exec(report)
  assert.ok(Number(exposure) <= Number(quoted), `${exposure}, and ${quoted} is quoted`)
})

/* Whether it is asked for, and this machine lets us have the namespaces, and a group of processes of our own. */
function canBoot() {
  if (!process.env.CHECK_BOOT || !isRoot || !existsSync('/lib/systemd/systemd')) return false
  return spawnSync('unshare', ['-m', '-p', '-n', '-C', '--fork', '--mount-proc', 'true']).status === 0 && group() !== null
}

/* A cgroup for what we boot, so that systemd takes charge of nothing else. */
function group() {
  const two = existsSync('/sys/fs/cgroup/cgroup.controllers')
  const line = readFileSync('/proc/self/cgroup', 'utf8').split('\n').find((l) => (two ? l.startsWith('0::') : l.includes(':name=systemd:')))
  if (!line) return null
  const path = join(two ? '/sys/fs/cgroup' : '/sys/fs/cgroup/systemd', line.split(':')[2], `opencode-callback-${process.pid}`)
  try {
    mkdirSync(path, { recursive: true })
    return path
  } catch {
    return null
  }
}

function removeGroup(path) {
  spawnSync('find', [path, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';'], { stdio: 'ignore' })
}

const bootable = canBoot()
if (!bootable) console.log('# not booted: that takes CHECK_BOOT=1, root and namespaces')
describe('booted', () => {
  if (!bootable) return
  let systemd, standin, pid, site, cgroup
  const inside = (...args) => spawnSync('nsenter', ['-t', String(pid), '-m', '-p', '-n', ...args], { encoding: 'utf8', timeout: 30_000 })
  const show = (name) => inside('systemctl', 'show', 'opencode-callback.service', '--value', '-p', name).stdout.trim()
  const run = (...path) => join(`/proc/${pid}/root/run`, ...path)

  before(async () => {
    chmodSync(folder.path, 0o755)
    place('install', { destdir: join(folder.path, 'installed'), prefix: '/usr/local' })
    execFileSync('mv', [join(folder.path, 'installed/usr/local'), join(folder.path, 'local')])
    execFileSync('mv', [join(folder.path, 'installed/etc'), join(folder.path, 'etc')])
    const units = join(folder.path, 'units')
    for (const path of ['units/opencode-callback.service.d', 'run']) mkdirSync(join(folder.path, path), { recursive: true })
    for (const name of ['sysinit', 'basic', 'sockets', 'shutdown']) writeFileSync(join(units, `${name}.target`), '[Unit]\nDefaultDependencies=no\n')
    writeFileSync(join(units, 'network-online.target'), '[Unit]\nDefaultDependencies=no\n')
    writeFileSync(join(units, 'boot.target'), '[Unit]\nDefaultDependencies=no\nWants=opencode-callback.socket\n')
    writeFileSync(join(units, 'opencode-callback.service.d/log.conf'), '[Service]\nStandardError=append:/run/worker.log\n')
    cgroup = group()
    systemd = startProgram('sh', ['-c', 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"', 'sh', cgroup,
      'setpriv', '--pdeathsig=KILL', 'unshare', '-m', '-p', '-n', '-C', '-i', '-u', '--fork', '--kill-child', '--mount-proc',
      join(ROOT, 'tests/install/systemd.boot'), folder.path])
    pid = await until('systemd runs', () => {
      const [child] = readFileSync(`/proc/${systemd.pid}/task/${systemd.pid}/children`, 'utf8').trim().split(' ')
      return child && readFileSync(`/proc/${child}/comm`, 'utf8').trim() === 'systemd' && Number(child)
    }).catch((error) => assert.fail(`${error.message}\n${systemd.output()}`))
    await until('it has made the socket', () => inside('systemctl', 'is-active', 'opencode-callback.socket').status === 0)
      .catch((error) => assert.fail(`${error.message}\n${systemd.output()}`))
    standin = await startStandin(run('opencode/opencode.sock'))
    chownSync(standin.path, 0, statSync(run('opencode')).gid)
    site = siteAt(run('opencode-callback.sock'), standin)
  })
  after(async () => {
    await standin?.stop()
    await systemd?.stop('SIGKILL')
    if (cgroup) await until('its processes are gone', () => removeGroup(cgroup) || !existsSync(cgroup))
  })

  test('the socket is the web server\'s, and the first request starts the worker', async () => {
    const { mode, uid } = statSync(run('opencode-callback.sock'))
    assert.equal(mode & 0o777, 0o660)
    assert.equal(String(uid), execFileSync('id', ['-u', 'www-data'], { encoding: 'utf8' }).trim())
    assert.equal(show('ActiveState'), 'inactive')
    const answer = await site.fcgi.send({ target: '/signin/health' })
    assert.equal(answer.status, 200, `${answer.body}\n${systemd.output()}`)
    assert.equal(JSON.parse(answer.body).status, 'ok')
    assert.equal(show('ActiveState'), 'active')
    const log = () => readFileSync(run('worker.log'), 'utf8')
    assert.match(log(), /event=worker-start .*socket=inherited/)
    // the unit lets it use what the kernel has
    assert.match(log(), /event=sandbox seccomp=yes landlock=(yes|no landlock-cause="(Function not implemented|Operation not supported)")\n/)
  })

  test('the worker has neither rights nor a network', async () => {
    const status = readFileSync(`/proc/${pid}/root/proc/${show('MainPID')}/status`, 'utf8')
    const value = (name) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)[1]
    assert.equal(value('NoNewPrivs'), '1')
    assert.equal(value('Seccomp'), '2')
    for (const name of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) assert.match(value(name), /^0+$/)
    assert.ok(!value('Uid').split('\t').includes('0'))
  })

  test('a sign-in survives a restart, and a stop', async () => {
    const flow = await begunFlow(site)
    const other = await begunFlow(site)
    const first = show('MainPID')
    assert.equal(inside('systemctl', 'restart', 'opencode-callback.service').status, 0)
    assert.notEqual(show('MainPID'), first)
    await assertSucceeds(site, flow)
    assert.equal(inside('systemctl', 'stop', 'opencode-callback.service').status, 0)
    assert.equal(show('Result'), 'success')
    assert.equal((await flowStatus(site, other)).state, 'waiting')
    await assertSucceeds(site, other)
  })

  test('no request is lost while the worker is started anew', async () => {
    const failures = []
    let asking = true
    let answered = 0
    const load = Promise.all([1, 2, 3].map(async () => {
      while (asking) {
        await site.fcgi.send({ target: '/signin/assets/nothing' }).then(
          ({ status }) => (status === 404 ? answered++ : failures.push(status)),
          (error) => failures.push(error.message),
        )
      }
    }))
    for (let i = 0; i < 3; i++) {
      inside('systemctl', 'reset-failed', 'opencode-callback.service') // five starts in ten seconds are its limit
      const job = startProgram('nsenter', ['-t', String(pid), '-m', '-p', 'systemctl', 'restart', 'opencode-callback.service'])
      assert.deepEqual(await job.ended, { code: 0, signal: null }, job.output())
      const mark = answered
      await until('requests go on', () => answered > mark + 10)
    }
    asking = false
    await load
    assert.deepEqual(failures, [], `of ${answered}`)
  })

  test('a wrong configuration ends the start at once, with its line in the log', async () => {
    const file = `/proc/${pid}/root/etc/opencode-callback/opencode-callback.ini`
    const good = readFileSync(file)
    inside('systemctl', 'reset-failed', 'opencode-callback.service')
    writeFileSync(file, '[web]\nprefx = /signin\n')
    assert.notEqual(inside('systemctl', 'restart', 'opencode-callback.service').status, 0)
    assert.equal(show('NRestarts'), '0')
    assert.match(readFileSync(run('worker.log'), 'utf8'), /opencode-callback\.ini:2: unknown key prefx/)
    writeFileSync(file, good)
    inside('systemctl', 'reset-failed')
    inside('systemctl', 'restart', 'opencode-callback.socket')
    await until('it works again', async () => (await site.fcgi.send({ target: '/signin/health' })).status === 200)
  })

  test('a Redis behind a port: only with service-redis.conf, and then a sign-in survives a restart', async () => {
    const file = `/proc/${pid}/root/etc/opencode-callback/opencode-callback.ini`
    const good = readFileSync(file)
    inside('ip', 'link', 'set', 'lo', 'up')
    const redis = startProgram('nsenter', ['-t', String(pid), '-n', 'redis-server', '--bind', '127.0.0.1', '--port', '6379', '--save', ''])
    const health = async () => (await site.fcgi.send({ target: '/signin/health' })).status
    const restart = () => {
      inside('systemctl', 'reset-failed', 'opencode-callback.service')
      assert.equal(inside('systemctl', 'restart', 'opencode-callback.service').status, 0)
    }
    try {
      await until('Redis accepts', () => redis.output().includes('Ready to accept connections'))
      writeFileSync(file, good.toString().replace(/^store = .*$/m, 'store = redis://127.0.0.1:6379'))
      restart()
      assert.equal(await health(), 503)
      execFileSync('cp', [join(UNITS, 'service-redis.conf'), join(folder.path, 'units/opencode-callback.service.d/redis.conf')])
      inside('systemctl', 'daemon-reload')
      restart()
      assert.equal(await health(), 200, systemd.output())
      const flow = await begunFlow(site)
      restart()
      await assertSucceeds(site, flow)
    } finally {
      rmSync(join(folder.path, 'units/opencode-callback.service.d/redis.conf'), { force: true })
      writeFileSync(file, good)
      inside('systemctl', 'daemon-reload')
      restart()
      await redis.stop()
    }
    await until('it works again', async () => (await health()) === 200)
  })

  const services = {
    'opencode 1': { setting: 'plugin', password: 'OPENCODE_SERVER_PASSWORD' },
    'opencode 2': { setting: 'plugins', password: 'OPENCODE_PASSWORD', version: NEXT },
  }
  for (const [name, service] of Object.entries(services)) {
    const skip = (service.version && cannotRun(service.version)) ?? false
    test(`${name} as a service: asked once, so its plugin has its socket, and the worker reaches it`, { skip }, () => runAsService(service))
  }

  async function runAsService({ setting, password, version }) {
    await standin?.stop()
    standin = undefined
    // refuses whatever opencode wants from outside, which would otherwise wait for a minute
    const refusing = `require('node:http').createServer().on('connect', (_, s) =>
      s.end('HTTP/1.1 403 Forbidden\\r\\nConnection: close\\r\\n\\r\\n')).listen(3128, '127.0.0.1', () => console.log('up'))`
    inside('ip', 'link', 'set', 'lo', 'up')
    const proxy = startProgram('nsenter', ['-t', String(pid), '-n', process.execPath, '-e', refusing])
    await until('the proxy is up', () => proxy.output().includes('up'))
    const home = join(folder.path, 'home')
    mkdirSync(join(home, '.config/opencode'), { recursive: true })
    const plugin = 'file:///usr/local/share/opencode-callback/plugin/'
    writeFileSync(join(home, '.config/opencode/opencode.json'), JSON.stringify({ autoupdate: false, [setting]: [plugin] }))
    execFileSync('chown', ['-R', '60100:60100', home])
    mkdirSync(join(folder.path, 'local/bin'), { recursive: true })
    execFileSync('cp', ['-L', programOf(version), join(folder.path, 'local/bin/opencode')])
    writeFileSync(`/proc/${pid}/root/etc/opencode-callback/opencode.env`, [
      `${password}=pass%word\\$1`, 'HTTPS_PROXY=http://127.0.0.1:3128', 'NO_PROXY=localhost,127.0.0.1', '',
    ].join('\n'), { mode: 0o600 })
    execFileSync('cp', [join(folder.path, 'local/share/doc/opencode-callback/examples/systemd/opencode@.service'), join(folder.path, 'units')])
    inside('systemctl', 'daemon-reload')
    const job = startProgram('nsenter', ['-t', String(pid), '-m', '-p', '-n', 'systemctl', 'start', 'opencode@alice.service'])
    assert.deepEqual(await job.ended, { code: 0, signal: null }, job.output() + systemd.output())
    await until('the plugin has its socket', () => existsSync(run('opencode/opencode.sock')))
    const { mode, uid, gid } = statSync(run('opencode/opencode.sock'))
    assert.deepEqual([mode & 0o777, uid, gid], [0o660, 60100, statSync(run('opencode')).gid])
    const Authorization = `Basic ${Buffer.from('opencode:pass%word$1').toString('base64')}`
    await until('the worker reaches it', async () => {
      const answer = await site.fcgi.send({ target: '/signin/health', headers: { Authorization } })
      return JSON.parse(answer.body).status === 'ok' && JSON.parse(answer.body).version
    })
    inside('systemctl', 'stop', 'opencode@alice.service')
    assert.ok(!existsSync(run('opencode/opencode.sock')), 'its socket goes with it')
    await proxy.stop()
  }
})
