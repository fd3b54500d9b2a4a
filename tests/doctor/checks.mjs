/*
 * --doctor against whole sites: a good one, and for each check one with that very fault, mostly one
 * line of the shipped web server's file.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { scratch, until } from '../lib/net.mjs'
import { ADDRESS, PRIVATE } from './network.mjs'
import { add, bridge, checks, doctor, inside, open, ORIGIN, swap, withSite } from './site.mjs'

for (const kind of ['nginx-fcgi', 'apache-cgi']) {
  test(`a good site: ${kind}`, () =>
    withSite({ kind }, async ({ check, opencode, standin, front }) => {
      const { code, table, text, seconds, line } = await check({ own: true })
      assert.deepEqual(Object.keys(table), checks, text)
      for (const name of checks) assert.equal(table[name], name === 'logs' ? 'by hand' : 'ok', text)
      assert.equal(code, 0)
      assert.ok(seconds < 8, `${seconds} s`)
      assert.match(text, /^18 ok, 0 warnings, 0 failed, 0 skipped, 1 to do by hand$/m)
      assert.ok(!text.includes('geheim') && !text.includes('Basic'))

      const begins = /oauth|\/mcp|integration/
      assert.ok(!opencode.requests.some((request) => begins.test(request)), 'nothing was begun')
      assert.ok(!standin.since(0).some((request) => begins.test(request?.path)), 'nor asked for')
      assert.equal(opencode.terminals.size, 0, 'the terminal is gone')
      const mark = /grep -rlF (doctor-\d+) /.exec(line('logs'))[1]
      assert.ok(!front.logs().includes(mark), 'the shipped log format has no query')
      assert.ok(!front.logs().includes('geheim'))
    }))
}

test('a good site without a password: a warning on a public address', () =>
  withSite({ password: null }, async ({ check }) => {
    const { code, table, text } = await check()
    assert.deepEqual([code, table.opencode, table.login, table.websocket], [0, 'warning', 'skipped', 'ok'], text)
    assert.match(text, /-> set OPENCODE_SERVER_PASSWORD/)
  }))

test('without the password, what needs it is skipped; a wrong one is told', () =>
  withSite({}, async ({ check, opencode }) => {
    const { code, table, text } = await check({ env: { OPENCODE_SERVER_PASSWORD: '' } })
    assert.equal(code, 0, text)
    for (const name of ['login', 'events', 'websocket']) assert.equal(table[name], 'skipped', text)
    assert.match(text, /needs opencode's password .* OPENCODE_PASSWORD or OPENCODE_SERVER_PASSWORD/)
    assert.ok(!opencode.requests.some((request) => request.includes('/pty')))
    for (const OPENCODE_PASSWORD of ['geheim', '']) {
      const other = OPENCODE_PASSWORD ? 'falsch' : 'geheim'
      const { table } = await check({ env: { OPENCODE_PASSWORD, OPENCODE_SERVER_PASSWORD: other } })
      assert.equal(table.login, 'ok', "opencode 2's variable comes first, as in opencode 2")
    }
    const wrong = await check({ env: { OPENCODE_SERVER_PASSWORD: 'falsch' } })
    assert.deepEqual([wrong.code, wrong.table.opencode], [0, 'warning'], wrong.text)
  }))

/* What visitors say of forwarding goes on to the handler. */
const visitors = (text) => {
  const lines = /^\s*fastcgi_param HTTP_(?:FORWARDED|X_REAL_IP|X_FORWARDED_\w+|CF_CONNECTING_IP) "" if_not_empty;\n/gm
  assert.ok(lines.test(text), 'the file takes these headers away')
  return text.replace(lines, '')
}

/* One fault each: options of the site, the check that fails, words of its line, of the advice. */
const faults = {
  'a redirect that loses the path': {
    edit: swap(`${ORIGIN}$request_uri;`, `${ORIGIN}/;`), fails: 'redirect', says: /leads to/, advice: /\$request_uri/,
  },
  'a redirect of the wrong kind': { edit: swap('return 301', 'return 302'), fails: 'redirect', says: /status 302/ },
  'no redirect': {
    edit: swap(`return 301 ${ORIGIN}$request_uri;`, 'return 200 hello;'), fails: 'redirect', says: /status 200/,
  },
  'the prefix goes to opencode': {
    edit: swap('rewrite (?s)^/signin(/|$) /signin/worker last;', ''), fails: 'pages', says: /not answered by us/,
    advice: /no line include \S+part\.conf/,
  },
  'the assets are somewhere else': {
    edit: add('if ($uri = /signin/assets/style.css) { return 404; }'), fails: 'pages', says: /is not our stylesheet: status 404/,
  },
  'the url is another name': {
    ini: { opencode: { url: 'https://other.example' } }, fails: 'host', says: /421/, advice: /url/,
  },
  'the worker does not know the url': {
    ini: { opencode: { url: undefined } }, fails: 'host', says: /any name/, advice: /restart the worker/,
  },
  'a redirect to any host': {
    edit: add('if ($http_host != $server_name) { return 307 https://$http_host$request_uri; }'), fails: 'host',
    says: /redirects/, advice: /\$host/,
  },
  'a header twice': {
    edit: add('add_header X-Frame-Options DENY always;'), fails: 'security', says: /X-Frame-Options comes more than once/,
  },
  'a header taken away': {
    edit: add('fastcgi_hide_header Referrer-Policy;'), fails: 'security', says: /Referrer-Policy is missing/,
  },
  'a header replaced': {
    edit: add('fastcgi_hide_header Cache-Control;', 'add_header Cache-Control "public, max-age=60" always;'),
    fails: 'security', says: /Cache-Control has another value/,
  },
  'a callback path of opencode': {
    edit: swap('|oauth2callback)/?$', ')/?$'), fails: 'callbacks', says: /\/oauth2callback/,
    advice: /callback_paths/,
  },
  'a callback path of a single sign-on': {
    edit: add('if ($uri = /callback) { return 302 /oauth2/sign_in?rd=$request_uri; }'),
    fails: 'callbacks', says: /\/callback does not come to us: status 302, leads to https:\S+\/oauth2\/sign_in \(Server: nginx/, advice: /Behind a single sign-on/,
  },
  'a callback path that a firewall refuses': {
    edit: add('if ($args ~ "iss=https") { return 403; }'), fails: 'callbacks', says: /\/auth\/callback does not come to us: status 403 \(Server/,
    advice: /leave the callback paths alone/,
  },
  'begins of providers go to opencode': {
    edit: swap('provider/.+/oauth/+authorize|', ''), fails: 'begins', says: /\/provider\/opencode-callback-doctor/,
    advice: /above every return, rewrite and if/,
  },
  'begins of MCP servers go to opencode': { edit: swap('mcp/.+/auth(/+authenticate)?/*(;|$)|', ''), fails: 'begins', says: /\/mcp\// },
  'names with a slash do not pass': {
    kind: 'apache-cgi', edit: swap('AllowEncodedSlashes NoDecode', ''), fails: 'begins', says: /%2F/, advice: /AllowEncodedSlashes/,
  },
  'buttons of MCP servers go to opencode': {
    edit: swap('(/+authenticate)?', ''), fails: 'begins', says: /\/auth\/authenticate does not/,
  },
  'begins of integrations go to opencode': {
    edit: swap('|api/+integration/.+/connect/+oauth/*(;|$)', ''), fails: 'begins', says: /\/api\/integration\//,
  },
  'begins in capitals go to opencode': {
    edit: swap('(provider/.+', '((?-i:provider)/.+'), fails: 'begins', says: /\/Provider\/\/.* reaches opencode/,
    advice: /spellings/,
  },
  'begins of integrations in capitals go to opencode': {
    edit: swap('|api/+integration/', '|(?-i:api)/+integration/'), fails: 'begins', says: /\/Api\/\/Integration\/.* reaches opencode/,
    advice: /spellings/,
  },
  'begins with a semicolon go to opencode': {
    edit: (text) => swap('if ($request_uri ~ "^[^?]*;") { return 404; }', '')(text).replace(/^if \(\$request_uri ~\* .*\n/m, ''), fails: 'begins', says: /;.* reaches opencode/,
    advice: /spellings/,
  },
  'begins in capitals go to opencode, in Apache': {
    kind: 'apache-cgi', edit: swap('(?is)^/+(provider', '(?s)^/+(provider'), fails: 'begins', says: /\/Provider\/\/.* reaches opencode/,
  },
  'no cookies for us': { edit: swap('fastcgi_param HTTP_COOKIE $opencode_cookies if_not_empty;', 'fastcgi_param HTTP_COOKIE "";'), fails: 'headers', says: /Cookie does not reach/ },
  'no Sec-Fetch-Site for us': {
    edit: inside('fastcgi_param HTTP_SEC_FETCH_SITE "";'), fails: 'headers', says: /Sec-Fetch-Site does not reach/,
  },
  'no Sec-Fetch-Dest for us': {
    edit: inside('fastcgi_param HTTP_SEC_FETCH_DEST "";'), fails: 'headers', says: /Sec-Fetch-Dest does not reach/,
  },
  'no Sec-Purpose for us': {
    edit: inside('fastcgi_param HTTP_SEC_PURPOSE "";'), fails: 'headers', says: /Sec-Purpose does not reach/,
  },
  'no Origin for us': { edit: inside('fastcgi_param HTTP_ORIGIN "";'), fails: 'cookie', says: /does not take itself/, advice: /url/ },
  'TLS is not told to us': {
    edit: swap('REQUEST_SCHEME $opencode_scheme', 'REQUEST_SCHEME http'),
    url: null, fails: 'cookie', says: /does not take itself for https/, advice: /url/,
  },
  'forwarding headers are believed': {
    edit: inside('if ($http_x_forwarded_host) { set $opencode_host $http_x_forwarded_host; }'),
    fails: 'forwarded', says: /forged/, advice: /trust/,
  },
  'everybody is a proxy to be trusted': {
    edit: visitors, ini: { proxy: { trust: 'loopback' } }, fails: 'forwarded', says: /\/auth\/callback: forged/, advice: /trust/,
  },
  'everybody is a proxy to be trusted, and any name taken': {
    edit: visitors, ini: { proxy: { trust: 'loopback' } }, url: null, fails: 'forwarded', says: /\/flow\/doctor: forged/, advice: /trust/,
  },
  'opencode is elsewhere': {
    edit: (text) => text.replace(/proxy_pass http:\/\/[\d.:]+;/, 'proxy_pass http://127.0.0.1:9;'), fails: 'opencode',
    says: /status 502/, advice: /proxy_pass/,
  },
  'everything comes to us': {
    edit: (text) => text.replace(/proxy_pass http:\/\/[\d.:]+;/, 'fastcgi_pass opencode_callback;'), fails: 'opencode',
    says: /not opencode's/,
  },
  'the password stays in the web server': {
    edit: inside('fastcgi_param HTTP_AUTHORIZATION "";'), fails: 'login', says: /does not reach/, advice: /CGIPassAuth/,
  },
  'Apache without CGIPassAuth': { kind: 'apache-cgi', edit: swap('CGIPassAuth On', ''), fails: 'login', says: /does not reach/ },
  'events are held back': {
    edit: swap('proxy_buffering off;', ''), fails: 'events', says: /held back/, advice: /proxy_buffering off/,
  },
  'events go nowhere': {
    edit: add('location = /global/event { return 404; }'), fails: 'events', says: /no event stream: status 404/,
  },
  'no WebSockets': {
    edit: swap('proxy_set_header Upgrade $http_upgrade;', ''), fails: 'websocket', says: /status 400, not 101/, advice: /Upgrade/,
  },
  'WebSockets under another name': {
    edit: swap('proxy_set_header Host $opencode_host;', ''), fails: 'websocket', says: /not 101/, advice: /Host as it came/,
  },
  'no WebSockets in Apache': {
    kind: 'apache-cgi', edit: swap(' upgrade=websocket', ''), fails: 'websocket', says: /not 101/,
  },
}

for (const [name, { fails, says, advice = /./, ...options }] of Object.entries(faults)) {
  test(`${fails}: ${name}`, () =>
    withSite(options, async ({ check }) => {
      const { code, failed, text, line, seconds } = await check()
      assert.deepEqual(failed, [fails], text)
      assert.equal(code, 1)
      assert.match(line(fails), says)
      const lines = text.split('\n')
      assert.match(lines[lines.indexOf(line(fails)) + 1], new RegExp(`^ +-> .*${advice.source}`))
      assert.ok(seconds < 16, `${seconds} s`)
    }))
}

/* A warning each: options of the site, the web server that the advice names. */
const short = {
  'nginx refuses them': [{ edit: swap('large_client_header_buffers 4 66k;', 'large_client_header_buffers 4 8k;') }, /status 400|Broken pipe|reset/, /large_client_header_buffers .*default server/],
  'nginx cuts ours off': [
    { edit: inside('if ($http_cookie ~ "^(.{1000}).{1000}") { set $opencode_cookies $1; }') }, /status 200/, /LimitRequestFieldSize/,
  ],
  'Apache refuses them': [{ kind: 'apache-cgi', edit: swap('LimitRequestFieldSize 66560', '') }, /status 400|Broken pipe|reset/, /LimitRequestFieldSize .*first VirtualHost/],
}
for (const [name, [options, says, advice]] of Object.entries(short)) {
  test(`headers: 60 KiB of cookies do not pass: ${name}`, () =>
    withSite(options, async ({ check, front }) => {
      const { code, failed, table, text, line } = await check()
      assert.deepEqual([code, failed, table.headers], [0, [], 'warning'], text)
      assert.match(line('headers'), /60 KiB of others' cookies are cut off or refused before us/)
      assert.match(line('headers'), says)
      const lines = text.split('\n')
      assert.match(lines[lines.indexOf(line('headers')) + 1], new RegExp(`^ +-> .*${advice.source}`))
      assert.ok(!/doctor_\d/.test(front.logs()), 'cookies are in no log')
    }))
}

/* nginx asks a single sign-on, whose stand-in here knows nobody. use(edit): with what it takes in the web server's file */
async function withSso(use) {
  const sso = await open(http.createServer((_, response) => response.writeHead(401).end()))
  const lines = [
    'auth_request /sso-check;', 'error_page 401 =302 https://sso.example/start?rd=$request_uri;',
    `location = /sso-check { internal; proxy_pass http://127.0.0.1:${sso.port}; }`,
  ]
  try {
    await use(add(...lines))
  } finally {
    await sso.stop()
  }
}
test('callbacks: a single sign-on in front of all of the site answers there too', () =>
  withSso((edit) => withSite({ edit: (text) => swap('auth_request off;', '')(edit(text)) }, async ({ check, standin }) => {
    const { code, failed, table, text, line } = await check()
    assert.deepEqual([code, ...failed], [1, 'callbacks'], text)
    assert.match(line('pages'), /^skipped .*\/signin\/health is behind another sign-in of this site: status 302, leads to https:\/\/sso\.example\/start \(Server: nginx/)
    assert.match(line('callbacks'), /\/auth\/callback does not come to us: status 302, leads to https:\/\/sso\.example\/start \(Server: nginx/)
    assert.match(text, /-> let what guards the site leave the callback paths alone, as in conf\/README\.md, "Behind a single sign-on"/)
    assert.ok(!text.includes('rd='), 'nothing of its query')
    for (const name of ['host', 'security', 'firewall', 'begins', 'cookie', 'opencode', 'health', 'login', 'events', 'websocket']) {
      assert.equal(table[name], 'skipped', `${name}: ${text}`)
    }
    assert.deepEqual(standin.since(0), [])
  })))

test('callbacks: exempted from it, as the shipped file has it', () =>
  withSso((edit) => withSite({ edit }, async ({ check }) => {
    const { code, failed, table, text } = await check()
    assert.deepEqual([code, ...failed], [0], text)
    assert.deepEqual([table.pages, table.host, table.callbacks], ['skipped', 'ok', 'ok'], text)
  })))

test('firewall: what refuses a query with an address of the own machine', () =>
  withSite({ edit: add('if ($args ~ "127.0.0.1") { return 403; }') }, async ({ check }) => {
    const { code, table, text, line } = await check()
    assert.deepEqual([code, table.callbacks, table.firewall], [0, 'ok', 'warning'], text)
    assert.match(line('firewall'), /an answer with http:\/\/127\.0\.0\.1 in it does not reach us: status 403 \(Server: nginx/)
    assert.match(text, /-> firewall before the web server: no rules against URLs/)
  }))

/* A stand-in for a web application firewall, which looks into forms. */
function startFirewall(port) {
  const server = http.createServer(async (request, response) => {
    const parts = []
    for await (const part of request) parts.push(part)
    const body = Buffer.concat(parts)
    if (body.includes('127.0.0.1')) return response.writeHead(403, { Server: 'a-firewall', 'Content-Type': 'text/html' }).end('<h1>Blocked</h1>')
    const { method, url, headers } = request
    const on = http.request({ port, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.rawHeaders)
      answer.pipe(response)
    })
    on.on('error', () => response.destroy()).end(body)
  })
  return open(server)
}

test('firewall: what refuses a form with an address of the own machine', () =>
  withSite({ tls: false, url: null }, async ({ check, front }) => {
    const firewall = await startFirewall(front.port)
    try {
      const { table, text, line } = await check({ at: `http://127.0.0.1:${firewall.port}` })
      assert.deepEqual([table.callbacks, table.firewall], ['ok', 'warning'], text)
      assert.match(line('firewall'), /a pasted address does not reach us: status 403 \(Server: a-firewall\)/)
    } finally {
      await firewall.stop()
    }
  }))

test('the default [limit] is enough for all of its requests', () =>
  withSite({ ini: { limit: { rate: '60/min', burst: 30 } } }, async ({ check }) => {
    const { code, text } = await check()
    assert.equal(code, 0, text)
    assert.match(text, /^17 ok, 0 warnings, 0 failed, 1 skipped, 1 to do by hand$/m)
  }))

test('https: an untrusted certificate, another name, nobody there: the rest is skipped', () =>
  withSite({}, async ({ check, opencode, front }) => {
    const before = opencode.requests.length
    const loopback = await bridge('127.0.0.1', 443, front.port)
    try {
      for (const [at, env, says] of [
        [ORIGIN, { SSL_CERT_FILE: '' }, /certificate: .*issuer/],
        ['https://127.0.0.1', {}, /certificate: .*127\.0\.0\.1/],
        [`https://${ADDRESS}:4443`, {}, /does not answer/],
        ['https://name.invalid', {}, /does not answer/],
      ]) {
        const { code, failed, table, text, line } = await check({ at, env })
        assert.deepEqual([code, ...failed], [1, 'https'], text)
        assert.match(line('https'), says)
        assert.deepEqual([table.pages, table.opencode, table.logs], ['skipped', 'skipped', 'skipped'], text)
      }
    } finally {
      await loopback.stop()
    }
    assert.equal(opencode.requests.length, before, 'no request, and no password, went to an unknown server')
  }))

test('https: plain http at a public address', () =>
  withSite({ tls: false, url: null }, async ({ check, opencode }) => {
    const { code, failed, table, text } = await check({ at: `http://${ADDRESS}` })
    assert.deepEqual([code, ...failed], [1, 'https'], text)
    assert.equal(table.events, 'skipped')
    assert.deepEqual(opencode.requests, ['GET /'], 'no password was sent in the clear')
  }))

test('https: plain http in a private network, where the configuration allows it', () =>
  withSite({ tls: false, url: null, ini: { web: { http: 'private' } } }, async ({ check, front }) => {
    const passage = await bridge(PRIVATE, 80, front.port)
    try {
      const { code, table, text, line } = await check({ at: `http://${PRIVATE}`, own: true })
      assert.deepEqual([code, table.https, table.cookie], [0, 'warning', 'ok'], text)
      assert.match(line('https'), /can take over a sign-in/)
      const { failed, text: told } = await check({ at: `http://${PRIVATE}`, settings: {} })
      assert.deepEqual(failed, ['https'], told)
      assert.match(told, /\[web\] http = private/)
    } finally {
      await passage.stop()
    }
  }))

test('https: plain http on the loopback is a warning', () =>
  withSite({ tls: false, url: null }, async ({ check, front }) => {
    const { code, table, text } = await check({ at: front.origin })
    assert.deepEqual([code, table.https, table.redirect, table.ports, table.cookie], [0, 'warning', 'skipped', 'skipped', 'ok'], text)
  }))

test('redirect: nobody on port 80 is a warning', () =>
  withSite({ plain: false }, async ({ check }) => {
    const { code, table, text } = await check()
    assert.deepEqual([code, table.redirect], [0, 'warning'], text)
  }))

test('redirect: what a browser may keep is a warning', () =>
  withSite({ edit: swap('add_header Cache-Control no-store always;', '') }, async ({ check }) => {
    const { code, table, text, line } = await check()
    assert.deepEqual([code, table.redirect], [0, 'warning'], text)
    assert.match(line('redirect'), /status 301 without Cache-Control: no-store/)
    assert.match(text, /-> web server, port 80: add_header Cache-Control no-store/)
  }))

test('redirect: 307 is never kept', () =>
  withSite({ edit: swap('add_header Cache-Control no-store always;\n\treturn 301', 'return 307') }, async ({ check }) => {
    const { code, table, text } = await check()
    assert.deepEqual([code, table.redirect], [0, 'ok'], text)
  }))

test('pages: a worker that is gone', () =>
  withSite({}, async ({ check, front }) => {
    await front.worker.stop()
    const { code, failed, text, line } = await check()
    assert.deepEqual([code, ...failed], [1, 'pages'], text)
    assert.match(line('pages'), /status 502/)
  }))

test('host: without a url any name is taken, which is a warning', () =>
  withSite({ url: null }, async ({ check }) => {
    const { code, table, text } = await check()
    assert.deepEqual([code, table.host, table.cookie], [0, 'warning', 'ok'], text)
    assert.match(text, new RegExp(`url = ${ORIGIN}`))
  }))

test('health and socket: opencode does not answer on its socket', () =>
  withSite({}, async ({ check, standin }) => {
    await standin.stop()
    const far = await check()
    assert.deepEqual([far.code, ...far.failed], [1, 'health'], far.text)
    assert.match(far.line('health'), /status 503, opencode cannot be reached\./)
    assert.equal(far.table.socket, 'skipped')
    const near = await check({ own: true })
    assert.deepEqual(near.failed, ['health', 'socket'], near.text)
  }))

test('health: the store is not safe', () =>
  withSite({}, async ({ check, front }) => {
    chmodSync(front.storeDir, 0o777)
    const { code, failed, text, line } = await check()
    assert.deepEqual([code, ...failed], [1, 'health'], text)
    assert.match(line('health'), /status 503, the store or the socket/)
  }))

test('websocket: no terminal to try it with is a warning', () =>
  withSite({ edit: add('location = /pty { return 404; }') }, async ({ check }) => {
    const { code, table, text } = await check()
    assert.deepEqual([code, table.websocket], [0, 'warning'], text)
    assert.match(text, /made no terminal to try it with: status 404/)
  }))

test('socket: what else can stand there', () =>
  withSite({}, async ({ check, path }) => {
    const file = join(path, 'file')
    writeFileSync(file, '')
    const other = await open(net.createServer((socket) => socket.end('HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n')), join(path, 'other'))
    const die = "require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))"
    assert.equal(spawnSync(process.execPath, ['-e', die, join(path, 'dead')]).signal, 'SIGKILL')
    const cases = [
      [file, /is no socket/],
      [join(path, 'nothing'), /opencode 1 runs on port \d+ without our plugin: \S+\/nothing is not there/],
      [join(path, 'other'), /status 500/],
      [join(path, 'dead'), /opencode 1 runs on port \d+ without our plugin: \S+\/dead: opencode/],
    ]
    for (const [socket, says] of cases) {
      const { code, failed, text, line } = await check({ settings: { socket } })
      assert.deepEqual([code, ...failed], [1, 'socket'], text)
      assert.match(line('socket'), says)
    }
    await other.stop()
    const elsewhere = await check({ settings: { socket: join(path, 'nothing'), port: 9 } })
    assert.match(elsewhere.line('socket'), /^failed +socket +\S+\/nothing is not there$/, 'no opencode is there either')
    const perPort = await check({ settings: { socket: join(path, '%p.sock') } })
    assert.match(perPort.line('socket'), /^failed +socket +\S+\/\d+\.sock is not there$/, 'no plugin is expected')
  }))

test('ports that are open to the world', () =>
  withSite({}, async ({ check, opencode }) => {
    for (const [port, verdict, says] of [
      [1455, 'failed', /1455 is open: any junk/],
      [1456, 'failed', /1456/],
      [19876, 'failed', /19876/],
      [opencode.port, 'failed', /opencode itself/],
      [8080, 'warning', /8080 is open/],
    ]) {
      const other = await open(net.createServer(), port, ADDRESS)
      const { code, failed, table, text, line } = await check()
      await other.stop()
      assert.equal(table.ports, verdict, text)
      assert.deepEqual([code, ...failed], verdict === 'failed' ? [1, 'ports'] : [0], text)
      assert.match(line('ports'), says)
    }
    const both = [await open(net.createServer(), 8080, ADDRESS), await open(net.createServer(), 19876, ADDRESS)]
    const worst = await check()
    for (const other of both) await other.stop()
    assert.match(worst.line('ports'), /^failed.*19876/)

    const inside = await open(net.createServer(), 1455)
    const { table } = await check()
    await inside.stop()
    assert.equal(table.ports, 'ok', 'on the loopback it has to be open')
  }))

test('logs: what it says to look for is found in a log with queries', () =>
  withSite({ edit: (text) => text.replace(/(access_log \S+) opencode_callback;/g, '$1 combined;') }, async ({ check, front }) => {
    const { code, line } = await check()
    assert.equal(code, 0)
    const [, mark] = /grep -rlF (doctor-\d+) /.exec(line('logs'))
    // nginx writes the line after the answer has gone
    await until('its log has it', () => front.logs().includes(mark))
  }))

test('too many requests is no fault', () =>
  withSite({ edit: add('if ($uri = /callback) { return 429; }') }, async ({ check }) => {
    const { code, table, text } = await check()
    assert.deepEqual([code, table.callbacks], [0, 'warning'], text)
    assert.match(text, /wait a minute/)
  }))

/* Servers that answer every connection with something nasty. */
const loop = (socket, text) => {
  const more = () => !socket.destroyed && socket.write(text, () => setImmediate(more))
  more()
}
const nasty = {
  'closes at once': (socket) => socket.destroy(),
  'says nothing': () => {},
  'speaks no HTTP': (socket) => socket.end('220 mail.example ESMTP\r\n'),
  'never ends its headers': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n')
    loop(socket, `X-A: ${'a'.repeat(1000)}\r\n`)
  },
  'has one endless header': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nX-A: ')
    loop(socket, 'a'.repeat(60_000))
  },
  'never ends its interim answers': (socket) => loop(socket, 'HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n'),
  'never ends its body': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n')
    loop(socket, '\0'.repeat(60_000))
  },
  'lets a byte fall now and then': (socket) => {
    const timer = setInterval(() => socket.write('H'), 300)
    socket.on('close', () => clearInterval(timer))
  },
  'answers some and is silent then': (socket, text) => {
    const [, path] = /^\w+ (\S+)/.exec(text) ?? []
    const answers = { '/': ['text/html', 'x'], '/signin/health': ['application/json', '{"status":"ok"}'], '/signin/assets/style.css': ['text/css', ''] }
    const [type, body] = answers[path] ?? []
    if (type) socket.write(`HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`)
  },
  'writes to the terminal': (socket) =>
    socket.end('HTTP/1.1 302 \x1b[31mX\r\nLocation: http://evil.example/\x1b]0;owned\x07\x9b31m\r\nContent-Type: \x1b[2J\r\nContent-Length: 4\r\n\r\n\x1b[2J'),
  'knows no limits': (socket) =>
    socket.end('HTTP/1.1 99999999999999999999 X\r\nContent-Length: 99999999999999999999999\r\n\r\nx'),
  'packs a bomb': (socket) =>
    socket.end('HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00'),
}

for (const [name, answer] of Object.entries(nasty)) {
  test(`a server that ${name}`, async () => {
    const folder = scratch('doctor')
    const ini = join(folder.path, 'empty.ini')
    writeFileSync(ini, '', { mode: 0o644 })
    const server = await open(net.createServer((socket) => socket.once('data', (data) => answer(socket, String(data)))))
    try {
      const { code, text, seconds } = await doctor(['-c', ini, '--doctor', `http://127.0.0.1:${server.port}`])
      assert.equal(code, 1, text)
      assert.doesNotMatch(text, /[^\x20-\x7e\n\u2026]/)
      assert.ok(seconds < 18, `${seconds} s`)
    } finally {
      await server.stop()
      folder.remove()
    }
  })
}

test('the command line', async () => {
  const wrong = [
    'opencode.example.com/x', 'ftp://opencode.example.com', 'https://user:geheim@opencode.example.com', `${ORIGIN}/signin`,
    `${ORIGIN}?x`, `${ORIGIN}#x`, 'https://', '', 'https://\x1b[31m',
  ]
  for (const url of wrong) {
    const { code, text } = await doctor(['--doctor', url])
    assert.equal(code, 64, `${url}: ${text}`)
    assert.ok(!text.includes('geheim'), text)
  }
  assert.equal((await doctor(['--doctor'])).code, 64)
  const help = await doctor(['--help'])
  assert.equal(help.code, 0)
  assert.match(help.text, /--doctor URL/)
  assert.equal((await doctor(['-c', '/nonexistent', '--doctor', ORIGIN])).code, 78)
})
