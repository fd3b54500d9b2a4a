/*
 * opencode's next API for sign-ins, /api/integration: a sign-in there finishes by itself, and its
 * verdict is asked for. With the real opencode, whose only such sign-in is ChatGPT's.
 */
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { accepts, until } from '../lib/net.mjs'
import { LISTENER_PORT } from '../lib/opencode.mjs'
import { DONE, KINDS, REFUSED, expectEnd, startSite } from '../lib/site.mjs'

const DECLINED = { state: 'declined', expires_in: 0 }
const SUPERSEDED = { state: 'superseded', expires_in: 0 }
const METHOD = { methodID: 'chatgpt-browser', inputs: {} }

const path = (id, query = '') => `/api/integration/${id}/connect/oauth${query}`
const at = (directory) => `?location%5Bdirectory%5D=${encodeURIComponent(directory)}`

let site, provider, opencode
before(async () => {
  site = await startSite()
  ;({ provider, opencode } = site)
  await until('opencode lists its integrations', async () => (await list(site.client())).length > 0)
})
after(() => site?.stop())
afterEach(async () => {
  const client = site.client()
  for (const { id } of await connections(client)) await client.send('DELETE', `/api/credential/${id}`)
  assert.deepEqual(await connections(client), [])
  await site.forget()
  provider.exchanges.length = 0
  provider.refuseNext = false
})

const data = (answer) => JSON.parse(answer.content).data
const list = async (client) => data(await client.send('GET', '/api/integration'))
const connections = async (client) => data(await client.send('GET', '/api/integration/openai')).connections
const attempt = async (client, id, query = '') => data(await client.send('GET', `/api/integration/attempt/${id}${query}`)).status

/* Begins as a window of opencode would; the flow page's {url, id, path, authorize}, and attemptID. */
async function begin(client, { query, headers, body = METHOD } = {}) {
  const target = path('openai', query)
  let answer
  // for the first second of a directory opencode knows no integration there
  await until('it begins', async () => {
    answer = await client.begin({ target, headers, body: JSON.stringify(body) })
    return answer.status !== 500
  })
  assert.equal(answer.status, 200, answer.content)
  const { url, mode, attemptID } = data(answer)
  assert.equal(mode, 'auto')
  return { ...(await client.open(url)), attemptID }
}

const exchanged = () => provider.exchanges.map(({ error }) => error)

for (const kind of KINDS) {
  describe(`through ${kind}`, () => {
    test('begun, pasted, and opencode has the account', async () => {
      const client = site.client(kind)
      const flow = await begin(client)
      const { expires_in: left } = await client.status(flow)
      assert.ok(left > 500 && left <= 600, `${left} s are left`)
      assert.equal((await client.paste(flow, provider.approve(flow.authorize))).headers.get('location'), flow.path)
      await expectEnd(client, flow, DONE, { again: false })
      assert.equal(await attempt(client, flow.attemptID), 'complete')
      assert.equal((await connections(client)).length, 1)
      assert.deepEqual(exchanged(), [null])
    })

    test('the edited address too', async () => {
      const client = site.client(kind)
      const flow = await begin(client)
      assert.equal((await client.callback(provider.approve(flow.authorize))).headers.get('location'), flow.path)
      await expectEnd(client, flow, DONE)
    })
  })
}

test('a refused exchange, declined; one click begins again', async () => {
  const client = site.client()
  for (const [way, end] of [['approve', REFUSED], ['deny', DECLINED]]) {
    const before = await connections(client)
    provider.refuseNext = way === 'approve'
    const flow = await begin(client)
    await client.paste(flow, provider[way](flow.authorize))
    await expectEnd(client, flow, end, { again: true, says: /ChatGPT (did not accept|says)/ })
    assert.equal(await attempt(client, flow.attemptID), 'failed')
    assert.deepEqual(await connections(client), before)
    const again = await client.start({ again: flow.id })
    await client.paste(again, provider.approve(again.authorize))
    await expectEnd(client, again, DONE)
    assert.equal((await connections(client)).length, 1)
  }
})

test('a second begin replaces the first, which opencode alone would refuse', async () => {
  const client = site.client()
  const first = await begin(client)
  const old = provider.approve(first.authorize)
  const second = await begin(client)
  await expectEnd(client, first, SUPERSEDED, { again: true })
  assert.equal((await client.callback(old)).headers.get('location'), first.path)
  assert.equal((await client.paste(first, old)).status, 303)
  assert.equal(await attempt(client, second.attemptID), 'pending')
  assert.deepEqual(exchanged(), [])
  const third = await begin(client)
  await client.paste(third, provider.approve(third.authorize))
  await expectEnd(client, third, DONE)
})

test('somebody else’s pending sign-in is told, and goes on waiting', async () => {
  const client = site.client()
  const flow = await begin(client)
  const stranger = site.client()
  const answer = await stranger.begin({ target: path('openai'), body: JSON.stringify(METHOD) })
  assert.equal(answer.status, 409)
  assert.match(JSON.parse(answer.content).data.message, /^Somebody else is signing in/)
  assert.equal(stranger.cookie, undefined)
  assert.equal(await attempt(client, flow.attemptID), 'pending')
  await client.paste(flow, provider.approve(flow.authorize))
  await expectEnd(client, flow, DONE)
})

test('the older API beside a pending attempt: it works, and goes on working', async () => {
  const client = site.client()
  for (let i = 0; i < 2; i++) {
    const pending = await begin(client)
    const flow = await client.signIn()
    await expectEnd(client, pending, SUPERSEDED, { again: true })
    assert.ok(await accepts({ port: LISTENER_PORT }), 'somebody listens')
    const verdict = client.finishing()
    await client.callback(provider.approve(flow.authorize))
    assert.equal((await verdict).content, 'true')
    await expectEnd(client, flow, DONE)
  }
})

test('and the other way round opencode refuses, and its answer is told', async () => {
  const client = site.client()
  const older = await client.signIn()
  const answer = await client.begin({ target: path('openai'), body: JSON.stringify(METHOD) })
  assert.equal(answer.status, 400)
  assert.equal(JSON.parse(answer.content).kind, 'integration_authorization')
  await client.callback(provider.approve(older.authorize))
  await expectEnd(client, older, DONE)
  const flow = await begin(client)
  await client.callback(provider.approve(flow.authorize))
  await expectEnd(client, flow, DONE)
})

test('it belongs to a directory, named by the query or the header', async () => {
  const client = site.client()
  const other = join(opencode.work, 'a project')
  mkdirSync(other, { recursive: true })
  for (const place of [{ query: at(other) }, { headers: { 'x-opencode-directory': encodeURIComponent(other) } }]) {
    const flow = await begin(client, place)
    await client.paste(flow, provider.approve(flow.authorize))
    await expectEnd(client, flow, DONE)
    assert.equal(await attempt(client, flow.attemptID, at(other)), 'complete')
    // and one that is replaced is cancelled where it began
    const waiting = await begin(client, place)
    const next = await begin(client)
    await expectEnd(client, waiting, SUPERSEDED)
    await client.paste(next, provider.approve(next.authorize))
    await expectEnd(client, next, DONE)
  }
})

test('begin again stays in the directory', async () => {
  const client = site.client()
  const other = join(opencode.work, 'another')
  mkdirSync(other, { recursive: true })
  const flow = await begin(client, { query: at(other) })
  await client.paste(flow, provider.deny(flow.authorize))
  const again = await client.start({ again: flow.id })
  await client.paste(again, provider.approve(again.authorize))
  await expectEnd(client, again, DONE)
})

test('what is no such sign-in: opencode’s own answer, nothing recorded, what waits lives', async () => {
  const client = site.client()
  const flow = await begin(client)
  const cases = [
    ['none', METHOD], ['openai', { methodID: 'none', inputs: {} }], ['openai', { methodID: 'chatgpt-browser' }],
    ['openai', { inputs: {} }], ['openai', []],
  ]
  for (const [id, body] of cases) {
    const text = JSON.stringify(body)
    const stranger = site.client()
    const ours = await stranger.begin({ target: path(id), body: text })
    const own = await fetch(opencode.origin + path(id), {
      method: 'POST', body: text, headers: { 'content-type': 'application/json' },
    })
    assert.equal(ours.status, own.status, text)
    assert.ok(ours.status >= 400, text)
    const steady = (content) => content.replace(/err_\w+/g, 'err')
    assert.equal(steady(ours.content), steady(await own.text()))
    assert.equal(stranger.cookie, undefined)
  }
  assert.equal((await client.status(flow)).state, 'waiting')
  await client.paste(flow, provider.approve(flow.authorize))
  await expectEnd(client, flow, DONE)
})

test('a device code is opencode’s own affair', async () => {
  const client = site.client()
  const answer = await client.begin({ target: path('openai'), body: '{"methodID":"chatgpt-headless","inputs":{}}' })
  assert.equal(answer.status, 200)
  assert.equal(data(answer).url, 'https://auth.openai.com/codex/device')
  assert.equal(client.cookie, undefined)
  await client.send('DELETE', `/api/integration/attempt/${data(answer).attemptID}`)
})
