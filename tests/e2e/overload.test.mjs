/*
 * Far more visitors than the real opencode and the worker can serve, all from one address: they are told so
 * at once, and a sign-in from another address ends well meanwhile.
 */
import assert from 'node:assert/strict'
import http from 'node:http'
import { after, before, test } from 'node:test'
import { Client } from '../lib/client.mjs'
import { Fixture } from '../lib/fixture.mjs'
import { until } from '../lib/net.mjs'
import { startProvider } from '../lib/provider.mjs'

const LANES = 32 // requests on their way all the time: the worker makes six calls to opencode at once
const PEER = '127.0.0.2'
const fixture = new Fixture()
let provider
before(async () => (provider = await startProvider()))
after(async () => {
  await fixture.stop()
  await provider?.stop()
})

/* Start pages, for which opencode is asked, and callbacks of nobody's: {seen: {status: count}, stop}. */
function flood(port) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: LANES })
  const seen = {}
  let running = true
  const ask = (path) => new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port, path, agent, localAddress: PEER }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode)).on('error', reject)
    })
    request.on('error', reject)
  })
  const lane = async (number) => {
    for (let i = 0; running; i++) {
      const status = await ask(number % 4 === 0 ? `/auth/callback?code=x&state=nobodys-${number}-${i}` : '/signin/')
      seen[status] = (seen[status] ?? 0) + 1
    }
  }
  const lanes = Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)))
  const stop = async () => {
    running = false
    await lanes
    agent.destroy()
  }
  return { seen, stop }
}

/* Asks again as long as the answer is that too much is going on. */
function persist(what, status, ask) {
  return until(what, async () => {
    const answer = await ask()
    if (answer.status === 503) return assert.match(answer.headers.get('retry-after'), /^\d+$/)
    assert.equal(answer.status, status, answer.content)
    return answer
  })
}

test('a sign-in ends well while four times as many visitors come as can be served', async () => {
  await fixture.start({ provider })
  const front = await fixture.serve({ kind: 'nginx-fcgi', ini: { limit: { rate: '60/min', burst: 30 } } })
  const client = new Client(front.origin)
  const visitors = flood(front.port)
  try {
    await until('some are turned away', () => visitors.seen[503] > 0 && visitors.seen[429] > 0)
    const begun = await persist('it begins', 200, () => client.begin())
    const flow = await client.open(JSON.parse(begun.content).url)
    const address = await provider.approve(flow.authorize)
    await persist('its callback is taken', 303, () => client.callback(address))
    await until('it is done', async () => (await client.status(flow)).state === 'done')
    assert.deepEqual(provider.exchanges.map(({ error }) => error), [null])
  } finally {
    await visitors.stop()
  }
  const others = Object.keys(visitors.seen).filter((status) => !['200', '400', '429', '503'].includes(status))
  assert.deepEqual(others, [], JSON.stringify(visitors.seen))
})
