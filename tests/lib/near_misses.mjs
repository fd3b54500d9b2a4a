/*
 * Tables of inputs that differ in one step from a valid one, or from a row of refusals.mjs, for
 * tests/frontends/near_misses.test.mjs. A row makes its text from a flow, as in refusals.mjs.
 */
import { createHash } from 'node:crypto'
import { COOKIE, HOST } from './frontends.mjs'
import { newCookie } from './signin.mjs'

/* What no part of a query may hold: escapes that are none, escapes of what is no text, raw bytes. */
const DAMAGE = [
  '%', '%4', '%zz', '%4z', '%z4', '%%41', '%4%31', '%u0041', '%U0041', '%-1', '%+1', '%0x', '%=', '%ag', '%G1',
  '%C0%AF', '%C1%81', '%E0%80%AF', '%F0%80%80%AF', '%ED%A0%80', '%ED%BF%BF', '%F4%90%80%80', '%F5%80%80%80', '%F8%88%80%80%80', '%FE', '%FF',
  '%80', '%BF', '%C2', '%C2%41', '%E2%82', '%E2%28%A1', '%F0%9F%98', '%e2%82', '%c3%28',
  '%00', '%01', '%08', '%09', '%0a', '%0A', '%0d', '%0d%0a', '%0d%0aSet-Cookie:x=1', '%1b[31m', '%1f', '%7f', '%7F',
  '\x01', '\t', '\n', '\r\n', ' ', '\x1b', '\x7f', '\x80', '\xff', '\xc3\xa9', '#', '?',
]
/* What follows is no hex digit: it would make a whole escape of half a one. */
const PLACES = {
  'at the end of the code': (f, x) => `code=${f.code}${x}&state=${f.state}`,
  'at the front of the code': (f, x) => `code=${x}.${f.code}&state=${f.state}`,
  'at the end of the state': (f, x) => `code=${f.code}&state=${f.state}${x}`,
  'in another value': (f, x) => `${f.query}&x=a${x}.`,
  'in a name': (f, x) => `${f.query}&a${x}.=1`,
  'in a name without a value': (f, x) => `${f.query}&a${x}`,
  'at the very front': (f, x) => `${x}.=1&${f.query}`,
}
export const damaged = Object.fromEntries(
  Object.entries(PLACES).map(([place, make]) => [place, DAMAGE.map((x) => [`${JSON.stringify(x)} ${place}`, (f) => make(f, x)])]),
)

/* Each parameter that means something, and one that does not, said twice in every way to say a name. */
const NAMES = ['code', 'state', 'iss', 'error', 'error_description', 'error_uri', 'scope', 'session_state', 'x']
const escaped = (name, i) => `${name.slice(0, i)}%${name.charCodeAt(i).toString(16)}${name.slice(i + 1)}`
const spellings = (name) => [name, escaped(name, 0), escaped(name, name.length - 1),
[...name].map((c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`).join('')]
export const twice = NAMES.flatMap((name) => {
  const base = (f) => (f.query.includes(`${name}=`) ? f.query : `${f.query}&${name}=1`)
  return spellings(name).flatMap((again) => [
    [`${name}, then ${again}`, (f) => `${base(f)}&${again}=2`],
    [`${name}, then ${again} without a value`, (f) => `${base(f)}&${again}`],
    [`${again}=, then ${name}`, (f) => `${again}=&${base(f)}`],
  ])
})

/* Texts that are nearly the state of a flow. */
export const states = {
  'in capitals': (s) => s.toUpperCase(), 'with one letter in other case': (s) => s.replace('C', 'c'), 'cut in front': (s) => s.slice(1),
  'cut at the end': (s) => s.slice(0, -1), 'half of it': (s) => s.slice(0, s.length / 2), 'one letter of it': (s) => s[0], 'twice': (s) => s + s,
  'a blank behind': (s) => `${s}%20`, 'a blank before': (s) => `%20${s}`, 'a plus behind': (s) => `${s}+`, 'a dot behind': (s) => `${s}.`,
  'an = behind': (s) => `${s}=`, 'an escaped = behind': (s) => `${s}%3D`, 'a slash behind': (s) => `${s}/`, 'a star behind': (s) => `${s}*`,
  'in quotes': (s) => `%22${s}%22`, 'a comma and more': (s) => `${s},x`, 'a semicolon and more': (s) => `${s};x`, 'escaped twice': (s) => s.replace('C',
  '%2543'),
  'a letter of another alphabet': (s) => s.replace('A', '%D0%90'), 'a full-width letter': (s) => s.replace('C', '%EF%BC%A3'),
  'a combining mark behind': (s) => `${s}%CC%81`,
  'an invisible letter inside': (s) => `${s.slice(0, 5)}%E2%80%8B${s.slice(5)}`, 'a mark that turns the direction': (s) => `%E2%80%AE${s}`,
  'dots and slashes': () => '../../etc/passwd', 'escaped dots and slashes': () => '..%2F..%2Fetc%2Fpasswd', 'dots': () => '..', 'one dot': () => '.',
  'a slash': () => '/',
  'a backslash': () => '..\\..\\x', 'a star': () => '*', 'a name in the store': () => 'index', 'a format': () => '%25s%25n',
  'a word of a database': () => "'%20OR%201=1--",
}

/* Host headers that name no site, where any is taken, and all the more where one is configured. */
export const hosts = [
  '', ' ', ':', ':8080', 'a:b:c', '127.0.0.1:8080:8080', '127.0.0.1:0', '127.0.0.1:65536', '127.0.0.1:99999', '127.0.0.1:123456', '127.0.0.1:08080',
  '127.0.0.1:+80',
  '127.0.0.1:-80', '127.0.0.1:8080x', '127.0.0.1:0x50', '127.0.0.1: 80', 'u@127.0.0.1:8080', 'u:p@127.0.0.1:8080', '127.0.0.1:8080@evil.example', '@',
  '[::1', '::1', '::1]', '[]', '[:]', '[.]', '[127.0.0.1]', '[localhost]', '[::1]evil', '[::1]]', '[[::1]]', '[::1%25lo]', '[fe80::1%eth0]',
  '[1:2:3:4:5:6:7:8:9]', '[::g]',
  '127.0.0.1 ', ' 127.0.0.1', '127.0.0.1\t', '127.0.0.1, evil.example', '127.0.0.1,evil.example', '127.0.0.1;evil.example', '127.0.0.1/', '127.0.0.1/x',
  '127.0.0.1\\x',
  '127.0.0.1?x', '127.0.0.1#x', 'http://127.0.0.1', '//127.0.0.1', '127.0.0.1%00', '%6cocalhost', 'local%68ost', '\u00e4.example', '\xff.example', '<b>',
  '"x"', "'", '*', '*.example',
  '$(x)', '`x`', 'a'.repeat(300), `${'a'.repeat(290)}:80`,
]
/* And those that are well-formed, but another site's, where https://opencode.example.com is configured. */
export const foreign = [
  'evil.example', 'localhost', '127.0.0.1', '[::1]', 'opencode.example.com.', 'opencode.example.com.evil.example', 'evil-opencode.example.com',
  'opencode.example.co',
  'opencode.example.comm', 'xopencode.example.com', 'opencode-example.com', 'opencode.example.com.:443', 'xn--opencode-.example.com', '.', '..', '-', '_',
]

/* A cookie of somebody else, of n bytes with the separator. */
const pad = (n) => `${'a='.padEnd(n - 2, 'x')}; `
/* n bytes with our cookie in the middle; around it one other cookie, or as many of these pieces as fit. */
function around(n, token, piece) {
  const own = `; ${COOKIE}=${token}; `
  const half = Math.floor((n - own.length) / 2)
  const before = piece ? piece.repeat(Math.floor(half / piece.length)) : pad(half)
  return `${before}${own}`.padEnd(n, piece ?? 'a=x')
}

/* Cookie headers without this browser's token, on plain http. */
export const cookies = {
  'the name alone': () => COOKIE, 'no value': () => `${COOKIE}=`, 'a token in quotes': (t) => `${COOKIE}="${t}"`,
  'a quote before': (t) => `${COOKIE}="${t}`, 'a quote behind': (t) => `${COOKIE}=${t}"`,
  'the name for https': (t) => `__Host-${COOKIE}=${t}`, 'another prefix': (t) => `__Secure-${COOKIE}=${t}`,
  'the prefix in other case': (t) => `__host-${COOKIE}=${t}`,
  'the name in other case': (t) => `${COOKIE.toUpperCase()}=${t}`, 'a letter before the name': (t) => `x${COOKIE}=${t}`,
  'a letter behind the name': (t) => `${COOKIE}x=${t}`,
  'a blank before the =': (t) => `${COOKIE} =${t}`, 'a blank behind the =': (t) => `${COOKIE}= ${t}`, 'a tab before the =': (t) => `${COOKIE}\t=${t}`,
  'two =': (t) => `${COOKIE}==${t}`,
  'an = behind': (t) => `${COOKIE}=${t}=`, 'cut at the end': (t) => `${COOKIE}=${t.slice(0, -1)}`, 'cut in front': (t) => `${COOKIE}=${t.slice(1)}`,
  'one letter more': (t) => `${COOKIE}=${t}A`,
  'in other case': (t) => `${COOKIE}=${t.toLowerCase()}`, 'an escape in it': (t) => `${COOKIE}=%43${t.slice(1)}`,
  'a plus in it': (t) => `${COOKIE}=${t.slice(0, -1)}+`, 'a slash in it': (t) => `${COOKIE}=${t.slice(0, -1)}/`,
  'a dot in it': (t) => `${COOKIE}=${t.slice(0, -1)}.`, 'a byte of no text in it': (t) => `${COOKIE}=${t.slice(0, -1)}\xff`,
  'a comma between two': (t) => `${COOKIE}=${t},${COOKIE}=${t}`,
  'two of the same': (t) => `${COOKIE}=${t}; ${COOKIE}=${t}`, 'two, the right one first': (t) => `${COOKIE}=${t}; ${COOKIE}=${newCookie()}`,
  'two, the right one last': (t) => `${COOKIE}=${newCookie()}; ${COOKIE}=${t}`,
  'two, one without a value': (t) => `${COOKIE}=${t}; ${COOKIE}`, 'two, one empty': (t) => `${COOKIE}=; ${COOKIE}=${t}`,
  '140 of ours': (t) => `${COOKIE}=${t}; `.repeat(140), 'two, 60 KiB apart': (t) => `${COOKIE}=${t}; ${pad(60_000)}${COOKIE}=${t}`,
  'two, in lines that were joined': (t) => `${COOKIE}=${t}, a=b, ${COOKIE}=${t}`,
  'three': (t) => `${COOKIE}=${t}; a=b; ${COOKIE}=${t}; ${COOKIE}=${t}`,
  'old attributes': (t) => `$Version=1; ${COOKIE}x=${t}; $Path=/`, 'inside another': (t) => `a="${COOKIE}=${t}"`,
  'inside another, behind a comma': (t) => `a=b, ${COOKIE}=${t}`,
  'inside another, without quotes': (t) => `a=${COOKIE}=${t}`, 'the token alone': (t) => t,
  'its hash': (t) => `${COOKIE}=${createHash('sha256').update(t).digest('base64url')}`, 'only semicolons': () => ';'.repeat(8192),
  'only blanks': () => ' '.repeat(8192), 'only =': () => '='.repeat(8192),
}
/* More than 64 KiB of them: 431. */
export const manyCookies = {
  'one byte too many': (t) => around(65_537, t), 'one byte too many, ours last': (t) => `${pad(65_537 - COOKIE.length - 44)}${COOKIE}=${t}`,
  'many, one byte too many': (t) => around(65_537, t, 'a=b; '),
  '100 KiB': (t) => `a=${'x'.repeat(100_000)}; ${COOKIE}=${t}`,
}
/* Cookies of others, up to 64 KiB and any number of them: passed over, and the sign-in is finished. */
export const foreignCookies = {
  '64 KiB, ours last': (t) => `${pad(65_536 - COOKIE.length - 44)}${COOKIE}=${t}`,
  '64 KiB, ours first': (t) => `${COOKIE}=${t}; ${pad(65_536 - COOKIE.length - 46)}`.padEnd(65_536, 'x'),
  '64 KiB, ours in the middle': (t) => around(65_536, t),
  '500': (t) => `${'a=b; '.repeat(499)}${COOKIE}=${t}`, '500, ours first': (t) => `${COOKIE}=${t}${'; a=b'.repeat(499)}`,
  '5,000': (t) => around(25_000, t, 'a=b; '), '13,000, of a letter each': (t) => around(65_536, t, 'a;'),
  '64 KiB of semicolons': (t) => around(65_536, t, ';'), '64 KiB of blanks': (t) => around(65_536, t, ' '),
  'what is nearly ours, 700 times': (t) => around(60_000, t, `x${COOKIE}=${t}; `),
  'the parts of a single sign-on': (t) => `${Array.from({ length: 14 }, (_, i) => `_oauth2_proxy_${i}=${'A0-_.'.repeat(800)}`).join('; ')}; ${COOKIE}=${t}`,
  'quotes, commas, equals signs, bytes of no text': (t) => `a="b; ${COOKIE}x=1"; d=Mon, 01-Jan-2030; e===; =f; \xc3\xa4=\xff; ${COOKIE}=${t}; g`,
  'beside lines that were joined by commas': (t) => `a=b, c=d; ${COOKIE}=${t}; e=f, g=h`,
}

/* Headers of forms that no page of ours sends: 403. */
const origin = (value) => ({ 'Sec-Fetch-Site': undefined, Origin: value })
export const senders = {
  ...Object.fromEntries(['cross-site', 'same-site', 'none', 'Same-Origin', 'SAME-ORIGIN', 'same-origin ', ' same-origin', 'same-origin, cross-site',
  'cross-site, same-origin', 'same-originx', 'x', '*']
    .map((value) => [`Sec-Fetch-Site: ${JSON.stringify(value)}`, { 'Sec-Fetch-Site': value, Origin: `http://${HOST}` }])),
  ...Object.fromEntries([
    'null', 'NULL', '*', 'http://', 'http:', `//${HOST}`, HOST, `http:/${HOST}`, `http://${HOST}/x`, `http://${HOST}/`, `http://${HOST}?`,
    `http://${HOST}#`, `http://${HOST} `, `http://${HOST}, http://evil.example`,
    `http://evil.example, http://${HOST}`, `http://${HOST}@evil.example`, `http://evil.example@${HOST}`, `http://evil.example`,
    `http://evil.example/${HOST}`, `http://evil.example#${HOST}`,
    `http://${HOST}.evil.example`, `http://x${HOST}`, 'http://127.0.0.1:80', 'http://127.0.0.1:8081', 'http://127.0.0.1:80800', 'http://127.0.0.1:08080',
    'http://localhost:8080', 'http://[::1]:8080',
    'http://127.1:8080', 'http://2130706433:8080', 'http://127.0.0.1.:8080', `https://${HOST}`, `ws://${HOST}`, `ftp://${HOST}`, 'file://', 'data:',
    'about:blank', 'chrome-extension://abcdef', 'http://\u00e4.example',
  ].map((value) => [`Origin: ${value}`, origin(value)])),
  'neither': { 'Sec-Fetch-Site': undefined },
  'a Referer alone': { 'Sec-Fetch-Site': undefined, Referer: `http://${HOST}/signin/` },
}

/* Begins that a page of another site could send without asking first: 403. */
const other = (type) => ({ 'Content-Type': type, 'Sec-Fetch-Site': 'cross-site', Origin: 'http://evil.example' })
export const begins = {
  ...Object.fromEntries([
    undefined, '', 'text/plain', 'text/plain;charset=UTF-8', 'text/plain; application/json', 'text/json', 'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=application/json', 'application/jsonx', 'application/json-patch',
    'application/json,text/plain', 'application/json text/plain', 'application/json/x', ' application/json', '"application/json"', 'application',
    'application/xml', '*/*', 'x',
  ].map((type) => [`${type}`, other(type)])),
  ...Object.fromEntries(['http://evil.example', 'null', `https://${HOST}`, 'http://127.0.0.1:8081', 'http://localhost:8080', `http://${HOST}.evil.example`,
  `http://u@${HOST}`, `http://${HOST}/`, 'file://', 'x']
    .map((value) => [`no Sec-Fetch-Site, Origin ${value}`, { ...other('text/plain'), 'Sec-Fetch-Site': undefined, Origin: value }])),
  'same-site': { ...other('text/plain'), 'Sec-Fetch-Site': 'same-site' },
  'a word that no browser says': { ...other('text/plain'), 'Sec-Fetch-Site': 'Cross-Site' },
  'cross-site, from an Origin of our own': { ...other('text/plain'), Origin: `http://${HOST}` },
}

/* What a browser says that it fetches a callback for, or before anybody asked: 403. */
export const fetchers = [
  ...['audio', 'audioworklet', 'embed', 'empty', 'font', 'frame', 'iframe', 'image', 'manifest', 'object', 'paintworklet', 'report', 'script',
  'serviceworker', 'sharedworker', 'style', 'track', 'video', 'webidentity', 'worker', 'xslt',
    'Document', 'DOCUMENT', 'document ', 'documentx', 'document, image', 'x'].map((dest) => ({ 'Sec-Fetch-Dest': dest })),
  ...['prefetch', 'Prefetch', 'prefetch;prerender', 'prefetch; anonymous-client-ip', 'x, prefetch',
  'prefetch;a="b"'].flatMap((purpose) => [{ 'Sec-Purpose': purpose }, { Purpose: purpose }]),
]

/* Addresses in the paste box that differ a little from the right one: 400. */
const at = (authority, more = '') => (f) => `http://${authority.replaceAll('PORT', f.port)}${f.path}?${f.query}${more}`
const path = (text) => (f) => `http://localhost:${f.port}${text}?${f.query}`
export const addresses = Object.fromEntries([
  ...[
    // other spellings of this machine
    '2130706433:PORT', '0x7f000001:PORT', '0x7F.0.0.1:PORT', '0177.0.0.1:PORT', '017700000001:PORT', '127.0.0.01:PORT', '127.1:PORT', '127.0.1:PORT',
    '127.0.0.1.:PORT', '127.0.0.2:PORT', '0.0.0.0:PORT', '0:PORT',
    '[0:0:0:0:0:0:0:1]:PORT', '[0000:0000:0000:0000:0000:0000:0000:0001]:PORT', '[::0001]:PORT', '[::0.0.0.1]:PORT', '[::ffff:127.0.0.1]:PORT',
    '[::ffff:7f00:1]:PORT', '[::]:PORT', '[::1%25lo]:PORT', '[::1%lo]:PORT', '[fe80::1]:PORT',
    '[localhost]:PORT', '[127.0.0.1]:PORT', '::1:PORT', '[::1]x:PORT', '[::1:PORT', 'localhost.:PORT', 'localhost.localdomain:PORT',
    'localhost.example:PORT', 'xlocalhost:PORT', 'localhos:PORT', 'localhost6:PORT', 'ip6-localhost:PORT',
    // escapes, letters that look alike
    '%6cocalhost:PORT', '%6C%6F%63%61%6C%68%6F%73%74:PORT', '127%2e0.0.1:PORT', 'localhost%2e:PORT', 'localhost%00:PORT', 'localhost%2f:PORT',
    'localhost%40evil.example:PORT', 'localhost%3aPORT', 'localhost:%31PORT',
    '\u24dbocalhost:PORT', 'loc\u0430lhost:PORT', '127\u30020.0.1:PORT',
    'loc\u0307alhost:PORT', 'xn--localhost-:PORT',
    // names before and ports behind
    'u@localhost:PORT', 'u:p@localhost:PORT', '@localhost:PORT', ':@localhost:PORT', 'a@b@localhost:PORT', 'localhost:PORT@evil.example',
    'localhost:PORT:PORT', 'localhost:0', 'localhost:', 'localhost:0PORT', 'localhost:00000PORT', 'localhost:+PORT',
    'localhost:-PORT', 'localhost:PORTx', 'localhost:PORT.', 'localhost:99999', 'localhost:65536', 'localhost:0x4e21',
    // what some take for a slash, an end, or nothing
    'localhost:PORT\\', 'localhost:PORT\\@evil.example', 'evil.example\\@localhost:PORT', 'localhost:PORT;', 'localhost:PORT,evil.example:80',
    'local host:PORT', 'local\thost:PORT', 'localhost:PORT\x01', 'localhost:PORT\x7f',
    // other spellings of our own site
    'localhost:8080', '127.0.0.1:8081', '127.0.0.1', 'u@127.0.0.1:8080', '2130706433:8080', '127.1:8080', '127.0.0.1:08080', '%3127.0.0.1:8080',
    '127.0.0.1.:8080',
  ].map((authority) => [authority, at(authority)]),
  ...['/', '//auth/callback', '/auth//callback', '/auth/callback//', '/auth/./callback', '/auth/../auth/callback', '/x/../auth/callback', '/%61uth/callback',
  '/auth%2fcallback', '/auth%2Fcallback', '/auth/callback%00', '/auth/callback%20', '/auth/callback;x',
    '/AUTH/callback', '/Auth/Callback', '/auth/callbac', '/auth/callbackx', '\\auth\\callback', '/auth\\callback', '/callback', '/cancel', '/auth/token',
    '/signin/', '/auth/callback%3f', ''].map((text) => [`the path ${text || '(none)'}`, path(text)]),
  ...['http:', 'http:/', 'http:///', 'http:////', '//', '/', '\\\\', 'http:\\\\', 'http:/\\', 'httpx://', 'xhttp://', 'ftp://', 'file://',
  'ws://', 'wss://', 'javascript://', 'vbscript:', 'about:', 'http%3A//', 'http%3A%2F%2F', '://', ':', 'http://evil.example/?', 'http://evil.example/#',
    'http://evil.example;', 'http://evil.example,', 'http://evil.example|', 'http://evil.example\u3002', 'http://evil.exampl\u00e9', 'http://evil.example/',
    'http://evil.example\\', 'evil.example\u200b', '\u044c', '\x00http://', '\x1b[1mhttp://'].map((scheme) => [`${JSON.stringify(scheme)} before it`,
    (f) => `${scheme}localhost:${f.port}${f.path}?${f.query}`]),
  ...['x', '.x', '+', '$', '@', '\x01', '\x7f', '%', '%zz', '%00', '&code=2', '&state=2', '&%63ode=2', '?code=2&state=3',
  '&access_token=x', '&id_token=x', '&response=x', '&error=x', '&iss=http%3A%2F%2Fevil.example']
    .map((end) => [`${JSON.stringify(end)} behind it`, (f) => `http://localhost:${f.port}${f.path}?${f.query}${end}`]),
  ['the path and the query behind another host', (f) => `http://evil.example ${f.path}?${f.query}`],
  ['the same on two lines', (f) => `http://evil.example\r\n${f.path}?${f.query}`],
  ['a request to another host', (f) => `GET ${f.path}?${f.query} HTTP/1.1\r\nHost: evil.example`],
  ['another host, as HTML writes it', (f) => `http://evil.example${f.path}?${f.query}`.replaceAll('&', '&amp;')],
  ['another host, escaped as a whole', (f) => encodeURIComponent(`http://evil.example${f.path}?${f.query}`)],
  ['another host in JSON', (f) => JSON.stringify({ url: `http://evil.example${f.path}?${f.query}` }).replaceAll('/', '\\/')],
  ['another host in Markdown', (f) => `[link](http://evil.example${f.path}?${f.query})`],
  ['another code behind it', (f) => `http://localhost:${f.port}${f.path}?${f.query} http://localhost:${f.port}${f.path}?code=x&state=${f.state}`],
  ['another code before it, in a link', (f) => `https://l.example/?u=${encodeURIComponent(`http://localhost:${f.port}${f.path}?code=x&state=${f.state}`)} `
    + `http://localhost:${f.port}${f.path}?${f.query}`],
  ['another code on another host', (f) => `http://evil.example${f.path}?code=x&state=${f.state} http://localhost:${f.port}${f.path}?${f.query}`],
  ['two ?', (f) => `??${f.query}`],
  ['a # in front', (f) => `#${f.query}`],
  ['the code and another state, without names', (f) => `${f.code} ${f.state}x`],
  ['a word between the code and the state', (f) => `${f.code} and ${f.state}`],
  ['the state alone', (f) => `state=${f.state}`],
  ['the code alone', (f) => `code=${f.code}`],
  ...['?', '#', '=', '&', '%', ':', '//', '://', 'http://', 'http://[', 'http://?', '?state=', '?&', '<>', '""', '\x00', '\xff', '\ufffd', '\u{1f600}',
  '{}', 'null', 'x'.repeat(8192)].map((text) => [`only ${JSON.stringify(text).slice(0, 20)}`, () => text]),
])

/*
 * The right address as people and programs hand it on: taken, and delivered word for word. The unit test of
 * pasted_text has many more.
 */
const good = (f) => `http://localhost:${f.port}${f.path}?${f.query}`
const lines = (text, columns, end) => text.match(new RegExp(`.{1,${columns}}`, 'g')).join(end)
export const handed = {
  'scheme and host in capitals': (f) => `HtTp://LocalHost:${f.port}${f.path}?${f.query}`,
  'a fragment that some providers leave behind': (f) => `${good(f)}#_=_`,
  'broken by a narrow window': (f) => `http://local\r\nhost:${f.port}/auth/\ncallback?${f.query}`,
  'a # without anything': (f) => `${good(f)}#`,
  'all that may stand around it': (f) => `\r\n \t<"'\`${good(f)}\`'">\t \r\n`,
  'https': (f) => `https://localhost:${f.port}${f.path}?${f.query}`,
  'one slash more': (f) => `http://localhost:${f.port}${f.path}/?${f.query}`,
  'its path and query': (f) => `${f.path}?${f.query}`,
  'the title of the tab before it': (f) => `localhost\r\n${good(f)}`,
  'a sentence around it': (f) => `Here it is: ${good(f)}.\r\nSent from my phone`,
  'the address of another sign-in beside it': (f) => `http://localhost:${f.port}${f.path}?code=x&state=other\r\n${good(f)}`,
  'twice': (f) => `${good(f)} ${good(f)}`,
  'a mail that was answered': (f) => `> On Monday Anna wrote:\r\n>> ${lines(good(f), 72, '\r\n>> ')}\r\n>> Bye`,
  'the source of a mail': (f) => `<a href=3D"${lines(good(f).replaceAll('&', '&amp;').replaceAll('=', '=3D'), 72, '=\r\n')}">here</a>`,
  'as HTML writes it': (f) => `<a href="${good(f).replaceAll('&', '&amp;')}">here</a>`,
  'Markdown': (f) => `[${good(f)}](${good(f)})`,
  'Slack': (f) => `<${good(f)}|here>`,
  'escaped as a whole': (f) => encodeURIComponent(good(f)),
  'Safe Links': (f) => `https://eur01.safelinks.protection.outlook.com/?url=${encodeURIComponent(good(f))}&data=05%7C02%7C&sdata=x%3D&reserved=0`,
  'a redirect inside a redirect': (f) => `https://l.facebook.com/l.php?u=${encodeURIComponent(`https://slack-redir.net/link?url=${encodeURIComponent(good(f))}`)}&h=AT0`,
  'signs that nobody sees': (f) => `\ufeff\u202ahttp://local\u00adhost:${f.port}${f.path}\u200b?${f.query}\u202c\u200e`,
  'full width': (f) => `http\uff1a\uff0f\uff0flocalhost\uff1a${f.port}${f.path}\uff1f${f.query.replaceAll('&', '\uff06').replaceAll('=', '\uff1d')}`,
  'text in another alphabet around it': (f) => `\u5730\u5740\uff1a${good(f)}\uff0c\u8bf7\u770b`,
  'a frame of a terminal': (f) => `\u25cf  ${lines(good(f), 40, '  \u2502\r\n\u2502  ')}\r\n\u2502\r\n\u2514  Done`,
  'blanks in the place of line ends': (f) => lines(good(f), 50, ' '),
  'a command of developer tools': (f) => `curl '${good(f)}' \\\r\n  -H 'Accept: */*'`,
  'the same for cmd.exe': (f) => `curl ^"${good(f).replaceAll('%', '^%').replaceAll('&', '^&')}^" ^\r\n  -H ^"Accept: */*^"`,
  'a request': (f) => `GET ${f.path}?${f.query} HTTP/1.1\r\nHost: localhost:${f.port}\r\nAccept: text/html`,
  'a line of a log': (f) => `127.0.0.1 - - [30/Nov/2026:18:04:12 +0000] "GET ${f.path}?${f.query} HTTP/1.1" 404 153`,
  'a redirect header': (f) => `HTTP/1.1 302 Found\r\nLocation: ${good(f)}\r\n`,
  'JSON': (f) => JSON.stringify({ url: good(f) }).replaceAll('&', '\\u0026').replaceAll('/', '\\/'),
  'the page of an error': (f) => `about:neterror?e=connectionFailure&u=${encodeURIComponent(good(f))}&c=UTF-8&d=x`,
}

/* Only a code and the state, as some pages show them: delivered with their names. */
export const pairs = {
  'with a # between': (f) => `${f.code}#${f.state}`,
  'with a blank between': (f) => `${f.code} ${f.state}`,
  'on two lines': (f) => `${f.code}\r\n${f.state}`,
}
