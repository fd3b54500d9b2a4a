/*
 * What is asked, and by whom: wrk through nginx, ask.c straight at a FastCGI socket, fill.c for flows that
 * began before. Each answer's status is looked at; another than the one that must come is an error.
 */
import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { fcgiExchange, fcgiRequest } from '../lib/fcgi.mjs'
import { exchange, parseResponse, request } from '../lib/net.mjs'
import { CONNECTIONS, COOKIE, HOST, run, seconds, tool } from './lab.mjs'
import { offspring, processorTime } from './process.mjs'

const script = fileURLToPath(new URL('load.lua', import.meta.url))
const SETTLE_MS = 60
const GIVE_UP_MS = 60_000
const ROUNDS_MIN = 3
const LONG_MS = 25_000
export const DELIVERED = '/auth/callback?code=bench&state=bench-state-#'

/* The id of the flow with this number. */
export function flowId(number) {
  const state = `bench-state-${String(number).padStart(9, '0')}`
  return createHash('sha256').update(state).digest('base64url').slice(0, 22)
}

/* What a web server would tell of a request. A # stands for its number, see message.h. */
export function variables(method, target, more = {}) {
  const [path, query = ''] = target.split('?')
  return {
    REQUEST_METHOD: method,
    REQUEST_URI: target,
    SCRIPT_NAME: path,
    QUERY_STRING: query,
    SERVER_PROTOCOL: 'HTTP/1.1',
    GATEWAY_INTERFACE: 'CGI/1.1',
    REMOTE_ADDR: '127.0.0.1',
    REQUEST_SCHEME: 'http',
    HTTP_HOST: HOST,
    HTTP_COOKIE: COOKIE,
    ...more,
  }
}

export const callback = (more) => variables('GET', DELIVERED, more)

const beginBody = '{"method":0,"inputs":{}}'

/* The begin of the flow with this number, as the web UI makes it. */
export function begin(more) {
  return {
    ...variables('POST', '/provider/p#/oauth/authorize', {
      CONTENT_TYPE: 'application/json',
      CONTENT_LENGTH: String(beginBody.length),
      HTTP_SEC_FETCH_SITE: 'same-origin',
      ...more,
    }),
    BODY: beginBody,
  }
}

/* One request straight to a worker: {status, headers, body, text}, text as it came. */
export async function askOnce(socket, { BODY = '', ...vars }, number = 0) {
  const fill = (text) => text.replaceAll('#', String(number).padStart(9, '0'))
  const filled = Object.fromEntries(Object.entries(vars).map(([name, value]) => [name, fill(value)]))
  const { stdout } = await fcgiExchange(socket, fcgiRequest(filled, BODY))
  return { ...parseResponse(stdout.replace(/^Status: /, 'HTTP/1.1 ')), text: stdout }
}

/*
 * count requests of a kind: {seconds, statuses: {status: {count, p50, p99, max}}}, in milliseconds.
 * rate: so many a second, answered or not; else lanes at a time. status: what all must be.
 */
export async function ask(socket, vars, { count, first = 0, lanes = 1, rate = 0, status }) {
  const args = [socket, rate, rate > 0 ? 4000 : lanes, count, first].map(String)
  const { stdout } = await run(tool('ask'), args, { env: vars, timeout: GIVE_UP_MS })
  const result = JSON.parse(stdout)
  const others = Object.keys(result.statuses).filter((key) => key !== String(status))
  if (status !== undefined && others.length > 0) throw new Error(`${vars.REQUEST_URI}: ${stdout}`)
  return result
}

/* Lets the flows of these numbers wait in a store; fewer, if that takes longer than so many seconds. */
export async function fill(store, { first = 0, count, lifetime = 3600, within = 60, path = '/auth/callback' }) {
  const args = [store, COOKIE, path, first, count, lifetime, within].map(String)
  return Number((await run(tool('fill'), args)).stdout)
}

/* The same request as wrk's, once, by hand: {status, text}. */
export async function byHand(port, target, headers = {}) {
  const lines = [`GET ${target} HTTP/1.1`, `Host: ${HOST}`, `Cookie: ${COOKIE}`]
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`)
  const text = await exchange({ port }, `${lines.join('\r\n')}\r\n\r\n`)
  return { ...parseResponse(text), text }
}

async function wrk(port, { target, targets, address, first = 0, last = 0, duration = seconds }) {
  const env = { PATH: process.env.PATH, TARGET: target, HOST, COOKIE, FIRST: String(first), LAST: String(last) }
  if (address) env.ADDRESS = address
  if (targets) env.TARGETS = targets
  const args = ['-t1', `-c${CONNECTIONS}`, `-d${duration}s`, '-s', script, `http://127.0.0.1:${port}`]
  const { stdout } = await run('wrk', args, { env })
  const result = JSON.parse(stdout.trimEnd().split('\n').at(-1))
  if (result.broken > 0 || result.requests === 0) throw new Error(`wrk: ${stdout}`)
  return { ...result, rate: result.requests / result.seconds }
}

/*
 * The same request again and again, whose answer is always as long. By hand before and after; between, all
 * are refused or none, and all bytes are those of so many answers. targets: a file of those that are asked for
 * in turn between, with answers of the same length.
 */
export async function repeat(port, target, status, { address, duration, targets } = {}) {
  const headers = address ? { 'X-Forwarded-For': address } : {}
  const before = await byHand(port, target, headers)
  const result = await wrk(port, { target, targets, address, duration })
  const after = await byHand(port, target, headers)
  for (const one of [before, after]) if (one.status !== status) throw new Error(`${target}: ${one.text.slice(0, 300)}`)
  const size = Buffer.byteLength(before.text, 'latin1')
  const odd = Math.abs(result.bytes - result.requests * size) > (CONNECTIONS + 1) * size + result.requests * 4
  if (odd || result.refused !== (status >= 400 ? result.requests : 0)) throw new Error(`${target}: other answers: ${JSON.stringify(result)}`)
  return result
}

/* The finishing calls that a stand-in has got. */
async function finished(opencode) {
  return Number((await request({ path: opencode }, 'GET', '/count')).body)
}

/* The same, once those are there that wrk no longer waited for. */
async function settled(opencode) {
  for (let last = -1; ; ) {
    const count = await finished(opencode)
    if (count === last) return count
    last = count
    await pause(SETTLE_MS)
  }
}

/* Delivered callbacks of the flows first to first + count: as many finishing calls as answers, and none refused. */
export async function deliver(port, opencode, { first, count, duration }) {
  const before = await finished(opencode)
  const result = await wrk(port, { target: DELIVERED, first, last: first + count - 1, duration })
  const made = (await settled(opencode)) - before
  if (result.refused > 0) throw new Error(`${result.refused} of ${result.requests} callbacks were refused`)
  if (result.requests + CONNECTIONS >= count) throw new Error(`too few flows: ${result.requests} of ${count} were delivered before the time was up`)
  if (Math.abs(made - result.requests) > 2 * CONNECTIONS) throw new Error(`${result.requests} answers, but ${made} deliveries`)
  return result
}

/* Microseconds of processor time of programs and all that they started. */
export function timeOf(...programs) {
  const all = programs.flatMap(({ pid }) => [pid, ...offspring(pid)])
  return all.reduce((sum, pid) => sum + processorTime(pid), 0)
}

/* The same result, with the microseconds of processor time that a program, or several, took for each request. */
export async function costing(programs, load, name = 'cpu') {
  const before = timeOf(...[programs].flat())
  const result = await load()
  return { ...result, [name]: (timeOf(...[programs].flat()) - before) / result.requests }
}

/*
 * Runs each side in turn, once to warm up and then in each round, every second round backwards: {name: [result]}.
 * Where the machine is so busy that it takes long, there are fewer rounds.
 */
export async function alternate(sides, rounds) {
  const results = Object.fromEntries(Object.keys(sides).map((name) => [name, []]))
  const start = performance.now()
  for (let round = 0; round <= rounds && (round <= ROUNDS_MIN || performance.now() - start < LONG_MS); round++) {
    const entries = Object.entries(sides)
    for (const [name, side] of round % 2 ? entries : entries.reverse()) {
      const result = await side(round)
      if (round > 0) results[name].push(result)
    }
  }
  return results
}
