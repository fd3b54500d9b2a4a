/*
 * The provider's half of a device code sign-in (RFC 8628), as ChatGPT (headless), GitHub Copilot and
 * xAI do it: there is no redirect, opencode polls until somebody has entered the code.
 */
import { createHash, randomBytes } from 'node:crypto'
import { json } from './consent.mjs'

const hex = (bytes) => randomBytes(bytes).toString('hex')

/* pending: the codes that wait for approve(userCode), or deny(userCode) */
class Devices {
  constructor(provider) {
    this.provider = provider
    this.known = new Map()
    this.polls = 0
  }

  make() {
    const user = `${hex(2)}-${hex(2)}`.toUpperCase()
    const device = this.provider.secret('device')
    this.known.set(device, { user, state: 'pending' })
    return { user, device }
  }

  decide(user, state) {
    const found = [...this.known.values()].find((one) => one.user === user)
    if (!found) throw new Error(`nobody was told the code ${user}`)
    found.state = state
  }

  approve(user) {
    this.decide(user, 'approved')
  }

  deny(user) {
    this.decide(user, 'denied')
  }

  /* What a poll with that device code finds: pending, approved (once) or denied. */
  poll(device) {
    this.polls++
    const { state = 'denied' } = this.known.get(device) ?? {}
    if (state !== 'pending') this.known.delete(device)
    return state
  }
}

/* ChatGPT: an approved code is exchanged like one that came by redirect. */
export function chatgptDevice(chatgpt) {
  const devices = new Devices(chatgpt)
  const redirect = 'https://auth.openai.com/deviceauth/callback'
  const start = ({ text }) => {
    const { user, device } = devices.make()
    devices.known.get(device).client = JSON.parse(text).client_id
    return json(200, { device_auth_id: device, user_code: user, interval: '1' })
  }
  const poll = ({ text }) => {
    const { device_auth_id: device } = JSON.parse(text)
    const { client } = devices.known.get(device) ?? {}
    const state = devices.poll(device)
    if (state !== 'approved') return json(state === 'pending' ? 403 : 400, { error: state })
    const code = chatgpt.secret('code')
    const verifier = hex(32)
    const challenge = createHash('sha256').update(verifier).digest('base64url')
    chatgpt.grants.set(code, { client_id: client, redirect_uri: redirect, code_challenge: challenge })
    return json(200, { authorization_code: code, code_verifier: verifier, code_challenge: challenge })
  }
  return {
    devices,
    routes: {
      'POST /api/accounts/deviceauth/usercode': start,
      'POST /api/accounts/deviceauth/token': poll,
    },
  }
}

/* RFC 8628 as it is written: forms at xAI, JSON at GitHub, which answers a pending poll with 200. */
export function plainDevice(provider, { page, code, token, pendingStatus, tokens }) {
  const devices = new Devices(provider)
  const parse = (text) => (text.startsWith('{') ? JSON.parse(text) : Object.fromEntries(new URLSearchParams(text)))
  const start = () => {
    const { user, device } = devices.make()
    return json(200, { device_code: device, user_code: user, verification_uri: page, expires_in: 900, interval: 1 })
  }
  const poll = ({ text }) => {
    const state = devices.poll(parse(text).device_code)
    if (state === 'approved') return json(200, tokens(provider))
    return json(pendingStatus, { error: state === 'pending' ? 'authorization_pending' : 'access_denied' })
  }
  return { devices, routes: { [`POST ${code}`]: start, [`POST ${token}`]: poll } }
}
