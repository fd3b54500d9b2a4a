/*
 * make soak: SOAK_SECONDS (600) of mixed load over both front ends and both web servers, good and bad,
 * with a line of figures every ten seconds. Fails if an answer is wrong, or if after the first fifth
 * the worker's memory, its open files or the store still grow.
 */
import assert from 'node:assert/strict'
import { readFileSync, readdirSync, lstatSync } from 'node:fs'
import { join } from 'node:path'
import { startFrontends } from '../lib/frontends.mjs'
import { pastes, queries } from '../lib/refusals.mjs'
import { NAVIGATION, OWN_FORM, assertCleanLogs, beginFlow, goodCallback } from '../lib/signin.mjs'

const SECONDS = Number(process.env.SOAK_SECONDS || 600)
const LANES = 8
const BUSY = 503 // more calls to opencode at once than the worker makes
const site = await startFrontends({ ini: { flow: { lifetime: 5, max_pending: 50 } } })
const pid = site.nginx.worker.pid
const count = {}
const wrong = []

const tally = (what, status, ...allowed) => {
  count[`${what} ${status}`] = (count[`${what} ${status}`] ?? 0) + 1
  if (!allowed.includes(status)) wrong.push(`${what}: ${status}`)
}
const any = (list) => list[Math.floor(Math.random() * list.length)]

/* One sign-in of a random kind, through random front ends at each step. */
async function signIn() {
  const flow = await beginFlow(site, { frontend: any(site.frontends) })
  tally('begin', flow.answer.status, 200, BUSY)
  if (flow.answer.status !== 200) return
  const send = async (what, request, ...allowed) => tally(what, (await any(site.frontends).send(request)).status, ...allowed)
  const form = (body) => ({ method: 'POST', target: flow.page, body, headers: { ...OWN_FORM, ...flow.cookies } })
  const alive = [400, 303, 200] // its five seconds may be over
  await send('page', { target: flow.page, headers: flow.cookies }, ...alive)
  for (const query of [any(Object.values(queries)), any(Object.values(queries))]) {
    await send('junk', { target: query === undefined ? flow.path : `${flow.path}?${query(flow)}`, headers: { ...NAVIGATION, ...flow.cookies } }, 400, 303)
  }
  await send('stranger', { target: goodCallback(flow).target, headers: NAVIGATION }, 400)
  await send('wrong paste', form(`address=${encodeURIComponent(any(Object.values(pastes))(flow))}`), 400, 303)
  const end = Math.random()
  if (end < 0.5) await send('callback', goodCallback(flow), 303)
  else if (end < 0.8) await send('paste', form(`address=${encodeURIComponent(`${flow.redirect}?${flow.query}`)}`), 303)
  else if (end < 0.9) await send('declined', goodCallback(flow, `error=access_denied&state=${flow.state}`), 303)
  await send('status', { target: `${flow.page}/status`, headers: flow.cookies }, 200)
  await send('start page', { target: '/signin/' }, 200, BUSY)
}

function figures() {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const files = readdirSync(site.store)
  return {
    resident: Number(/VmRSS:\s+(\d+)/.exec(status)[1]),
    descriptors: process.getuid() === 0 ? readdirSync(`/proc/${pid}/fd`).length : 0, // it cannot be traced
    entries: files.length,
    store: files.reduce((sum, name) => { try { return sum + lstatSync(join(site.store, name)).size } catch { return sum } }, 0),
    requests: Object.values(count).reduce((a, b) => a + b, 0),
  }
}

const start = Date.now()
const passed = () => (Date.now() - start) / 1000
let running = true
const samples = []
const watch = setInterval(() => {
  samples.push(figures())
  const now = samples.at(-1)
  console.log(`${passed().toFixed(0)} s  ${now.requests} requests  resident ${now.resident} KiB  descriptors ${now.descriptors}  store ${now.entries} entries, ${now.store} bytes`)
}, Math.min(10_000, SECONDS * 50))
await Promise.all(Array.from({ length: LANES }, async () => {
  while (running && wrong.length < 20) {
    await signIn().catch((error) => wrong.push(error.message))
    if (passed() > SECONDS) running = false
  }
}))
clearInterval(watch)
console.log(JSON.stringify(count))

const settled = samples.slice(Math.ceil(samples.length / 5))
const first = settled.slice(0, Math.ceil(settled.length / 2))
const last = settled.slice(Math.floor(settled.length / 2))
const most = (list, name) => Math.max(...list.map((sample) => sample[name]))
try {
  assert.deepEqual(wrong, [])
  for (const [name, room] of [['resident', 512], ['descriptors', 16], ['entries', 400], ['store', 400_000]]) {
    const [before, after] = [most(first, name), most(last, name)]
    console.log(`${name}: at most ${before} in the first half, ${after} in the second`)
    assert.ok(after <= before + room, `${name} grows`)
  }
  assertCleanLogs(site)
} finally {
  await site.stop()
}
console.log('flat')
