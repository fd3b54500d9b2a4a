/*
 * The provider's half of an OAuth sign-in: the authorize page, where somebody allows or denies, and
 * the exchange of a code for tokens (RFC 6749 section 4.1) with PKCE (RFC 7636) really checked and
 * each code good for once.
 */
import { createHash, randomBytes } from 'node:crypto'

const escape = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)

function page(allow, deny) {
  return `<!doctype html><html lang="en"><title>Sign in</title><h1>Allow opencode to use your account?</h1>
<p><a id="allow" href="${escape(allow)}">Allow</a> <a id="deny" href="${escape(deny)}">Deny</a></p>`
}

export const json = (status, value) => ({
  status,
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(value),
})

/* redirect_uri with parameters, those without a value left out. */
function send(redirect, params, fragment) {
  const given = Object.entries(params).filter(([, value]) => value !== undefined)
  if (fragment) return `${redirect}#${new URLSearchParams(given)}`
  const url = new URL(redirect)
  for (const [name, value] of given) url.searchParams.set(name, value)
  return url.href
}

/*
 * What all providers of the tests have in common:
 *   auto          null: a consent page · 'allow' or 'deny': redirects at once
 *   refuseNext    true: the next exchange is refused with invalid_grant
 *   authorizes, exchanges    what was seen, oldest first
 *   approve(url), deny(url)  the address that the browser is sent to, for an authorize URL
 *   canary(value)            remembers a secret, and gives it back
 */
class Provider {
  constructor(secrets) {
    this.secrets = secrets
    this.auto = null
    this.refuseNext = false
    this.authorizes = []
    this.exchanges = []
  }

  canary(value) {
    this.secrets.push(value)
    return value
  }

  secret(kind) {
    return this.canary(`${kind}-canary-${randomBytes(16).toString('hex')}`)
  }

  ways(url) {
    const ways = this.decide(new URL(url).searchParams)
    if (!ways) throw new Error(`no authorize URL that this provider takes: ${url}`)
    return ways
  }

  approve(url) {
    return this.ways(url).allow
  }

  deny(url) {
    return this.ways(url).deny
  }

  /* The authorize endpoint. */
  authorize(url) {
    this.authorizes.push(Object.fromEntries(url.searchParams))
    const ways = this.decide(url.searchParams)
    if (!ways) return { status: 400, body: 'bad authorize request' }
    if (this.auto) return { status: 302, headers: { Location: ways[this.auto] } }
    return { status: 200, headers: { 'Content-Type': 'text/html' }, body: page(ways.allow, ways.deny) }
  }

  denied(redirect, state, fragment) {
    const why = { error: 'access_denied', error_description: 'The user denied the request' }
    return send(redirect, { ...why, state }, fragment)
  }
}

/*
 * The authorization code grant. What differs:
 *   stateless      the provider is sent no state, and gives none back
 *   scope          whether the redirect names the scope
 *   tokens(self)   what a good exchange gives
 */
export class CodeProvider extends Provider {
  constructor(secrets, { stateless = false, scope = false, tokens }) {
    super(secrets)
    Object.assign(this, { stateless, scope, tokens, grants: new Map() })
  }

  decide(params) {
    const grant = Object.fromEntries(params)
    if (!grant.redirect_uri || Boolean(grant.state) === this.stateless) return null
    if (grant.response_type !== 'code' || grant.code_challenge_method !== 'S256') return null
    if (!/^[\w-]{43}$/.test(grant.code_challenge ?? '')) return null
    const code = this.secret('code')
    this.grants.set(code, grant)
    const scope = this.scope ? (grant.scope ?? 'openid') : undefined
    return {
      allow: send(grant.redirect_uri, { code, scope, state: grant.state }),
      deny: this.denied(grant.redirect_uri, grant.state),
    }
  }

  /* Why an exchange fails (RFC 6749 section 5.2), or null. */
  objection(form) {
    const grant = this.grants.get(form.code)
    if (form.grant_type !== 'authorization_code') return 'unsupported_grant_type'
    if (this.refuseNext || !grant) return 'invalid_grant'
    if (form.client_id !== grant.client_id) return 'invalid_client'
    if (form.redirect_uri !== grant.redirect_uri) return 'invalid_grant'
    const challenge = createHash('sha256').update(form.code_verifier ?? '').digest('base64url')
    return challenge === grant.code_challenge ? null : 'invalid_grant'
  }

  /* The token endpoint. */
  exchange(text) {
    const form = Object.fromEntries(new URLSearchParams(text))
    const error = this.objection(form)
    this.refuseNext = false
    this.exchanges.push({ code: form.code, error })
    this.grants.delete(form.code)
    return error ? json(400, { error }) : json(200, this.tokens(this))
  }
}

/* The implicit grant (RFC 6749 section 4.2): the token itself comes back, in the fragment. */
export class TokenProvider extends Provider {
  constructor(secrets) {
    super(secrets)
    this.tokens = new Set()
  }

  decide(params) {
    const { response_type: type, redirect_uri: redirect, state, scope } = Object.fromEntries(params)
    if (type !== 'token' || !redirect || !state) return null
    const token = this.secret('access')
    this.tokens.add(token)
    const given = { access_token: token, token_type: 'bearer', expires_in: '2592000', scope, state }
    return { allow: send(redirect, given, true), deny: this.denied(redirect, state, true) }
  }

  /* Whether a request brings a token of ours. */
  knows(headers) {
    return this.tokens.has((headers.authorization ?? '').replace(/^Bearer /, ''))
  }
}
