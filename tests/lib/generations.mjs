/*
 * What is different between opencode 1 and opencode 2 for the tests: how it is started, and what is asked
 * of the running one. Both have the same members, so that no test asks for a version.
 *   plugins      the lines of opencode.json that load our plugin
 *   password     the password of an opencode that is given none, if it has one all the same
 *   env(password)   more of its environment
 *   health       a path that is answered as soon as it runs
 *   signIns      the path that says what can be signed in to; asking for it loads the plugin
 *   lists(text)  whether that answer is the whole list
 *   chatgpt      the fields by which the start page begins ChatGPT's sign-in in the browser
 *   calls(own, {home, work})   for a Client that opencode lets in, and its folders:
 *     accounts()      the ids of the providers that it lists as connected
 *     load()          what opencode's window does after a sign-in: older 1.x list the account only then
 *     signOut()       signs out of every provider
 *     mcp()           {name: status} of its MCP servers, once it knows all of them
 *     knowMcp(mcp)    its MCP servers are these from now on, as opencode 1 has them in opencode.json; no
 *                     sign-in to one waits any more
 *     signOutOfMcp()  signs out of every MCP server
 *     endSignIns()    ends what waits
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { request, until } from './net.mjs'
import { NEXT } from './versions.mjs'

/* One folder for both. */
export const PLUGIN = new URL('../../conf/opencode/plugin/', import.meta.url).href
export const LISTENER_PORT = 1455

/* Where opencode 2 listens for an MCP server whose redirect URI is public: the port of opencode 1. */
const MCP_PORT = 19876

const segment = encodeURIComponent
const get = async (own, target) => JSON.parse((await own.send('GET', target)).content)

function configure(work, settings) {
  writeFileSync(join(work, 'opencode.json'), JSON.stringify(settings))
}

const first = {
  plugins: { plugin: [PLUGIN] },
  env: (password) => (password ? { OPENCODE_SERVER_PASSWORD: password } : {}),
  health: '/global/health',
  signIns: '/provider/auth',
  lists: () => true,
  chatgpt: { provider: 'openai', method: '0' },
  calls(own, { home, work }) {
    const self = {
      auth() {
        const file = join(home, 'data', 'opencode', 'auth.json')
        return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
      },
      accounts: async () => (await get(own, '/provider')).connected,
      load: () => own.send('POST', '/instance/dispose'),
      async signOut() {
        for (const id of Object.keys(self.auth())) await own.send('DELETE', `/auth/${segment(id)}`)
        assert.deepEqual(self.auth(), {})
      },
      async mcp() {
        const servers = Object.entries(await get(own, '/mcp'))
        return Object.fromEntries(servers.map(([name, { status }]) => [name, status]))
      },
      async knowMcp(mcp) {
        configure(work, { mcp })
        await self.load()
      },
      async signOutOfMcp() {
        for (const name of Object.keys(await self.mcp())) await own.send('DELETE', `/mcp/${segment(name)}/auth`)
      },
      endSignIns: () => request({ port: LISTENER_PORT }, 'GET', '/cancel').catch(() => {}),
    }
    return self
  },
}

const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/* An MCP server's entry, as opencode 2 has it. */
function secondMcp({ oauth, ...server }) {
  if (!oauth) return { ...server, ...(oauth === undefined ? {} : { oauth }) }
  const settings = { ...(oauth.redirectUri ? { callbackPort: MCP_PORT } : {}), ...oauth }
  return { ...server, oauth: Object.fromEntries(Object.entries(settings).map(([name, value]) => [snake(name), value])) }
}

const second = {
  plugins: { plugins: [PLUGIN] },
  password: 'opencode-2-always-has-one',
  env: (password) => ({ OPENCODE_PASSWORD: password, OPENCODE_DISABLE_AUTOUPDATE: '1', OPENCODE_DISABLE_MODELS_FETCH: '1' }),
  health: '/api/health',
  signIns: '/api/integration',
  // for about a second after the first request it is empty, or has only the MCP servers
  lists: (text) => JSON.parse(text).data.some(({ id, methods }) => id === 'openai' && methods.some(({ type }) => type === 'oauth')),
  chatgpt: { provider: 'openai', method: 'chatgpt-browser' },
  calls(own, { work }) {
    const servers = async () => (await get(own, '/api/mcp')).data
    /* [{id, credentials}] of what can be signed in to, of all but MCP servers, or of MCP servers only */
    const integrations = async ({ mcp }) => {
      const ids = (await servers()).map(({ integrationID }) => integrationID)
      const { data } = await get(own, '/api/integration')
      return data.filter(({ id }) => ids.includes(id) === mcp).map(({ id, connections }) => ({
        id, credentials: connections.filter(({ type }) => type === 'credential'),
      })).filter(({ credentials }) => credentials.length > 0)
    }
    const signOut = async (which) => {
      for (const { credentials } of await integrations(which)) {
        for (const { id } of credentials) await own.send('DELETE', `/api/credential/${segment(id)}`)
      }
      assert.deepEqual(await integrations(which), [])
    }
    /* Its directory is loaded anew, without what waited there. */
    const dispose = async () => {
      assert.equal((await own.send('DELETE', '/api/debug/location')).status, 204)
      await until('opencode lists its sign-ins again', async () => second.lists((await own.send('GET', second.signIns)).content))
    }
    const self = {
      accounts: async () => (await integrations({ mcp: false })).map(({ id }) => id),
      load: async () => {},
      signOut: () => signOut({ mcp: false }),
      mcp: () => until('no MCP server is pending', async () => {
        const statuses = (await servers()).map(({ name, status }) => [name, status.status])
        return statuses.every(([, status]) => status !== 'pending') && Object.fromEntries(statuses)
      }),
      async knowMcp(mcp) {
        const entries = Object.entries(mcp).map(([name, server]) => [name, secondMcp(server)])
        configure(work, { mcp: { servers: Object.fromEntries(entries) } })
        await dispose()
        assert.deepEqual(Object.keys(await self.mcp()).sort(), Object.keys(mcp).sort())
      },
      signOutOfMcp: () => signOut({ mcp: true }),
      endSignIns: dispose,
    }
    return self
  },
}

export const generationOf = (version) => (version === NEXT ? second : first)
