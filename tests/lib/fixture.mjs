/*
 * One opencode, and the web servers before it, that the tests of a file share, because starting them takes
 * seconds. They run as long as the tests ask for the same options. A failed test stops them, so that the next
 * test gets new ones.
 */
import { startFront } from './front.mjs'
import { startOpencode } from './opencode.mjs'

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

  /* The MCP servers of its opencode.json are these from now on, and no sign-in to one waits any more. */
  async knowMcp(mcp) {
    this.#mcp = true
    await this.opencode.knowMcp(mcp)
  }

  /* After each test, with its context: removes the accounts and the waiting sign-in that it left in opencode. */
  async tidy(t) {
    if (t?.error || (this.opencode && !this.opencode.running())) return this.stop()
    if (!this.opencode) return undefined
    try {
      await this.opencode.signOut()
      if (this.#mcp) await this.opencode.signOutOfMcp()
      return await this.opencode.endSignIns()
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
