/*
 * No memory at the nth allocation, with the store in Redis: an answer in order, nothing delivered twice, and the
 * sign-in can be finished afterwards or says how it ended.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { LIBRARY, LONG, planFlow, preload, traceCgi } from '../lib/fault.mjs'
import { startNodes } from '../lib/nodes.mjs'
import { deliveries } from '../lib/invariants.mjs'
import { startRedis } from '../lib/redis.mjs'
import { assertCleanLogs, assertSafe, assertSucceeds, begunFlow, flowStatus, goodCallback } from '../lib/signin.mjs'

const skip = !existsSync('/usr/bin/redis-server') ? 'there is no redis-server' : existsSync(LIBRARY('nomem')) ? false : 'its library is not built'
const NEAR = 120 // of the last allocations every third is tried; of those before, that load the configuration, a few
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

const KINDS = {
  'a callback': async () => {
    const flow = await begunFlow(site)
    return { flow, request: goodCallback(flow) }
  },
  'a begin': () => planFlow(site),
  'a refused callback': async () => {
    const flow = await begunFlow(site)
    return { flow, request: { target: '/auth/callback?code=x&state=y' } }
  },
}

async function count(request) {
  const file = join(site.site.path, 'allocations')
  await traceCgi(site, request, preload('nomem', { NOMEM_COUNT: file }))
  const total = Number(readFileSync(file, 'utf8'))
  rmSync(file)
  return total
}

describe('no memory at the nth allocation', { skip }, () => {
  for (const [name, make] of Object.entries(KINDS)) {
    test(`as CGI: ${name}`, async (t) => {
      const total = await count((await make()).request)
      const numbers = Array.from({ length: total }, (_, i) => i + 1)
      const ends = {}
      for (const n of numbers.filter((one) => LONG || (one > total - NEAR ? one % 3 === 0 : one % 40 === 0))) {
        const { flow, request } = await make()
        const got = await traceCgi(site, request, preload('nomem', { NOMEM_AT: n }))
        assert.deepEqual([got.code, got.signal], [0, null], `${n}: ${got.stderr}`)
        assert.doesNotMatch(got.stderr, /CANARY/)
        if (got.answer) assertSafe(got.answer)
        if (got.answer) assert.ok([200, 303, 400, 502, 503, 504].includes(got.answer.status), `${n}: ${got.answer.status}`)
        const seen = deliveries(site, flow)
        assert.ok(seen.listener <= 1 && seen.finishing <= 1, JSON.stringify(seen))
        const status = await site.fcgi.send({ target: `${flow.page}/status`, headers: flow.cookies })
        const state = status.status === 200 ? JSON.parse(status.body).state : 'not recorded'
        if (state === 'waiting') assert.deepEqual(seen, { listener: 0, finishing: 0 })
        // whoever had no memory to give its lock back has lost it here by hand, else after 45 seconds
        for (const lock of await redis.keys('lock:*')) await redis.run('DEL', lock)
        if (state === 'waiting') await assertSucceeds(site, flow)
        if (got.answer?.status === 303) assert.notEqual((await flowStatus(site, flow)).state, 'waiting')
        ends[state] = (ends[state] ?? 0) + 1
      }
      assertCleanLogs(site)
      t.diagnostic(`${total} allocations: ${Object.entries(ends).map(([word, n]) => `${n} ${word}`).join(', ')}`)
    })
  }
})
