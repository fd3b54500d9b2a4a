/*
 * Tables of requests that neither our pages nor a browser's address bar can send. Each row makes the
 * meta-variables for CGI and FastCGI, and the bytes for a web server. We refuse all of them; where a web server
 * answers by itself, or passes on something else, server_quirks.mjs says so.
 */
import { COOKIE, HOST } from './frontends.mjs'
import { NAVIGATION, OWN_FORM, newCookie } from './signin.mjs'

export const defined = (all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))

/* A callback with a query of its own. */
export const callback = (query, headers = {}) => (flow) => ({
  target: query === undefined ? flow.path : `${flow.path}?${query(flow)}`,
  headers: { ...NAVIGATION, ...flow.cookies, ...headers },
})
export const form = (body, headers = {}) => (flow) => ({
  method: 'POST', target: flow.page, body: typeof body === 'function' ? body(flow) : body,
  headers: defined({ ...OWN_FORM, ...flow.cookies, ...headers }),
})

const wrong = (flow) => `code=${flow.code}&state=x`
const good = (flow) => flow.query
/* The same request, with other bytes on the wire. */
const wired = (make, wire) => (flow) => ({ ...make(flow), wire })
/* A request that cannot be said in meta-variables. */
const alone = (make, wire) => (flow) => ({ ...make(flow), wire, direct: false })
const version = (name) => (text) => text.replace(' HTTP/1.1\r\n', ` ${name}\r\n`)
const header = (...lines) => (text) => text.replace('\r\n\r\n', `\r\n${lines.join('\r\n')}\r\n\r\n`)
const at = (target) => (flow) => ({ ...callback(good)(flow), target: target(flow) })
const method = (name) => (flow) => ({ ...callback(good)(flow), method: name })
const host = (value) => callback(wrong, { Host: value })

/* The form's body in chunks, with more headers or without. */
const chunked = (body, more = '', chunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`) => (text) =>
  text.slice(0, text.indexOf('\r\n\r\n')).replace(/\r\nContent-Length: \d+/, `\r\nTransfer-Encoding: chunked${more}`) + `\r\n\r\n${chunks}`

const BIG = 'a'.repeat(200_000)

/* name: [status, request] */
export const protocol = {
  'HTTP/1.0': [400, wired(callback(wrong), version('HTTP/1.0'))],
  'HTTP/1.0 without a Host': [421, (f) => ({ ...wired(callback(wrong, { Host: undefined }), version('HTTP/1.0'))(f), vars: { HTTP_HOST: undefined } })],
  'HTTP/1.1 without a Host': [421, (f) => ({ ...host(undefined)(f), vars: { HTTP_HOST: undefined } })],
  'an empty Host': [421, host('')],
  'a Host with two ports': [421, host('a:b:c')],
  'a Host with a path': [421, host('site.example/x')],
  'another Host': [400, host('site.example:8080')],
  'two Hosts': [400, alone(callback(wrong), header('Host: site.example'))],
  'an absolute address': [400, at((f) => `http://${HOST}${f.path}?${wrong(f)}`)],
  'an absolute address, https': [400, at((f) => `https://${HOST}${f.path}?${wrong(f)}`)],
  'an absolute address, in capitals': [400, at((f) => `HTTP://${HOST}${f.path}?${wrong(f)}`)],
  'an absolute address of another host': [400, at((f) => `http://site.example${f.path}?${wrong(f)}`)],
  'an address without a slash': [400, alone(at((f) => `auth/callback?${wrong(f)}`))],
  'HTTP/2.0 in plain text': [400, wired(callback(wrong), version('HTTP/2.0'))],
  'no HTTP': [400, alone(callback(wrong), version('HTTQ/1.1'))],
  'line feeds alone': [400, wired(callback(wrong), (text) => text.replaceAll('\r\n', '\n'))],
  'an empty line first': [400, wired(callback(wrong), (text) => `\r\n${text}`)],
  'two blanks in the first line': [400, wired(callback(wrong), (text) => text.replace(' ', '  '))],
  'a header on two lines': [400, wired(callback(wrong), header('X-A: b\r\n c'))],
  'a blank before the colon': [400, alone(callback(wrong), header('X-A : b'))],
  'a header without a colon': [400, wired(callback(wrong), header('XAb'))],
  'a control byte in a header that nobody reads': [400, wired(callback(wrong), header('X-A: b\x01'))],
  '200 headers': [400, wired(callback(wrong), header(...Array.from({ length: 200 }, (_, i) => `X-H${i}: v`)))],
  'three headers of 8,000 bytes': [400, wired(callback(wrong), header(...[1, 2, 3].map((i) => `X-${i}: ${'x'.repeat(8000)}`)))],
  'a header of 9,000 bytes that nobody reads': [400, wired(callback(wrong), header(`X-A: ${'x'.repeat(9000)}`))],
  'a header of 12,000 bytes': [400, wired(callback(wrong), header(`X-A: ${'x'.repeat(12_000)}`))],
  'a header of 70,000 bytes': [400, wired(callback(wrong), header(`X-A: ${'x'.repeat(70_000)}`))],
  'an Accept of 9,000 bytes': [431, callback(wrong, { Accept: 'x'.repeat(9000) })],
  'a name with underscores': [400, wired(callback(wrong), header('Sec_Fetch_Dest: image'))],
  'an upgrade to HTTP/2': [400, wired(callback(wrong), header('Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA'))],
  'an upgrade to a WebSocket': [400, wired(callback(wrong), header('Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='))],
  'Sec-Fetch-Dest twice': [403, callback(good, { 'Sec-Fetch-Dest': ['document', 'image'] })],
  'two lines of cookies, the wrong one last': [400, (f) => callback(good, { Cookie: [f.cookies.Cookie, `${COOKIE}=${newCookie()}`] })(f)],
  'two lines of cookies, the right one last': [400, (f) => callback(good, { Cookie: [`${COOKIE}=${newCookie()}`, f.cookies.Cookie] })(f)],
  'two Content-Types': [415, form('address=x', { 'Content-Type': [OWN_FORM['Content-Type'], 'text/plain'] })],
  'two Origins': [403, form('address=x', { 'Sec-Fetch-Site': undefined, Origin: [`http://${HOST}`, 'http://evil.example'] })],
  'a GET with a body': [400, (f) => ({ ...callback(wrong)(f), body: 'hello' })],
  'a GET with a body of 40,000 bytes': [400, (f) => ({ ...callback(wrong)(f), body: 'h'.repeat(40_000) })],
  'a GET with a body in chunks': [400, wired(callback(wrong), (text) => header('Transfer-Encoding: chunked')(text) + '5\r\nhello\r\n0\r\n\r\n')],
  'a form in chunks': [400, wired(form('address=x'), chunked('address=x'))],
  'a form of 200,000 bytes in chunks': [413, wired(form(BIG), chunked(BIG))],
  'a form in chunks, with a length': [400, wired(form('address=x'), chunked('address=x', '\r\nContent-Length: 4'))],
  'a broken chunk': [400, alone(form('address=x'), chunked('', '', 'zz\r\n'))],
  'an unknown transfer coding': [400, alone(form('address=x'), (text) => text.replace(/Content-Length: \d+/, 'Transfer-Encoding: gzip'))],
  'two lengths': [400, alone(form('address=x'), header('Content-Length: 10'))],
  'a negative length': [400, alone(form('address=x', { 'Content-Length': '-1' }))],
  'no length': [411, (f) => ({ ...form(undefined)(f), method: 'POST' })],
  'Expect: 100-continue': [400, wired(form('address=x'), header('Expect: 100-continue'))],
  'Expect: something else': [400, wired(form('address=x'), header('Expect: the-moon'))],
  'a form of 200,000 bytes': [413, form(BIG)],
}

export const methods = {
  HEAD: [405, method('HEAD')],
  TRACE: [405, method('TRACE')],
  'TRACE of a page': [405, (f) => ({ ...method('TRACE')(f), target: f.page })],
  CONNECT: [405, method('CONNECT')],
  'a method that nobody knows': [405, method('BREW')],
  'a method of WebDAV': [405, method('PROPFIND')],
  'a method in small letters': [405, method('get')],
  'a method of 300 letters': [405, method('A'.repeat(300))],
  'no method': [405, alone(method('GE(T'))],
}

export const bytes = {
  'a control byte in the query': [400, callback((f) => `code=${f.code}\x01&state=${f.state}`)],
  'a tab in the query': [400, callback((f) => `code=${f.code}\t&state=${f.state}`)],
  'a blank in the query': [400, callback((f) => `code=${f.code} &state=${f.state}`)],
  'DEL in the query': [400, callback((f) => `code=${f.code}\x7f&state=${f.state}`)],
  'a NUL in the query': [400, alone(callback((f) => `code=${f.code}\0&state=${f.state}`))],
  'quotes and brackets in the query': [400, callback((f) => `code="<>^\`{|}\\&state=x`)],
  'a # in the query': [400, callback((f) => `${wrong(f)}#x`)],
  'a # before the query': [404, at((f) => `${f.path}#x?${f.query}`)],
  '9,900 bytes': [414, callback((f) => `${f.query}&x=`.padEnd(9900, 'x'))],
  '10,500 bytes': [414, callback((f) => `${f.query}&x=`.padEnd(10_500, 'x'))],
  '30,000 bytes': [414, callback((f) => `${f.query}&x=`.padEnd(30_000, 'x'))],
  '1 MiB': [414, (f) => ({ ...callback((g) => `${g.query}&x=`.padEnd(1 << 20, 'x'))(f), direct: false })],
}

/* Ways to write a path of ours. */
export const paths = {
  'two slashes before the path': [404, at((f) => `/${f.path}?${f.query}`)],
  'two slashes in the path': [404, at((f) => `/auth//callback?${f.query}`)],
  'a dot in the path': [404, at((f) => `/auth/./callback?${f.query}`)],
  'two dots before the path': [404, at((f) => `/x/../auth/callback?${f.query}`)],
  'two slashes behind the path': [404, at((f) => `/auth/callback//?${f.query}`)],
  'an escaped slash behind the path': [404, at((f) => `/auth/callback%2F?${f.query}`)],
  'an escaped letter in the path': [404, at((f) => `/%61uth/callback?${f.query}`)],
  'an escaped slash in the path': [404, at((f) => `/auth%2Fcallback?${f.query}`)],
  'a semicolon behind the path': [404, at((f) => `/auth/callback;x?${f.query}`)],
  'a raw byte behind the path': [404, alone(at((f) => `/auth/callback\xff?${f.query}`))],
  'two slashes before our pages': [404, at(() => '//signin/health')],
  'two dots before our pages': [404, at(() => '/x/../signin/health')],
  'a dot in our pages': [404, at(() => '/signin/./health')],
  'an empty part in our pages': [404, at(() => '/signin//')],
  'an escaped letter in our pages': [404, at(() => '/sign%69n/health')],
  'an escaped slash in our pages': [404, at(() => '/signin/flow%2Fx')],
  'two dots behind our pages': [404, at(() => '/signin/../x')],
  'two escaped dots behind our pages': [404, at(() => '/signin/%2e%2e/x')],
  'a byte of no character in our pages': [400, at(() => '/signin/flow/%ff')],
  'no hex in our pages': [400, at(() => '/signin/flow/%zz')],
  'an escaped NUL in our pages': [400, at(() => '/signin/flow/a%00b')],
}

const begin = (path) => (f) => ({
  method: 'POST', target: path.replace('{}', f.provider), body: '{"method":0}', headers: { 'Content-Type': 'text/plain', 'Sec-Fetch-Site': 'cross-site' },
})

/*
 * Begins in a spelling that opencode's own router takes for the path of a begin: it knows neither case
 * nor the number of slashes, reads escapes, and ends at a semicolon. A form on any web page can send these.
 */
export const spellings = Object.fromEntries([
  '/provider/{}/oauth/authorize/', '/provider/{}/oauth/authorize//', '//provider/{}/oauth/authorize', '/provider//{}///oauth//authorize',
  '/Provider/{}/OAuth/Authorize', '/%70rovider/{}/oauth/%61uthorize', '/provider/{}/oauth/authorize;x', '/provider/{}/oauth/authorize;%ff',
  '/provider/{}/oauth/authorize;%zz', '/provider/{}/oauth/authorize;%00', '/provider/{}/oauth/authorize;%0a', '/provider/{}/oauth/authorize/;/x',
  '/provider/{}/oauth/authorize;/..%2f..%2f..%2f..%2fx', '/provider/{}/oauth/authorize;/../../../../x', '/provider/{}/oauth/author%69ze;',
  '/mcp/demo/auth/', '/MCP/demo/AUTH', '/mcp/demo//auth//authenticate//', '/mcp/demo/auth;x', '/mcp/demo/auth;%ff', '/mcp/demo/auth/authenticate;x',
  '/mcp/a%2Fb/auth/', '/mcp/a%2fb/%61uth', '/mcp/demo/auth;/..%2f..%2f..%2f', '/api/integration/x/connect/oauth/', '/API//integration/x/connect/oauth;x',
  '//api/integration//x/connect//oauth//', '/%61pi/integration/x/connect/%6Fauth', '/api/integration/x/connect/oauth/;/con_1',
].map((path) => [path, [404, begin(path)]]))

/* Names that our own paths of begins may hold. */
export const names = Object.fromEntries([
  '/provider/a%2Fb/oauth/authorize', '/provider/a;b/oauth/authorize', '/provider/a%0Ab/oauth/authorize', '/mcp/a%2Fb/auth', '/mcp/a%20b/auth', '/mcp/a%0Ab/auth',
  '/mcp/a;b/auth/authenticate', '/api/integration/a%2Fb/connect/oauth',
].map((path) => [path, [403, begin(path)]]))

/*
 * Paths that are opencode's, however alike. One slash behind the path of a callback is not among them: people
 * who edit an address leave it there, and opencode would answer with its UI.
 */
export const theirs = [
  '/auth/callback/x', '/Auth/Callback', '/auth%5ccallback', '/auth/callback%20', '/auth/callback%3Fcode=x', '/SIGNIN/', '/signinx',
  '/provider/oauth/authorize', '/provider/x/oauth/callback', '/mcp/x/auth/callback', '/api/integration/x', '/',
  '/api/integration/x/connect/oauth/con_1', '/api/integration/x/connect/oauth/con_1/complete', '/api/integration/a%2Fb/connect/oauth/con_1', '/auth/connect/123456',
]
