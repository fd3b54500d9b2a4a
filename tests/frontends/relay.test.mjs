/*
 * The relay, through both front ends and both web servers. It sends the browser on to the site whose key made
 * the state, with each parameter word for word, and sends nobody anywhere else. And a site behind a relay: which
 * states it wraps, and that it takes a callback from the relay like any other.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmodSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { HOST, startFrontends } from '../lib/frontends.mjs'
import { give } from '../lib/front.mjs'
import { scratch, until } from '../lib/net.mjs'
import { assertFlat, callsSince } from '../lib/invariants.mjs'
import { PATH, makeKey, seconds, sign, unwrap, wrap } from '../lib/relay.mjs'
import { NAVIGATION, OWN_FORM, assertCleanLogs, assertSafe, assertSame, cookies, flowId, flowStatus, newCookie } from '../lib/signin.mjs'
import { json } from '../lib/standin.mjs'

const TARGETS = { alice: 'https://alice.example.com/auth/callback', bob: 'https://bob.example.com:8443/mcp/oauth/callback' }

const folder = scratch('relay')
const file = (name) => join(folder.path, name)
const keys = {}
for (const name of ['alice', 'alice-old', 'bob', 'carol', 'own']) keys[name] = makeKey(file(name))
give(folder.path)
after(() => folder.remove())

let count = 0
const word = (kind) => `CANARY${kind}${randomBytes(8).toString('hex')}${++count}`
const query = (state, { code = word('code'), more = '' } = {}) => `code=${code}&state=${state}${more}`
const get = (raw, headers = {}) => ({ target: `${PATH}?${raw}`, headers: { ...NAVIGATION, ...headers } })
const alice = (more = {}) => wrap({ id: 'alice', key: keys.alice, state: word('state'), ...more })

/* Every answer of a relay that goes on: one line, to that address, and no more secure than ours. */
function assertPassedOn(answer, location, what) {
  assert.equal(answer.status, 303, `${what}: ${answer.body}`)
  assert.equal(answer.header('location'), location, what)
  assert.equal(answer.header('set-cookie'), undefined, what)
  assertSafe({ ...answer, header: (name) => (name === 'location' ? undefined : answer.header(name)) }, what)
}

describe('a relay', () => {
  let site
  before(async () => {
    const ini = {
      'relay-site alice': { target: TARGETS.alice, key_file: file('alice'), previous_key_file: file('alice-old') },
      'relay-site bob': { target: TARGETS.bob, key_file: file('bob') },
      opencode: { url: 'https://opencode.example.com' },
    }
    // both web servers send the relay's path to us as well
    const edit = (text) => text.replaceAll('|callback|', '|callback|relay/callback|')
    site = await startFrontends({ ini, edit })
  })
  after(() => site?.stop())
  afterEach(async () => {
    assertCleanLogs(site)
    assert.deepEqual(callsSince(site, 0), [], 'opencode is not asked')
    await assertFlat(site.nginx.worker.pid)
  })

  /* The same from every front end. */
  async function everywhere(request) {
    const answers = []
    for (const frontend of site.frontends) answers.push([frontend.name, await frontend.send(request)])
    assertSame(answers)
    return answers[0][1]
  }

  test('passes on each parameter as it came, with the inner state in its place', async () => {
    const code = word('code')
    const cases = {
      [`code=${code}&state=@`]: `code=${code}&state=S-1`,
      [`state=@&code=a%2Bb%2Fc%3D&iss=https%3A%2F%2Fa.example`]: 'state=S-1&code=a%2Bb%2Fc%3D&iss=https%3A%2F%2Fa.example',
      [`scope=a+b&code=${code}&&st%61te=@&session_state=%c3%bc&x`]: `scope=a+b&code=${code}&&st%61te=S-1&session_state=%c3%bc&x`,
      'error=access_denied&error_description=No%20%3Cscript%3E&state=@': 'error=access_denied&error_description=No%20%3Cscript%3E&state=S-1',
      'state=@': 'state=S-1',
    }
    for (const [raw, passed] of Object.entries(cases)) {
      const state = alice({ state: 'S-1' })
      assertPassedOn(await everywhere(get(raw.replace('@', state))), `${TARGETS.alice}?${passed}`, raw)
    }
  })

  test('each site has its own address; any state comes through', async () => {
    for (const state of ['S', 'a b', 'a+b/c=&d#e?f', 'grün/ä', '"<>\\', 'v1.bob.1.Uw.x', 's'.repeat(300)]) {
      for (const id of ['alice', 'bob']) {
        const answer = await everywhere(get(query(wrap({ id, key: keys[id], state }), { code: 'C' })))
        assertPassedOn(answer, `${TARGETS[id]}?code=C&state=${encodeURIComponent(state)}`, state)
      }
    }
  })

  test('the key before the present one is good too, until it is taken away', async () => {
    const state = wrap({ id: 'alice', key: keys['alice-old'], state: 'S' })
    assertPassedOn(await everywhere(get(query(state, { code: 'C' }))), `${TARGETS.alice}?code=C&state=S`, 'the old key')
    assert.equal((await everywhere(get(query(wrap({ id: 'bob', key: keys['alice-old'], state: 'S' }))))).status, 400)
  })

  test('under any name, for anybody, again and again; it leaves nothing', async () => {
    const state = alice({ state: 'S' })
    const before = readdirSync(site.store)
    for (const Host of ['relay.example.com', 'opencode.example.com', 'evil.example', '127.0.0.1:1']) {
      for (const headers of [{}, cookies(newCookie()), { 'Sec-Fetch-Site': undefined, 'Sec-Fetch-Dest': undefined }]) {
        const answer = await everywhere(get(query(state, { code: 'C' }), { ...headers, Host }))
        assertPassedOn(answer, `${TARGETS.alice}?code=C&state=S`, Host)
      }
    }
    assert.deepEqual(readdirSync(site.store), before)
  })

  const refused = {
    'no query': [undefined, 'relay-no-site'],
    'no state': [() => `code=${word('code')}`, 'relay-no-site'],
    'an empty state': [() => query(''), 'relay-no-site'],
    'a state that nobody wrapped': [() => query(word('state')), 'relay-no-site'],
    'no MAC': [() => query(alice().replace(/\.[^.]*$/, '')), 'relay-no-site'],
    'an empty MAC': [() => query(alice().replace(/[^.]*$/, '')), 'relay-no-site'],
    'a short MAC': [() => query(alice().slice(0, -1)), 'relay-no-site'],
    'a long MAC': [() => query(`${alice()}A`), 'relay-no-site'],
    'an old version': [() => query(sign(`v0.alice.${seconds() + 300}.Uw`, keys.alice)), 'relay-no-site'],
    'a version to come': [() => query(sign(`v2.alice.${seconds() + 300}.Uw`, keys.alice)), 'relay-no-site'],
    'a malformed id': [() => query(sign(`v1.al%20ice.${seconds() + 300}.Uw`, keys.alice)), 'relay-no-site'],
    'an id that leads elsewhere': [() => query(sign(`v1...%2Fetc.${seconds() + 300}.Uw`, keys.alice)), 'relay-no-site'],
    'too long': [() => query(alice({ state: 's'.repeat(400) })), 'relay-no-site'],
    'one bit off': [() => query(alice().replace(/.$/, (c) => (c === 'A' ? 'B' : 'A'))), 'relay-refused'],
    'an expiry that was made longer': [() => query(alice().replace(/^(v1\.alice\.)(\d+)/, (_, head, n) => `${head}${Number(n) + 1}`)), 'relay-refused'],
    'the key of another site': [() => query(alice({ key: keys.bob })), 'relay-refused'],
    'another site by its own key': [() => query(alice({ id: 'bob' })), 'relay-refused'],
    'a key that is none here': [() => query(alice({ key: keys.carol })), 'relay-refused'],
    'the key of zeros that an unknown site is held against': [() => query(alice({ id: 'nobody', key: Buffer.alloc(64) })), 'relay-refused'],
    'an unknown site': [() => query(wrap({ id: 'carol', key: keys.carol, state: 'S' })), 'relay-refused'],
    'in other case': [() => query(alice({ id: 'ALICE' })), 'relay-refused'],
    expired: [() => query(alice({ expiry: seconds() })), 'relay-expired'],
    'expired long ago': [() => query(alice({ expiry: 1 })), 'relay-expired'],
    'from the future': [() => query(alice({ expiry: seconds() + 3662 + 60 })), 'relay-clock'],
    'a line end inside': [() => query(alice({ state: 'a\r\nSet-Cookie: x=1' })), 'relay-refused'],
    'a NUL inside': [() => query(alice({ state: 'a\0b' })), 'relay-refused'],
    'no text inside': [() => query(sign(`v1.alice.${seconds() + 300}.wK8`, keys.alice)), 'relay-refused'],
    'the state twice': [() => query(alice(), { more: `&state=${alice()}` }), 'duplicate-parameter'],
    'the state twice, once escaped': [() => query(alice(), { more: '&st%61te=x' }), 'duplicate-parameter'],
    'two codes': [() => query(alice(), { more: '&code=B' }), 'duplicate-parameter'],
    'a line end in the code': [() => query(alice(), { code: 'a%0d%0aLocation:%20https://evil.example' }), 'bad-encoding'],
    'a NUL in the code': [() => query(alice(), { code: 'a%00b' }), 'bad-encoding'],
    'a second ?': [() => `${query(alice())}?x=1`, 'bad-encoding'],
    '65 parameters': [() => query(alice(), { more: Array.from({ length: 63 }, (_, i) => `&p${i}=1`).join('') }), 'too-many-parameters'],
    'a code of 4,097 bytes': [() => query(alice(), { code: 'c'.repeat(4097) }), 'value-too-long'],
  }
  for (const [name, [make, problem]] of Object.entries(refused)) {
    test(`${name}: 400, and nobody is sent anywhere`, async () => {
      const raw = make?.()
      const answer = await everywhere(raw === undefined ? { target: PATH, headers: NAVIGATION } : get(raw))
      assert.equal(answer.status, 400, answer.body)
      assert.match(answer.body, new RegExp(`data-problem="${problem}"`))
      assert.equal(answer.header('location'), undefined)
      assertSafe(answer)
      assert.doesNotMatch(answer.body, /CANARY|alice|bob/, 'it names no site')
      assert.doesNotMatch(answer.body, /href="\/"/, 'there is no opencode to go to')
      // and the good one still goes on
      assertPassedOn(await site.fcgi.send(get(query(alice({ state: 'S' }), { code: 'C' }))), `${TARGETS.alice}?code=C&state=S`, name)
    })
  }

  test('whether a site exists is told to nobody but the log', async () => {
    const pages = []
    for (const state of [alice({ key: keys.carol }), wrap({ id: 'carol', key: keys.carol, state: 'S' })]) pages.push(await everywhere(get(query(state))))
    assert.deepEqual(pages[0], { ...pages[1], header: pages[0].header })
    assert.match(site.logs(), /why=relay-refused .*cause=wrong-key site=alice\n/)
    assert.match(site.logs(), /why=relay-refused .*cause=unknown-site site=carol\n/)
    assert.match(site.logs(), /event=relayed site=alice /)
  })

  test('other methods, prefetches, pictures and frames: nothing is passed on', async () => {
    const target = get(query(alice())).target
    for (const method of ['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const answer = await everywhere({ method, target, headers: NAVIGATION, ...(method === 'POST' || method === 'PUT' ? { body: '' } : {}) })
      assert.equal(answer.status, 405, method)
      assert.equal(answer.header('allow'), 'GET')
      assert.equal(answer.header('location'), undefined)
    }
    for (const headers of [{ 'Sec-Purpose': 'prefetch' }, { Purpose: 'prefetch' }, { 'Sec-Fetch-Dest': 'image' }, { 'Sec-Fetch-Dest': 'iframe' }, { 'Sec-Fetch-Dest': 'script' }]) {
      assert.equal((await everywhere(get(query(alice()), headers))).status, 403, JSON.stringify(headers))
    }
    assert.equal((await site.fcgi.send(get(`${query(alice())}&x=${'x'.repeat(8192)}`))).status, 414)
    for (const path of [`${PATH}/`, '/relay', '/relay/', '/Relay/callback', '/relay//callback', `/signin${PATH}`]) {
      assert.equal((await site.fcgi.send({ target: `${path}?${query(alice())}`, headers: { ...NAVIGATION, Host: 'opencode.example.com' } })).status, 404, path)
    }
  })
})

test('refused requests spend the allowance of their client, good ones do not, and none needs the store', async () => {
  const ini = { 'relay-site alice': { target: TARGETS.alice, key_file: file('alice') }, limit: { rate: '1/min', burst: 3 } }
  const site = await startFrontends({ web: false, ini })
  try {
    const good = async (frontend, from) => (await frontend.send({ ...get(query(alice())), from })).status
    const bad = async (frontend, from) => (await frontend.send({ ...get(query(alice({ key: keys.bob }))), from })).status
    for (const frontend of site.frontends) {
      const from = `127.0.0.${frontend === site.cgi ? 2 : 3}`
      const before = readdirSync(site.store)
      for (let i = 0; i < 5; i++) assert.equal(await good(frontend, from), 303)
      assert.deepEqual(readdirSync(site.store), before)
      for (const status of [400, 400, 400, 429, 429]) assert.equal(await bad(frontend, from), status)
      assert.equal(await good(frontend, from), 303, 'what is good is passed on all the same')
    }
    chmodSync(site.store, 0o755)
    for (const frontend of site.frontends) {
      assert.equal(await good(frontend, '127.0.0.4'), 303, 'without a store')
      assert.equal(await bad(frontend, '127.0.0.4'), 400)
    }
    chmodSync(site.store, 0o700)
  } finally {
    await site.stop()
  }
})

test('without a site there is no relay: 404, as anywhere', async () => {
  const site = await startFrontends({ web: false })
  try {
    for (const frontend of site.frontends) {
      const [here, elsewhere] = [await frontend.send(get(query(alice()))), await frontend.send({ target: `/elsewhere?${query('x')}`, headers: NAVIGATION })]
      assert.equal(here.status, 404)
      assert.equal(here.body, elsewhere.body)
    }
  } finally {
    await site.stop()
  }
})

test('a key that cannot be read: the worker does not start with it, the program says so in its log', async () => {
  const path = file('late')
  makeKey(path)
  const ini = { 'relay-site alice': { target: TARGETS.alice, key_file: path } }
  const site = await startFrontends({ web: false, ini })
  const state = wrap({ id: 'alice', key: keys.alice, state: 'S' })
  try {
    rmSync(path)
    // the worker has read it when it started
    assert.equal((await site.fcgi.send(get(query(state)))).status, 400)
    const answer = await site.cgi.send(get(query(state)))
    assert.equal(answer.status, 500)
    assert.match(answer.body, /data-problem="configuration"/)
    assert.match(site.logs(), /event=relay-key file=\S+\/late cause="No such file or directory"/)
    writeFileSync(path, `${keys.alice}\n`, { mode: 0o600 })
    give(path)
    assertPassedOn(await site.cgi.send(get(query(state, { code: 'C' }))), `${TARGETS.alice}?code=C&state=S`, 'it is there again')
  } finally {
    await site.stop()
  }
})

describe('a site behind a relay', () => {
  const VIA = 'https://relay.example.com/relay/callback'
  let site
  before(async () => {
    site = await startFrontends({ web: false, ini: { relay: { via: VIA, id: 'me', key_file: file('own') } } })
  })
  after(() => site?.stop())
  afterEach(() => {
    site.standin.answer = () => undefined
    assertCleanLogs(site)
  })

  const authorize = (state, more = '', redirect = VIA) =>
    `https://auth.example.net/authorize?response_type=code&redirect_uri=${encodeURIComponent(redirect)}${state === undefined ? '' : `&state=${state}`}${more}`

  /* Begins at an MCP server whose authorize URL is this; text: opencode's whole answer. */
  async function begin(frontend, url, { cookie = newCookie(), text = JSON.stringify({ authorizationUrl: url, oauthState: 'S' }), name = `server${++count}` } = {}) {
    site.standin.answer = (r) => (r.path === `/mcp/${name}/auth` ? { status: 200, headers: { 'Content-Type': 'application/json' }, body: text } : undefined)
    const headers = { 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'same-origin', ...cookies(cookie) }
    const answer = await frontend.send({ method: 'POST', target: `/mcp/${name}/auth`, headers, body: '{}' })
    assert.equal(answer.status, 200, answer.body)
    return { name, cookies: cookies(cookie), answer }
  }

  test('the state is wrapped, and every other byte is as opencode sent it', async () => {
    for (const frontend of site.frontends) {
      const state = word('state')
      const url = authorize(state, '&scope=a+b%20c&x=%c3%bc#frag')
      const text = `{ "authorizationUrl" : ${JSON.stringify(url).replaceAll('/', '\\/').replaceAll('&', '\\u0026')},\n\t"oauthState":"${state}", "n": 1.0, "other":"${url}x" }\n`
      const flow = await begin(frontend, url, { text })
      const { answer } = flow
      const after = JSON.parse(answer.body).authorizationUrl
      const got = unwrap(after)
      assert.equal(answer.body, text.replace(/"https:\\\/\\\/(?:[^"\\]|\\.)*"/, JSON.stringify(after)))
      assert.equal(after, url.replace(`state=${state}`, `state=${got.wrapped}`))
      assert.deepEqual([got.version, got.id, got.state], ['v1', 'me', state])
      assert.ok(Math.abs(got.expiry - seconds() - 300) <= 2, `${got.expiry}`)
      assert.equal(got.wrapped, sign(got.text, keys.own))
      const page = `/signin/flow/${flowId(state)}`
      assert.equal((await site.fcgi.send({ target: page, headers: flow.cookies })).status, 200, 'the flow is that of the inner state')
    }
  })

  test('what the relay brings is a callback, on any of callback_paths', async () => {
    for (const frontend of site.frontends) {
      for (const path of ['/auth/callback', '/mcp/oauth/callback', '/callback', '/oauth-callback', '/oauth2callback']) {
        const [state, code] = [word('state'), word('code')]
        const flow = { ...(await begin(frontend, authorize(state))), page: `/signin/flow/${flowId(state)}` }
        const page = await frontend.send({ target: flow.page, headers: flow.cookies })
        const open = page.body.match(/<a id="open"[^>]*href="([^"]*)"/)[1].replaceAll('&amp;', '&')
        assert.equal(open, JSON.parse(flow.answer.body).authorizationUrl, 'the page opens the wrapped one')
        assert.match(page.body, new RegExp(`<code>${VIA}</code> has to be allowed there`))
        // nothing but the state of the sign-in itself is a callback here
        const { wrapped } = unwrap(open)
        assert.equal((await frontend.send({ target: `${path}?code=${code}&state=${wrapped}`, headers: { ...NAVIGATION, ...flow.cookies } })).status, 400)
        assert.equal((await frontend.send({ target: `${path}?code=${code}&state=${state}`, headers: { ...NAVIGATION, ...cookies(newCookie()) } })).status, 400)
        assert.equal((await frontend.send({ target: `${path}?code=${code}&state=${state}&iss=https%3A%2F%2Fevil.example`, headers: { ...NAVIGATION, ...flow.cookies } })).status, 400)
        assert.equal((await flowStatus(site, flow)).state, 'waiting')
        site.standin.answer = () => json({ status: 'connected' })
        const since = site.standin.connections.length
        for (let i = 0; i < 2; i++) {
          const answer = await frontend.send({ target: `${path}?code=${code}&state=${state}&iss=https%3A%2F%2Fauth.example.net`, headers: { ...NAVIGATION, ...flow.cookies } })
          assert.equal(answer.status, 303)
          assert.equal(answer.header('location'), flow.page)
        }
        assert.deepEqual(callsSince(site, since), [`POST opencode /mcp/${flow.name}/auth/callback`], 'once')
        assert.equal((await flowStatus(site, flow)).state, 'done')
      }
    }
  })

  test('declined at the relay’s: recorded', async () => {
    const state = word('state')
    const flow = { ...(await begin(site.fcgi, authorize(state))), page: `/signin/flow/${flowId(state)}` }
    assert.equal((await site.fcgi.send({ target: `/auth/callback?error=access_denied&state=${state}`, headers: { ...NAVIGATION, ...flow.cookies } })).status, 303)
    assert.equal((await flowStatus(site, flow)).state, 'declined')
  })

  test('from the start page too', async () => {
    const state = word('state')
    site.standin.answer = (r) => (r.path === '/mcp/named/auth' ? json({ authorizationUrl: authorize(state) }) : undefined)
    const cookie = newCookie()
    const answer = await site.fcgi.send({ method: 'POST', target: '/signin/start', headers: { ...OWN_FORM, ...cookies(cookie) }, body: 'mcp=named' })
    assert.equal(answer.status, 303)
    const page = await site.fcgi.send({ target: answer.header('location'), headers: cookies(cookie) })
    assert.equal(unwrap(page.body.match(/<a id="open"[^>]*href="([^"]*)"/)[1].replaceAll('&amp;', '&')).state, state)
  })

  const untouched = {
    'no state': [() => authorize(undefined), 'no-state'],
    'an empty state': [() => authorize(''), 'no-state'],
    'a request object beside it': [() => authorize(word('state'), '&request=eyJ.e30.x'), 'request-object'],
    'a pushed request beside it': [() => authorize(word('state'), '&request_uri=urn:x'), 'request-uri'],
    'a pushed request alone': [() => 'https://auth.example.net/authorize?client_id=c&request_uri=urn:ietf:params:oauth:request_uri:x', 'request-uri'],
    'an answer in the fragment': [() => authorize(word('state')).replace('=code', '=token'), 'answer-in-fragment'],
    'a state that is too long': [() => authorize(`${word('state')}${'s'.repeat(350)}`), 'too-long'],
    'a URL that would be': [() => authorize(word('state'), `&x=${'x'.repeat(4000)}&y=`).padEnd(8190, 'y'), 'url-too-long'],
    'another address': [() => authorize(word('state'), '', `${VIA}/`), undefined],
    'another name': [() => authorize(word('state'), '', VIA.replace('relay.', 'Relay.')), undefined],
  }
  for (const [name, [make, why]] of Object.entries(untouched)) {
    test(`${name}: not wrapped, not recorded, and opencode’s answer unchanged`, async () => {
      for (const frontend of site.frontends) {
        const said = () => site.logs().match(/event=relay-not-wrapped why=\S+/g) ?? []
        const before = said()
        const url = make()
        const flow = await begin(frontend, url)
        assert.equal(flow.answer.body, JSON.stringify({ authorizationUrl: url, oauthState: 'S' }))
        const state = new URL(url).searchParams.get('state')
        if (state) assert.equal((await site.fcgi.send({ target: `/signin/flow/${flowId(state)}`, headers: flow.cookies })).status, 400)
        await until('the log says why', () => said().length === before.length + (why ? 1 : 0))
        if (why) assert.equal(said().filter((line) => line.endsWith(`=${why}`)).length, before.filter((line) => line.endsWith(`=${why}`)).length + 1)
      }
    })
  }

  test('its key cannot be read: told, and nothing is recorded that would not come home', async () => {
    const state = word('state')
    const headers = { 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'same-origin', ...cookies(newCookie()) }
    site.standin.answer = (r) => (r.path === '/mcp/keyless/auth' ? json({ authorizationUrl: authorize(state) }) : undefined)
    renameSync(file('own'), file('away'))
    try {
      const answer = await site.cgi.send({ method: 'POST', target: '/mcp/keyless/auth', headers, body: '{}' })
      assert.equal(answer.status, 500)
      assert.match(JSON.parse(answer.body).data.message, /not configured correctly/)
      assert.equal((await site.fcgi.send({ target: `/signin/flow/${flowId(state)}`, headers })).status, 400)
      // the worker has read it before
      assert.equal((await site.fcgi.send({ method: 'POST', target: '/mcp/keyless/auth', headers, body: '{}' })).status, 200)
    } finally {
      renameSync(file('away'), file('own'))
    }
  })

  test('its own address and a listener’s are what they were', async () => {
    const [state, other] = [word('state'), word('state')]
    const own = authorize(state, '', `http://${HOST}/auth/callback`)
    assert.equal(JSON.parse((await begin(site.fcgi, own)).answer.body).authorizationUrl, own)
    const local = authorize(other, '', 'http://localhost:1455/auth/callback')
    assert.equal(JSON.parse((await begin(site.fcgi, local)).answer.body).authorizationUrl, `http://${HOST}/signin/flow/${flowId(other)}`)
  })
})
