/*
 * The store in a Redis that is gone, slow, full, a replica, fails over, starts empty or from an old
 * snapshot, wants another password, throws keys away: refused openly with 503, opencode untouched, health red,
 * and a line in the log that says what to do; never delivered twice; and all is well again without a restart.
 */
import assert from 'node:assert/strict'
import { copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { give } from '../lib/front.mjs'
import { freePort, until } from '../lib/net.mjs'
import { startNodes } from '../lib/nodes.mjs'
import { PASSWORD, startRedis } from '../lib/redis.mjs'
import { assertCleanLogs, assertSafe, assertSucceeds, beginFlow, begunFlow, flowStatus, goodCallback } from '../lib/signin.mjs'

const skip = existsSync('/usr/bin/redis-server') ? false : 'there is no redis-server'
let redis
let site

before(async () => {
  if (skip) return
  redis = await startRedis()
  site = await startNodes({ count: 1, flow: redis.settings })
})
after(async () => {
  await site?.stop()
  await redis?.remove()
})

async function assertHealth(status, frontends = site.frontends) {
  await until(`health is ${status}`, async () => {
    for (const frontend of frontends) {
      const answer = await frontend.send({ target: '/signin/health' })
      assertSafe(answer)
      if (answer.status !== status || JSON.parse(answer.body).status !== (status === 200 ? 'ok' : 'degraded')) return false
    }
    return true
  }, 20_000)
}

const calls = (since) => site.standin.since(since).filter((r) => r?.path !== '/global/health')

/* Neither begun nor finished, by any front end; health red; the log says why. */
async function assertRefused(flow, { says, callback = 503 }) {
  const mark = site.logs().length
  const since = site.standin.connections.length
  for (const frontend of site.frontends) {
    const { answer } = await beginFlow(site, { frontend })
    assert.equal(answer.status, 503, `${frontend.name}: ${answer.body}`)
    assertSafe(answer)
    assert.match(JSON.parse(answer.body).data.message, /^\S.+\.$/)
    if (!callback) continue
    const finish = await frontend.send(goodCallback(flow))
    assert.equal(finish.status, callback, `${frontend.name}: ${finish.body}`)
    assertSafe(finish)
  }
  await assertHealth(503)
  assert.deepEqual(calls(since), [], 'opencode is not asked')
  assert.match(site.logs().slice(mark), says)
  assertCleanLogs(site)
}

async function assertWell(flow) {
  await assertHealth(200)
  if (flow) await assertSucceeds(site, flow)
  for (const frontend of site.frontends) await assertSucceeds(site, await begunFlow(site, { frontend }), frontend)
}

describe('Redis', { skip }, () => {
  test('gone: 503, health is red; then well again', async () => {
    const flow = await begunFlow(site)
    await redis.stop()
    await assertRefused(flow, { says: /event=store-redis redis=\S+ cause="(No such file or directory|Connection refused)" hint="is Redis running/ })
    await redis.start()
    await assertWell()
    assert.equal((await site.fcgi.send(goodCallback(flow))).status, 400, 'it started empty')
  })

  test('stopped for a while: 503 after its time is over, nothing of it happens later', async () => {
    const flow = await begunFlow(site)
    redis.pause()
    try {
      await assertRefused(flow, { says: /event=store-redis redis=\S+ cause="Connection timed out"/ })
    } finally {
      redis.goOn()
    }
    // the claim that nobody waited for any more was not made, nor any lock
    await assertWell(flow)
    assert.deepEqual(await redis.keys('lock:*'), [])
  })

  test('stopped while many ask, each for no longer than its time', async () => {
    redis.pause()
    const begun = Date.now()
    try {
      const all = await Promise.all(Array.from({ length: 8 }, () => site.fcgi.send({ target: '/auth/callback?code=x&state=y' })))
      for (const answer of all) assert.equal(answer.status, 503)
      assert.ok(Date.now() - begun < 10_000, `${Date.now() - begun} ms`)
    } finally {
      redis.goOn()
    }
    await assertWell()
  })

  test('full: no begin, health is red; what waits goes on; then well again', async () => {
    const flow = await begunFlow(site)
    const { used_memory: used } = await redis.info('memory')
    await redis.run('CONFIG', 'SET', 'maxmemory', Number(used) + 128 * 1024)
    try {
      await assertRefused(flow, { says: /cause="its memory is full" hint="raise maxmemory/, callback: null })
    } finally {
      await redis.run('CONFIG', 'SET', 'maxmemory', '64mb')
    }
    await assertWell(flow)
  })

  test('more than full: no claim either', async () => {
    const flow = await begunFlow(site)
    await redis.run('CONFIG', 'SET', 'maxmemory', 1)
    try {
      await assertRefused(flow, { says: /event=store-redis .*memory/ })
    } finally {
      await redis.run('CONFIG', 'SET', 'maxmemory', '64mb')
    }
    await assertWell(flow)
  })

  test('it throws keys away when it is full: refused from the beginning', async () => {
    const flow = await begunFlow(site)
    await redis.run('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    try {
      await assertRefused(flow, { says: /hint="set maxmemory-policy noeviction/, callback: null })
    } finally {
      await redis.run('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    }
    await assertWell(flow)
  })

  test('another password: 503, health is red; then well again, the password in no log', async () => {
    const file = join(redis.path, 'password')
    const write = (text) => {
      writeFileSync(`${file}.new`, text, { mode: 0o600 })
      give(`${file}.new`)
      renameSync(`${file}.new`, file)
    }
    write('CANARYwrong\n')
    await redis.run('CLIENT', 'KILL', 'USER', 'opencode-callback')
    await assertRefused(await beginFlow(site), { says: /cause=WRONGPASS hint="\[flow\] store_username/ })
    write('')
    await assertRefused(await beginFlow(site), { says: /event=password-file file=\S+ cause="is empty"/ })
    write(`${PASSWORD}\n`)
    await assertWell()
  })

  test('its user lacks a right: 503, and the log says which file has them', async () => {
    const flow = await begunFlow(site)
    await redis.run('ACL', 'SETUSER', 'opencode-callback', '-info')
    try {
      await assertRefused(flow, { says: /hint="its user needs the rights of conf\/redis\/users.acl/ })
    } finally {
      await redis.run('ACL', 'SETUSER', 'opencode-callback', '+info')
    }
    await assertWell(flow)
  })

  test('somebody else answers at its address', async () => {
    const flow = await begunFlow(site)
    await redis.stop()
    const talks = ['HTTP/1.1 400 Bad Request\r\n\r\n', '$999999999\r\n', '*2\r\n*1\r\n:1\r\n:1\r\n', '*1000000\r\n', ':1\r\n:1\r\n', '+OK\r\n', '-ERR\r\n', '']
    for (const text of talks) {
      const server = net.createServer((socket) => {
        socket.on('error', () => {})
        socket.on('data', () => (text ? socket.write(text) : socket.destroy()))
      })
      await new Promise((resolve) => server.listen({ path: redis.where.path, writableAll: true }, resolve))
      const answer = await site.fcgi.send(goodCallback(flow))
      assert.equal(answer.status, 503, text)
      assertSafe(answer)
      await new Promise((resolve) => server.close(resolve))
    }
    await redis.start()
    await assertWell()
  })
})

describe('started once more', { skip }, () => {
  test('from an older snapshot, in which the claim is missing: never delivered twice', async () => {
    const flow = await begunFlow(site)
    const other = await begunFlow(site)
    await redis.run('SAVE')
    const snapshot = join(redis.path, 'older.rdb')
    copyFileSync(join(redis.path, 'dump.rdb'), snapshot)
    await assertSucceeds(site, flow)
    await redis.stop('SIGKILL')
    copyFileSync(snapshot, join(redis.path, 'dump.rdb'))
    await redis.start()
    assert.equal((await redis.keys('flow:*')).includes(`opencode-callback:{flows}:flow:${flow.id}`), true, 'it is there')
    const since = site.standin.connections.length
    for (const frontend of site.frontends) {
      for (const one of [flow, other]) {
        const answer = await frontend.send(goodCallback(one))
        assert.equal(answer.status, 303, answer.body)
        assert.deepEqual(await flowStatus(site, one, frontend), { state: 'failed', expires_in: 0, reason: 'interrupted' })
      }
    }
    assert.deepEqual(site.standin.since(since), [], 'opencode is not asked')
    await assertWell()
    await redis.run('FLUSHALL')
  })
})

/* Passes bytes on to one of several, of which the last one is chosen at any moment. */
async function startForwarder() {
  const sockets = new Set()
  const self = { port: await freePort() }
  const server = net.createServer((near) => {
    const far = net.connect(self.to)
    for (const [from, into] of [[near, far], [far, near]]) {
      sockets.add(from)
      from.on('error', () => {})
      from.on('close', () => sockets.delete(from) && into.destroy())
      from.pipe(into)
    }
  })
  self.cut = () => sockets.forEach((socket) => socket.destroy())
  self.stop = () => {
    self.cut()
    return new Promise((resolve) => server.close(resolve))
  }
  await new Promise((resolve) => server.listen(self.port, '127.0.0.1', resolve))
  return self
}

describe('a master and its replica, behind one address', { skip }, () => {
  let alone
  let master
  let replica
  let address

  before(async () => {
    alone = site
    master = await startRedis({ port: await freePort() })
    replica = await startRedis({ port: await freePort() })
    for (const one of [master, replica]) {
      await one.run('CONFIG', 'SET', 'masteruser', 'admin')
      await one.run('CONFIG', 'SET', 'masterauth', 'x')
    }
    await follow(replica, master)
    address = await startForwarder()
    address.to = master.where
    site = await startNodes({ count: 1, flow: { ...master.settings, store: `redis://127.0.0.1:${address.port}/0` } })
  })
  after(async () => {
    await site.stop()
    site = alone
    await address.stop()
    await replica.remove()
    await master.remove()
  })

  async function follow(one, other) {
    await one.run('REPLICAOF', '127.0.0.1', other.where.port)
    await until('the replica follows', async () => (await one.info('replication')).master_link_status === 'up')
  }

  test('the address leads to the replica: 503, health is red; then to the master: well again', async () => {
    const flow = await begunFlow(site)
    await until('the replica has it', async () => (await replica.keys('flow:*')).length > 0)
    address.to = replica.where
    address.cut()
    await assertRefused(flow, { says: /cause="(it is a replica|READONLY[^"]*)" hint="\[flow\] store must lead to the master/ })
    address.to = master.where
    await assertWell(flow)
  })

  test('the master becomes a replica under open connections: 503; it and its flows are no longer believed', async () => {
    const flow = await begunFlow(site)
    await until('the replica has it', async () => (await replica.keys(`flow:${flow.id}`)).length > 0)
    await replica.run('REPLICAOF', 'NO', 'ONE')
    await follow(master, replica)
    await assertRefused(flow, { says: /hint="\[flow\] store must lead to the master/ })
    // back again, as if nothing had been: the same process, the same address
    await master.run('REPLICAOF', 'NO', 'ONE')
    await follow(replica, master)
    await assertHealth(200)
    const since = site.standin.connections.length
    assert.equal((await site.fcgi.send(goodCallback(flow))).status, 303)
    assert.deepEqual(calls(since), [])
    assert.equal((await flowStatus(site, flow)).reason, 'interrupted')
    await assertWell()
  })

  test('failed over to a replica that lacks the claim: never delivered twice', async () => {
    const flow = await begunFlow(site)
    await until('the replica has it', async () => (await replica.keys(`flow:${flow.id}`)).length > 0)
    replica.pause()
    await assertSucceeds(site, flow)
    await master.stop('SIGKILL')
    replica.goOn()
    await replica.run('REPLICAOF', 'NO', 'ONE')
    assert.equal((await replica.keys(`flow:${flow.id}`)).length, 1, 'it has the flow')
    address.to = replica.where
    const since = site.standin.connections.length
    for (const frontend of site.frontends) {
      const answer = await frontend.send(goodCallback(flow))
      assert.equal(answer.status, 303, answer.body)
      assert.equal((await flowStatus(site, flow, frontend)).state === 'waiting', false)
    }
    assert.deepEqual(calls(since), [], 'opencode is not asked')
    await assertWell()
  })
})

describe('what is in it', { skip }, () => {
  test('no code, no cookie, the state only in the address of the provider; all of it ends by itself', async () => {
    await redis.run('FLUSHALL')
    const flow = await begunFlow(site)
    const holds = async (...words) => {
      const text = await redis.dump()
      return words.filter((word) => text.includes(word))
    }
    assert.deepEqual(await holds(flow.state, flow.code, flow.cookie), [flow.state], 'while it waits')
    await site.fcgi.send({ target: '/auth/callback?code=CANARYother&state=CANARYnone', headers: flow.cookies })
    await assertSucceeds(site, flow)
    assert.deepEqual(await holds('CANARY', '192.0.2', '127.0.0.1:'), [])
    for (const key of await redis.keys()) assert.ok((await redis.run('TTL', key)) >= 0, key)
  })
})
