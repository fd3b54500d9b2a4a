/*
 * Many opencodes behind one handler, each with a name, a password and a network of its own, as
 * containers have: the real ones, with sign-ins at the same time, and both wait on port 1455.
 */
import assert from 'node:assert/strict'
import dns from 'node:dns'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { Client } from '../lib/client.mjs'
import { Fixture } from '../lib/fixture.mjs'
import { freePort, request, scratch } from '../lib/net.mjs'
import { cannotIsolate, startOpencode } from '../lib/opencode.mjs'
import { startProvider } from '../lib/provider.mjs'

const HOSTS = { alpha: '127.0.0.1', beta: 'localhost' }
const NAMES = Object.keys(HOSTS)
const done = { state: 'done', expires_in: 0 }

dns.setDefaultResultOrder('ipv4first') // the web servers of the tests listen on 127.0.0.1 only

const skip = cannotIsolate() ?? false

describe('two opencodes', { skip }, () => {
  const fronts = new Fixture()
  const ports = {}
  let provider, folder, opencodes
  before(async () => {
    folder = scratch('passwords')
    provider = await startProvider()
    const start = (name) => startOpencode({ provider, isolated: true, password: `password of ${name}` })
    opencodes = Object.fromEntries(await Promise.all(NAMES.map(async (name) => [name, await start(name)])))
    for (const name of NAMES) writeFileSync(join(folder.path, name), `password of ${name}\n`, { mode: 0o600 })
  })
  after(async () => {
    await fronts.stop()
    for (const name of NAMES) await opencodes?.[name].stop()
    await provider?.stop()
    folder?.remove()
  })

  for (const kind of ['nginx-fcgi', 'apache-cgi']) {
    describe(`through ${kind}`, () => {
      let front, origins, clients
      beforeEach(() => (provider.exchanges.length = 0))
      afterEach(async (t) => {
        const said = `${front?.logs()}${NAMES.map((name) => opencodes[name].logs())}`
        await fronts.tidy(t)
        front = undefined
        for (const secret of provider.canaries()) assert.ok(!said.includes(secret), `a log holds ${secret}`)
        assert.ok(!said.includes('password of'))
      })

      /*
       * files: each section has a password_file. The clients are one browser for each name, which sends
       * the password of that opencode, as one that was asked for it does.
       */
      const start = async ({ files = false } = {}) => {
        const port = (ports[`${kind} ${files}`] ??= await freePort())
        origins = Object.fromEntries(NAMES.map((name) => [name, `http://${HOSTS[name]}:${port}`]))
        const sections = NAMES.map((name) => [`opencode ${name}`, {
          url: origins[name],
          socket: opencodes[name].socket,
          port: opencodes[name].port,
          password_file: files ? join(folder.path, name) : undefined,
        }])
        front = await fronts.serve({ kind, port, opencodePort: opencodes.alpha.port, ini: Object.fromEntries(sections) })
        clients = Object.fromEntries(NAMES.map((name) => [name, browser(name)]))
      }
      const browser = (name, authorization = opencodes[name].authorization.Authorization) =>
        new Client(origins[name], { authorization })

      const signIns = async () => {
        const flows = {}
        for (const name of NAMES) flows[name] = await clients[name].signIn()
        for (const name of NAMES) {
          assert.equal(new URL(flows[name].url).origin, origins[name])
          flows[name].address = await provider.approve(flows[name].authorize)
        }
        return flows
      }
      const states = async (flows) => {
        const all = await Promise.all(NAMES.map((name) => clients[name].status(flows[name])))
        return all.map(({ state }) => state)
      }
      const tokens = () => NAMES.map((name) => opencodes[name].auth().openai?.access)

      test('sign-ins at the same time: each account lands in its own opencode', async () => {
        await start()
        const [[alpha, beta], flows] = [tokens(), await signIns()]
        await clients.beta.callback(flows.beta.address)
        assert.deepEqual(await states(flows), ['waiting', 'done'])
        const [same, newer] = tokens()
        assert.equal(same, alpha)
        assert.notEqual(newer, beta)
        assert.ok(provider.canaries().includes(newer))
        await clients.alpha.paste(flows.alpha, flows.alpha.address)
        assert.deepEqual(await states(flows), ['done', 'done'])
        assert.notEqual(tokens()[0], alpha)
        assert.ok(provider.canaries().includes(tokens()[0]))
        assert.equal(tokens()[1], newer)
        assert.notEqual(tokens()[0], newer)
        assert.deepEqual(provider.exchanges.map(({ error }) => error), [null, null])
      })

      test('callbacks at the same moment', async () => {
        await start()
        const flows = await signIns()
        const answers = await Promise.all(NAMES.map((name) => clients[name].callback(flows[name].address)))
        assert.deepEqual(answers.map(({ headers }) => headers.get('location')), NAMES.map((name) => flows[name].path))
        assert.deepEqual(await states(flows), ['done', 'done'])
        assert.notEqual(...tokens())
      })

      test('what belongs to one is unknown at the other, also with its cookie and its password', async () => {
        await start()
        const [before, flows] = [tokens(), await signIns()]
        for (const [here, there] of [NAMES, [...NAMES].reverse()]) {
          const wrong = browser(there)
          for (const cookie of [clients[there].cookie, clients[here].cookie]) {
            wrong.cookie = cookie
            for (const path of [flows[here].path, `${flows[here].path}/status`]) {
              assert.equal((await wrong.send('GET', path)).status, 400)
            }
            assert.equal((await wrong.callback(flows[here].address)).status, 400)
            assert.equal((await wrong.paste(flows[here], flows[here].address)).status, 400)
            assert.equal((await wrong.paste(flows[there], flows[here].address)).status, 400)
            assert.equal((await wrong.form('/signin/start', { again: flows[here].id })).status, 400)
            const { content } = await wrong.send('GET', '/signin/')
            assert.equal(content.includes(flows[there].id), cookie === clients[there].cookie)
            assert.ok(!content.includes(flows[here].id))
          }
        }
        assert.deepEqual(await states(flows), ['waiting', 'waiting'])
        assert.deepEqual(provider.exchanges, [])
        assert.deepEqual(tokens(), before)
        for (const name of NAMES) await clients[name].callback(flows[name].address)
        assert.deepEqual(await states(flows), ['done', 'done'])
      })

      test('a newer sign-in at one does not touch the other', async () => {
        await start()
        const flows = await signIns()
        const newer = await clients.alpha.signIn()
        assert.deepEqual(await states(flows), ['superseded', 'waiting'])
        await clients.alpha.callback(flows.alpha.address)
        await clients.beta.callback(flows.beta.address)
        assert.deepEqual(await states(flows), ['superseded', 'done'])
        await clients.alpha.callback(await provider.approve(newer.authorize))
        assert.deepEqual(await clients.alpha.status(newer), done)
        assert.deepEqual(provider.exchanges.map(({ error }) => error), [null, null])
      })

      test('the password of one opens nothing at the other', async () => {
        await start()
        const flows = await signIns()
        for (const [here, there] of [NAMES, [...NAMES].reverse()]) {
          const wrong = browser(here, opencodes[there].authorization.Authorization)
          wrong.cookie = clients[here].cookie
          assert.equal((await wrong.begin()).status, 401)
          assert.equal((await wrong.send('GET', '/signin/')).status, 401)
          assert.equal((await wrong.form('/signin/start', { provider: 'openai', method: '0' })).status, 401)
        }
        assert.deepEqual(await states(flows), ['waiting', 'waiting'])
        for (const name of NAMES) await clients[name].callback(flows[name].address)
        assert.deepEqual(await states(flows), ['done', 'done'])
      })

      test('each section’s password file finishes what began with the password', async () => {
        await start({ files: true })
        const [before, flows] = [tokens(), await signIns()]
        for (const name of NAMES) {
          const bare = new Client(origins[name])
          assert.equal((await bare.begin()).status, 401) // the file lets nobody begin
          bare.cookie = clients[name].cookie
          assert.equal((await bare.callback(flows[name].address)).headers.get('location'), flows[name].path)
          assert.deepEqual(await bare.status(flows[name]), done)
        }
        tokens().forEach((token, i) => assert.notEqual(token, before[i]))
      })

      test('health lists both; another name is nobody’s', async () => {
        await start()
        const stranger = await new Client(origins.beta).send('GET', '/signin/health')
        assert.equal(stranger.content, '{"status":"ok"}')
        await clients.alpha.signIn()
        for (const name of NAMES) {
          const answer = await clients[name].send('GET', '/signin/health')
          const { status, opencode, pending } = JSON.parse(answer.content)
          assert.deepEqual([answer.status, status, pending], [200, 'ok', 1])
          assert.deepEqual(opencode.map((one) => [one.name, one.status]), NAMES.map((one) => [one, 'ok']))
        }
        for (const host of ['example.com', `127.0.0.2:${front.port}`, `localhost.example.com:${front.port}`]) {
          for (const target of ['/signin/', '/auth/callback?code=a&state=b', '/signin/flow/0123456789012345678901']) {
            const headers = opencodes.alpha.authorization
            const answer = await request({ port: front.port }, 'GET', target, { host, headers })
            assert.equal(answer.status, 421, `${host} ${target}`)
          }
          // a probe of the machine itself has some name or other
          const health = await request({ port: front.port }, 'GET', '/signin/health', { host })
          assert.match(health.body, /{"status":"ok"}/)
          const begun = await request({ port: front.port }, 'POST', '/provider/openai/oauth/authorize', {
            host,
            body: '{"method":0}',
            headers: { 'Content-Type': 'application/json', ...opencodes.alpha.authorization },
          })
          assert.equal(begun.status, 421)
        }
      })
    })
  }
})
