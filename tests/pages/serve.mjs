// Renders every page with the program `render` and serves the files over
// loopback, with the headers of the real site and its real assets.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { fileURLToPath } from 'node:url'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')
const buildDir = path.resolve(root, process.env.BUILD_DIR ?? 'build')
const render = process.env.RENDER ?? path.join(buildDir, 'tests/pages/render')

export const flowPath = '/signin/flow/Zm9vYmFyYmF6cXV4MTIzNA'

const types = { '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' }
const policy =
  "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
  "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Returns {origin, names, page, answerPage, status, posts, polls, stop}. Every page is at /NAME.html; the
// flow's own address, the start page's and a callback's show the page named by `page`, the flow's status answers
// `status`. Forms sent to any flow, to start and to adopt land in `posts`, with where they went as `to` unless
// that was this flow, and are answered with `answerPage`.
export async function servePages() {
  const folder = await mkdtemp(path.join(tmpdir(), 'opencode-callback-pages-'))
  const { stdout } = await promisify(execFile)(render, [folder])
  const site = {
    names: stdout.trim().split('\n'),
    page: 'waiting.html',
    answerPage: 'waiting-paste-text.html',
    status: { state: 'waiting', expires_in: 287 },
    posts: [],
    polls: 0,
  }

  const html = async (response, name, code = 200) => {
    const body = await readFile(path.join(folder, name))
    response.writeHead(code, {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': policy,
    })
    response.end(body)
  }
  const answer = async (request, response) => {
    const { pathname, search } = new URL(request.url, 'http://localhost')
    if (pathname.startsWith('/signin/assets/')) {
      const name = path.basename(pathname)
      const body = await readFile(path.join(root, 'common/view/assets', name))
      response.writeHead(200, { 'content-type': types[path.extname(name)] })
      response.end(body)
    } else if (pathname === `${flowPath}/status`) {
      site.polls++
      if (site.status === null) return void request.destroy()
      response.writeHead(site.status.state === 'gone' ? 400 : 200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(site.status))
    } else if (request.method === 'POST' && /^\/signin\/(?:flow\/[\w-]{22}|start|adopt)$/.test(pathname)) {
      let body = ''
      for await (const chunk of request) body += chunk
      const form = Object.fromEntries(new URLSearchParams(body))
      site.posts.push(pathname === flowPath ? form : { to: pathname + search, ...form })
      await html(response, site.answerPage, 400)
    } else if ([flowPath, '/signin/', '/auth/callback'].includes(pathname)) {
      await html(response, site.page)
    } else if (site.names.includes(path.basename(pathname))) {
      await html(response, path.basename(pathname))
    } else {
      response.writeHead(404)
      response.end()
    }
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error) => response.destroy(error))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  site.origin = `http://127.0.0.1:${server.address().port}`
  site.stop = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await rm(folder, { recursive: true })
  }
  return site
}
