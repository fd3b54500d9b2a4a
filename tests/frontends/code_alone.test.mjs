/*
 * A code that is pasted without its address, through both front ends: asked back once, with PKCE only, and
 * delivered with the state of its sign-in.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startFrontends } from '../lib/frontends.mjs'
import { afterEvery } from '../lib/invariants.mjs'
import { OWN_FORM, assertDelivered, begunFlow, cookies, newCookie } from '../lib/signin.mjs'

const PKCE = { more: '&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256' }
const hidden = (page, name) => new RegExp(`name="${name}" value="([^"]*)"`).exec(page)?.[1].replaceAll('&amp;', '&')

describe('a code alone', () => {
  let site
  before(async () => (site = await startFrontends({ web: false })))
  after(() => site?.stop())

  const form = (flow, fields, headers = flow.cookies) => ({
    method: 'POST', target: flow.page, headers: { ...OWN_FORM, ...headers }, body: new URLSearchParams(fields).toString(),
  })
  const paste = (flow, address) => form(flow, { address })
  const delivered = ({ code, state }) => `code=${encodeURIComponent(code)}&state=${state}`

  test('is asked back, and then delivered with the state of this sign-in', async () => {
    const texts = [(code) => code, (code) => ` ${code}\r\n`, (code) => `\`${code}\``, (code) => `code=${code}`, (code) => `Your code: ${code}.`, (code) => `${code}\nSent from my phone`, (code) => `\u200b${code}\u200b`]
    for (const text of texts) {
      for (const frontend of site.frontends) {
        const flow = await begunFlow(site, { inputs: PKCE })
        const since = site.standin.connections.length
        const page = await frontend.send(paste(flow, text(flow.code)))
        assert.equal(page.status, 200, page.body)
        assert.match(page.body, /id="code"/)
        assert.equal(site.standin.connections.length, since, 'opencode is not touched')
        const callback = hidden(page.body, 'callback')
        assert.equal(callback, delivered(flow))
        const end = await frontend.send(form(flow, { confirm: 'yes', callback }))
        assert.equal(end.status, 303)
        assertDelivered(site, flow, since, callback)
        await afterEvery(site, flow, { state: 'done', answers: [['the question', page]], shows: true })
      }
    }
  })

  test('with a / in it, or encoded already', async () => {
    for (const [text, code] of [['4/0AX4XfWh_CANARY', '4%2F0AX4XfWh_CANARY'], ['4%2F0AX4XfWh_CANARY', '4%2F0AX4XfWh_CANARY']]) {
      const flow = await begunFlow(site, { inputs: PKCE })
      const since = site.standin.connections.length
      const page = await site.fcgi.send(paste(flow, text))
      const callback = hidden(page.body, 'callback')
      assert.equal(callback, `code=${code}&state=${flow.state}`)
      assert.equal((await site.fcgi.send(form(flow, { confirm: 'yes', callback }))).status, 303)
      assertDelivered(site, flow, since, callback)
    }
  })

  test('where the provider sends no state, there is none to add', async () => {
    for (const frontend of site.frontends) {
      // without a state the id of a flow comes from its URL
      const flow = await begunFlow(site, { inputs: PKCE })
      const redirect = flow.redirect
      const answer = await frontend.send({
        method: 'POST', target: `/provider/${flow.provider}x/oauth/authorize`,
        headers: { 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'same-origin', ...flow.cookies },
        body: JSON.stringify({ method: 0, inputs: { redirect: `${redirect}/x`, ...PKCE } }),
      })
      const target = new URL(JSON.parse(answer.body).url).pathname
      const page = await frontend.send({ ...paste(flow, flow.code), target })
      assert.equal(page.status, 200, page.body)
      assert.equal(hidden(page.body, 'callback'), `code=${flow.code}`)
      const end = await frontend.send({ ...form(flow, { confirm: 'yes', callback: `code=${flow.code}` }), target })
      assert.equal(end.status, 303)
      assert.ok(site.standin.connections.some((c) => JSON.stringify(c).includes(`/x?code=${flow.code}`)))
    }
  })

  test('without PKCE it is refused, and so is what only looks like a word', async () => {
    const cases = [
      [{}, (flow) => flow.code, 'That code alone cannot be used here'],
      [{ more: '&code_challenge=' }, (flow) => flow.code, 'That code alone cannot be used here'],
      [PKCE, () => 'Authorization', 'only a part of the address'],
      [PKCE, () => 'localhost', 'only a part of the address'],
      [PKCE, () => '1234567890', 'only a part of the address'],
      [PKCE, () => 'hello', 'That is not an address'],
      [PKCE, (flow) => `${flow.code} or ${flow.code}x1`, 'That is not an address'],
      [PKCE, (flow) => `http://localhost:${flow.port}${flow.path}?code=${flow.code}`, 'The end of this address is missing'],
      [PKCE, (flow) => `${flow.code}#${flow.state}x`, 'belongs to another sign-in'],
    ]
    for (const [inputs, text, problem] of cases) {
      for (const frontend of site.frontends) {
        const flow = await begunFlow(site, { inputs })
        const since = site.standin.connections.length
        const answer = await frontend.send(paste(flow, text(flow)))
        assert.equal(answer.status, 400)
        assert.match(answer.body, new RegExp(`<title>[^<]*${problem}`), problem)
        await afterEvery(site, flow, { since, frontend })
      }
    }
  })

  test('the answer to the question counts only here, and for this sign-in', async () => {
    const other = await begunFlow(site, { inputs: PKCE })
    const stranger = cookies(newCookie())
    const cases = {
      'another sign-in’s state': (flow) => [form(flow, { confirm: 'yes', callback: delivered(other) }), 400],
      'no state': (flow) => [form(flow, { confirm: 'yes', callback: `code=${flow.code}` }), 400],
      'another browser': (flow) => [form(flow, { confirm: 'yes', callback: delivered(flow) }, stranger), 400],
      'another site': (flow) => [form(flow, { confirm: 'yes', callback: delivered(flow) }, { ...flow.cookies, 'Sec-Fetch-Site': 'cross-site' }), 403],
      'a stranger’s code': (flow) => [form(flow, { address: flow.code }, stranger), 400],
    }
    for (const [name, make] of Object.entries(cases)) {
      for (const frontend of site.frontends) {
        const flow = await begunFlow(site, { inputs: PKCE })
        const [request, status] = make(flow)
        const since = site.standin.connections.length
        const answer = await frontend.send(request)
        assert.equal(answer.status, status, name)
        await afterEvery(site, flow, { since, frontend })
      }
    }
  })
})
