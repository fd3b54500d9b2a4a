/*
 * Stands for the providers that opencode signs in to: ChatGPT (auth.openai.com), and GitLab,
 * DigitalOcean, Poe and Snowflake. The real opencode, or a browser, is led to them by the proxy of
 * internet.mjs.
 */
import { randomBytes } from 'node:crypto'
import { CodeProvider, TokenProvider, json } from './consent.mjs'
import { chatgptDevice, plainDevice } from './device.mjs'
import { startInternet } from './internet.mjs'

/* A well-formed JWT that nobody signed: opencode only reads what is in it. */
function jwt(kind, claims) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.${kind}-canary-${randomBytes(12).toString('hex')}`
}

function chatgptTokens(self) {
  const claims = { 'https://api.openai.com/auth': { chatgpt_account_id: 'account-of-the-test' } }
  const exp = Math.floor(Date.now() / 1000) + 3600
  return {
    id_token: self.canary(jwt('id', { ...claims, email: 'user@example.com', exp })),
    access_token: self.canary(jwt('access', { ...claims, exp })),
    refresh_token: self.secret('refresh'),
    token_type: 'Bearer',
    expires_in: 3600,
  }
}

const tokens = (expires) => (self) => ({
  access_token: self.secret('access'),
  refresh_token: self.secret('refresh'),
  token_type: 'Bearer',
  expires_in: expires,
})

const poeTokens = (self) => ({ api_key: self.secret('key'), api_key_expires_in: null })

/* A site of some provider's own paths: {'GET /path': serve}. */
const paths = (routes) => (request) => routes[`${request.method} ${request.url.pathname}`]?.(request)

const codePaths = (provider, token, more = {}) => paths({
  'GET /oauth/authorize': ({ url }) => provider.authorize(url),
  [`POST ${token}`]: ({ text }) => provider.exchange(text),
  ...more,
})

/* What opencode asks with a new token: silent for ever, refused, or an account without routers. */
function routers(provider, headers) {
  if (provider.silent) return new Promise(() => {})
  const error = provider.refuseNext || !provider.knows(headers) ? 'unauthorized' : null
  provider.refuseNext = false
  provider.exchanges.push({ error })
  return error ? json(401, { id: error }) : json(200, { model_routers: [] })
}

/*
 * Starts them all. The answer is ChatGPT itself, and holds the others:
 *   tlsPort, proxyPort, proxyUrl, caFile   how to reach them all · names: their host names; a GitLab of
 *                 one's own is https://localhost:tlsPort
 *   connects      the host:port of every CONNECT, oldest first
 *   auto          null: a consent page · 'allow' or 'deny': redirects at once
 *   refuseNext    true: the next token exchange is refused with invalid_grant
 *   authorizes, exchanges    what was seen, oldest first
 *   approve(url), deny(url)  what a browser gets to that allows, or denies: the redirect's address for
 *                            an authorize URL (for DigitalOcean with a fragment)
 *   canaries()    every code and token made so far, by any of them: none may show up in a log
 *   gitlab, digitalocean, poe, snowflake   each with auto, refuseNext, authorizes, exchanges, approve,
 *                 deny of its own. DigitalOcean exchanges nothing: its exchanges are opencode's calls
 *                 with the new token, refuseNext refuses one of those, silent = true never answers them
 *   devices       {openai, 'github-copilot', xai}: the device codes: approve(userCode), deny(userCode),
 *                 polls (how often opencode has asked)
 */
export async function startProvider() {
  const secrets = []
  const chatgpt = new CodeProvider(secrets, { scope: true, tokens: chatgptTokens })
  const gitlab = new CodeProvider(secrets, { tokens: tokens(7200) })
  const poe = new CodeProvider(secrets, { stateless: true, tokens: poeTokens })
  const snowflake = new CodeProvider(secrets, { tokens: tokens(600) })
  const digitalocean = Object.assign(new TokenProvider(secrets), { silent: false })

  const headless = chatgptDevice(chatgpt)
  const copilot = plainDevice(chatgpt, {
    page: 'https://github.com/login/device', code: '/login/device/code', token: '/login/oauth/access_token',
    pendingStatus: 200, tokens: (self) => ({ access_token: self.secret('access'), token_type: 'bearer' }),
  })
  const xai = plainDevice(chatgpt, {
    page: 'https://accounts.x.ai/device', code: '/oauth2/device/code', token: '/oauth2/token',
    pendingStatus: 400, tokens: tokens(3600),
  })

  const internet = await startInternet({
    'auth.openai.com': codePaths(chatgpt, '/oauth/token', headless.routes),
    'github.com': paths(copilot.routes),
    'auth.x.ai': paths(xai.routes),
    'gitlab.com': codePaths(gitlab, '/oauth/token'),
    'localhost': codePaths(gitlab, '/oauth/token'),
    'poe.com': paths({ 'GET /oauth/authorize': ({ url }) => poe.authorize(url) }),
    'api.poe.com': paths({ 'POST /token': ({ text }) => poe.exchange(text) }),
    '*.snowflakecomputing.com': codePaths(snowflake, '/oauth/token-request'),
    'cloud.digitalocean.com': paths({ 'GET /v1/oauth/authorize': ({ url }) => digitalocean.authorize(url) }),
    'api.digitalocean.com': paths({
      'GET /v2/gen-ai/models/routers': ({ headers }) => routers(digitalocean, headers),
    }),
  })
  return Object.assign(chatgpt, internet, {
    gitlab, digitalocean, poe, snowflake,
    devices: { openai: headless.devices, 'github-copilot': copilot.devices, xai: xai.devices },
    names: internet.names.filter((name) => name !== 'localhost'),
    canaries: () => [...secrets],
  })
}
