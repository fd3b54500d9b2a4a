/*
 * The shipped configurations of a relay: its callback reaches our program, nothing else is there, nobody outside
 * says where a request came from, and no query is in any log, whatever is down.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { give, startFront } from '../lib/front.mjs'
import { connect, exchange, parseResponse, request, scratch } from '../lib/net.mjs'
import { recorders } from '../lib/recorder.mjs'
import { PATH, makeKey, wrap } from '../lib/relay.mjs'
import { RELAYS } from '../lib/servers.mjs'

const TARGET = 'https://alice.example.com/auth/callback'
const HOST = 'relay.site.example'
const NOWHERE = [
  '/', '/auth/callback', '/callback', '/relay', '/relay/', '/relay/callback/', '/relay/callback/x', '/Relay/callback', '/signin', '/signin/', '/signin/start',
  '/signin/flow/AAAAAAAAAAAAAAAAAAAAAA', '/provider/openai/oauth/authorize', '/mcp/demo/auth', '/global/health',
]
const FOREIGN = {
  'X-Forwarded-For': '6.6.6.6', 'X-Forwarded-Proto': 'gopher', 'X-Forwarded-Host': 'evil.example', 'X-Real-IP': '6.6.6.6',
  Forwarded: 'for=6.6.6.6', Proxy: 'http://evil.example', X_Forwarded_For: '6.6.6.6', Sec_Fetch_Dest: 'image',
}

const ask = async (where, method, target, headers = {}) => {
  const lines = Object.entries({ Host: HOST, Connection: 'close', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return parseResponse(await exchange(where, `${method} ${target} HTTP/1.1\r\n${lines}\r\n`))
}

for (const kind of Object.keys(RELAYS)) {
  describe(kind, () => {
    const folder = scratch('relay')
    const file = join(folder.path, 'key')
    give(folder.path)
    const key = makeKey(file)
    const options = {
      kind, host: HOST, tls: true, opencodePort: 9, opencodeSocket: '/run/none.sock', ini: { 'relay-site alice': { target: TARGET, key_file: file } },
    }
    let front
    before(async () => (front = await startFront(options)))
    after(async () => {
      await front?.stop()
      folder.remove()
    })
    const state = () => wrap({ id: 'alice', key, state: 'CANARYstate' })

    test('what a site has wrapped goes on to it, as it came', async () => {
      for (const headers of [{}, FOREIGN]) {
        const answer = await ask(front.where, 'GET', `${PATH}?code=CANARY%2f%20+&&state=${state()}&x`, headers)
        assert.equal(answer.status, 303, answer.body)
        assert.equal(answer.headers.location, `${TARGET}?code=CANARY%2f%20+&&state=CANARYstate&x`)
        assert.equal(answer.headers['cache-control'], 'no-store')
        assert.equal(answer.headers['referrer-policy'], 'no-referrer')
      }
    })

    test('what is refused has a page, with all that the page needs', async () => {
      const answer = await ask(front.where, 'GET', `${PATH}?code=CANARY&state=${state()}x`, FOREIGN)
      assert.equal(answer.status, 400)
      const assets = [...answer.body.matchAll(/(?:href|src)="(\/[^"]*)"/g)].map(([, path]) => path)
      assert.equal(assets.length, 3)
      for (const asset of assets) assert.equal((await ask(front.where, 'GET', asset)).status, 200, asset)
      assert.match(front.logs(), /event=refused why=relay-no-site path=\/relay\/callback client=127\.0\.0\.1\n/)
      assert.equal((await ask(front.where, 'HEAD', `${PATH}?code=CANARY&state=${state()}`)).status, 405)
      assert.equal((await ask(front.where, 'GET', `${PATH}?code=CANARY&state=${state()}`, { 'Sec-Fetch-Dest': 'iframe' })).status, 403)
    })

    test('nothing else is there', async () => {
      for (const path of NOWHERE) {
        const answer = await ask(front.where, 'GET', `${path}?code=CANARY&state=1`)
        assert.equal(answer.status, 404, path)
      }
      assert.ok([200, 503].includes((await ask(front.where, 'GET', '/signin/health')).status))
    })

    test('http leads to https, and is not to be kept', async () => {
      const answer = await request({ port: front.plainPort }, 'GET', `${PATH}?code=CANARY&state=1`, { host: HOST })
      assert.equal(answer.status, 301)
      assert.match(answer.headers.location, new RegExp(`^https://${HOST}(?::\\d+)?${PATH}\\?code=CANARY&state=1$`))
      assert.equal(answer.headers['cache-control'], 'no-store')
    })

    test('no query is in a log, not even where the worker is gone or the client goes', async () => {
      const programs = recorders(folder.path)
      const dead = await startFront({ ...options, programs })
      try {
        const { vars } = JSON.parse((await ask(dead.where, 'GET', `${PATH}?code=CANARY`, FOREIGN)).body)
        assert.equal(vars.HTTP_HOST, HOST)
        assert.equal(vars.REMOTE_ADDR, '127.0.0.1')
        for (const name of Object.keys(vars)) assert.doesNotMatch(`${name}=${vars[name]}`, /6\.6\.6\.6|evil|gopher|^HTTP_SEC_FETCH_DEST/)
        await dead.worker.stop()
        for (let i = 0; i < 3; i++) assert.ok((await ask(dead.where, 'GET', `${PATH}?code=CANARY&state=${state()}`, { Referer: 'https://x.example/?CANARY' })).status >= 500)
        const socket = connect(dead.where)
        socket.on('error', () => {})
        socket.write(`GET ${PATH}?code=CANARY HTTP/1.1\r\nHost: ${HOST}\r\nCook`)
        setImmediate(() => socket.destroy())
        await once(socket, 'close')
        assert.doesNotMatch(dead.logs(), /CANARY/)
      } finally {
        await dead.stop()
      }
      assert.doesNotMatch(front.logs(), /CANARY/)
    })
  })
}
