/*
 * A browser's side of a sign-in without a browser: one cookie, the headers that browsers send, the
 * calls of opencode's web UI.
 */
import assert from 'node:assert/strict'
import http from 'node:http'
import { connect } from './net.mjs'

const unescape = (html) => html.replaceAll('&amp;', '&').replaceAll('&quot;', '"')

/* fetch() to wherever connect() leads, which needs neither the name of the origin nor its port. */
function fetchFrom(where, url, { method, headers, body }) {
  const [, host, path] = /^https?:\/\/([^/]*)(.*)$/.exec(url)
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
  return new Promise((resolve, reject) => {
    const options = { method, path, headers: { host, ...length, ...headers }, createConnection: () => connect(where) }
    const request = http.request(options, (answer) => {
      let content = ''
      answer.setEncoding('utf8').on('error', reject).on('data', (chunk) => (content += chunk))
      answer.on('end', () => resolve({ status: answer.statusCode, headers: new Headers(answer.headers), text: async () => content }))
    })
    request.on('error', reject).end(body)
  })
}

/*
 * A request through a front whose answer does not end: the socket, with all that came so far as text(). It is
 * added to streams, which the caller destroys.
 */
export function openStream(front, client, target, headers, streams) {
  const socket = connect(front.where)
  const all = { host: new URL(client.origin).host, origin: client.origin, ...client.headers, ...headers }
  let text = ''
  socket.on('data', (chunk) => (text += chunk.toString('latin1')))
  socket.write(`GET ${target} HTTP/1.1\r\n${Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`)
  streams.push(socket)
  return Object.assign(socket, { text: () => text })
}

/* where: what connect() wants, if the origin's name and port do not lead there. */
export class Client {
  constructor(origin, { authorization, headers = {}, where } = {}) {
    this.origin = origin
    this.fetch = where ? (url, options) => fetchFrom(where, url, options) : fetch
    this.cookie = undefined
    this.headers = { ...(authorization ? { authorization } : {}), ...headers }
  }

  /* A request of this browser; redirects are not followed. */
  async send(method, target, { headers = {}, body } = {}) {
    const url = target.startsWith('http') ? target : this.origin + target
    const own = { ...this.headers, ...(this.cookie ? { cookie: this.cookie } : {}) }
    const answer = await this.fetch(url, { method, body, redirect: 'manual', headers: { ...own, ...headers } })
    const cookie = answer.headers.get('set-cookie')
    if (cookie) this.cookie = cookie.split(';')[0]
    answer.content = await answer.text()
    return answer
  }

  /* What the web UI sends when a method is chosen, by default ChatGPT in the browser. */
  begin({
    provider = 'openai', method = 0, inputs = {}, headers = {},
    target = `/provider/${provider}/oauth/authorize`, body = JSON.stringify({ method, inputs }),
  } = {}) {
    const same = { origin: this.origin, 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' }
    return this.send('POST', target, { body, headers: { ...same, ...headers } })
  }

  /* Begins, opens the flow page, gives {url, id, path, authorize}. */
  async signIn(options) {
    const answer = await this.begin(options)
    assert.equal(answer.status, 200, answer.content)
    return this.open(JSON.parse(answer.content).url)
  }

  /* Opens a flow page, gives {url, id, path, authorize}. */
  async open(url) {
    const page = await this.send('GET', url)
    assert.equal(page.status, 200, page.content)
    const link = page.content.match(/<a [^>]*id="open"[^>]*>/)[0]
    const authorize = unescape(link.match(/href="([^"]*)"/)[1])
    return { url, path: new URL(url, this.origin).pathname, id: url.split('/').pop(), authorize }
  }

  /* A form of the start page that leads to a flow page. */
  async start(fields, { path = '/signin/start', headers } = {}) {
    const answer = await this.form(path, fields, headers)
    assert.equal(answer.status, 303, answer.content)
    return this.open(answer.headers.get('location'))
  }

  adopt(address, options) {
    return this.start({ address }, { path: '/signin/adopt', ...options })
  }

  /* The same address at our public origin: the address bar was edited. */
  callback(address, options) {
    return this.send('GET', address.replace(/^http:\/\/[^/]*/, this.origin), options)
  }

  paste(flow, address, headers = {}) {
    return this.form(flow.path, { address }, headers)
  }

  form(path, fields, headers = {}) {
    const type = 'application/x-www-form-urlencoded'
    const own = { origin: this.origin, 'sec-fetch-site': 'same-origin', 'content-type': type }
    return this.send('POST', path, { body: new URLSearchParams(fields).toString(), headers: { ...own, ...headers } })
  }

  async status(flow) {
    const answer = await this.send('GET', `${flow.path}/status`)
    assert.equal(answer.status, 200, answer.content)
    return JSON.parse(answer.content)
  }

  /* What the web UI waits on. */
  finishing({ provider = 'openai', method = 0, headers = {} } = {}) {
    return this.send('POST', `/provider/${provider}/oauth/callback`, {
      body: JSON.stringify({ method }),
      headers: { 'content-type': 'application/json', ...headers },
    })
  }
}
