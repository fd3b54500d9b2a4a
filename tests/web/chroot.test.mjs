/*
 * HAProxy as Debian runs it: its own configuration with the shipped file behind it, master and worker,
 * the worker as the user haproxy in its chroot, where our worker's socket has to be.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { certify } from '../lib/certificate.mjs'
import { Client } from '../lib/client.mjs'
import { WORKER, cleanEnv, fit, makeSite, unprivileged } from '../lib/front.mjs'
import { accepts, freePort, startProgram, until } from '../lib/net.mjs'
import { startStandin } from '../lib/standin.mjs'

const HOST = 'site.example'
const SETTINGS = '/etc/haproxy/haproxy.cfg'
const CHROOT = '/var/lib/haproxy'

/* A command with mounts of its own, so that nothing is written to the real folders. */
const apart = (script, ...words) => ['unshare', ['--mount', 'sh', '-c', script, 'sh', ...words]]
const tried = spawnSync(...apart('mount -t tmpfs none /run'), { encoding: 'utf8' })
const skip = tried.status === 0 ? false : `no mounts of its own: ${(tried.error?.message ?? tried.stderr).trim()}`

test('a sign-in through HAProxy in its chroot', { skip }, async () => {
  const [port, plainPort] = [await freePort(), await freePort()]
  const site = makeSite({ opencodeSocket: undefined, opencodePort: 9 })
  const jail = join(site.path, 'jail')
  const programs = []
  let standin
  try {
    standin = await startStandin(join(site.path, 'opencode.sock'))
    writeFileSync(site.iniFile, `[opencode]\nsocket = ${join(site.path, 'opencode.sock')}\n[flow]\nstore = dir:${site.storeDir}\n`)
    mkdirSync(jail)

    const socket = join(jail, 'opencode-callback.sock')
    const [program, args] = unprivileged(WORKER, ['-c', site.iniFile])
    const owner = ['-U', 'haproxy', '-G', 'haproxy', '-M', '0660']
    programs.push(startProgram('spawn-fcgi', ['-n', '-s', socket, ...owner, '--', '/usr/bin/env', program, ...args], { env: cleanEnv() }))
    await until('the socket is there', () => statSync(socket).isSocket())

    const { both, ca } = certify(site.path, HOST)
    const config = join(site.path, 'haproxy.cfg')
    writeFileSync(config, readFileSync(SETTINGS, 'utf8') + fit('conf/haproxy/opencode-callback.cfg', {
      host: HOST, port, plain: `127.0.0.1:${plainPort}`, opencode: '127.0.0.1:9', log: site.path,
      worker: '/opencode-callback.sock', cert: both, key: both,
    }))
    assert.match(readFileSync(config, 'utf8'), new RegExp(`^\\s*chroot ${CHROOT}$`, 'm'))
    const script = `mount --bind "$1" ${CHROOT} && mount -t tmpfs none /run && mkdir /run/haproxy && exec haproxy -Ws -f "$2"`
    const haproxy = startProgram(...apart(script, jail, config), { env: cleanEnv({ PATH: `${process.env.PATH}:/usr/sbin` }) })
    programs.unshift(haproxy)
    await until('HAProxy accepts', () => {
      assert.ok(haproxy.running(), haproxy.output())
      return accepts({ port })
    })
    const uid = execFileSync('id', ['-u', 'haproxy'], { encoding: 'utf8' }).trim()
    const place = (path) => (({ dev, ino }) => `${dev} ${ino}`)(statSync(path))
    await until('its worker is another user, in the chroot', () => {
      const worker = readFileSync(`/proc/${haproxy.pid}/task/${haproxy.pid}/children`, 'utf8').trim()
      const [, user] = /^Uid:\t(\d+)\t/m.exec(readFileSync(`/proc/${worker}/status`, 'utf8'))
      return user === uid && place(`/proc/${worker}/root`) === place(jail)
    })

    const client = new Client(`https://${HOST}:${port}`, { where: { port, ca: readFileSync(ca), servername: HOST } })
    const flow = await client.signIn({ inputs: { state: 'state-of-the-test-state', redirect: 'http://localhost:1460/auth/callback' } })
    const answer = await client.callback('http://localhost:1460/auth/callback?code=c&state=state-of-the-test-state')
    assert.deepEqual([answer.status, answer.headers.get('location')], [303, flow.path], haproxy.output())
    assert.deepEqual(await client.status(flow), { state: 'done', expires_in: 0 })
  } finally {
    for (const program of programs) await program.stop()
    await standin?.stop()
    site.remove()
  }
})
