/*
 * Stands for auth.openai.com: a TLS server on the loopback with a certificate made on the fly, and
 * the CONNECT proxy that leads auth.openai.com:443 to it and answers 403 to everything else. PKCE
 * (RFC 7636) is really checked, and a code works once.
 */
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { join } from 'node:path'
import { scratch } from './net.mjs'

const NAME = 'auth.openai.com'

function certify(folder) {
  const openssl = (...args) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  writeFileSync(join(folder, 'ext'), `subjectAltName=DNS:${NAME},DNS:localhost,IP:127.0.0.1\n`)
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2',
    '-subj', '/CN=opencode-callback test CA')
  openssl('req', ...key, '-keyout', 'key.pem', '-out', 'csr.pem', '-subj', `/CN=${NAME}`)
  openssl('x509', '-req', '-in', 'csr.pem', '-CA', 'ca.pem', '-CAkey', 'ca.key',
    '-set_serial', '1', '-days', '2', '-extfile', 'ext', '-out', 'cert.pem')
  const read = (file) => readFileSync(join(folder, file))
  return { key: read('key.pem'), cert: read('cert.pem') }
}

/* A well-formed JWT that nobody signed: opencode only reads what is in it. */
function token(kind, claims) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.${kind}-canary-${randomBytes(12).toString('hex')}`
}

const escape = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)

function consentPage(allow, deny) {
  return `<!doctype html><html lang="en"><title>Sign in</title><h1>Allow opencode to use your account?</h1>
<p><a id="allow" href="${escape(allow)}">Allow</a> <a id="deny" href="${escape(deny)}">Deny</a></p>`
}

/*
 * Starts both servers. The answer:
 *   tlsPort, proxyPort, proxyUrl, caFile   how to reach them
 *   auto          null: a consent page · 'allow' or 'deny': redirects at once
 *   refuseNext    true: the next token exchange is refused with invalid_grant
 *   authorizes, exchanges, connects        what was seen, oldest first
 *   canaries()    every code and token made so far: none of them may show up in a log
 *   approve(url)  what a browser gets to that allows: the redirect's address for an authorize URL
 */
export async function startProvider() {
  const folder = scratch('provider')
  const grants = new Map()
  const canaries = []
  const self = { auto: null, refuseNext: false, authorizes: [], exchanges: [], connects: [] }
  const canary = (value) => (canaries.push(value), value)

  /* The two addresses that the user can be sent to. */
  function decide(params) {
    const grant = Object.fromEntries(params)
    if (!grant.redirect_uri || !grant.state) return null
    if (grant.response_type !== 'code' || grant.code_challenge_method !== 'S256') return null
    if (!/^[\w-]{43}$/.test(grant.code_challenge ?? '')) return null
    const code = canary(`code-canary-${randomBytes(16).toString('hex')}`)
    grants.set(code, grant)
    const allow = new URL(grant.redirect_uri)
    allow.searchParams.set('code', code)
    allow.searchParams.set('scope', grant.scope ?? 'openid')
    allow.searchParams.set('state', grant.state)
    const deny = new URL(grant.redirect_uri)
    deny.searchParams.set('error', 'access_denied')
    deny.searchParams.set('error_description', 'The user denied the request')
    deny.searchParams.set('state', grant.state)
    return { allow: allow.href, deny: deny.href }
  }

  function authorize(url, response) {
    self.authorizes.push(Object.fromEntries(url.searchParams))
    const ways = decide(url.searchParams)
    if (!ways) return response.writeHead(400).end('bad authorize request')
    if (self.auto) return response.writeHead(302, { Location: ways[self.auto] }).end()
    response.writeHead(200, { 'Content-Type': 'text/html' }).end(consentPage(ways.allow, ways.deny))
  }

  /* Why an exchange fails (RFC 6749 section 5.2), or null. */
  function objection(form) {
    const grant = grants.get(form.code)
    if (form.grant_type !== 'authorization_code') return 'unsupported_grant_type'
    if (self.refuseNext || !grant) return 'invalid_grant'
    if (form.client_id !== grant.client_id) return 'invalid_client'
    if (form.redirect_uri !== grant.redirect_uri) return 'invalid_grant'
    const challenge = createHash('sha256').update(form.code_verifier ?? '').digest('base64url')
    return challenge === grant.code_challenge ? null : 'invalid_grant'
  }

  function exchange(text, response) {
    const form = Object.fromEntries(new URLSearchParams(text))
    const error = objection(form)
    self.refuseNext = false
    self.exchanges.push({ code: form.code, error })
    grants.delete(form.code)
    const json = { 'Content-Type': 'application/json' }
    if (error) return response.writeHead(400, json).end(JSON.stringify({ error }))
    const claims = { 'https://api.openai.com/auth': { chatgpt_account_id: 'account-of-the-test' } }
    const exp = Math.floor(Date.now() / 1000) + 3600
    const answer = {
      id_token: canary(token('id', { ...claims, email: 'user@example.com', exp })),
      access_token: canary(token('access', { ...claims, exp })),
      refresh_token: canary(`refresh-canary-${randomBytes(12).toString('hex')}`),
      token_type: 'Bearer',
      expires_in: 3600,
    }
    response.writeHead(200, json).end(JSON.stringify(answer))
  }

  const tls = https.createServer(certify(folder.path), (request, response) => {
    const url = new URL(request.url, `https://${NAME}`)
    let text = ''
    request.on('data', (chunk) => (text += chunk))
    request.on('end', () => {
      const asked = `${request.method} ${url.pathname}`
      if (asked === 'GET /oauth/authorize') authorize(url, response)
      else if (asked === 'POST /oauth/token') exchange(text, response)
      else response.writeHead(404).end()
    })
  })

  const proxy = http.createServer((request, response) => {
    self.connects.push(request.url)
    response.writeHead(403, { Connection: 'close' }).end()
  })
  const sockets = new Set()
  proxy.on('connect', (request, client, head) => {
    self.connects.push(request.url)
    client.on('error', () => client.destroy())
    if (request.url !== `${NAME}:443`) {
      return client.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
    }
    const server = net.connect(tls.address().port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      server.write(head)
      server.pipe(client)
      client.pipe(server)
    })
    for (const socket of [client, server]) {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket) && (client.destroy(), server.destroy()))
    }
    server.on('error', () => client.destroy())
  })

  for (const server of [tls, proxy]) {
    await new Promise((resolve, reject) => {
      server.once('error', reject).listen(0, '127.0.0.1', resolve)
    })
  }

  return Object.assign(self, {
    tlsPort: tls.address().port,
    proxyPort: proxy.address().port,
    proxyUrl: `http://127.0.0.1:${proxy.address().port}`,
    caFile: join(folder.path, 'ca.pem'),
    canaries: () => [...canaries],
    approve: (url) => decide(new URL(url).searchParams).allow,
    deny: (url) => decide(new URL(url).searchParams).deny,
    async stop() {
      for (const socket of sockets) socket.destroy()
      tls.closeAllConnections()
      proxy.closeAllConnections()
      await Promise.all([tls, proxy].map((server) => new Promise((resolve) => server.close(resolve))))
      folder.remove()
    },
  })
}
