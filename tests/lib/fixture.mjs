/*
 * One opencode, and the web servers before it, that the tests of a file share, because starting them takes
 * seconds. They run as long as the tests ask for the same options. A failed test stops them, so that the next
 * test gets new ones.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from './client.mjs'
import { startFront } from './front.mjs'
import { request } from './net.mjs'
import { LISTENER_PORT, startOpencode } from './opencode.mjs'

const ownClient = (opencode) => new Client(opencode.origin, { authorization: opencode.authorization.Authorization })

/* Signs out of every account. */
export async function signOut(opencode) {
  const own = ownClient(opencode)
  for (const id of Object.keys(opencode.auth())) await own.send('DELETE', `/auth/${encodeURIComponent(id)}`)
  assert.deepEqual(opencode.auth(), {})
}

/* Signs out of every MCP server that it knows in its directory. */
async function signOutOfMcp(opencode) {
  const own = ownClient(opencode)
  const servers = JSON.parse((await own.send('GET', '/mcp')).content)
  for (const name of Object.keys(servers)) await own.send('DELETE', `/mcp/${encodeURIComponent(name)}/auth`)
}

export class Fixture {
  opencode // the running one, if any
  #key
  #mcp = false
  #fronts = new Map()

  /* An opencode by the options of startOpencode(): the running one, if it was started with the same. */
  async start({ provider, ...options } = {}) {
    const key = JSON.stringify(options)
    if (this.#key !== key || !this.opencode?.running()) {
      await this.stop()
      this.opencode = await startOpencode({ provider, ...options })
      this.#key = key
    }
    return this.opencode
  }

  /* A web server by the options of startFront(), before the running opencode, if the options name no other. */
  async serve(options) {
    const { port: opencodePort, socket: opencodeSocket } = this.opencode ?? {}
    const key = JSON.stringify(options)
    if (!this.#fronts.has(key)) this.#fronts.set(key, await startFront({ opencodePort, opencodeSocket, ...options }))
    return this.#fronts.get(key)
  }

  /* The MCP servers of its opencode.json are these from now on, and no sign-in waits any more. */
  async knowMcp(mcp) {
    this.#mcp = true
    writeFileSync(join(this.opencode.work, 'opencode.json'), JSON.stringify({ mcp }))
    await ownClient(this.opencode).send('POST', '/instance/dispose')
  }

  /* After each test, with its context: removes the accounts and the waiting sign-in that it left in opencode. */
  async tidy(t) {
    if (t?.error || (this.opencode && !this.opencode.running())) return this.stop()
    if (!this.opencode) return undefined
    try {
      await signOut(this.opencode)
      if (this.#mcp) await signOutOfMcp(this.opencode)
      return await request({ port: LISTENER_PORT }, 'GET', '/cancel').catch(() => {})
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  async stop() {
    const parts = [...this.#fronts.values(), this.opencode]
    this.#fronts.clear()
    this.opencode = this.#key = undefined
    this.#mcp = false
    const ends = await Promise.allSettled(parts.map((part) => part?.stop()))
    for (const { reason } of ends) if (reason) throw reason
  }
}
