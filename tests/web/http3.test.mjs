/*
 * HTTP/3, in which nginx knows no Host header: the lines for it are in the shipped files as comments. It is tried
 * where nginx and curl have it, as in Debian 13.
 */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startBehind } from '../lib/behind.mjs'
import { give, startFront } from '../lib/front.mjs'
import { exchange, parseResponse, scratch } from '../lib/net.mjs'
import { ROOT } from '../lib/place.mjs'
import { makeKey, wrap } from '../lib/relay.mjs'
import { KINDS, RELAYS } from '../lib/servers.mjs'
import { startStandin } from '../lib/standin.mjs'

const NAME = 'opencode.test'
const says = (program, option) => {
  const { stdout = '', stderr = '' } = spawnSync(program, [option], { encoding: 'utf8', env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } })
  return stdout + stderr
}
const MISSING = [
  ...(/http_v3_module/.test(says('nginx', '-V')) ? [] : ['nginx has no HTTP/3']),
  ...(/HTTP3/.test(says('curl', '-V')) ? [] : ['curl has no HTTP/3']),
].join(', ')

/* The shipped file with its lines for HTTP/3, at the port of the test. The line with [::] is for a machine with IPv6. */
function withHttp3(kind) {
  const { conf } = KINDS[kind] ?? RELAYS[kind]
  const shipped = readFileSync(join(ROOT, 'conf', conf), 'utf8')
  const lines = [...shipped.matchAll(/^\t#(listen .*quic.*|add_header Alt-Svc .*)$/gm)].map(([, line]) => line)
  assert.deepEqual(lines, ['listen 443 quic reuseport;', 'listen [::]:443 quic reuseport;', `add_header Alt-Svc 'h3=":443"; ma=86400' always;`])
  return (text) => {
    const listen = /^\tlisten (127\.0\.0\.1:\d+) ssl http2;$/m
    assert.match(text, listen)
    return text.replace(listen, (line, at) => `${line}\n\tlisten ${at} quic reuseport;\n\t${lines[2]}`)
  }
}

/* One request by curl, to the site as if its port were 443, or the given one. {status, headers, body} */
async function curl(front, version, target, { port = 443, headers = {}, body } = {}) {
  const { stdout } = await promisify(execFile)('curl', [
    '-si', '-m', '10', '--noproxy', '*', `--${version}`, '--cacert', front.certificate.ca, '--connect-to', `${NAME}:${port}:127.0.0.1:${front.port}`,
    ...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]), ...(body ? ['-d', body] : []),
    `https://${NAME}${port === 443 ? '' : `:${port}`}${target}`,
  ]).catch((error) => assert.fail(`${version}: curl exit ${error.code}\n${front.logs()}`))
  return parseResponse(stdout.replace(/^HTTP\/[23] (\d+)/, 'HTTP/1.1 $1 '))
}

async function withFront(kind, options, use) {
  const folder = scratch('http3')
  const standin = await startStandin(join(folder.path, 'opencode.sock'))
  const behind = await startBehind()
  const settings = { kind, host: NAME, opencodePort: behind.port, opencodeSocket: standin.path }
  const front = await startFront({ ...settings, ...options }).catch(async (error) => {
    for (const part of [behind, standin]) await part.stop()
    throw error
  })
  try {
    await use(front, standin)
  } finally {
    for (const part of [front, behind, standin]) await part.stop()
    folder.remove()
  }
}

/* A whole sign-in by each version of HTTP. */
async function signIn(front, standin, port) {
  const origin = `https://${NAME}${port === 443 ? '' : `:${port}`}`
  for (const [i, version] of ['http3-only', 'http2', 'http1.1'].entries()) {
    const health = await curl(front, version, '/signin/health', { port })
    assert.equal(health.status, 200, version)
    if (version === 'http2') assert.match(health.headers['alt-svc'], /^h3=":\d+"; ma=/, 'browsers are told')
    const state = `CANARYstate${i}1234567890`
    const begun = await curl(front, version, `/provider/p${i}/oauth/authorize`, {
      port, headers: { 'Content-Type': 'application/json', Origin: origin, 'Sec-Fetch-Site': 'same-origin' },
      body: JSON.stringify({ method: 0, inputs: { state, redirect: 'http://localhost:1455/auth/callback' } }),
    })
    assert.equal(begun.status, 200, `${version}: ${begun.body}`)
    assert.ok(JSON.parse(begun.body).url.startsWith(`${origin}/signin/flow/`), begun.body)
    const [cookie] = begun.headers['set-cookie'].split(';')
    assert.match(cookie, /^__Host-/)
    const done = await curl(front, version, `/auth/callback?code=CANARYcode${i}&state=${state}`, { port, headers: { Cookie: cookie } })
    assert.deepEqual([done.status, done.headers.location.startsWith('/signin/flow/')], [303, true], version)
    assert.ok(standin.since(0).some((one) => one.target === `/auth/callback?code=CANARYcode${i}&state=${state}`), `${version}: delivered`)
    const { headers } = JSON.parse((await curl(front, version, '/session', { port })).body)
    const host = origin.slice('https://'.length)
    assert.deepEqual([headers.host, headers['x-forwarded-host']], [host, host], `${version}: opencode gets it too`)
  }
  assert.doesNotMatch(front.logs(), /CANARY/)
}

for (const kind of ['nginx-fcgi', 'nginx-fcgiwrap']) {
  test(`${kind}: only HTTP/3 gets the name from nginx, HTTP/1.0 without a Host is refused`, () =>
    withFront(kind, { tls: true, ini: { opencode: { url: `https://${NAME}` } } }, async (front) => {
      const ask = async (target) => parseResponse(await exchange(front.where, `GET ${target} HTTP/1.0\r\n\r\n`))
      assert.equal((await ask('/auth/callback?code=c&state=s1234567890')).status, 421)
    }))
}

if (MISSING && !/^VERSION_ID="1[3-9]"/m.test(readFileSync('/etc/os-release', 'utf8'))) console.log(`# not tried here: HTTP/3 (${MISSING})`)
else {
  test('caddy-fcgi: a sign-in by HTTP/3, 2 and 1.1', () =>
    withFront('caddy-fcgi', { tls: true, ini: { opencode: { url: `https://${NAME}` } } }, (front, standin) => signIn(front, standin, 443)))

  for (const kind of ['nginx-fcgi', 'nginx-fcgiwrap']) {
    for (const [port, edit] of [[443, (text) => text], [8443, (text) => text.replace('set $opencode_http3_port "";', 'set $opencode_http3_port ":8443";')]]) {
      test(`${kind}: a sign-in by HTTP/3, 2 and 1.1 at port ${port}`, async () => {
        const origin = `https://${NAME}${port === 443 ? '' : `:${port}`}`
        const options = { tls: true, ini: { opencode: { url: origin } }, edit: (text) => edit(withHttp3(kind)(text)) }
        await withFront(kind, options, async (front, standin) => {
          await signIn(front, standin, port)
          assert.match(front.logs(), /GET \/auth\/callback HTTP\/3\.0" 303/)
        })
      })
    }
  }

  test('nginx-relay: an answer by HTTP/3', async () => {
    const folder = scratch('http3-key')
    const file = join(folder.path, 'alice.key')
    give(folder.path)
    const key = makeKey(file)
    const ini = { 'relay-site alice': { target: 'https://alice.example.com/auth/callback', key_file: file } }
    await withFront('nginx-relay', { tls: true, ini, edit: withHttp3('nginx-relay') }, async (front) => {
      const state = wrap({ id: 'alice', key, state: 's1234567890' })
      const { status, headers } = await curl(front, 'http3-only', `/relay/callback?code=c&state=${state}`)
      assert.deepEqual([status, headers.location], [303, 'https://alice.example.com/auth/callback?code=c&state=s1234567890'])
    })
    folder.remove()
  })
}
