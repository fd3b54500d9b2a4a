/*
 * Our programs below /cgi-bin/, as a plain CGI folder has them, and the worker in the same place: sign-ins
 * begin and end there, every link and redirect stays there. The files are those that conf/README.md tells
 * to write; nothing else of the site is ours.
 */
import assert from 'node:assert/strict'
import { chmodSync, copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { COOKIE, httpRequest, parseAnswer } from '../lib/frontends.mjs'
import { CGI, give, startFront } from '../lib/front.mjs'
import { exchange, scratch } from '../lib/net.mjs'
import { NAVIGATION, OWN_FORM, assertSafe, flowId, newCookie } from '../lib/signin.mjs'
import { authorizeUrl, json, startStandin } from '../lib/standin.mjs'

/* The port that the shipped file of a kind would listen at. */
const portOf = (text) => /127\.0\.0\.1:(\d+)(?:>|"|;| )/.exec(text)[1]

/* mount: where it is; file: what stands in the place of the shipped one, from that and the CGI folder */
const mounts = {
  'apache-cgi': {
    mount: '/cgi-bin/opencode-callback.cgi',
    file: (text, bin) => `
ScriptAlias "/cgi-bin/" "${bin}/"
<Directory "${bin}">
	Require all granted
	CGIPassAuth On
</Directory>
LogLevel warn core:crit
`,
  },
  'lighttpd-cgi': {
    mount: '/cgi-bin/opencode-callback.cgi',
    file: (text, bin) => `
server.modules += ( "mod_setenv", "mod_cgi" )
server.max-request-field-size = 24576
$SERVER["socket"] == "127.0.0.1:${portOf(text)}" {
	server.errorlog = "/dev/null"
	alias.url = ( "/cgi-bin/" => "${bin}/" )
	$HTTP["url"] =~ "^/cgi-bin/" {
		cgi.assign = ( "" => "" )
	}
}
`,
  },
  'nginx-fcgiwrap': {
    mount: '/cgi-bin/opencode-callback.cgi',
    file: (text, bin) => `
server {
	listen 127.0.0.1:${portOf(text.slice(text.lastIndexOf('listen')))};
	access_log off;
	error_log /dev/null;
	large_client_header_buffers 3 10k;
	location ^~ /cgi-bin/opencode-callback.cgi {
		include /etc/nginx/fastcgi_params;
		fastcgi_split_path_info ^(/cgi-bin/opencode-callback\\.cgi)(/.*)$;
		fastcgi_param SCRIPT_FILENAME ${bin}/opencode-callback.cgi;
		fastcgi_pass ${/unix:[^;]+/.exec(text)[0]};
	}
}
`,
  },
  'nginx-fcgi': {
    mount: '/cgi-bin/opencode-callback.fcgi',
    file: (text) => `
server {
	listen 127.0.0.1:${portOf(text.slice(text.lastIndexOf('listen')))};
	access_log off;
	error_log /dev/null;
	large_client_header_buffers 3 10k;
	location ^~ /cgi-bin/opencode-callback.fcgi {
		include /etc/nginx/fastcgi_params;
		fastcgi_param SCRIPT_NAME /cgi-bin/opencode-callback.fcgi;
		fastcgi_pass ${/unix:[^;]+/.exec(text)[0]};
	}
}
`,
  },
}

/* Where the links, forms, pictures and scripts of a page lead, but for other sites and places in the page itself. */
function leads(body) {
  const found = [...body.matchAll(/ (?:href|src|action|data-status-url)="([^"]*)"/g)].map(([, where]) => where)
  return found.filter((where) => !/^(?:https?:|#)/.test(where))
}

for (const [kind, { mount, file }] of Object.entries(mounts)) {
  describe(`${kind}, at ${mount}/`, () => {
    let folder, standin, front
    before(async () => {
      folder = scratch('mounted')
      const [bin, run] = [join(folder.path, 'bin'), join(folder.path, 'run')]
      for (const path of [bin, run]) mkdirSync(path, { mode: 0o755 })
      chmodSync(folder.path, 0o755)
      copyFileSync(CGI, join(bin, 'opencode-callback.cgi'))
      give(run)
      standin = await startStandin(join(run, 'opencode.sock'))
      front = await startFront({ kind, opencodePort: 9, opencodeSocket: standin.path, edit: (text) => file(text, bin) })
    })
    after(async () => {
      await front?.stop()
      await standin?.stop()
      folder?.remove()
    })

    const send = async (method, target, { headers = {}, cookie, body } = {}) => {
      const all = { Host: `127.0.0.1:${front.port}`, ...(cookie ? { Cookie: `${COOKIE}=${cookie}` } : {}), ...headers }
      return parseAnswer(await exchange({ port: front.port }, httpRequest({ method, target, headers: all, body })))
    }
    const same = () => ({ 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'same-origin', Origin: front.origin })
    const secret = (what) => `CANARY${what}${newCookie().slice(7)}`
    async function begun({ cookie = newCookie(), port = 1455 } = {}) {
      const [state, code] = [secret('state'), secret('code')]
      const redirect = `http://localhost:${port}/auth/callback`
      const body = JSON.stringify({ method: 0, inputs: { state, redirect } })
      const answer = await send('POST', `${mount}/provider/p${port}/oauth/authorize`, { headers: same(), cookie, body })
      assert.equal(answer.status, 200, answer.body)
      return { answer, cookie, code, redirect, query: `code=${code}&scope=a%20b&state=${state}`, page: `${mount}/signin/flow/${flowId(state)}` }
    }
    const assertDelivered = (mark, flow, port = 1455) => {
      const seen = standin.since(mark).map((request) => `${request.method} ${request.host} ${request.target}`)
      assert.deepEqual(seen, [`GET localhost:${port} /auth/callback?${flow.query}`, `POST opencode /provider/p${port}/oauth/callback`])
    }

    test('begun, pasted, done; every link stays below it', async () => {
      const flow = await begun({ cookie: null })
      assert.equal(JSON.parse(flow.answer.body).url, `${front.origin}${flow.page}`)
      const [, cookie] = new RegExp(`^${COOKIE}=([\\w-]{43}); Path=/; HttpOnly; SameSite=Lax$`).exec(flow.answer.header('set-cookie'))

      const pages = [await send('GET', `${mount}/signin/`, { cookie }), await send('GET', flow.page, { cookie })]
      const refused = await send('POST', flow.page, { headers: { ...OWN_FORM, Origin: front.origin }, cookie, body: 'address=x' })
      const paste = { headers: { ...OWN_FORM, Origin: front.origin }, cookie, body: `address=${encodeURIComponent(`${flow.redirect}?${flow.query}`)}` }
      const mark = standin.connections.length
      const pasted = await send('POST', flow.page, paste)
      assert.deepEqual([pasted.status, pasted.header('location')], [303, flow.page])
      assertDelivered(mark, flow)
      const done = await send('GET', flow.page, { cookie })
      assert.match(done.body, /data-state="done"/)
      assert.equal((await send('GET', `${flow.page}/status`, { cookie })).body, '{"state":"done","expires_in":0}')

      for (const [answer, status] of [[pages[0], 200], [pages[1], 200], [refused, 400], [done, 200]]) {
        assert.equal(answer.status, status)
        assertSafe(answer)
        const where = leads(answer.body)
        assert.ok(where.length > 4, 'there are links')
        // the one to opencode itself, whose pages are not below our mount
        for (const one of where) if (one !== '/') assert.ok(one.startsWith(`${mount}/signin/`), one)
      }
      assert.ok(pages[0].body.includes(`href="${flow.page}"`), 'the start page lists what waits')
      assert.match(pages[1].body, new RegExp(`data-status-url="${flow.page}/status"`))
      for (const name of ['style.css', 'page.js', 'icon.svg']) {
        const address = leads(done.body).find((where) => where.includes(name))
        const asset = await send('GET', address)
        assert.equal(asset.status, 200, address)
        assert.equal(asset.body, readFileSync(new URL(`../../common/view/assets/${name}`, import.meta.url), 'latin1'))
      }
      assert.equal((await send('GET', `${mount}/signin`)).header('location'), `${mount}/signin/`)
      assert.doesNotMatch(front.logs(), /CANARY/)
    })

    test('begun on its start page, and once more', async () => {
      const cookie = newCookie()
      const post = async (body) => {
        const state = secret('state')
        const url = authorizeUrl({ state, redirect: 'http://localhost:1458/auth/callback' })
        standin.answer = (request) => (request.path === '/provider/s/oauth/authorize' ? json({ url, method: 'auto', instructions: 'x' }) : undefined)
        const answer = await send('POST', `${mount}/signin/start`, { headers: { ...OWN_FORM, Origin: front.origin }, cookie, body })
        standin.answer = () => undefined
        assert.deepEqual([answer.status, answer.header('location')], [303, `${mount}/signin/flow/${flowId(state)}`], answer.body)
        return flowId(state)
      }
      const first = await post('provider=s&method=0')
      await post(`again=${first}`)
      const old = await send('GET', `${mount}/signin/flow/${first}`, { cookie })
      assert.match(old.body, /data-state="superseded"/)
    })

    test('a callback below it', async () => {
      const flow = await begun({ port: 1456 })
      const mark = standin.connections.length
      for (const query of [`code=${flow.code}&state=x`, `${flow.query}&state=x`, '']) {
        const bad = await send('GET', `${mount}/auth/callback?${query}`, { headers: NAVIGATION, cookie: flow.cookie })
        assert.equal(bad.status, 400)
        for (const one of leads(bad.body)) if (one !== '/') assert.ok(one.startsWith(`${mount}/signin/`), one)
      }
      assert.equal(standin.connections.length, mark)
      const good = await send('GET', `${mount}/auth/callback?${flow.query}`, { headers: NAVIGATION, cookie: flow.cookie })
      assert.deepEqual([good.status, good.header('location')], [303, flow.page])
      assertDelivered(mark, flow, 1456)
      assert.doesNotMatch(front.logs(), /CANARY/)
    })

    test('an MCP server whose redirect URI is below it', async () => {
      const [state, code, cookie] = [secret('state'), secret('code'), newCookie()]
      const url = authorizeUrl({ state, redirect: `${front.origin}${mount}/mcp/oauth/callback` })
      standin.answer = (request) => {
        if (request.path === '/mcp/demo/auth') return json({ authorizationUrl: url, oauthState: state })
        return request.path === '/mcp/demo/auth/callback' ? json({ status: 'connected' }) : undefined
      }
      const answer = await send('POST', `${mount}/mcp/demo/auth`, { headers: same(), cookie, body: '{}' })
      assert.equal(JSON.parse(answer.body).authorizationUrl, url, 'nothing to bring home')
      const mark = standin.connections.length
      const good = await send('GET', `${mount}/mcp/oauth/callback?code=${code}&state=${state}`, { headers: NAVIGATION, cookie })
      standin.answer = () => undefined
      assert.deepEqual([good.status, good.header('location')], [303, `${mount}/signin/flow/${flowId(state)}`])
      assert.deepEqual(standin.since(mark).map((request) => [request.target, request.body]), [['/mcp/demo/auth/callback', JSON.stringify({ code, state })]])
    })

    test('the ask page, for a browser that has no cookie', async () => {
      const flow = await begun({ cookie: null, port: 1457 })
      const ask = await send('GET', `${mount}/auth/callback?${flow.query}`, { headers: NAVIGATION })
      assert.equal(ask.status, 200, ask.body)
      assert.ok(ask.body.includes(`action="${flow.page}"`))
      const body = `confirm=yes&callback=${encodeURIComponent(flow.query)}`
      const mark = standin.connections.length
      const yes = await send('POST', flow.page, { headers: { ...OWN_FORM, Origin: front.origin }, cookie: newCookie(), body })
      assert.deepEqual([yes.status, yes.header('location')], [303, flow.page])
      assert.equal(standin.since(mark)[0].target, '/provider/auth', 'opencode was asked whom it lets in')
      assertDelivered(mark + 1, flow, 1457)
    })

    test('no redirect leaves the site, however its address is written', async () => {
      for (const target of [`/${mount}/signin`, `//evil.example${mount}/signin`, `${mount}//signin`, `${mount}/../x/signin`, `/cgi-bin//${mount.slice(9)}/signin`, mount]) {
        const answer = await send('GET', target)
        const location = answer.header('location')
        if (location !== undefined) assert.match(location, /^\/[^/\\]/, target)
        else assert.ok(answer.status >= 400, `${target}: ${answer.status}`)
      }
    })
  })
}
