/*
 * A call to opencode may wait for ten minutes, through every web server. Each file names the time-out
 * that would end it: with 2 s in its place, the call ends then. With CHECK_LONG=1 a call also waits for 70 s
 * as shipped, longer than what is usual where nothing is said; with CHECK_LONG=610, for that many.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import http2 from 'node:http2'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startBehind } from '../lib/behind.mjs'
import { startFront } from '../lib/front.mjs'
import { connect, parseResponse } from '../lib/net.mjs'
import { ROOT } from '../lib/place.mjs'
import { KINDS } from '../lib/servers.mjs'

const LONG = Number(process.env.CHECK_LONG || 0)
const SECONDS = LONG > 1 ? LONG : 70
const TARGET = '/provider/openai/oauth/callback'
const BODY = '{"method":0}'

let behind
before(async () => (behind = await startBehind()))
after(() => behind?.stop())

/* A front for each case, [kind, …], one after the other; use() is called with all of them at once. */
async function withFronts(cases, edit, use) {
  const fronts = []
  try {
    for (const one of cases) {
      const options = { kind: one[0], host: 'site.example', tls: !KINDS[one[0]].behind, edit: edit(one), editPart: edit(one) }
      fronts.push(await startFront({ ...options, opencodePort: behind.port, opencodeSocket: '/run/none.sock' }))
    }
    await Promise.all(fronts.map((front, i) => use(front, cases[i])))
  } finally {
    for (const front of fronts) await front.stop()
  }
}

/* A call that waits, over HTTP/1.1. {status, seconds} */
async function wait(front, seconds) {
  const start = Date.now()
  const socket = connect(front.where)
  let text = ''
  socket.on('data', (chunk) => (text += chunk))
  socket.write(`POST ${TARGET} HTTP/1.1\r\nHost: site.example\r\nX-Wait: ${seconds}\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\nConnection: close\r\n\r\n${BODY}`)
  await once(socket, 'close')
  return { status: text && parseResponse(text).status, seconds: (Date.now() - start) / 1000 }
}

/* The same over HTTP/2. */
async function wait2(front, seconds) {
  const start = Date.now()
  const secure = connect({ ...front.where, ALPNProtocols: ['h2'] })
  const session = http2.connect('https://site.example', { createConnection: () => secure })
  let status = 0
  const stream = session.request({ ':method': 'POST', ':path': TARGET, 'x-wait': String(seconds), 'content-type': 'application/json', 'content-length': BODY.length })
  stream.on('response', (headers) => (status = headers[':status'])).resume().end(BODY)
  try {
    await once(stream, 'close')
  } finally {
    session.destroy()
  }
  return { status, seconds: (Date.now() - start) / 1000 }
}

/* The time-outs that stand in each file, and the call that each of them ends. Caddy has none. */
const TIMEOUTS = {
  nginx: [['proxy_read_timeout 660s;', 'proxy_read_timeout 2s;', wait]],
  apache: [[' timeout=660 ', ' timeout=2 ', wait]],
  lighttpd: [['"read-timeout" => 660', '"read-timeout" => 2', wait], ['max-write-idle := 660', 'max-write-idle := 2', wait2]],
  haproxy: [['timeout server 660s', 'timeout server 2s', wait]],
}

test('the time-out that each file names is the one that counts', async () => {
  const cases = Object.keys(KINDS).flatMap((kind) => (TIMEOUTS[kind.split('-')[0]] ?? []).map((timeout) => [kind, ...timeout]))
  for (const [kind, from] of cases) {
    const folder = join(ROOT, 'conf', kind.split('-')[0])
    assert.ok(readdirSync(folder).some((name) => readFileSync(join(folder, name), 'utf8').includes(from)), `${kind}: ${from}`)
  }
  const edit = ([, from, to]) => (text) => text.replace(from, to)
  await withFronts(cases, edit, async (front, [kind, , to, way]) => {
    const { status, seconds } = await way(front, 30)
    assert.ok(seconds >= 1.9 && seconds < 10, `${kind}, ${to}: ${seconds} s`)
    assert.ok([502, 504].includes(status) || (way === wait2 && status === 0), `${kind}, ${to}: ${status}`)
  })
})

if (LONG) {
  test(`a call waits for ${SECONDS} s`, () =>
    withFronts(Object.keys(KINDS).map((kind) => [kind]), () => (text) => text, async (front, [kind]) => {
      const ways = KINDS[kind].behind || KINDS[kind].h2 === false ? [wait] : [wait, wait2]
      for (const { status, seconds } of await Promise.all(ways.map((way) => way(front, SECONDS)))) {
        assert.equal(status, 200, `${kind}: after ${seconds} s`)
        assert.ok(seconds >= SECONDS - 1, `${kind}: ${seconds} s`)
      }
    }))
}
