/*
 * "If it does not work" in README.md: each row's situation is made, what the row says is seen, and where one line
 * mends it, it does.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startBehind } from '../lib/behind.mjs'
import { Client } from '../lib/client.mjs'
import { preload } from '../lib/fault.mjs'
import { WORKER, cleanEnv, startFront, startWorker, fitParts } from '../lib/front.mjs'
import { scratch, startProgram } from '../lib/net.mjs'
import { ROOT } from '../lib/place.mjs'
import { json, startStandin } from '../lib/standin.mjs'

const section = /^## If it does not work\n([^]*?)(?=^## )/m.exec(readFileSync(join(ROOT, 'README.md'), 'utf8'))[1]
const rows = section.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| what one sees')).map((line) => line.slice(2, -2).split(' | '))

/* Tries a row: use() makes the situation of the row that says so in “” and returns what one sees. */
const tried = new Set()
function row(says, use) {
  test(says, async (t) => {
    const found = rows.filter(([seen]) => seen.includes(`“${says}”`))
    assert.equal(found.length, 1, 'one row says so')
    assert.equal(found[0].length, 3, 'what one sees, what it is, what to do')
    tried.add(found[0])
    const seen = await use(t, found[0][2])
    assert.ok(seen.includes(says), seen)
  })
}

/* nginx with the shipped file, the worker, a stand-in for opencode; all stopped after the test. */
async function site(t, options = {}) {
  const folder = scratch('trouble')
  const standin = await startStandin(join(folder.path, 'opencode.sock'))
  t.after(() => standin.stop().then(folder.remove))
  const behind = await startBehind()
  t.after(() => behind.stop())
  const front = await startFront({ kind: 'nginx-fcgi', opencodePort: behind.port, opencodeSocket: standin.path, ...options })
  t.after(() => front.stop())
  const client = new Client(front.origin)
  const begin = () => client.signIn({ inputs: { state: `CANARY${Math.random().toString(36).slice(2)}`, redirect: 'http://localhost:1455/auth/callback' } })
  const answer = (flow) => `/auth/callback?code=c1234567&state=${new URL(flow.authorize).searchParams.get('state')}`
  return { front, standin, client, begin, answer, folder }
}

/* What --doctor says of the site, from this machine. */
async function doctor(front) {
  const program = startProgram(WORKER, ['-c', join(front.path, 'opencode-callback.ini'), '--doctor', front.origin], { cwd: '/', env: cleanEnv() })
  await program.closed
  return program.output()
}

row('502 Bad Gateway', async (t) => {
  const { front, client } = await site(t)
  await front.worker.stop()
  const { content } = await client.send('GET', '/signin/')
  const again = await startWorker({ path: front.path, iniFile: join(front.path, 'opencode-callback.ini') })
  t.after(() => again.stop())
  assert.equal((await client.send('GET', '/signin/health')).status, 200, 'with the worker it works')
  return content
})

row('opencode cannot be reached', async (t) => {
  const { standin, client } = await site(t)
  await standin.stop()
  const { content } = await client.send('GET', '/signin/')
  const again = await startStandin(standin.path)
  t.after(() => again.stop())
  assert.equal((await client.send('GET', '/signin/health')).status, 200, 'with opencode it works')
  return content
})

row('This host name is not configured here', async (t) => {
  const { client } = await site(t, { ini: { opencode: { url: 'https://other.example' } } })
  return (await client.send('GET', '/signin/')).content
})

row('Signing in needs https', async (t) => {
  const { front } = await site(t)
  const client = new Client('http://box.example', { where: { port: front.port } })
  return (await client.send('GET', '/signin/')).content
})

row('This sign-in is not known in this browser', async (t) => {
  const { front, client, begin, answer } = await site(t)
  const flow = await begin()
  const other = new Client(front.origin)
  other.cookie = 'opencode_callback=x'.padEnd(61, 'x')
  const { content } = await other.send('GET', answer(flow))
  assert.equal((await client.send('GET', answer(flow))).status, 303, 'in the same browser it works')
  return content
})

row('does not come to us', async (t) => {
  const edit = (text) => text.replace(/^\tinclude .*part-paths/m, (line) => `\tif ($uri ~ ^/provider/) { break; }\n${line}`)
  const { front, client } = await site(t, { edit })
  const { content } = await client.begin({ inputs: { state: 's1234567890', redirect: 'http://localhost:1455/auth/callback' } })
  assert.equal(JSON.parse(content).url, '/provider/openai/oauth/authorize', 'opencode itself was asked, not we')
  return doctor(front)
})

row('opencode could not begin the sign-in to this server', async (t) => {
  const { standin, client } = await site(t)
  standin.answer = ({ path }) => (path === '/mcp/demo/auth' ? json({ name: 'UnknownError', data: {} }, 500) : undefined)
  return (await client.form('/signin/start', { mcp: 'demo' })).content
})

row('did not accept the sign-in', async (t) => {
  const { standin, client, begin, answer } = await site(t)
  const flow = await begin()
  standin.answer = ({ method, path }) => (method === 'POST' && path.endsWith('/oauth/callback') ? json({ name: 'ProviderAuthOauthCallbackFailed', data: {} }, 400) : undefined)
  assert.equal((await client.send('GET', answer(flow))).status, 303)
  return (await client.send('GET', flow.path)).content
})

row('leads to', async (t) => {
  const sso = 'return 302 https://sso.example/start?rd=$request_uri;'
  const { front, client } = await site(t, { edit: (text) => text.replace('location = /signin/callback {', `location = /signin/callback { ${sso}`) })
  assert.match((await client.send('GET', '/auth/callback?code=c&state=s')).headers.get('location'), /^https:\/\/sso\.example\/start\?rd=\/auth\/callback\?code=c/)
  const text = await doctor(front)
  assert.match(text, /^failed +callbacks .*leads to https:\/\/sso\.example\/start/m)
  return text
})

row('Address family not supported by protocol', async (t, cure) => {
  const folder = scratch('trouble')
  t.after(folder.remove)
  const { path } = folder
  const at = '/etc/nginx/sites-enabled/opencode-callback'
  const file = join(path, 'site.conf')
  // ports for anybody, and no certificate: what it listens on comes before both
  const shipped = readFileSync(join(ROOT, 'conf/nginx/opencode-callback.conf'), 'utf8')
  const plain = shipped.replace(/^\tssl_.*\n/gm, '').replaceAll(' ssl http2;', ';').replaceAll('/var/log/nginx', path)
    .replaceAll('/usr/share/opencode-callback', path)
  fitParts(path, 'nginx', { host: 'site.example', port: 10443, plain: '127.0.0.1:10080', opencode: '127.0.0.1:9', log: path, worker: join(path, 'worker.sock') })
  writeFileSync(file, plain.replace(/listen (\[::\]:)?(80|443);/g, (_, six = '', port) => `listen ${six}10${port.padStart(3, '0')};`))
  const main = join(path, 'nginx.conf')
  writeFileSync(main, `pid ${path}/pid;\nevents {}\nhttp {\n${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${path}/${name};\n`).join('')}include ${file};\n}\n`)
  const check = () => {
    const [program, ...words] = [...preload('no_ipv6'), 'nginx', '-t', '-e', join(path, 'error.log'), '-c', main]
    return spawnSync(program, words, { encoding: 'utf8', env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } })
  }
  const before = check()
  assert.equal(before.status, 1)
  assert.match(before.stderr, /socket\(\) \[::\]:10080 failed/)
  const command = /`(sed .*)`/.exec(cure)[1]
  assert.ok(command.endsWith(at), command)
  assert.equal(spawnSync('sh', ['-c', command.replace(at, file)]).status, 0)
  const mended = check()
  assert.equal(mended.status, 0, mended.stderr)
  return before.stderr
})

after(() => {
  assert.equal(rows.length, 10)
  assert.deepEqual(rows.filter((one) => !tried.has(one)), [], 'rows that were not tried')
})
