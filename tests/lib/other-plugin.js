/*
 * A plugin of somebody else's for opencode, with a provider of its own: one method whose redirect goes to
 * a listener of the plugin's, and one whose code is typed into opencode. Its provider takes any code
 * that begins with "good", and the state that it gave.
 */
import { randomBytes } from 'node:crypto'
import http from 'node:http'

const PORT = 51121
const PATH = '/oauth-callback'

function authorizeUrl(redirect, state) {
  const query = new URLSearchParams({ response_type: 'code', client_id: 'other', redirect_uri: redirect, state })
  return `https://accounts.example.com/authorize?${query}`
}

function exchange(code) {
  if (!code?.startsWith('good')) return { type: 'failed' }
  return { type: 'success', access: `access-${code}`, refresh: `refresh-${code}`, expires: Date.now() + 3_600_000 }
}

let server

/* Listens for one answer; like most of its kind it gives up at the first that is not good. */
async function listen(state) {
  if (server) await new Promise((resolve) => server.close(resolve))
  let settle
  const answer = new Promise((resolve) => (settle = resolve))
  server = http.createServer((request, response) => {
    const url = new URL(request.url, `http://127.0.0.1:${PORT}`)
    const good = url.pathname === PATH && url.searchParams.get('state') === state
    response.writeHead(good ? 200 : 400, { connection: 'close' }).end(good ? 'You may close this window' : 'no')
    server.close()
    server = undefined
    settle(good ? exchange(url.searchParams.get('code')) : { type: 'failed' })
  })
  await new Promise((resolve, reject) => server.once('error', reject).listen(PORT, '127.0.0.1', resolve))
  return { answer }
}

export const OtherPlugin = async () => ({
  auth: {
    provider: 'other',
    methods: [
      {
        type: 'oauth',
        label: 'Sign in with Other',
        async authorize() {
          const state = randomBytes(16).toString('hex')
          const { answer } = await listen(state)
          return {
            url: authorizeUrl(`http://127.0.0.1:${PORT}${PATH}`, state),
            instructions: 'Sign in.',
            method: 'auto',
            callback: () => answer,
          }
        },
      },
      {
        type: 'oauth',
        label: 'Sign in with Other, by code',
        async authorize() {
          return {
            url: authorizeUrl('https://accounts.example.com/code', randomBytes(16).toString('hex')),
            instructions: 'Paste the code here.',
            method: 'code',
            callback: async (code) => exchange(code),
          }
        },
      },
    ],
  },
})
