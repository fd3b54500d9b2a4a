/*
 * A whole installation for many tests: one real opencode, the providers' side, and both web servers
 * in front of the same sign-ins.
 */
import assert from 'node:assert/strict'
import { Client } from './client.mjs'
import { startFront } from './front.mjs'
import { startOpencode } from './opencode.mjs'
import { startProvider } from './provider.mjs'

export const KINDS = ['nginx-fcgi', 'apache-cgi']
export const DONE = { state: 'done', expires_in: 0 }
export const UNCONFIRMED = { ...DONE, reason: 'unconfirmed' }
export const REFUSED = { state: 'failed', expires_in: 0, reason: 'refused-by-provider' }

/*
 * Starts it. config, password, models: as for startOpencode(); kinds: which web servers.
 * The answer: provider, opencode, fronts {kind: front}, client(kind) (a new browser), connected() (what
 * opencode lists), forget() (signs out of everything), stop() (which also looks for secrets in every log).
 */
export async function startSite({ config, password, models, kinds = KINDS } = {}) {
  const provider = await startProvider()
  const parts = [provider]
  const fronts = {}
  let opencode
  const stop = async () => {
    const said = [opencode?.logs() ?? '', ...Object.values(fronts).map((front) => front.logs())].join('\n')
    for (const part of parts.reverse()) await part.stop()
    for (const secret of provider.canaries()) assert.ok(!said.includes(secret), `a log holds ${secret}`)
    if (password) assert.ok(!said.includes(password), 'a log holds the password')
  }
  try {
    opencode = await startOpencode({ provider, config, password, models })
    parts.push(opencode)
    for (const kind of kinds) {
      const first = Object.values(fronts)[0]
      const ini = first ? { flow: { store: `dir:${first.storeDir}` } } : undefined
      fronts[kind] = await startFront({ kind, opencodePort: opencode.port, opencodeSocket: opencode.socket, ini })
      parts.push(fronts[kind])
    }
  } catch (error) {
    await stop()
    throw error
  }
  const { Authorization: authorization } = opencode.authorization
  return {
    provider, opencode, fronts, stop,
    connected: () => opencode.accounts(),
    client: (kind = kinds[0]) => new Client(fronts[kind].origin, { authorization }),
    forget: () => opencode.signOut(),
  }
}

/* The flow's end: its status, and the page, which names it. again: whether one click begins again. */
export async function expectEnd(client, flow, end, { again, says = /./ } = {}) {
  assert.deepEqual(await client.status(flow), end)
  const page = await client.send('GET', flow.path)
  assert.equal(page.status, 200)
  assert.match(page.content, new RegExp(`id="state"[^>]* data-state="${end.state}" data-reason="${end.reason ?? ''}"`))
  assert.match(page.content, says)
  if (again !== undefined) assert.equal(/<form [^>]*data-again/.test(page.content), again, 'one click begins again')
  return page.content
}
