/*
 * Signing in to each provider that opencode 1.18 knows, with the real opencode: begun by the call of
 * its web UI, which then waits, and from our start page, where nobody waits.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { until } from '../lib/net.mjs'
import { DONE, KINDS, REFUSED, UNCONFIRMED, expectEnd, startSite } from '../lib/site.mjs'

const DECLINED = { state: 'declined', expires_in: 0 }
const SUPERSEDED = { state: 'superseded', expires_in: 0 }

let site, provider, opencode
const left = []
before(async () => {
  site = await startSite()
  ;({ provider, opencode } = site)
})
after(async () => {
  await site?.stop()
  await Promise.all(left)
})
afterEach(async () => {
  await site.forget()
  for (const one of [provider, provider.gitlab, provider.digitalocean, provider.poe, provider.snowflake]) {
    one.exchanges.length = 0
    one.refuseNext = false
  }
})

const exchanged = (one) => one.exchanges.map(({ error }) => error)
const expectConnected = async (id) => assert.ok((await site.connected()).includes(id), `${id} is connected`)

describe('gitlab', () => {
  const id = 'gitlab'
  const form = (instanceUrl = '') => ({ provider: id, method: 0, 'input.instanceUrl': instanceUrl })

  for (const kind of KINDS) {
    test(`through ${kind}: the window of opencode waits, and alone exchanges the code`, async () => {
      const client = site.client(kind)
      const flow = await client.signIn({ provider: id })
      assert.equal(new URL(flow.authorize).origin, 'https://gitlab.com')
      const { expires_in: left } = await client.status(flow)
      assert.ok(left > 100 && left <= 120, `${left} s are left`)
      const verdict = client.finishing({ provider: id })
      assert.equal((await client.paste(flow, provider.gitlab.approve(flow.authorize))).headers.get('location'), flow.path)
      assert.equal((await verdict).content, 'true')
      await expectEnd(client, flow, DONE, { again: false })
      assert.deepEqual(exchanged(provider.gitlab), [null])
      assert.equal(opencode.auth().gitlab.enterpriseUrl, 'https://gitlab.com')
      await expectConnected(id)
    })

    test(`through ${kind}: from the start page, of one’s own`, async () => {
      const client = site.client(kind)
      const own = `https://localhost:${provider.tlsPort}`
      const flow = await client.start(form(own))
      assert.equal(new URL(flow.authorize).origin, own)
      const { expires_in: left } = await client.status(flow)
      assert.ok(left > 100 && left <= 120, `${left} s are left`)
      assert.equal((await client.callback(provider.gitlab.approve(flow.authorize))).headers.get('location'), flow.path)
      await expectEnd(client, flow, DONE, { again: false })
      assert.deepEqual(exchanged(provider.gitlab), [null])
      assert.equal(opencode.auth().gitlab.enterpriseUrl, own)
    })
  }

  test('from the start page, gitlab.com', async () => {
    const client = site.client()
    const flow = await client.start(form())
    await client.paste(flow, provider.gitlab.approve(flow.authorize))
    await expectEnd(client, flow, DONE)
    assert.deepEqual(exchanged(provider.gitlab), [null])
  })

  test('a refused exchange: failed, whether somebody waits or not', async () => {
    const client = site.client()
    for (const waits of [false, true]) {
      provider.gitlab.refuseNext = true
      const flow = waits ? await client.signIn({ provider: id }) : await client.start(form())
      const verdict = waits ? client.finishing({ provider: id }) : undefined
      await client.paste(flow, provider.gitlab.approve(flow.authorize))
      await expectEnd(client, flow, REFUSED, { again: true, says: /GitLab did not accept/ })
      assert.equal((await verdict)?.status, waits ? 400 : undefined)
    }
    assert.equal(opencode.auth().gitlab, undefined)
  })

  test('declined: said so, to opencode too', async () => {
    const client = site.client()
    const flow = await client.signIn({ provider: id })
    const verdict = client.finishing({ provider: id })
    await client.callback(provider.gitlab.deny(flow.authorize))
    await expectEnd(client, flow, DECLINED, { again: true, says: /GitLab says/ })
    assert.equal((await verdict).status, 400)
    assert.deepEqual(exchanged(provider.gitlab), [])
    const again = await client.start({ again: flow.id })
    await client.callback(provider.gitlab.approve(again.authorize))
    await expectEnd(client, again, DONE)
  })

  for (const waits of [false, true]) {
    test(`a second begin replaces the first, for which ${waits ? 'a window' : 'nobody'} waits`, async () => {
      const client = site.client()
      const first = await client.signIn({ provider: id })
      const verdict = waits ? client.finishing({ provider: id }) : undefined
      const old = provider.gitlab.approve(first.authorize)
      const second = await client.start(form())
      assert.equal((await verdict)?.status, waits ? 400 : undefined)
      await expectEnd(client, first, SUPERSEDED, { again: true })
      assert.equal((await client.callback(old)).headers.get('location'), first.path)
      await client.callback(provider.gitlab.approve(second.authorize))
      await expectEnd(client, second, DONE)
      assert.deepEqual(exchanged(provider.gitlab), [null])
    })
  }

  test('what opencode does not take: told, and what waits is not disturbed', async () => {
    const client = site.client()
    const flow = await client.start(form())
    for (const method of [1, 9]) assert.ok(!(await client.begin({ provider: id, method })).content.includes('"url"'))
    for (const bad of ['gitlab.example.com', 'ftp://gitlab.example.com', 'https://']) {
      const answer = await client.form('/signin/start', form(bad))
      assert.equal(answer.status, 400, bad)
      assert.match(answer.content, /data-problem="begin-input"/)
    }
    assert.equal((await client.status(flow)).state, 'waiting')
    await client.callback(provider.gitlab.approve(flow.authorize))
    await expectEnd(client, flow, DONE)
  })

  test('connected before: a new account takes its place, its code is exchanged once', async () => {
    const client = site.client()
    const first = await client.start(form())
    await client.paste(first, provider.gitlab.approve(first.authorize))
    await expectEnd(client, first, DONE)
    const { access } = opencode.auth().gitlab
    // from the start page nobody else can have exchanged it, so the verdict is opencode's own
    const second = await client.start(form())
    provider.gitlab.refuseNext = true
    await client.paste(second, provider.gitlab.approve(second.authorize))
    await expectEnd(client, second, REFUSED, { again: true })
    assert.equal(opencode.auth().gitlab.access, access)
    // beside a window only that one knows
    const third = await client.signIn({ provider: id })
    const verdict = client.finishing({ provider: id })
    await client.paste(third, provider.gitlab.approve(third.authorize))
    assert.equal((await verdict).content, 'true')
    await expectEnd(client, third, UNCONFIRMED, { says: /Please check in opencode/ })
    assert.notEqual(opencode.auth().gitlab.access, access)
    assert.deepEqual(exchanged(provider.gitlab), [null, 'invalid_grant', null])
  })
})

describe('digitalocean', () => {
  const id = 'digitalocean'

  for (const kind of KINDS) {
    test(`through ${kind}: the whole address, with what stands behind the #`, async () => {
      const client = site.client(kind)
      const flow = await client.signIn({ provider: id })
      const verdict = client.finishing({ provider: id })
      const address = provider.digitalocean.approve(flow.authorize)
      assert.match(address, /^http:\/\/localhost:1456\/auth\/callback#access_token=/)
      assert.equal((await client.paste(flow, address)).headers.get('location'), flow.path)
      assert.equal((await verdict).content, 'true')
      await expectEnd(client, flow, DONE, { again: false })
      assert.ok(provider.canaries().includes(opencode.auth().digitalocean.key))
      await expectConnected(id)
    })
  }

  test('from the start page, with its own window closed', async () => {
    const client = site.client()
    const flow = await client.start({ provider: id, method: 0 })
    await client.paste(flow, provider.digitalocean.approve(flow.authorize))
    await expectEnd(client, flow, DONE)
    assert.ok(opencode.auth().digitalocean.key)
  })

  test('an edited address has lost what stands behind the #: the page leads to what waits', async () => {
    const client = site.client()
    const flow = await client.signIn({ provider: id })
    const other = await client.signIn({ provider: 'poe' })
    const address = provider.digitalocean.approve(flow.authorize)
    const refused = await client.callback(address.replace(/#.*/, ''))
    assert.equal(refused.status, 400)
    for (const { path } of [flow, other]) assert.match(refused.content, new RegExp(`href="${path}"`))
    // nothing of this browser's is told to another one
    const stranger = await site.client().callback(address.replace(/#.*/, ''))
    assert.equal(stranger.status, 400)
    assert.doesNotMatch(stranger.content, /\/signin\/flow\//)
    assert.equal((await client.status(flow)).state, 'waiting')
    await client.paste(flow, address.replace('http://localhost:1456', client.origin))
    await expectEnd(client, flow, DONE)
  })

  test('what is no answer to this sign-in is told, and disturbs nothing', async () => {
    const client = site.client()
    const flow = await client.signIn({ provider: id })
    const address = provider.digitalocean.approve(flow.authorize)
    const cases = [
      [address.replace(/#.*/, ''), 'The part behind the # is missing'],
      [address.replace('#', '?'), 'The part behind the # is missing'],
      [address.replace(/state=\w+/, `state=${'0'.repeat(64)}`), 'That address belongs to another sign-in'],
      [address.replace(/&state=\w+/, ''), 'The end of this address is missing'],
      [address.replace(/access_token=[^&]*/, 'access_token='), 'This address holds no answer'],
    ]
    for (const [text, title] of cases) {
      const answer = await client.paste(flow, text)
      assert.equal(answer.status, 400, title)
      assert.match(answer.content, /role="alert"/)
      assert.ok(answer.content.includes(title), title)
    }
    assert.equal((await client.status(flow)).state, 'waiting')
    await client.paste(flow, address)
    await expectEnd(client, flow, DONE)
  })

  test('declined, behind the # or before it', async () => {
    const client = site.client()
    for (const edit of [(text) => text, (text) => text.replace('#', '?')]) {
      const flow = await client.signIn({ provider: id })
      const verdict = client.finishing({ provider: id })
      await client.paste(flow, edit(provider.digitalocean.deny(flow.authorize)))
      await expectEnd(client, flow, DECLINED, { again: true, says: /DigitalOcean says/ })
      assert.equal((await verdict).status, 400)
    }
    assert.equal(opencode.auth().digitalocean, undefined)
  })

  test('a second begin replaces the first', async () => {
    const client = site.client()
    const first = await client.signIn({ provider: id })
    const verdict = client.finishing({ provider: id })
    const old = provider.digitalocean.approve(first.authorize)
    const second = await client.signIn({ provider: id })
    assert.equal((await verdict).status, 400)
    await expectEnd(client, first, SUPERSEDED, { again: true })
    await client.paste(first, old)
    assert.equal((await client.paste(second, old)).status, 400)
    await client.paste(second, provider.digitalocean.approve(second.authorize))
    await expectEnd(client, second, DONE)
  })

  test('its list of routers does not come: done all the same, only later', async () => {
    provider.digitalocean.silent = true
    try {
      const client = site.client()
      const flow = await client.start({ provider: id, method: 0 })
      const begun = Date.now()
      await client.paste(flow, provider.digitalocean.approve(flow.authorize))
      await expectEnd(client, flow, DONE)
      assert.ok(Date.now() - begun < 15_000)
      assert.ok(opencode.auth().digitalocean.key)
    } finally {
      provider.digitalocean.silent = false
    }
  })
})

/* Poe's listener answers at all only while a finishing call waits. */
function waitsFor(flow) {
  const { port } = new URL(new URL(flow.authorize).searchParams.get('redirect_uri'))
  return until('a finishing call waits', async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/other`, { signal: AbortSignal.timeout(500) })
    return answer.status === 404
  })
}

describe('poe', () => {
  const id = 'poe'

  for (const kind of KINDS) {
    test(`through ${kind}: the window of opencode waits`, async () => {
      const client = site.client(kind)
      const flow = await client.signIn({ provider: id })
      const verdict = client.finishing({ provider: id })
      await waitsFor(flow)
      const answer = await client.paste(flow, provider.poe.approve(flow.authorize))
      assert.equal(answer.headers.get('location'), flow.path)
      assert.equal((await verdict).content, 'true')
      await expectEnd(client, flow, DONE, { again: false })
      assert.deepEqual(exchanged(provider.poe), [null])
      await expectConnected(id)
    })

    test(`through ${kind}: from the start page, nobody waits`, async () => {
      const client = site.client(kind)
      const flow = await client.start({ provider: id, method: 0 })
      await client.paste(flow, provider.poe.approve(flow.authorize))
      await expectEnd(client, flow, DONE, { again: false })
      assert.deepEqual(exchanged(provider.poe), [null])
      await expectConnected(id)
    })
  }

  test('begun by the UI’s call, whose window was closed', async () => {
    const client = site.client()
    const flow = await client.signIn({ provider: id })
    await client.paste(flow, provider.poe.approve(flow.authorize))
    await expectEnd(client, flow, DONE)
    assert.deepEqual(exchanged(provider.poe), [null])
  })

  test('its answer has no state, so only the page of the sign-in takes it', async () => {
    const client = site.client()
    const flow = await client.signIn({ provider: id })
    const address = provider.poe.approve(flow.authorize)
    const refused = await client.callback(address)
    assert.equal(refused.status, 400)
    assert.match(refused.content, /data-problem="no-state"/)
    assert.match(refused.content, new RegExp(`href="${flow.path}"`))
    assert.equal((await client.status(flow)).state, 'waiting')
    await client.paste(flow, address)
    await expectEnd(client, flow, DONE)
  })

  test('a refused exchange, and declined: whether somebody waits or not', async () => {
    const client = site.client()
    for (const waits of [false, true]) {
      for (const [way, end] of [['approve', REFUSED], ['deny', DECLINED]]) {
        provider.poe.refuseNext = way === 'approve'
        const flow = waits ? await client.signIn({ provider: id }) : await client.start({ provider: id, method: 0 })
        const verdict = waits ? client.finishing({ provider: id }) : undefined
        if (waits) await waitsFor(flow)
        await client.paste(flow, provider.poe[way](flow.authorize))
        await expectEnd(client, flow, end, { again: true, says: /Poe (did not accept|says)/ })
        assert.equal((await verdict)?.status, waits ? 500 : undefined)
      }
    }
    assert.equal(opencode.auth().poe, undefined)
  })

  test('a second begin takes the place of the first, for which a window waits', async () => {
    const client = site.client()
    const first = await client.signIn({ provider: id })
    const hung = client.finishing({ provider: id }).catch(() => 'opencode never answers it')
    await waitsFor(first)
    const second = await client.start({ provider: id, method: 0 })
    await expectEnd(client, first, SUPERSEDED, { again: true })
    assert.equal((await client.paste(second, provider.poe.approve(first.authorize))).status, 400)
    await client.paste(second, provider.poe.approve(second.authorize))
    await expectEnd(client, second, DONE)
    assert.deepEqual(exchanged(provider.poe), [null])
    left.push(hung)
  })
})

describe('snowflake-cortex', () => {
  const id = 'snowflake-cortex'
  const form = (account) => ({ provider: id, method: 0, 'input.account': account, 'input.role': '' })

  for (const kind of KINDS) {
    test(`through ${kind}: the account is asked on the start page`, async () => {
      const client = site.client(kind)
      assert.match((await client.send('GET', '/signin/')).content, /name="input\.account"/)
      const flow = await client.start(form('myorg-myaccount'))
      assert.equal(new URL(flow.authorize).host, 'myorg-myaccount.snowflakecomputing.com')
      const address = provider.snowflake.approve(flow.authorize)
      assert.match(address, /^http:\/\/127\.0\.0\.1:\d+\/\?code=/)
      assert.equal((await client.paste(flow, address)).headers.get('location'), flow.path)
      await expectEnd(client, flow, DONE, { again: false })
      assert.deepEqual(exchanged(provider.snowflake), [null])
      assert.equal(opencode.auth()[id].accountId, 'myorg-myaccount')
      await expectConnected(id)
    })
  }

  test('begun by the UI’s call, whose window waits', async () => {
    const client = site.client()
    const flow = await client.signIn({ provider: id, inputs: { account: 'myorg-myaccount', role: 'PUBLIC' } })
    const verdict = client.finishing({ provider: id })
    await client.paste(flow, provider.snowflake.approve(flow.authorize))
    assert.equal((await verdict).content, 'true')
    await expectEnd(client, flow, DONE)
    assert.deepEqual(exchanged(provider.snowflake), [null])
  })

  test('a refused exchange, and declined', async () => {
    const client = site.client()
    for (const [way, end] of [['approve', REFUSED], ['deny', DECLINED]]) {
      provider.snowflake.refuseNext = way === 'approve'
      const flow = await client.start(form('myorg-myaccount'))
      await client.paste(flow, provider.snowflake[way](flow.authorize))
      await expectEnd(client, flow, end, { again: true, says: /Snowflake (did not accept|says)/ })
    }
  })

  test('no account: told, and what waits is not disturbed', async () => {
    const client = site.client()
    const flow = await client.start(form('myorg-myaccount'))
    for (const account of ['', ' ']) {
      const answer = await client.form('/signin/start', form(account))
      assert.equal(answer.status, 400)
      assert.match(answer.content, /data-problem="begin-input"/)
    }
    await client.paste(flow, provider.snowflake.approve(flow.authorize))
    await expectEnd(client, flow, DONE)
  })

  test('a second begin beside a waiting window: it works, and the window is told', async () => {
    const client = site.client()
    const first = await client.signIn({ provider: id, inputs: { account: 'myorg-myaccount' } })
    const verdict = client.finishing({ provider: id })
    const second = await client.start(form('other-account'))
    assert.equal((await verdict).status, 400)
    await expectEnd(client, first, SUPERSEDED, { again: true })
    await client.paste(second, provider.snowflake.approve(second.authorize))
    await expectEnd(client, second, DONE)
    assert.equal(opencode.auth()[id].accountId, 'other-account')
  })

  test('begin again leads to where the account is asked', async () => {
    const client = site.client()
    const flow = await client.start(form('myorg-myaccount'))
    await client.paste(flow, provider.snowflake.deny(flow.authorize))
    const answer = await client.form('/signin/start', { again: flow.id })
    assert.deepEqual([answer.status, answer.headers.get('location')], [303, '/signin/'])
  })
})

describe('opencode’s own list of models, 6 MB long, with the accounts at its end', () => {
  const id = 'poe'
  let whole
  before(async () => (whole = await startSite({ models: 'all' })))
  after(() => whole?.stop())

  for (const kind of KINDS) {
    test(`through ${kind}: an account is found in it`, async () => {
      const client = whole.client(kind)
      const flow = await client.signIn({ provider: id })
      const verdict = client.finishing({ provider: id })
      await waitsFor(flow)
      await client.paste(flow, whole.provider.poe.approve(flow.authorize))
      assert.equal((await verdict).content, 'true')
      await expectEnd(client, flow, DONE)
      assert.match((await client.send('GET', '/signin/')).content, /<h3>Poe<\/h3>\s*<p class="good">connected/)
      const { content } = await client.send('GET', '/provider')
      assert.ok(content.length > 4_000_000, `${content.length} bytes`)
      assert.ok(JSON.parse(content).connected.includes(id))
      await whole.forget()
    })
  }
})
