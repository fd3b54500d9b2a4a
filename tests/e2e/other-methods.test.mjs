/*
 * Sign-ins that we were not made for: those of a plugin of somebody else's, and those that have no
 * redirect and are none of our business. And ChatGPT's from our start page, behind a password.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { Client } from '../lib/client.mjs'
import { until } from '../lib/net.mjs'
import { PLUGIN } from '../lib/opencode.mjs'
import { DONE, KINDS, REFUSED, expectEnd, startSite } from '../lib/site.mjs'

const OTHER = new URL('../lib/other-plugin.js', import.meta.url).href
const BEGUN = { provider: 'other', method: 0 }

let site, provider, opencode
before(async () => {
  site = await startSite({ config: { plugin: [PLUGIN, OTHER] }, password: 'secret-of-the-test' })
  ;({ provider, opencode } = site)
})
after(() => site?.stop())
afterEach(async () => {
  await site.forget()
  provider.exchanges.length = 0
  provider.refuseNext = false
})

/* Where its provider sends the browser. */
function redirected({ authorize }, params) {
  const { redirect_uri: redirect, state } = Object.fromEntries(new URL(authorize).searchParams)
  return `${redirect}?${new URLSearchParams({ ...params, state })}`
}

describe('a plugin of somebody else’s', () => {
  for (const kind of KINDS) {
    test(`through ${kind}: pasted; the edited address; its window waits`, async () => {
      const client = site.client(kind)
      const pasted = await client.start(BEGUN)
      const address = redirected(pasted, { code: 'good-1' })
      assert.match(address, /^http:\/\/127\.0\.0\.1:51121\/oauth-callback\?code=/)
      assert.equal((await client.paste(pasted, address)).headers.get('location'), pasted.path)
      await expectEnd(client, pasted, DONE, { again: false })
      assert.equal(opencode.auth().other.access, 'access-good-1')

      const edited = await client.signIn(BEGUN)
      const verdict = client.finishing(BEGUN)
      const answer = await client.callback(redirected(edited, { code: 'good-2' }))
      assert.equal(answer.headers.get('location'), edited.path)
      assert.equal((await verdict).content, 'true')
      await expectEnd(client, edited, DONE, { again: false })
      assert.equal(opencode.auth().other.access, 'access-good-2')
    })
  }

  test('a code that it does not take, and one click to begin again', async () => {
    const client = site.client()
    const flow = await client.start(BEGUN)
    await client.paste(flow, redirected(flow, { code: 'bad' }))
    await expectEnd(client, flow, REFUSED, { again: true })
    const again = await client.start({ again: flow.id })
    await client.paste(again, redirected(again, { code: 'good-3' }))
    await expectEnd(client, again, DONE)
  })

  test('a wrong state does not reach its listener, which would give up', async () => {
    const client = site.client()
    const flow = await client.start(BEGUN)
    const address = redirected(flow, { code: 'good-4' })
    const wrong = address.replace(/state=\w+/, 'state=wrong')
    assert.equal((await client.callback(wrong)).status, 400)
    assert.equal((await client.paste(flow, wrong)).status, 400)
    await client.callback(address)
    await expectEnd(client, flow, DONE)
  })

  test('a second begin takes the place of the first', async () => {
    const client = site.client()
    const first = await client.start(BEGUN)
    const second = await client.start(BEGUN)
    await expectEnd(client, first, { state: 'superseded', expires_in: 0 }, { again: true })
    await client.callback(redirected(first, { code: 'good-5' }))
    await client.callback(redirected(second, { code: 'good-6' }))
    await expectEnd(client, second, DONE)
    assert.equal(opencode.auth().other.access, 'access-good-6')
  })
})

describe('a code to copy, from the start page', () => {
  const TYPED = { provider: 'other', method: 1 }
  for (const kind of KINDS) {
    test(`through ${kind}: what opencode says, the code, and the account is there`, async () => {
      const client = site.client(kind)
      const flow = await client.start(TYPED)
      assert.ok(flow.authorize.startsWith('https://accounts.example.com/authorize?'))
      const page = (await client.send('GET', flow.path)).content
      assert.match(page, /Paste the code here/)
      assert.match(page, /opencode says: <strong>Paste the code here\.<\/strong>/)
      assert.doesNotMatch(page, /fails to load\. Copy|class="tab"/)
      for (const text of ['', 'no', 'these are words', flow.authorize]) {
        const refused = await client.paste(flow, text)
        assert.equal(refused.status, 400)
        assert.match(refused.content, /That is not the code/)
      }
      assert.equal((await client.status(flow)).state, 'waiting')
      assert.equal((await client.paste(flow, ' `good-code-1#state`\n')).headers.get('location'), flow.path)
      await expectEnd(client, flow, DONE, { again: false })
      assert.equal(opencode.auth().other.access, 'access-good-code-1#state')
    })
  }

  test('an address goes as it is, also out of a sentence', async () => {
    const client = site.client()
    const flow = await client.start(TYPED)
    const address = 'good://localhost:8085/oauth2callback?code=4%2F0A&state=x'
    await client.paste(flow, `Here it is: ${address}`)
    await expectEnd(client, flow, DONE)
    assert.equal(opencode.auth().other.access, `access-${address}`)
  })

  test('a code that opencode refuses, and one click to begin again', async () => {
    const client = site.client()
    const flow = await client.start(TYPED)
    await client.paste(flow, 'bad-code-9')
    await expectEnd(client, flow, REFUSED, { again: true })
    const again = await client.start({ again: flow.id })
    await client.paste(again, 'good-code-2')
    await expectEnd(client, again, DONE)
  })

  test('another browser, and an older sign-in of the same kind', async () => {
    const client = site.client()
    const first = await client.start(TYPED)
    const stranger = site.client()
    assert.equal((await stranger.paste(first, 'good-code-3')).status, 400)
    const second = await client.start(TYPED)
    await expectEnd(client, first, { state: 'superseded', expires_in: 0 }, { again: true })
    await client.paste(second, 'good-code-4')
    await expectEnd(client, second, DONE)
    assert.equal(opencode.auth().other.access, 'access-good-code-4')
  })
})

describe('no redirect that could come home', () => {
  const steady = (content) => content.replace(/[0-9A-F]{4}-[0-9A-F]{4}/, 'CODE').replace(/state=\w+/, 'state=')
  const cases = [
    ['ChatGPT’s device code', { provider: 'openai', method: 1 }, 'https://auth.openai.com/codex/device'],
    ['GitHub Copilot’s', { provider: 'github-copilot', method: 0, inputs: { deploymentType: 'github.com' } }, 'https://github.com/login/device'],
    ['a code that is typed into opencode', { provider: 'other', method: 1 }, 'https://accounts.example.com/authorize'],
  ]
  for (const [name, begun, url] of cases) {
    test(`${name}: opencode’s own answer, and nothing of ours`, async () => {
      const client = site.client()
      const ours = await client.begin(begun)
      assert.equal(ours.status, 200, ours.content)
      assert.ok(JSON.parse(ours.content).url.startsWith(url))
      assert.equal(client.cookie, undefined)
      const own = await new Client(opencode.origin, { authorization: opencode.authorization.Authorization }).begin(begun)
      assert.equal(steady(ours.content), steady(own.content))
    })
  }

  test('device codes from the start page: shown, entered, and opencode has the accounts', async () => {
    const forms = {
      openai: { provider: 'openai', method: 1 },
      'github-copilot': { provider: 'github-copilot', method: 0, 'input.deploymentType': 'github.com' },
    }
    const ids = Object.keys(forms)
    await Promise.all(ids.map(async (id, i) => {
      const client = site.client(KINDS[i])
      const page = await client.form('/signin/start', forms[id])
      assert.equal(page.status, 200, page.content)
      assert.match(page.content, /<a id="open" [^>]*href="https:\/\//)
      provider.devices[id].approve(/Enter code: ([\w-]+)/.exec(page.content)[1])
      assert.equal(client.cookie, undefined)
    }))
    await until('opencode has asked', () => ids.every((id) => opencode.auth()[id]), 20_000)
    for (const id of ids) assert.ok((await site.connected()).includes(id), id)
  })

  test('a device code still works in opencode, through us', async () => {
    const client = site.client()
    const { instructions } = JSON.parse((await client.begin({ provider: 'openai', method: 1 })).content)
    const verdict = client.finishing({ provider: 'openai', method: 1 })
    provider.devices.openai.approve(/Enter code: (\S+)/.exec(instructions)[1])
    assert.equal((await verdict).content, 'true')
    assert.ok(opencode.auth().openai.refresh)
  })
})

test('the next API, with a password', async () => {
  const client = site.client()
  const target = '/api/integration/openai/connect/oauth'
  const body = '{"methodID":"chatgpt-browser","inputs":{}}'
  assert.equal((await new Client(client.origin).begin({ target, body })).status, 401)
  let begun
  // for the first second opencode knows no integration
  await until('it begins', async () => (begun = await client.begin({ target, body })).status === 200, 30_000)
  const flow = await client.open(JSON.parse(begun.content).data.url)
  const next = await client.open(JSON.parse((await client.begin({ target, body })).content).data.url)
  assert.equal((await client.status(flow)).state, 'superseded')
  await client.callback(provider.approve(next.authorize))
  await expectEnd(client, next, DONE)
})

describe('ChatGPT from the start page, with a password', () => {
  for (const kind of KINDS) {
    test(`through ${kind}: listed at once, without a restart`, async () => {
      const client = site.client(kind)
      const page = await client.send('GET', '/signin/')
      assert.match(page.content, /<form [^>]*data-provider="openai" data-method="0"/)
      const flow = await client.start({ provider: 'openai', method: 0 })
      assert.equal((await client.paste(flow, provider.approve(flow.authorize))).headers.get('location'), flow.path)
      await expectEnd(client, flow, DONE, { again: false })
      assert.ok((await site.connected()).includes('openai'))
      const row = (await client.send('GET', '/signin/')).content.match(/<h3>ChatGPT<\/h3>\s*(.*)/)[1]
      assert.match(row, /connected/)
    })
  }

  test('without the password nothing begins, and nothing is shown', async () => {
    const stranger = new Client(site.fronts['nginx-fcgi'].origin)
    for (const answer of [
      await stranger.send('GET', '/signin/'),
      await stranger.form('/signin/start', { provider: 'openai', method: 0 }),
      await stranger.begin(),
    ]) {
      assert.equal(answer.status, 401)
      assert.match(answer.headers.get('www-authenticate'), /Secure Area/)
    }
    assert.equal(stranger.cookie, undefined)
  })

  test('begun with it, back without it: challenged, and nothing is lost', async () => {
    const client = site.client()
    const flow = await client.start({ provider: 'openai', method: 0 })
    const address = provider.approve(flow.authorize)
    const bare = new Client(client.origin)
    bare.cookie = client.cookie
    assert.equal((await bare.callback(address)).status, 401)
    assert.equal((await bare.paste(flow, address)).status, 401)
    assert.equal((await client.status(flow)).state, 'waiting')
    await client.callback(address)
    await expectEnd(client, flow, DONE)
  })

  test('a refused exchange: which step failed, and one click begins again', async () => {
    const client = site.client()
    const flow = await client.start({ provider: 'openai', method: 0 })
    provider.refuseNext = true
    await client.paste(flow, provider.approve(flow.authorize))
    await expectEnd(client, flow, REFUSED, { again: true, says: /ChatGPT did not accept/ })
    const again = await client.start({ again: flow.id })
    await client.paste(again, provider.approve(again.authorize))
    await expectEnd(client, again, DONE)
  })
})
