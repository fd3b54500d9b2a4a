/*
 * Faults at a chosen system call of one of our programs, by strace: first all calls of a good run are
 * recorded, then the program runs again and is killed, or told an error, at one of them.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { metaVariables, parseAnswer, runCgi } from './frontends.mjs'
import { fcgiExchange, fcgiRequest } from './fcgi.mjs'
import { BUILD, WORKER, cleanEnv, unprivileged } from './front.mjs'
import { accepts, startProgram } from './net.mjs'
import { beginFlow } from './signin.mjs'

export const LONG = Boolean(process.env.CHECK_LONG)
export const LIBRARY = (name) => join(BUILD, 'tests/faults', `${name}.so`)

/* What runs a program, and nothing around it, with one of these libraries and its settings. */
export const preload = (name, settings = {}) =>
  ['env', ...Object.entries({ LD_PRELOAD: LIBRARY(name), ...settings }).map(([key, value]) => `${key}=${value}`)]

/* A reason to skip where nothing can be traced. */
export const untraceable = spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']).status === 0 ? false : 'strace cannot trace here'

let count = 0

/* A sign-in that is not begun yet: {flow, request}, the request that begins it. */
export async function planFlow(site, options) {
  let request
  const send = async (given) => {
    request = given
    return { header: () => undefined }
  }
  const flow = await beginFlow(site, { ...options, frontend: { send } })
  return { flow, request }
}

/* The lines of a trace as [{name, nth, text}]: the nth call of this name. */
function parseTrace(text) {
  const seen = {}
  const calls = []
  for (const line of text.split('\n')) {
    const match = /^([a-z]\w*)\((.*)$/.exec(line)
    if (!match) continue
    const [, name, rest] = match
    seen[name] = (seen[name] ?? 0) + 1
    calls.push({ name, nth: seen[name], text: rest })
  }
  return calls
}

/*
 * Marks calls that are many and like one another: those that load libcurl, and the looks at each of many
 * flows.
 */
const RUN = 6
function mark(calls) {
  let loading = false
  let run = 0
  return calls.map((call, i) => {
    if (call.name === 'openat' && call.text.includes('ld.so.cache')) loading = true
    if (call.name === 'socketpair' || call.name === 'symlinkat') loading = false
    run = call.name === calls[i - 1]?.name ? run + 1 : 0
    return { ...call, loading, alike: loading || run >= RUN }
  })
}

/* Every nth of the calls that are alike, and of the others; with CHECK_LONG set, all but the looks at many flows. */
export function choose(calls, { alike = 25, others = 1 } = {}) {
  const seen = { alike: 0, others: 0 }
  const wanted = (call) => (call.alike ? seen.alike++ % alike === 0 : seen.others++ % others === 0)
  return calls.filter((call) => (LONG && (call.loading || !call.alike)) || wanted(call))
}

/* As until(), for what takes a moment only. */
async function soon(what, check) {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; await pause(2)) {
    const value = await check()
    if (value) return value
  }
  return assert.fail(`not within 10 s: ${what}`)
}

/* The arguments of the call that a fault hit; undefined if it was not reached. */
const injected = (text) => text.split('\n').find((line) => line.includes('(INJECTED)'))?.replace(/^\w+\(/, '')

const wrapFor = (file, { name, nth }, how) => ['strace', '-qq', '-o', file, '-e', `trace=${name}`, '-e', `inject=${name}:${how}:when=${nth}`]

/* Runs the CGI program below another: {code, signal, stdout, stderr, answer}; answer is undefined if there is none. */
export async function traceCgi(site, request, wrap) {
  const answer = await runCgi(site.site, metaVariables(request), request.body, { wrap })
  return { ...answer, answer: answer.stdout === '' ? undefined : { ...parseAnswer(answer.stdout), raw: answer.stdout } }
}

/* Where a program that is measured (make coverage) begins to write what it counted: no call of ours any more. */
function ownEnd(calls) {
  const writes = calls.findIndex((call) => call.text.includes('.gcda"'))
  return writes < 0 ? calls : calls.slice(0, writes)
}

/* The calls of the CGI program from the end of its configuration on. */
export async function recordCgi(site, request) {
  const file = join(site.site.path, `trace-${++count}`)
  await traceCgi(site, request, ['strace', '-qq', '-s', '200', '-o', file])
  const calls = parseTrace(readFileSync(file, 'utf8'))
  rmSync(file)
  const opened = calls.findIndex((call) => call.name === 'openat' && call.text.includes(basename(site.site.iniFile)))
  const start = calls.findIndex((call, i) => i > opened && call.name === 'close')
  assert.ok(opened > 0 && start > 0, 'the configuration was read')
  return mark(ownEnd(calls.slice(start + 1)).filter((call) => call.name !== 'exit_group'))
}

/* The same as CGI with a fault: how is `signal=KILL` or `error=EIO`. hit: see injected(). */
export async function faultCgi(site, request, call, how) {
  const file = join(site.site.path, `fault-${++count}`)
  const answer = await traceCgi(site, request, wrapFor(file, call, how))
  const text = readFileSync(file, 'utf8')
  rmSync(file)
  return { ...answer, hit: injected(text) ?? (answer.signal === 'SIGKILL' ? '' : undefined) }
}

const victims = new Set()

/* Ends those that a failed test has left. */
export const stopVictims = () => Promise.all([...victims].map((victim) => victim.stop('SIGKILL')))

/* A worker of its own with one thread that answers, run by wrap, on the site's store. */
export async function startVictim(site, { wrap = [] } = {}) {
  const socket = join(site.site.path, `victim-${++count}.sock`)
  const words = [...wrap, WORKER, '-c', site.site.iniFile, '-s', socket, '-t', '1']
  const [program, args] = unprivileged(words[0], words.slice(1))
  const victim = startProgram(program, args, { cwd: '/', env: cleanEnv() })
  victims.add(victim)
  victim.ended.then(() => victims.delete(victim))
  await soon('the victim accepts', () => {
    assert.ok(victim.running(), `it ended: ${victim.output()}`)
    // the thread that it has before it says this is not the one that answers
    return victim.output().includes('event=sandbox') && existsSync(socket) && accepts({ path: socket })
  })
  const send = async (request) => {
    const got = await fcgiExchange(socket, fcgiRequest(metaVariables(request), request.body))
    return { ...got, answer: got.stdout === '' ? undefined : { ...parseAnswer(got.stdout), raw: got.stdout } }
  }
  return { ...victim, socket, send, frontend: { name: 'victim', send: async (request) => (await send(request)).answer } }
}

/* Has strace look at the thread that answers from now on; finish() ends that, where it has not ended. */
async function attach(victim, args) {
  const thread = await soon('there is a thread', () => readdirSync(`/proc/${victim.pid}/task`).find((task) => Number(task) !== victim.pid))
  const strace = startProgram('strace', [...args, '-p', thread])
  await soon('strace is attached', () => {
    if (strace.output().includes('attached')) return true
    assert.ok(strace.running(), `it ended: ${strace.output()}`)
    return false
  })
  return strace
}

/* One request to a victim with strace looking on: {answer, text} of the trace. */
async function tracedSend(site, victim, request, args) {
  const file = join(site.site.path, `trace-${++count}`)
  const strace = await attach(victim, ['-o', file, ...args])
  const got = await victim.send(request).catch((error) => ({ error }))
  // where the victim was killed, strace ends by itself
  const timer = setTimeout(() => strace.stop('SIGTERM'), got.answer ? 0 : 1000)
  await strace.ended
  clearTimeout(timer)
  const text = readFileSync(file, 'utf8')
  rmSync(file)
  return { ...got, text }
}

/*
 * The calls with which a fresh worker answers a request: {calls, own}, the descriptor of its connection.
 * before: another request that it had answered already
 */
export async function recordWorker(site, request, before) {
  const victim = await startVictim(site)
  if (before) await victim.send(before)
  const { text } = await tracedSend(site, victim, request, ['-s', '200'])
  await victim.stop()
  const calls = parseTrace(text)
  const accepted = calls.find((call) => call.name === 'accept4' && / = \d+$/.test(call.text))
  assert.ok(accepted, 'a connection')
  return { calls: mark(calls), own: Number(/ = (\d+)$/.exec(accepted.text)[1]) }
}

/* One request to a victim with a fault: {answer, hit}. */
export async function faultWorker(site, victim, request, { name, nth }, how) {
  const got = await tracedSend(site, victim, request, ['-e', `trace=${name}`, '-e', `inject=${name}:${how}:when=${nth}`])
  return { ...got, hit: injected(got.text) }
}

/* A CGI front end whose clock is seconds ahead (root only). */
export function laterFrontend(site, seconds) {
  return {
    name: `CGI ${seconds} s later`,
    async send(request) {
      const outer = ['unshare', '--time', '--boottime', String(seconds)]
      const answer = await runCgi(site.site, metaVariables(request), request.body, { outer })
      assert.deepEqual([answer.code, answer.signal], [0, null], answer.stderr)
      return { ...parseAnswer(answer.stdout), raw: answer.stdout }
    },
  }
}
