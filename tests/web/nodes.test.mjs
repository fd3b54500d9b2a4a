/*
 * Many nodes: three workers behind one nginx, by the shipped upstream, with one Redis for all of them. What one
 * begins another one finishes; of many callbacks at once over all nodes one is delivered; a node that is
 * killed takes nothing with it but the requests in flight.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { httpRequest, parseAnswer } from '../lib/frontends.mjs'
import { startFront } from '../lib/front.mjs'
import { exchange, freePort, until } from '../lib/net.mjs'
import { startNodes } from '../lib/nodes.mjs'
import { deliveries } from '../lib/invariants.mjs'
import { startRedis } from '../lib/redis.mjs'
import { assertCleanLogs, assertDelivered, assertSafe, assertSucceeds, beginFlow, begunFlow, flowStatus, goodCallback } from '../lib/signin.mjs'
import { json } from '../lib/standin.mjs'

const skip = existsSync('/usr/bin/redis-server') ? false : 'there is no redis-server'
const shipped = readFileSync(fileURLToPath(new URL('../../conf/nginx/opencode-callback-nodes.conf', import.meta.url)), 'utf8')
const STALE = 31 // seconds after which a claim without an end is interrupted
let redis
let site
let front
let nginx

/* The shipped upstream in the place of the one for a single worker. */
function withNodes(text) {
  const upstream = /^upstream opencode_callback \{\n[^}]*\}\n/m
  assert.match(text, upstream)
  const nodes = shipped.replace(/\/run\/opencode-callback-(\d)\.sock/g, (_, n) => site.nodes[n - 1].worker.socket)
  return text.replace(upstream, () => nodes)
}

before(async () => {
  if (skip) return
  redis = await startRedis()
  site = await startNodes({ count: 3, flow: redis.settings })
  front = await startFront({ kind: 'nginx-fcgi', opencodePort: 9, opencodeSocket: site.standin.path, edit: withNodes })
  nginx = {
    name: 'nginx',
    send: async (request) => parseAnswer(await exchange({ port: front.port }, httpRequest(request))),
  }
})
after(async () => {
  await front?.stop()
  await site?.stop()
  await redis?.remove()
})

/* How often a command was carried out in Redis. */
async function countCommand(name) {
  return Number(/calls=(\d+)/.exec((await redis.info('commandstats'))[`cmdstat_${name}`] ?? '')?.[1] ?? 0)
}

describe('nodes that share a Redis', { skip }, () => {
  test('what one begins every other one shows, confirms and finishes', async () => {
    for (const frontend of [...site.frontends, nginx]) {
      for (const other of [...site.frontends, nginx]) {
        const flow = await begunFlow(site, { frontend })
        assert.equal((await flowStatus(site, flow, other)).state, 'waiting')
        const page = await other.send({ target: flow.page, headers: flow.cookies })
        assert.equal(page.status, 200)
        assertSafe(page)
        await assertSucceeds(site, flow, other)
        assert.deepEqual(await flowStatus(site, flow, frontend), { state: 'done', expires_in: 0 })
      }
    }
    assertCleanLogs(site)
  })

  test('a newer begin on another node supersedes', async () => {
    const flow = await begunFlow(site, { frontend: site.nodes[0] })
    const newer = await begunFlow(site, { frontend: site.nodes[1], provider: flow.provider, port: flow.port })
    assert.equal((await flowStatus(site, flow, site.nodes[2])).state, 'superseded')
    await assertSucceeds(site, newer, site.nodes[2])
  })

  test('64 callbacks at once over three workers are one delivery', async () => {
    for (let round = 0; round < 3; round++) {
      const flow = await begunFlow(site)
      // a begin of the same provider holds them all up, behind their look at the flow
      let open
      const gate = new Promise((resolve) => (open = resolve))
      const held = `/provider/${flow.provider}/oauth/authorize`
      site.standin.answer = (r) => (r.path === held ? gate.then(() => json({ name: 'UnknownError' }, 500)) : undefined)
      const mark = site.standin.connections.length
      const begin = beginFlow(site, { provider: flow.provider, port: flow.port, frontend: site.cgi })
      await until('the begin is under way', () => site.standin.since(mark).some((r) => r?.path === held))
      const tries = await countCommand('set')
      const requests = Array.from({ length: 64 }, (_, i) => site.nodes[i % 3].send(goodCallback(flow)))
      await until('they wait for the lock', async () => (await countCommand('set')) > tries + 40)
      const start = site.standin.connections.length
      open()
      const answers = await Promise.all(requests)
      assert.equal((await begin).answer.status, 500)
      site.standin.answer = () => undefined
      for (const answer of answers) assert.ok([303, 503].includes(answer.status), String(answer.status))
      assert.ok(answers.filter((answer) => answer.status === 303).length >= 3, 'some wait on each node')
      assertDelivered(site, flow, start)
      assert.deepEqual(await flowStatus(site, flow), { state: 'done', expires_in: 0 })
    }
  })

  test('64 callbacks through nginx are one delivery', async () => {
    const flow = await begunFlow(site, { frontend: nginx })
    const start = site.standin.connections.length
    const answers = await Promise.all(Array.from({ length: 64 }, () => nginx.send(goodCallback(flow))))
    for (const answer of answers) assert.ok([303, 503].includes(answer.status), String(answer.status))
    assertDelivered(site, flow, start)
  })

  test('a node killed over a delivery: nobody delivers it again, and its page says so', async () => {
    const node = await site.addNode('dies')
    const flow = await begunFlow(site)
    site.standin.answer = (r) => (r.host === `localhost:${flow.port}` ? 'hang' : undefined)
    const lost = node.send(goodCallback(flow)).catch(() => 'lost')
    await until('it is under way', () => deliveries(site, flow).listener === 1)
    await node.worker.stop('SIGKILL')
    assert.equal(await lost, 'lost')
    site.standin.answer = () => undefined
    site.nodes.pop()
    for (const frontend of site.frontends) {
      assert.equal((await frontend.send(goodCallback(flow))).status, 303)
      assert.equal((await flowStatus(site, flow, frontend)).state, 'delivering')
    }
    await age(flow)
    assert.deepEqual(await flowStatus(site, flow), { state: 'failed', expires_in: 0, reason: 'interrupted' })
    assert.deepEqual(deliveries(site, flow), { listener: 1, finishing: 0 })
  })

  test('a node killed in mid-traffic behind nginx: every flow waits, is done, or says what happened', async (t) => {
    const node = site.nodes[2]
    const flows = []
    let running = true
    // half of what goes on takes its time, so that the end comes in the middle of it
    site.standin.answer = (r) => new Promise((resolve) => setTimeout(resolve, r.raw.length % 2 ? 30 : 0)).then(() => undefined)
    const client = async () => {
      while (running) {
        const flow = await beginFlow(site, { frontend: nginx }).catch(() => undefined)
        if (flow?.answer.status !== 200) continue
        flows.push(flow)
        flow.answered = await nginx.send(goodCallback(flow)).catch(() => undefined)
      }
    }
    const clients = Array.from({ length: 4 }, client)
    await until('traffic', () => flows.length > 30)
    await node.worker.stop('SIGKILL')
    const then = flows.length
    await until('more traffic, without it', () => flows.length > then + 30)
    running = false
    await Promise.all(clients)
    site.standin.answer = () => undefined
    site.nodes.pop()
    site.frontends = [...site.nodes, site.cgi]
    const ends = {}
    for (const flow of flows) {
      let { state, reason } = await flowStatus(site, flow)
      if (state === 'delivering') {
        await age(flow)
        ;({ state, reason } = await flowStatus(site, flow))
        assert.equal(reason, 'interrupted')
      }
      if (flow.answered?.status === 303) assert.ok(['done', 'failed'].includes(state), state)
      const seen = deliveries(site, flow)
      assert.ok(seen.listener <= 1 && seen.finishing <= 1, JSON.stringify(seen))
      if (state === 'waiting') {
        // its node may have died with the lock, which ends by itself: not to wait for that
        for (const lock of await redis.keys('lock:*')) await redis.run('DEL', lock)
        await assertSucceeds(site, flow)
      }
      const word = reason ?? state
      ends[word] = (ends[word] ?? 0) + 1
    }
    assert.ok(ends.done > 30)
    const lost = flows.filter((flow) => flow.answered?.status !== 303).length
    assert.ok(lost <= 4, `${lost} were lost, more than were in flight`)
    assertCleanLogs(site)
    t.diagnostic(Object.entries(ends).map(([word, n]) => `${n} ${word}`).join(', '))
  })
})

/* As if the claim had been made so long ago that it is interrupted. */
async function age(flow) {
  const key = `opencode-callback:{flows}:flow:${flow.id}`
  const [word, second] = (await redis.run('HGET', key, 'claim')).split(' ')
  await redis.run('HSET', key, 'claim', `${word} ${second - STALE}`)
}

describe('what they share besides', { skip }, () => {
  test('an allowance: what is spent on one node is missing on the others', async () => {
    const own = await startNodes({ count: 3, flow: redis.settings, limit: { rate: '1/min', burst: 6 } })
    try {
      const junk = { target: '/auth/callback?code=x&state=y' }
      await redis.run('FLUSHALL')
      for (let i = 0; i < 6; i++) assert.equal((await own.nodes[i % 3].send(junk)).status, 400)
      for (const frontend of own.frontends) {
        const answer = await frontend.send(junk)
        assert.equal(answer.status, 429, frontend.name)
        assert.ok(Number(answer.header('retry-after')) > 50)
      }
      assert.equal(own.logs().match(/why=rate/g)?.length, 1, 'told once, by one of them')
    } finally {
      await own.stop()
    }
  })

  test('max_pending counts the flows of all nodes', async () => {
    await redis.run('FLUSHALL')
    const own = await startNodes({ count: 3, flow: { ...redis.settings, max_pending: 5 } })
    try {
      for (let i = 0; i < 5; i++) await begunFlow(own, { frontend: own.nodes[i % 3] })
      for (const frontend of own.frontends) assert.equal((await beginFlow(own, { frontend })).answer.status, 429)
    } finally {
      await own.stop()
    }
  })

  test('over TCP, by name and by address: the sandbox lets it, and nothing else', async () => {
    const port = await freePort()
    const remote = await startRedis({ port })
    try {
      for (const store of [`redis://127.0.0.1:${port}/1`, `redis://localhost:${port}`]) {
        const own = await startNodes({ count: 1, flow: { ...remote.settings, store } })
        try {
          for (const frontend of own.frontends) await assertSucceeds(own, await begunFlow(own, { frontend }), frontend)
          await remote.run('CLIENT', 'KILL', 'USER', 'opencode-callback')
          await assertSucceeds(own, await begunFlow(own))
        } finally {
          await own.stop()
        }
      }
      assert.match(await remote.run('INFO', 'keyspace'), /db0:.*\r\ndb1:/s)
    } finally {
      await remote.remove()
    }
  })

  test('a host without an address ends the start, and is a 503 as CGI', async () => {
    const own = await startNodes({ count: 0, flow: { store: 'redis://no-such-host.invalid' } })
    try {
      // its socket is there before it looks
      const said = await own.addNode('none').then(
        async ({ worker }) => ((await worker.ended).code === 1 ? worker.output() : 'it goes on'),
        (error) => error.message,
      )
      assert.match(said, /event=store-redis redis=no-such-host\.invalid:6379 cause="[^"]+" hint="is the host's name/)
      const answer = await own.cgi.send({ target: '/signin/health' })
      assert.equal(answer.status, 503)
    } finally {
      await own.stop()
    }
  })
})
