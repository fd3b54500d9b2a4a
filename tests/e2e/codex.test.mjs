/*
 * The sign-in of another program on that server, through {prefix}/adopt: the real Codex CLI, whose
 * `codex login` listens on 127.0.0.1:1455, beside opencode 1 and opencode 2. Its address is pasted on the start
 * page, the sign-in happens on another machine, and the program goes on by itself.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Client } from '../lib/client.mjs'
import { Fixture } from '../lib/fixture.mjs'
import { scratch, startProgram, until } from '../lib/net.mjs'
import { opencodeEnv } from '../lib/opencode.mjs'
import { startProvider } from '../lib/provider.mjs'
import { NEXT, cannotRun } from '../lib/versions.mjs'

const CODEX = fileURLToPath(new URL('../node_modules/.bin/codex', import.meta.url))
const ADDRESS = /https:\/\/auth\.openai\.com\/oauth\/authorize\?\S+/
const missing = existsSync(CODEX) ? null : 'the Codex CLI is not installed'

const fixture = new Fixture()
let provider, codex, home
before(async () => (provider = await startProvider()))
after(async () => {
  await fixture.stop()
  await provider?.stop()
})
afterEach(async (t) => {
  await codex?.stop()
  home?.remove()
  codex = home = undefined
  await fixture.tidy(t)
})

/* `codex login` with files of its own; the address that it prints. */
async function login() {
  home = scratch('codex')
  const files = join(home.path, 'files')
  mkdirSync(files)
  codex = startProgram(CODEX, ['login'], {
    cwd: home.path,
    env: opencodeEnv(home.path, { provider, env: { CODEX_HOME: files, SSL_CERT_FILE: provider.caFile, BROWSER: '/bin/true' } }),
  })
  await until('codex prints its address', () => ADDRESS.test(codex.output()), 30_000)
  return ADDRESS.exec(codex.output())[0]
}

const tokens = () => JSON.parse(readFileSync(join(home.path, 'files', 'auth.json'), 'utf8')).tokens

for (const [name, version] of [['opencode 1', undefined], ['opencode 2', NEXT]]) {
  describe(`beside ${name}`, { skip: missing ?? cannotRun(version) ?? false }, () => {
    let client, front, opencode
    const start = async (kind) => {
      opencode = await fixture.start({ provider, version })
      front = await fixture.serve({ kind })
      client = new Client(front.origin, { authorization: opencode.authorization.Authorization })
    }

    for (const kind of ['nginx-fcgi', 'apache-cgi']) {
      for (const way of ['pasted', 'edited']) {
        test(`its answer is ${way}, through ${kind}: it has its tokens, and ends by itself`, async () => {
          await start(kind)
          const flow = await client.adopt(await login())
          const page = await client.send('GET', flow.path)
          assert.match(page.content, /Finish the sign-in of your terminal/)
          const address = await provider.approve(flow.authorize)
          const answer = way === 'pasted' ? await client.paste(flow, address) : await client.callback(address)
          assert.equal(answer.status, 303)
          assert.deepEqual(await client.status(flow), { state: 'done', expires_in: 0, reason: 'unconfirmed' })
          assert.match((await client.send('GET', flow.path)).content, /Look at your terminal now/)
          await until('codex ends', () => !codex.running(), 20_000)
          assert.ok(provider.canaries().includes(tokens().refresh_token))
          for (const secret of provider.canaries()) assert.ok(!front.logs().includes(secret))
          assert.ok(!(await opencode.accounts()).includes('openai'))
        })
      }
    }

    test('it has the port that opencode wants: opencode’s begin is refused in words, and codex still signs in', async () => {
      await start('nginx-fcgi')
      const flow = await client.adopt(await login())
      const refused = await client.form('/signin/start', opencode.chatgpt)
      assert.ok(refused.status >= 400, String(refused.status))
      assert.match(refused.content, /opencode could not begin this sign-in/)
      assert.equal((await client.status(flow)).state, 'waiting')
      await client.paste(flow, await provider.approve(flow.authorize))
      await until('codex ends', () => !codex.running(), 20_000)
      assert.ok(provider.canaries().includes(tokens().refresh_token))
    })
  })
}
