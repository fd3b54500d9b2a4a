/*
 * The store on a file system that is full, has no inodes, is read-only, or vanishes, while the worker
 * runs: refused openly, opencode untouched, health red; and all is well again as soon as it is.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { startFrontends } from '../lib/frontends.mjs'
import { give } from '../lib/front.mjs'
import { ownMounts } from '../lib/namespace.mjs'
import { until } from '../lib/net.mjs'
import { afterEvery, assertWholeStore } from '../lib/invariants.mjs'
import { assertSafe, beginFlow, begunFlow, flowStatus, goodCallback } from '../lib/signin.mjs'

const skip = ownMounts(import.meta.url)
const KIB = 256 // the limit alone is 64
const INODES = 64
let site

const run = (...words) => execFileSync(words[0], words.slice(1), { stdio: 'pipe' })
const mount = (more = '') => {
  run('mount', '-t', 'tmpfs', '-o', `size=${KIB}k,nr_inodes=${INODES},mode=0700${more}`, 'tmpfs', site.store)
  give(site.store)
}
const umount = () => run('umount', '-l', site.store)

before(async () => {
  if (skip) return
  site = await startFrontends({ web: false })
})
after(() => site?.stop())

/* Takes all space, or all inodes; what it made begins with FILLER. */
const FILLER = 'filler'
const filler = (name) => name.startsWith(FILLER)
function fill(what) {
  const piece = what === 'space' ? Buffer.alloc(1024) : ''
  try {
    for (let i = 0; i < 4096; i++) {
      const path = join(site.store, `${FILLER}${i}`)
      writeFileSync(path, piece, { flag: 'a' })
      if (what === 'space') for (;;) writeFileSync(path, Buffer.alloc(4096), { flag: 'a' })
    }
  } catch (error) {
    assert.equal(error.code, 'ENOSPC')
    return
  }
  assert.fail('it cannot be filled')
}
const empty = () => readdirSync(site.store).filter(filler).forEach((name) => rmSync(join(site.store, name)))

async function assertHealth(status) {
  await until(`health is ${status}`, async () => {
    for (const frontend of site.frontends) {
      const answer = await frontend.send({ target: '/signin/health' })
      assertSafe(answer)
      if (answer.status !== status || JSON.parse(answer.body).status !== (status === 200 ? 'ok' : 'degraded')) return false
    }
    return true
  })
}

/* Nothing can be begun, and opencode hears of nothing but its health. */
async function assertNoBegin() {
  const since = site.standin.connections.length
  for (const frontend of site.frontends) {
    const { answer } = await beginFlow(site, { frontend })
    assert.equal(answer.status, 503, `${frontend.name}: ${answer.body}`)
    assertSafe(answer)
    assert.match(JSON.parse(answer.body).data.message, /^\S.+\.$/)
  }
  return site.standin.since(since).filter((r) => r.path !== '/global/health')
}

async function assertWell(left) {
  await assertHealth(200)
  for (const frontend of site.frontends) await afterEvery(site, await begunFlow(site, { frontend }), { frontend, left })
}

describe('a store on a file system of its own', { skip }, () => {
  afterEach(() => {
    while (readdirSync(join(site.store, '..')) && run('findmnt', '-n', '-l', '-o', 'TARGET').toString().split('\n').includes(site.store)) umount()
  })

  for (const what of ['space', 'inodes']) {
    test(`no ${what} before a begin: 503, health is red; then well again`, async () => {
      mount()
      await assertWell()
      fill(what)
      await assertHealth(503)
      assert.deepEqual(await assertNoBegin(), [], 'opencode untouched')
      assertWholeStore(site.store, filler)
      empty()
      await assertWell()
    })
    test(`no ${what} from the very first request on`, async () => {
      mount()
      fill(what)
      await assertHealth(503)
      assert.deepEqual(await assertNoBegin(), [], 'opencode untouched')
      empty()
      await assertWell()
    })
    test(`no ${what} between a begin and its callback: it is finished, or told and waits`, async () => {
      mount()
      for (const frontend of site.frontends) {
        const flow = await begunFlow(site, { frontend })
        const since = site.standin.connections.length
        fill(what)
        const answer = await frontend.send(goodCallback(flow))
        assertSafe(answer)
        if (answer.status === 303) {
          await afterEvery(site, flow, { state: 'done', left: filler })
        } else {
          assert.equal(answer.status, 503, frontend.name)
          assert.equal(site.standin.connections.length, since, 'opencode untouched')
          assert.equal((await flowStatus(site, flow)).state, 'waiting')
        }
        await assertHealth(503)
        empty()
        await assertHealth(200)
        if (answer.status === 503) await afterEvery(site, flow, { frontend })
      }
    })
    test(`no ${what} while opencode is asked: said so, and not half recorded`, async () => {
      mount()
      await assertWell()
      for (const frontend of site.frontends) {
        site.standin.answer = (r) => void (r.path.endsWith('/authorize') && fill(what))
        const flow = await beginFlow(site, { frontend })
        site.standin.answer = () => undefined
        assert.equal(flow.answer.status, 503, frontend.name)
        assert.deepEqual(readdirSync(site.store).filter((name) => name.startsWith(flow.id)), [])
        assertWholeStore(site.store, filler)
        empty()
        await assertWell()
      }
    })
  }
  test('no inodes at the end of a delivery: delivered once, and it ends as interrupted', async () => {
    mount()
    for (const frontend of site.frontends) {
      const flow = await begunFlow(site, { frontend })
      site.standin.answer = (r) => void (r.host !== 'opencode' && fill('inodes'))
      const answer = await frontend.send(goodCallback(flow))
      site.standin.answer = () => undefined
      assert.equal(answer.status, 303)
      await afterEvery(site, flow, { state: 'delivering', left: filler })
      empty()
    }
    await assertWell()
  })
  test('read-only: 503, health is red; then well again', async () => {
    mount()
    // the worker knows nothing of this file system yet, so that nothing keeps it from becoming read-only
    const flow = await begunFlow(site, { frontend: site.cgi })
    const since = site.standin.connections.length
    run('mount', '-o', 'remount,ro', site.store)
    for (const frontend of site.frontends) {
      const answer = await frontend.send(goodCallback(flow))
      assert.equal(answer.status, 503, frontend.name)
      assertSafe(answer)
      const page = await frontend.send({ target: flow.page, headers: flow.cookies })
      assert.equal(page.status, 200)
    }
    assert.deepEqual(await assertNoBegin(), [])
    assert.equal(site.standin.since(since).filter((r) => r.path !== '/global/health').length, 0)
    await assertHealth(503)
    run('mount', '-o', 'remount,rw', site.store)
    await afterEvery(site, flow)
    await assertWell()
  })
  test('unmounted and mounted anew while the worker runs: the old sign-in is unknown, the next one works', async () => {
    mount()
    const flow = await begunFlow(site)
    umount()
    await assertWell() // on the folder below
    for (const frontend of site.frontends) assert.equal((await frontend.send(goodCallback(flow))).status, 400, frontend.name)
    mount()
    await assertWell()
    umount()
  })
  test('removed and made anew while the worker runs', async () => {
    const flow = await begunFlow(site)
    renameSync(site.store, `${site.store}.away`)
    await assertHealth(503)
    assert.deepEqual(await assertNoBegin(), [])
    mkdirSync(site.store, { mode: 0o700 })
    give(site.store)
    await assertWell()
    for (const frontend of site.frontends) assert.equal((await frontend.send(goodCallback(flow))).status, 400, frontend.name)
    rmSync(site.store, { recursive: true })
    renameSync(`${site.store}.away`, site.store)
    chmodSync(site.store, 0o700)
    await afterEvery(site, flow)
  })
})
