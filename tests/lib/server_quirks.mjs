/*
 * The requests that a web server answers by itself, or passes on in another form. tests/web/same.test.mjs
 * measures each row; conf/README.md has the same rows.
 */
import assert from 'node:assert/strict'
import { parseAnswer } from './frontends.mjs'
import { KINDS } from './servers.mjs'
import { assertSafe } from './signin.mjs'

const NAMES = {
  nginx: 'nginx', apache: 'Apache', lighttpd: 'lighttpd', caddy: 'Caddy', haproxy: 'HAProxy', 'apache-cgi': 'Apache with CGI', 'apache-fcgid': 'mod_fcgid',
  'apache-proxy-fcgi': 'mod_proxy_fcgi', 'lighttpd-cgi': 'lighttpd with CGI', 'lighttpd-fcgi lighttpd-spawned': 'lighttpd with FastCGI',
}

/*
 *   of       names of requests in malformed.mjs and refusals.mjs
 *   asks     what they are, for people
 *   answers  {server, or some of KINDS: what comes instead of our answer}: a status, with a page of its own
 *            (a list: any of them) · 'closed': nothing, it closes the connection · 'opencode': it goes there ·
 *            '411 no-length': our page for another problem ('paste': the flow page) · 'done': the sign-in is finished
 *   why      in half a sentence
 */
export const QUIRKS = [
  {
    of: ['HTTP/1.1 without a Host'], asks: 'HTTP/1.1 without a Host',
    answers: { nginx: 400, apache: 400, lighttpd: 400, caddy: 400 }, why: 'RFC 9112 section 3.2; HAProxy hands it on, and we say 421',
  },
  {
    of: ['a Host with a path'], asks: 'a Host that is not a name', answers: { nginx: 400, apache: 400, lighttpd: 400, caddy: 400, haproxy: ['421 unknown-host', 400] },
    why: 'the same; HAProxy 2.6 hands it on, and we say 421',
  },
  {
    of: ['an empty Host'], asks: 'an empty Host', answers: { nginx: 400, apache: 400, lighttpd: 400, caddy: 200 },
    why: 'the same; Caddy has an empty page for every other name',
  },
  {
    of: ['a Host with two ports'], asks: '`Host: a:b:c`', answers: { apache: 400, lighttpd: 400, caddy: 200 }, why: 'the same; elsewhere we say 421',
  },
  {
    of: ['HTTP/1.0 without a Host', 'another Host'], asks: 'HTTP/1.0 without a Host, or another Host', answers: { caddy: 200 },
    why: 'the same empty page; elsewhere `[opencode] url` decides',
  },
  { of: ['two Hosts'], asks: 'two Hosts', answers: { nginx: 400, apache: 400, lighttpd: 400, caddy: 400, haproxy: 400 }, why: 'RFC 9112 section 3.2' },
  {
    of: ['an absolute address of another host'], asks: '`GET http://another.example/…` with our Host', answers: { lighttpd: 400, caddy: 200, haproxy: 400 },
    why: 'the URL and Host contradict each other',
  },
  {
    of: ['an address without a slash', 'no HTTP'], asks: '`GET auth/callback`, or `HTTQ/1.1`',
    answers: { nginx: 400, apache: 400, lighttpd: 400, caddy: 400, haproxy: 400 }, why: 'not a request line',
  },
  { of: ['HTTP/2.0 in plain text'], asks: '`HTTP/2.0` in the first line', answers: { nginx: 505, lighttpd: [505, 400], caddy: 505 }, why: 'only HTTP/1 has such a line' },
  { of: ['line feeds alone'], asks: 'lines that end with a line feed alone', answers: { apache: 400, lighttpd: 400 }, why: 'strict; RFC 9112 section 2.2 allows both' },
  { of: ['an empty line first'], asks: 'an empty line before the request', answers: { lighttpd: 400, caddy: 400 }, why: 'strict' },
  { of: ['two blanks in the first line'], asks: 'two blanks in the first line', answers: { apache: 400, lighttpd: 400, caddy: 400 }, why: 'strict' },
  { of: ['a header on two lines'], asks: 'a header continued on a second line', answers: { nginx: 400 }, why: 'obsolete since RFC 7230' },
  {
    of: ['a blank before the colon'], asks: 'a blank before a header’s colon', answers: { nginx: 400, apache: 400, lighttpd: 400, caddy: 400, haproxy: 400 },
    why: 'RFC 9112 section 5.1',
  },
  { of: ['a header without a colon'], asks: 'a header without a colon', answers: { apache: 400, lighttpd: 400, caddy: 400, haproxy: 400 }, why: 'nginx drops it' },
  {
    of: ['a control byte in a header that nobody reads', 'a control byte'], asks: 'a control byte in a header', answers: { apache: 400, lighttpd: 400, caddy: 400 },
    why: 'elsewhere we check it, if we read that header',
  },
  {
    of: ['a header of 70,000 bytes'], asks: 'a header of 70,000 bytes', answers: { nginx: 400, apache: 400, haproxy: 431, lighttpd: 431 },
    why: 'our files allow 64 KiB or a little more; Caddy’s limit is 1 MiB',
  },
  {
    of: ['two Content-Types'], asks: 'two `Content-Type` lines', answers: { lighttpd: 400, nginx: ['400 paste', '415 media-type'], caddy: '400 paste' },
    why: 'nginx before 1.23 and Caddy hand on only the first line; elsewhere we say 415',
  },
  { of: ['a GET with a body', 'a GET with a body of 40,000 bytes'], asks: 'a GET with a body', answers: { lighttpd: 400 }, why: 'elsewhere the body is discarded' },
  {
    of: ['a GET with a body in chunks'], asks: 'a GET with a body in chunks', answers: { lighttpd: 400 },
    why: 'the same',
  },
  {
    of: ['a form in chunks'], asks: 'a form in chunks', answers: { 'apache-cgi': '411 no-length', caddy: '411 no-length' },
    why: 'CGI has no chunks, and Caddy hands on a length of −1; the others collect them first. Browsers send none',
  },
  {
    of: ['a form in chunks, with a length'], asks: 'a form in chunks, with a length',
    answers: { nginx: 400, lighttpd: 400, 'apache-cgi': '411 no-length', caddy: '411 no-length' }, why: 'the others drop the length, as RFC 9112 section 6.3 says',
  },
  {
    of: ['a form of 200,000 bytes in chunks'], asks: 'a form of 200,000 bytes in chunks',
    answers: {
      nginx: [413, 'closed'], 'apache-cgi': [413, 'closed'], 'lighttpd-cgi': [413, 'closed'], caddy: [413, 'closed'], haproxy: [413, 'closed'],
      'lighttpd-fcgi lighttpd-spawned': [411, 'closed'], 'apache-proxy-fcgi': '411 no-length',
    },
    why: 'our files allow 128 KiB. A connection that closes during the answer can look like a reset',
  },
  { of: ['64 KiB'], asks: 'a form of 64 KiB', answers: { haproxy: [413, 'closed'] }, why: 'it does not fit into one FastCGI record; elsewhere we say 413' },
  {
    of: ['a form of 200,000 bytes'], asks: 'a form of 200,000 bytes',
    answers: { nginx: [413, 'closed'], 'apache-cgi': [413, 'closed'], lighttpd: [413, 'closed'], caddy: [413, 'closed'], haproxy: [413, 'closed'] },
    why: 'the same; mod_fcgid and mod_proxy_fcgi hand it on, and we say 413',
  },
  {
    of: ['a broken chunk'], asks: 'a malformed chunk',
    answers: {
      nginx: 400, 'apache-cgi': 400, 'apache-proxy-fcgi': 400, 'lighttpd-cgi': 400, haproxy: 400, 'lighttpd-fcgi lighttpd-spawned': 411, caddy: 502,
      'apache-fcgid': '400 paste',
    },
    why: 'not a valid request; mod_fcgid hands on an empty body',
  },
  {
    of: ['an unknown transfer coding'], asks: '`Transfer-Encoding: gzip`', answers: { apache: 400, haproxy: 400, nginx: 501, lighttpd: 501, caddy: 501 },
    why: 'RFC 9112 section 6.1',
  },
  {
    of: ['two lengths', 'a negative length'], asks: 'two lengths, or a negative one', answers: { nginx: 400, apache: 400, lighttpd: 400, caddy: 400, haproxy: 400 },
    why: 'RFC 9112 section 6.3',
  },
  {
    of: ['no length'], asks: 'a form without a length', answers: { lighttpd: 411, 'apache-fcgid': '400 paste', caddy: '400 paste', haproxy: '400 paste' },
    why: 'they hand on a length of 0; elsewhere we say 411',
  },
  { of: ['POST'], asks: 'a POST without a body', answers: { lighttpd: 411 }, why: 'it wants a length in every POST' },
  { of: ['Expect: something else'], asks: '`Expect:` with anything but `100-continue`', answers: { apache: 417, caddy: 417 }, why: 'RFC 9110 section 10.1.1' },
  { of: ['TRACE', 'TRACE of a page'], asks: 'TRACE', answers: { nginx: 405, apache: 405 }, why: 'switched off; elsewhere we say 405' },
  { of: ['CONNECT'], asks: 'CONNECT with a path', answers: { apache: 400, haproxy: 400, nginx: 405, lighttpd: 405 }, why: 'CONNECT takes a host and a port' },
  { of: ['a method that nobody knows'], asks: 'an unknown method', answers: { lighttpd: 501 }, why: 'it allows only the methods on its list' },
  { of: ['a method in small letters'], asks: 'a method in lower case', answers: { nginx: 400, lighttpd: 501 }, why: 'the same' },
  { of: ['a method of 300 letters'], asks: 'a method of 300 letters', answers: { caddy: 405, lighttpd: 501 }, why: 'the same' },
  { of: ['no method'], asks: 'a method with a bracket', answers: { nginx: 400, apache: 400, caddy: 400, haproxy: 400, lighttpd: 501 }, why: 'not a method' },
  {
    of: ['a control byte in the query', 'a tab in the query', 'a blank in the query'], asks: 'a control byte, a tab or a blank in the query',
    answers: { nginx: 400, apache: 400, caddy: 400, haproxy: 400 }, why: 'not allowed; lighttpd hands it on, and we say 400',
  },
  { of: ['DEL in the query'], asks: 'the byte 0x7f in the query', answers: { nginx: 400, apache: 400, caddy: 400, haproxy: ['400 bad-encoding', 400] }, why: 'the same; HAProxy 2.6 hands it on' },
  {
    of: ['a NUL in the query'], asks: 'a NUL in the query', answers: { nginx: 400, apache: 400, caddy: 400, haproxy: 400, lighttpd: '400 no-state' },
    why: 'lighttpd hands on what comes before it',
  },
  { of: ['a raw byte'], asks: 'a raw byte in the query that is not UTF-8', answers: { haproxy: 400, lighttpd: 'closed' }, why: 'lighttpd matches only UTF-8, and gives up' },
  { of: ['raw UTF-8'], asks: 'raw UTF-8 in the query', answers: { haproxy: 400 }, why: 'not allowed; elsewhere we say 400' },
  {
    of: ['a # in the query'], asks: 'a `#` after the query', answers: { apache: 400, haproxy: 400, nginx: '400 unknown-flow', lighttpd: '400 unknown-flow' },
    why: 'nginx and lighttpd cut it off',
  },
  { of: ['a # before the query'], asks: 'a `#` before the query', answers: { apache: 400, haproxy: 400, caddy: 'opencode' }, why: 'for Caddy it is part of the path' },
  { of: ['10,500 bytes'], asks: 'a query of 10,500 bytes', answers: { nginx: 414, apache: 414, haproxy: 414 }, why: 'our files allow 10 KiB; we allow 8, and say 414' },
  { of: ['30,000 bytes'], asks: 'a query of 30,000 bytes', answers: { nginx: 414, apache: 414, haproxy: 414 }, why: 'the same' },
  {
    of: ['1 MiB'], asks: 'a query of 1 MiB',
    answers: { haproxy: [400, 'closed'], nginx: [414, 'closed'], apache: [414, 'closed'], lighttpd: [431, 'closed'] },
    why: 'the same; Caddy hands on its beginning, and we say 414',
  },
  {
    of: ['two slashes before the path', 'two slashes in the path', 'two slashes behind the path', 'a dot in the path', 'two dots before the path', 'two slashes before our pages', 'two dots before our pages'],
    asks: '`//auth/callback`, `/auth/./callback`, `/x/../auth/callback`', answers: { haproxy: 'opencode' },
    why: 'the others normalise paths before they compare them, and we say 404; for opencode these are pages of its UI',
  },
  { of: ['an escaped slash in the path', 'an escaped slash behind the path'], asks: '`/auth%2Fcallback`', answers: { apache: 'opencode' }, why: '`AllowEncodedSlashes NoDecode`, for names with a slash' },
  { of: ['a semicolon behind the path'], asks: '`/auth/callback;x`', answers: { apache: 403, nginx: 404, caddy: 404, haproxy: 404 }, why: 'see below; lighttpd hands it on, and we say 404' },
  {
    of: ['a raw byte behind the path'], asks: 'a raw byte in the path', answers: { nginx: 'opencode', apache: 'opencode', caddy: 'opencode', haproxy: 400, lighttpd: 'closed' },
    why: 'with it, this is not a path of ours; Caddy escapes it first',
  },
  {
    of: ['two dots behind our pages', 'two escaped dots behind our pages'], asks: '`/signin/../x`',
    answers: { nginx: 'opencode', apache: 'opencode', lighttpd: 'opencode', caddy: 'opencode' }, why: 'normalised, this is `/x`',
  },
  { of: ['a byte of no character in our pages'], asks: '`/signin/flow/%ff`', answers: { lighttpd: 'opencode' }, why: 'lighttpd matches only UTF-8' },
  {
    of: ['no hex in our pages', '/provider/{}/oauth/authorize;%zz'], asks: '`%zz` in a path', answers: { nginx: 400, apache: 400, caddy: 400, haproxy: 400 },
    why: 'not an escape; lighttpd hands it on, and we say 400',
  },
  {
    of: ['an escaped NUL in our pages', '/provider/{}/oauth/authorize;%00'], asks: '`%00` in a path', answers: { nginx: 400, caddy: 400, apache: 404 },
    why: 'not allowed there',
  },
  {
    of: [
      '/provider/{}/oauth/authorize;x', '/provider/{}/oauth/authorize;%ff', '/provider/{}/oauth/authorize;%0a', '/provider/{}/oauth/authorize/;/x',
      '/provider/{}/oauth/author%69ze;', '/API//integration/x/connect/oauth;x', '/provider/a;b/oauth/authorize', '/mcp/a;b/auth/authenticate',
      '/api/integration/x/connect/oauth/;/con_1',
    ],
    asks: 'a semicolon in a path that begins a sign-in', answers: { apache: 403 },
    why: 'opencode ends the path at the semicolon, so no path with one may pass; elsewhere we refuse it',
  },
  {
    of: ['/mcp/demo/auth;x', '/mcp/demo/auth;%ff', '/mcp/demo/auth/authenticate;x'], asks: 'a semicolon after the path that begins an MCP server’s sign-in',
    answers: { apache: 403 }, why: 'the same',
  },
  {
    of: ['/provider/{}/oauth/authorize;/..%2f..%2f..%2f..%2fx', '/provider/{}/oauth/authorize;/../../../../x', '/mcp/demo/auth;/..%2f..%2f..%2f'],
    asks: 'a semicolon, then `..` back to another path', answers: { apache: 403, nginx: 404, caddy: 404 }, why: 'the same',
  },
]

const keys = (answers) => Object.keys(answers).flatMap((key) => key.split(' ').map((name) => [name, answers[key]]))

/* What a kind of web server answers to a request by itself; undefined: what we say. */
export function quirkAnswer(name, kind) {
  const answers = keys(QUIRKS.find(({ of }) => of.includes(name))?.answers ?? {})
  return (answers.find(([key]) => key === kind) ?? answers.find(([key]) => key === kind.split('-')[0]))?.[1]
}

/* The answer in a response's text, without interim ones; undefined: there is none. */
export function finalAnswer(text) {
  while (/^HTTP\/1\.1 1\d\d /.test(text)) text = text.slice(text.indexOf('\r\n\r\n') + 4)
  return text === '' ? undefined : parseAnswer(text.replace(/^HTTP\/1\.0/, 'HTTP/1.1'))
}

/* What it is, in the words of QUIRKS; ours: what our page says of its problem. */
function describe(answer) {
  if (answer === undefined) return 'closed'
  if (answer.body.startsWith('opencode ')) return 'opencode'
  if (answer.header('content-security-policy') === undefined) return answer.status
  assertSafe(answer)
  const problem = /data-problem="([a-z-]+)"/.exec(answer.body)?.[1] ?? 'paste'
  return answer.status === 303 ? 'done' : `${answer.status} ${problem}`
}

export function assertQuirk(expected, answer, what) {
  const got = describe(answer)
  assert.ok([expected].flat().includes(got), `${what}: ${got}, not ${expected}`)
}

/* A row of the table in conf/README.md. */
export function readmeRow({ asks, answers, why }) {
  const say = { closed: 'closes the connection', opencode: 'goes to opencode', done: 'finishes the sign-in' }
  const word = (answer) => [answer].flat().map((one) => say[one] ?? (typeof one === 'string' ? `our ${one.split(' ')[0]}` : one)).join(', or ')
  const groups = new Map()
  for (const [key, answer] of Object.entries(answers)) groups.set(word(answer), [...(groups.get(word(answer)) ?? []), NAMES[key]])
  return `| ${asks} | ${[...groups].map(([answer, names]) => `${names.join(', ')}: ${answer}`).join('; ')} | ${why} |`
}

/* Every kind that is named is one of KINDS. */
for (const { answers } of QUIRKS) {
  for (const [name] of keys(answers)) assert.ok(Object.keys(KINDS).some((kind) => kind === name || kind.split('-')[0] === name), name)
}
