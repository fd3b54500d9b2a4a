/*
 * No memory at the nth allocation; and reads and writes of one byte at a time.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startFrontends } from '../lib/frontends.mjs'
import { LIBRARY, LONG, laterFrontend, preload, startVictim, stopVictims, traceCgi } from '../lib/fault.mjs'
import { give } from '../lib/front.mjs'
import { scratch } from '../lib/net.mjs'
import { afterEvery } from '../lib/invariants.mjs'
import { PATH, makeKey, wrap } from '../lib/relay.mjs'
import { NAVIGATION, assertSafe, begunFlow, flowStatus, goodCallback } from '../lib/signin.mjs'
import { faulted, told } from '../lib/faulted.mjs'

const root = process.getuid() === 0
const unbuilt = existsSync(LIBRARY('nomem')) ? false : 'its libraries are not built'
const KINDS = ['a callback', 'a begin', 'a flow page', 'health']
const NEAR = 24 // allocations at the beginning and at the end, which are all tried,
const CALLS = 160 // and those of the calls to opencode, of which some are
const TARGET = 'https://alice.example.com/auth/callback'
const keys = scratch('memory')
let key
let site
let play

before(async () => {
  key = makeKey(join(keys.path, 'alice'))
  give(keys.path)
  const ini = { 'flow': { max_pending: 100_000 }, 'relay-site alice': { target: TARGET, key_file: join(keys.path, 'alice') } }
  site = await startFrontends({ web: false, ini })
  play = faulted(site)
})
after(async () => {
  await stopVictims()
  await site?.stop()
  keys.remove()
})

const count = () => join(site.site.path, 'allocations')

function readCount() {
  const number = Number(readFileSync(count(), 'utf8'))
  rmSync(count())
  assert.ok(number > 10, 'it allocates')
  return number
}

/*
 * Libraries that end the program where they get no memory: libfcgi its worker, which whoever started it
 * starts anew, and OpenSSL, which libcurl makes ready before it sends anything.
 */
const ENDED = [[/fcgiapp\.c:\d+: Malloc: Assertion/, 'libfcgi'], [/OpenSSL internal error: assertion failed/, 'OpenSSL']]
const endedBy = (output) => ENDED.find(([pattern]) => pattern.test(output))?.[1]

/* Which of so many allocations: the first ones and the last ones, some of the others. */
function chosen(total, between) {
  const all = Array.from({ length: total }, (_, i) => i + 1)
  const step = Math.max(1, Math.ceil(total / between))
  return LONG ? all : all.filter((n) => n <= NEAR || n > total - NEAR || (n > total - CALLS && n % 6 === 0) || n % step === 0)
}

async function each(numbers, action) {
  const wrong = []
  const results = []
  for (const n of numbers) {
    try {
      results.push(await action(n))
    } catch (problem) {
      wrong.push(`${n}: ${problem.message.split('\n')[0].slice(0, 300)}`)
    }
  }
  assert.ok(wrong.length === 0, `${wrong.length} of them:\n${wrong.join('\n')}`)
  return results
}

describe('no memory at the nth allocation', { skip: unbuilt }, () => {
  for (const name of KINDS) {
    test(`as CGI: ${name}`, async (t) => {
      const [make, judge] = play.kinds[name]
      await traceCgi(site, (await make()).request, preload('nomem', { NOMEM_COUNT: count() }))
      const total = readCount()
      const results = await each(chosen(total, 8), async (n) => {
        const { flow, request } = await make()
        const since = site.standin.connections.length
        const got = await traceCgi(site, request, preload('nomem', { NOMEM_AT: n }))
        assert.doesNotMatch(got.stderr, /CANARY/)
        const library = endedBy(got.stderr)
        if (library) {
          assert.deepEqual([got.signal, got.answer], ['SIGABRT', undefined], got.stderr)
          await judge(flow, since)
          return `ended by ${library}`
        }
        assert.deepEqual([got.code, got.signal], [0, null], got.stderr)
        if (!got.answer) assert.match(got.stderr, /event=answer message="out of memory"/)
        return judge(flow, since, got.answer)
      })
      t.diagnostic(`${total} allocations, ${told(results)}`)
    })
  }
  for (const name of ['a callback', 'a begin']) {
    test(`in the worker: ${name}`, async (t) => {
      const [make, judge] = play.kinds[name]
      const counting = await startVictim(site, { wrap: preload('nomem', { NOMEM_THREADS: 1, NOMEM_COUNT: count() }) })
      await counting.send((await make()).request)
      await counting.stop()
      const total = readCount()
      const results = await each(chosen(total - 8, 6).filter((n, i) => LONG || i % 3 === 0), async (n) => {
        const victim = await startVictim(site, { wrap: preload('nomem', { NOMEM_THREADS: 1, NOMEM_AT: n }) })
        const { flow, request } = await make()
        const since = site.standin.connections.length
        const got = await victim.send(request).catch(() => ({}))
        const library = got.answer ? undefined : endedBy(victim.output())
        if (library) {
          assert.equal((await victim.ended).signal, 'SIGABRT')
          await judge(flow, since)
          return `ended by ${library}`
        }
        assert.ok(victim.running(), `it ended: ${victim.output()}`)
        const result = await judge(flow, since, got.answer)
        const next = await begunFlow(site)
        assert.equal((await victim.send(goodCallback(next))).answer?.status, 303)
        await afterEvery(site, next, { state: 'done', left: play.left })
        assert.deepEqual(await victim.stop(), { code: 0, signal: null })
        assert.doesNotMatch(victim.output(), /CANARY/)
        return got.answer ? result : 'no answer'
      })
      t.diagnostic(`${total} allocations, ${told(results)}`)
    })
  }
  for (const [name, own, status] of [['passes on', true, 303], ['refuses', false, 400]]) {
    test(`as CGI: what a relay ${name}`, async () => {
      const state = wrap({ id: 'alice', key: own ? key : 'k'.repeat(32), state: 'CANARYstate' })
      const request = { target: `${PATH}?code=CANARYcode&state=${state}`, headers: NAVIGATION }
      const whole = await traceCgi(site, request, preload('nomem', { NOMEM_COUNT: count() }))
      assert.equal(whole.answer.status, status)
      const total = Number(readFileSync(count(), 'utf8'))
      rmSync(count())
      await each(Array.from({ length: total }, (_, i) => i + 1), async (n) => {
        const { answer, code, signal, stderr } = await traceCgi(site, request, preload('nomem', { NOMEM_AT: n }))
        assert.deepEqual([code, signal], [0, null], stderr)
        assert.doesNotMatch(stderr, /CANARY/)
        // the log names the site, but not once its request has been dealt with
        assert.doesNotMatch(stderr, /why=relay-refused[^]*why=no-memory.*site=/)
        if (!answer) return
        assert.ok([status, 503].includes(answer.status), answer.body)
        assert.equal(answer.header('location'), answer.status === 303 ? `${TARGET}?code=CANARYcode&state=CANARYstate` : undefined)
      })
    })
  }
  test('what they left ends as interrupted', { skip: !root && 'a clock that has run on takes root' }, async () => {
    const then = laterFrontend(site, 31)
    for (const flow of play.late) assert.equal((await flowStatus(site, flow, then)).reason, 'interrupted')
  })
})

describe('reads and writes of one byte at a time', { skip: unbuilt }, () => {
  const wrap = preload('short')
  for (const name of ['a callback', 'a begin', 'a flow page', 'a status', 'health']) {
    test(name, async () => {
      const victim = await startVictim(site, { wrap })
      const frontends = { 'CGI': (request) => traceCgi(site, request, wrap), worker: (request) => victim.send(request) }
      for (const [frontend, send] of Object.entries(frontends)) {
        const [make, judge] = play.kinds[name]
        const { flow, request } = await make()
        const since = site.standin.connections.length
        const { answer } = await send(request)
        assert.ok(answer, `${frontend}: no answer`)
        assert.equal(answer.status, name === 'a callback' ? 303 : 200, `${frontend}: ${answer.body}`)
        assertSafe(answer)
        await judge(flow, since, answer)
      }
      assert.deepEqual(await victim.stop(), { code: 0, signal: null })
    })
  }
})
