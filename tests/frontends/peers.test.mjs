/*
 * Hostile and broken FastCGI peers connect to the worker's socket while a sign-in waits. None of them delays or
 * disturbs another request, and the worker does not grow. (tests/unit/worker_test.c and the corpus of tests/fuzz
 * try every byte of a record.)
 */
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import net from 'node:net'
import { after, before, test } from 'node:test'
import { metaVariables, parseAnswer, startFrontends } from '../lib/frontends.mjs'
import * as fcgi from '../lib/fcgi.mjs'
import { SANITIZED, startWorker } from '../lib/front.mjs'
import { until } from '../lib/net.mjs'
import { assertCleanLogs, assertDelivered, assertSucceeds, begunFlow, flowStatus, goodCallback, newCookie } from '../lib/signin.mjs'

const KIB = 1024
const THREADS = 8 // of which each keeps a file in memory for what came in pieces
let site, path, pid
before(async () => {
  site = await startFrontends({ web: false })
  path = site.nginx.worker.socket
  pid = site.nginx.worker.pid
})
after(() => site?.stop())

/* Only root can see those of a process that cannot be traced. */
const descriptors = (id = pid) => (process.getuid() === 0 ? readdirSync(`/proc/${id}/fd`).length : 0)
const resident = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1])

function connect(to = path) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ path: to })
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      socket.on('error', () => {})
      resolve(socket)
    })
  })
}

const closed = (socket) => until('it is closed', () => socket.closed || socket.destroyed || socket.readableEnded)

/* A good request is answered at once, in spite of what goes on. */
async function assertAnswers(to = path) {
  const start = process.hrtime.bigint()
  const answer = await fcgi.fcgiExchange(to, fcgi.fcgiRequest(metaVariables({ target: '/signin/assets/style.css' })))
  assert.equal(parseAnswer(answer.stdout).status, 200)
  return Number(process.hrtime.bigint() - start) / 1e6
}

/* Afterwards: descriptors as before, hardly more memory, and the sign-in that waited succeeds. */
async function undisturbed(attack) {
  const flow = await begunFlow(site)
  await assertAnswers()
  const [files, size, connections] = [descriptors(), resident(), site.standin.connections.length]
  await attack(flow)
  await until('its descriptors are closed', () => descriptors() <= files + THREADS)
  if (!SANITIZED) assert.ok(resident() < size + 4 * KIB, `${size} KiB, then ${resident()}`)
  assert.equal(site.standin.connections.length, connections, 'opencode was not asked')
  await assertSucceeds(site, flow)
  assertCleanLogs(site)
}

test('500 connections, silent or in the middle of a record: a good request does not wait for them', () =>
  undisturbed(async () => {
    const request = fcgi.fcgiRequest(metaVariables({ target: '/signin/' }))
    const idle = await Promise.all(Array.from({ length: 500 }, () => connect()))
    idle.forEach((socket, i) => socket.write(request.subarray(0, i % request.length)))
    const took = []
    for (let i = 0; i < 20; i++) took.push(await assertAnswers())
    const median = took.sort((a, b) => a - b)[10]
    console.log(`# with 500 idle connections: ${median.toFixed(1)} ms`)
    assert.ok(median < 50, `${median} ms`)
    for (const socket of idle) socket.destroy()
  }))

test('more connections than descriptors: those that ask for nothing make room', async () => {
  const few = await startWorker({ path: site.nginx.path, iniFile: site.site.iniFile }, { name: 'few.sock', wrap: ['prlimit', '--nofile=128'] })
  try {
    const idle = []
    for (let i = 0; i < 300; i++) {
      idle.push(await connect(few.socket))
      if (i % 25 === 0) await assertAnswers(few.socket)
    }
    await assertAnswers(few.socket)
    assert.ok(descriptors(few.pid) <= 128)
    for (const socket of idle) socket.destroy()
  } finally {
    await few.stop()
  }
})

test('64 KiB of parameters, and what claims to be 2 GiB', () =>
  undisturbed(async () => {
    const long = fcgi.fcgiRequest({ ...metaVariables({ target: '/signin/assets/style.css' }), HTTP_X_LONG: 'x'.repeat(64 * KIB) })
    assert.equal(parseAnswer((await fcgi.fcgiExchange(path, long)).stdout).status, 200)
    for (const bytes of [[0xff, 0xff, 0xff, 0xff, 1], [1, 0xff, 0xff, 0xff, 0xff], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]]) {
      const socket = await connect()
      socket.resume().write(Buffer.concat([fcgi.begin(), fcgi.stream(fcgi.PARAMS, Buffer.from(bytes))]))
      await closed(socket)
    }
  }))

/* The END records in what a connection has sent. */
function ends(bytes) {
  let count = 0
  for (let at = 0; at + 8 <= bytes.length; at += 8 + bytes.readUInt16BE(at + 4) + bytes[at + 6]) count += bytes[at + 1] === fcgi.END
  return count
}

test('one that does not read what it asks for: when it does at last, nothing is missing', () =>
  undisturbed(async () => {
    const request = fcgi.fcgiRequest(metaVariables({ target: '/signin/assets/style.css' }), '', { keep: true })
    const greedy = await Promise.all(Array.from({ length: 16 }, () => connect()))
    for (const socket of greedy) {
      socket.pause()
      for (let i = 0; i < 200; i++) socket.write(request)
    }
    for (let i = 0; i < 5; i++) await assertAnswers()
    const [late, ...others] = greedy
    const got = []
    late.on('data', (chunk) => got.push(chunk))
    late.resume()
    await until('all 200 answers', () => ends(Buffer.concat(got)) === 200)
    late.destroy()
    for (const socket of others) socket.destroy()
  }))

test('one that goes while its answer is written', () =>
  undisturbed(async () => {
    const request = fcgi.fcgiRequest(metaVariables({ target: '/signin/assets/style.css' }))
    for (let i = 0; i < 100; i++) {
      const socket = await connect()
      socket.write(request, () => socket.destroy())
    }
    await assertAnswers()
  }))

for (const when of ['before', 'during', 'after']) {
  test(`ABORT ${when} the delivery: one delivery at most, and the page tells`, async () => {
    const flow = await begunFlow(site)
    const { length } = site.standin.connections
    const vars = fcgi.pairs(metaVariables(goodCallback(flow)))
    const socket = await connect()
    const abort = fcgi.record(fcgi.ABORT)
    if (when === 'before') {
      socket.resume().write(Buffer.concat([fcgi.begin(), fcgi.stream(fcgi.PARAMS, vars), abort]))
      await closed(socket)
      assert.equal(site.standin.connections.length, length)
      await assertSucceeds(site, flow)
      return
    }
    let go
    site.standin.answer = (r) => (r.host === 'opencode' ? undefined : new Promise((resolve) => (go = () => resolve(undefined))))
    socket.resume().write(Buffer.concat([fcgi.begin(), fcgi.stream(fcgi.PARAMS, vars), fcgi.stream(fcgi.STDIN, Buffer.alloc(0))]))
    await until('the listener is asked', () => go)
    if (when === 'during') {
      socket.write(abort)
      socket.end()
      await assertAnswers()
    }
    go()
    await until('it is over', async () => (await flowStatus(site, flow)).state === 'done')
    if (when === 'after') socket.write(abort)
    site.standin.answer = () => undefined
    assertDelivered(site, flow, length)
    socket.destroy()
    await assertAnswers()
  })
}

test('1,000 requests on one kept connection: nothing of one in the next', () =>
  undisturbed(async (flow) => {
    const socket = await connect()
    const send = async (request) => {
      const bytes = fcgi.fcgiRequest(metaVariables(request), request.body, { keep: true })
      return parseAnswer((await fcgi.fcgiExchange(path, bytes, { socket, end: false })).stdout)
    }
    const own = { target: flow.page, headers: flow.cookies }
    const none = { target: flow.page }
    const stranger = { target: flow.page, headers: { Cookie: `opencode-callback=${newCookie()}` } }
    const post = { method: 'POST', target: flow.page, body: 'address=nonsense', headers: { ...flow.cookies, 'Content-Type': 'application/x-www-form-urlencoded', 'Sec-Fetch-Site': 'same-origin' } }
    const cut = { ...post, body: '' }
    const long = { target: `/auth/callback?code=x&state=${'y'.repeat(4000)}`, headers: flow.cookies }
    const rows = [[own, 200], [none, 400], [post, 400], [cut, 400], [stranger, 400], [long, 400], [{ target: '/signin/nothing' }, 404]]
    const first = []
    for (let i = 0; i < 1000; i++) {
      const [request, status] = rows[i % rows.length]
      const answer = await send(request)
      assert.equal(answer.status, status, `request ${i}`)
      const text = answer.body.replace(/data-expires-in="\d+"|Expires in [^<]*/g, '')
      first[i % rows.length] ??= text
      assert.equal(text, first[i % rows.length], `request ${i}`)
    }
    socket.destroy()
  }))
