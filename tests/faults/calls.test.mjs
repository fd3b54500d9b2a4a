/*
 * Each system call fails once, in a callback, a begin, a flow page, a status and a health answer, as CGI
 * and as worker: an answer in order, nothing delivered twice, no "done" that is not true, and the
 * sign-in can be finished afterwards or says why not.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startFrontends } from '../lib/frontends.mjs'
import { LONG, choose, faultCgi, faultWorker, laterFrontend, recordCgi, recordWorker, startVictim, stopVictims, untraceable } from '../lib/fault.mjs'
import { afterEvery, assertCleanProcess } from '../lib/invariants.mjs'
import { begunFlow, flowStatus, goodCallback } from '../lib/signin.mjs'
import { faulted, told } from '../lib/faulted.mjs'

const root = process.getuid() === 0
const CLAIM_SECONDS = 31

/* What each call may say; where several fit, they take turns. */
const ERRORS = {
  openat: ['EMFILE', 'EACCES', 'ENOMEM', 'EIO'],
  newfstatat: ['EIO', 'EACCES', 'ENOMEM'],
  fstat: ['EIO'],
  access: ['EACCES'],
  read: ['EIO', 'EAGAIN', 'EINTR'],
  pread64: ['EIO'],
  write: ['EIO', 'ENOSPC', 'EPIPE', 'EINTR', 'EAGAIN'],
  pwrite64: ['ENOSPC', 'EIO'],
  fallocate: ['ENOSPC', 'EIO', 'EINTR'],
  ftruncate: ['EIO', 'EINTR'],
  lseek: ['EIO'],
  fcntl: ['EINTR', 'ENOLCK', 'EACCES', 'EAGAIN'],
  symlinkat: ['ENOSPC', 'EIO', 'EACCES', 'EROFS'],
  readlinkat: ['EIO', 'EACCES', 'ENOMEM'],
  unlinkat: ['EIO', 'EACCES', 'EROFS'],
  renameat: ['ENOSPC', 'EIO'],
  renameat2: ['ENOSPC', 'EIO', 'EINVAL'],
  mmap: ['ENOMEM', 'EAGAIN'],
  mprotect: ['ENOMEM'],
  pipe2: ['EMFILE', 'ENFILE'],
  getrandom: ['EINTR', 'EAGAIN'],
  socket: ['EMFILE', 'ENOMEM', 'EACCES'],
  socketpair: ['EMFILE', 'ENOMEM'],
  connect: ['ECONNREFUSED', 'EAGAIN', 'ENOENT', 'EACCES', 'EINTR'],
  accept4: ['EMFILE', 'ENOMEM', 'EINTR', 'ECONNABORTED'],
  sendto: ['EPIPE', 'EINTR', 'ENOMEM', 'ECONNRESET', 'EAGAIN'],
  recvfrom: ['ECONNRESET', 'EINTR', 'ENOMEM', 'EAGAIN'],
  poll: ['EINTR', 'ENOMEM'],
  epoll_wait: ['EINTR'],
  epoll_ctl: ['ENOMEM', 'ENOSPC'],
  setsockopt: ['ENOMEM'],
  getsockopt: ['ENOMEM'],
  getsockname: ['ENOMEM'],
  getpeername: ['ENOMEM'],
  clock_nanosleep: ['EINTR'],
}
/* These cannot fail, or not by an error (brk), or nobody looks; close() that fails has closed nevertheless, but not so below strace. */
const NEVER =
  /^(?:brk|close|munmap|get[eu]uid|getpid|gettid|sysinfo|rt_sig\w+|prlimit64|rseq|set_\w+|exit|exit_group|madvise|uname|futex|restart_syscall)$/

const KINDS = ['a callback', 'a begin', 'a flow page', 'a status', 'health']
let site
let play
let turn = 0

before(async () => {
  site = await startFrontends({ web: false, ini: { flow: { max_pending: 100_000 } } })
  play = faulted(site)
})
after(async () => {
  await stopVictims()
  await site?.stop()
})

/* Pairs of a call and an error. Changing what epoll looks for takes no memory and so cannot fail. */
function faults(calls) {
  const can = ({ name, text }) => !NEVER.test(name) && !text.includes('EPOLL_CTL_MOD')
  return calls.filter(can).flatMap((call) => {
    const all = ERRORS[call.name] ?? ['EIO']
    return LONG ? all.map((error) => [call, error]) : [[call, all[turn++ % all.length]]]
  })
}

/* Tries all, and says of all that went wrong what it was. */
async function each(calls, action) {
  const wrong = []
  const results = []
  for (const [call, error] of faults(calls)) {
    try {
      results.push(await action(call, error))
    } catch (problem) {
      wrong.push(`${call.name} ${call.nth} ${error} (${call.text.slice(0, 90)}): ${problem.message.split('\n')[0].slice(0, 300)}`)
    }
  }
  assert.ok(wrong.length === 0, `${wrong.length} of them:\n${wrong.join('\n')}`)
  return results
}

describe('as CGI each system call fails once', { skip: untraceable }, () => {
  for (const name of KINDS) {
    test(name, async (t) => {
      const [make, judge, step] = play.kinds[name]
      const calls = choose(await recordCgi(site, (await make()).request), { others: step })
      const results = await each(calls, async (call, error) => {
        const { flow, request } = await make()
        const since = site.standin.connections.length
        const got = await faultCgi(site, request, call, `error=${error}`)
        assert.deepEqual([got.code, got.signal], [0, null], got.stderr)
        // what could not be written is not there
        if (!got.answer) assert.match(got.hit, /^(?:1,|\[\{fd=1,)/)
        assert.doesNotMatch(got.stderr, /CANARY/)
        return judge(flow, since, got.answer, got.hit)
      })
      t.diagnostic(told(results))
    })
  }
})

describe('in the worker each system call fails once', { skip: untraceable }, () => {
  /* The same worker all the time; or, for what it does only once, a fresh one each time. */
  async function failEach({ make, judge }, { calls, own }, fresh) {
    let victim = await startVictim(site)
    if (!fresh) await victim.send((await make()).request)
    const results = await each(calls, async (call, error) => {
      if (fresh) {
        await victim.stop()
        victim = await startVictim(site)
      }
      const { flow, request } = await make()
      const since = site.standin.connections.length
      const got = await faultWorker(site, victim, request, call, `error=${error}`)
      assert.ok(victim.running(), `it ended: ${victim.output()}`)
      // what concerns the connection itself ends it; a web server says 502
      const its = got.hit?.startsWith(`${own},`) || /^(?:accept4|epoll_ctl|epoll_wait)$/.test(call.name)
      if (!got.answer && !its) assert.fail(`no answer: ${got.error?.message ?? victim.output()}`)
      assert.doesNotMatch(victim.output(), /CANARY/)
      const result = await judge(flow, since, got.answer)
      // and it serves on
      const next = await begunFlow(site)
      assert.equal((await victim.send(goodCallback(next))).answer?.status, 303)
      await afterEvery(site, next, { state: 'done', left: play.left })
      return result
    })
    assertCleanProcess(victim.pid)
    assert.deepEqual(await victim.stop(), { code: 0, signal: null })
    return results
  }
  for (const name of KINDS) {
    test(name, async (t) => {
      const [make, judge, step] = play.kinds[name]
      const again = await recordWorker(site, (await make()).request, (await make()).request)
      t.diagnostic(told(await failEach({ make, judge }, { ...again, calls: choose(again.calls, { others: step }) }, false)))
      const first = await recordWorker(site, (await make()).request)
      const once = choose(first.calls.filter((call) => call.loading || call.name === 'socketpair'), { alike: 75 })
      t.diagnostic(told(await failEach({ make, judge }, { ...first, calls: once }, true)))
    })
  }
})

describe('what they left', { skip: !root && 'a clock that has run on takes root' }, () => {
  test('a flow whose end could not be written: interrupted, and never sent again', async () => {
    const then = laterFrontend(site, CLAIM_SECONDS)
    const since = site.standin.connections.length
    for (const flow of play.late) assert.deepEqual(await flowStatus(site, flow, then), { state: 'failed', expires_in: 0, reason: 'interrupted' })
    for (const flow of play.late.slice(0, 3)) assert.equal((await then.send(goodCallback(flow))).status, 303)
    assert.equal(site.standin.connections.length, since, 'nothing is sent')
  })
})
