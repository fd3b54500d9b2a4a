/*
 * A real MCP server whose accounts are signed in to by OAuth: the example server of the MCP SDK, with
 * its authorization server beside it. It registers every client and approves every sign-in at once, by
 * a redirect. PKCE (RFC 7636) is really checked, and a code works once. It takes 20 registrations an
 * hour and 100 visits to its authorize URL: a test that needs more starts another one.
 */
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { freePort, startProgram, until } from './net.mjs'

const EXAMPLE = fileURLToPath(
  new URL('../node_modules/@modelcontextprotocol/sdk/dist/esm/examples/server/simpleStreamableHttp.js', import.meta.url),
)

/* Where the authorization server sends the browser: the redirect's address for an authorize URL. */
async function approve(url) {
  const answer = await fetch(url, { redirect: 'manual' })
  const address = answer.headers.get('location')
  assert.ok(answer.status === 302 && address, `no redirect: ${answer.status} ${await answer.text()}`)
  return address
}

/* The same for a user who declines, which the example has no page for (RFC 6749 section 4.1.2.1). */
function deny(url) {
  const { searchParams } = new URL(url)
  const address = new URL(searchParams.get('redirect_uri'))
  address.searchParams.set('error', 'access_denied')
  address.searchParams.set('error_description', 'The user denied the request')
  if (searchParams.has('state')) address.searchParams.set('state', searchParams.get('state'))
  return address.href
}

/*
 * Starts both servers.
 *   oauth          false: no sign-in is needed
 *   port, authPort free ones by default; those of one that was stopped bring it back, without its tokens
 * The answer: url (what opencode.json names), authOrigin, port, authPort, remote(oauth) (the server's entry
 * in opencode.json), approve(url), deny(url), pid, logs(), running(), stop().
 */
export async function startMcpServer({ oauth = true, port, authPort } = {}) {
  port ??= await freePort()
  authPort ??= await freePort()
  const env = { ...process.env, MCP_PORT: String(port), MCP_AUTH_PORT: String(authPort) }
  const program = startProgram(process.execPath, [EXAMPLE, ...(oauth ? ['--oauth'] : [])], { env })
  const lines = [`MCP Streamable HTTP Server listening on port ${port}\n`]
  if (oauth) lines.push(`OAuth Authorization Server listening on port ${authPort}\n`)
  // The metadata name localhost, and a client compares them with the URL that it was given.
  const url = `http://localhost:${port}/mcp`
  const self = {
    url,
    authOrigin: `http://localhost:${authPort}`,
    port,
    authPort,
    remote: (settings) => ({ type: 'remote', url, ...(settings ? { oauth: settings } : {}) }),
    approve,
    deny,
    pid: program.pid,
    logs: () => program.output(),
    running: program.running,
    stop: () => program.stop(),
  }
  try {
    await until('the MCP server listens', () => {
      if (!program.running()) throw new Error(`the MCP server ended: ${program.output()}`)
      return lines.every((line) => program.output().includes(line))
    }, 30_000)
  } catch (error) {
    await program.stop('SIGKILL')
    throw error
  }
  return self
}
