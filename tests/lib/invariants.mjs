/*
 * The invariants: what must hold after every case. opencode got exactly the expected requests, the store holds
 * the expected files and nothing else, no response, file or log shows a secret, every response is well-formed,
 * no sanitizer reported, the worker has not grown; and a waiting flow can still be finished.
 */
import assert from 'node:assert/strict'
import { lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { until } from './net.mjs'
import { assertCleanLogs, assertSafe, assertSucceeds, flowStatus } from './signin.mjs'

const ENTRY_BYTES = 128 // of the index
const LIMIT_BYTES = 64 + 1024 * 8 * 8
const SPARE_FILES = 8 * 3 + 2 // what each thread keeps once it has called opencode; a connection may come and go
const MOST_KIB = 9 * 1024 // of its own, besides the code of libraries: libcurl loaded, all threads at work
const KNOWN = /^(?:index|lock|limit|try|note-[\w.-]+|[\w-]{22}(?:\.url|\.browser|\.claim|\.end)?)$/

/* Requests that opencode saw since the first `since` connections, as lines. */
export const callsSince = (site, since) =>
  site.standin.since(since).map((request) => request && `${request.method} ${request.host} ${request.target}`)

/* How often a flow's answer came to its listener, and how often a finishing call was made, since it began. */
export function deliveries(site, flow, since = flow.since) {
  const seen = site.standin.since(since).filter(Boolean)
  return {
    listener: seen.filter((r) => r.host !== 'opencode' && r.raw.includes(flow.code)).length,
    finishing: seen.filter((r) => r.path === `/provider/${flow.provider}/oauth/callback`).length,
  }
}

/* No temporary file, nothing of an unknown name; index and limit are whole. left: what may lie about besides. */
export function assertWholeStore(store, left = () => false) {
  for (const name of readdirSync(store)) {
    assert.ok(KNOWN.test(name) || left(name), `${name} in the store`)
    if (name === 'index') assert.equal(lstatSync(join(store, name)).size % ENTRY_BYTES, 0, 'the index holds whole entries')
    if (name === 'limit') assert.equal(lstatSync(join(store, name)).size, LIMIT_BYTES, 'the limit has its size')
  }
}

/* What a flow's files say: names behind the id. No code in any, the state only where the design has it. */
export function assertFlowFiles(store, flow, waits) {
  const names = readdirSync(store).filter((name) => name.startsWith(flow.id))
  const suffixes = names.map((name) => name.slice(22)).sort()
  if (waits) assert.deepEqual(suffixes.filter((suffix) => suffix !== '.browser'), ['', '.url'], 'a waiting flow')
  for (const name of names) {
    const path = join(store, name)
    const text = lstatSync(path).isSymbolicLink() ? readlinkSync(path) : readFileSync(path, 'latin1')
    assert.ok(!text.includes(flow.code), `the code in ${name}`)
    if (flow.cookie) assert.ok(!text.includes(flow.cookie), `the cookie in ${name}`)
    if (!name.endsWith('.url')) assert.ok(!text.includes(flow.state), `the state in ${name}`)
  }
}

/* The command line is everybody's to read, the environment our user's. */
export function assertCleanProcess(pid, files = ['cmdline', 'environ']) {
  for (const file of files) {
    assert.doesNotMatch(readFileSync(`/proc/${pid}/${file}`, 'latin1'), /CANARY/, `/proc/PID/${file}`)
  }
}

const usual = new Map()

function measure(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return { files: readdirSync(`/proc/${pid}/fd`).length, kib: Number(/^RssAnon:\s+(\d+)/m.exec(status)[1]) }
}

/* The worker has as many files as when it was first seen here, and not more memory than it may have. */
export async function assertFlat(pid) {
  if (!usual.has(pid)) usual.set(pid, { ...measure(pid), sanitized: /lib[au]bsan/.test(readFileSync(`/proc/${pid}/maps`, 'utf8')) })
  const first = usual.get(pid)
  await until('the worker closes its files', () => measure(pid).files <= first.files + SPARE_FILES)
  // a sanitizer keeps what was freed
  if (!first.sanitized) assert.ok(measure(pid).kib <= MOST_KIB, `${measure(pid).kib} KiB`)
}

export function assertNoCrash(logs) {
  const line = logs.split('\n').find((text) => /Sanitizer|runtime error:|stack smashing|double free|Assertion/.test(text))
  assert.equal(line, undefined, line)
}

/*
 * After a case with a flow of begunFlow().
 *   since    connections of the stand-in before it; calls: what it is to have seen, as lines
 *   answers  [[name, answer]] of ours; shows: they may hold what their sender sent or knows
 *   state    of the flow; a waiting one is then finished, through frontend
 *   left     whether a file of this name may lie about in the store
 */
export async function afterEvery(site, flow, { since, calls = [], answers = [], shows = false, state = 'waiting', left, frontend } = {}) {
  if (since !== undefined) assert.deepEqual(callsSince(site, since), calls, 'what opencode saw')
  for (const [name, answer] of answers) {
    assertSafe(answer, name)
    const text = JSON.stringify(answer.headers) + answer.body
    const secrets = shows ? [flow.cookie] : [flow.cookie, flow.code, flow.state]
    for (const secret of secrets) assert.ok(!text.includes(secret), `${name} shows a secret`)
  }
  assert.equal((await flowStatus(site, flow)).state, state)
  assertWholeStore(site.store, left)
  assertFlowFiles(site.store, flow, state === 'waiting')
  assertCleanLogs(site)
  assertNoCrash(site.logs())
  assertCleanProcess(site.nginx.worker.pid)
  await assertFlat(site.nginx.worker.pid)
  if (state === 'waiting') await assertSucceeds(site, flow, frontend)
  const seen = deliveries(site, flow)
  assert.ok(seen.listener <= 1 && seen.finishing <= 1, `delivered more than once: ${JSON.stringify(seen)}`)
}
