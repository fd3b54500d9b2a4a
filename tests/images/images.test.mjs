/*
 * The container images, really built, and the two compose files, whose services run from the files of those
 * images and do whole sign-ins with the real opencode.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { certify } from '../lib/certificate.mjs'
import { Client } from '../lib/client.mjs'
import { cannotContain, openProject, readCompose } from '../lib/containers.mjs'
import { fit } from '../lib/front.mjs'
import { generationOf } from '../lib/generations.mjs'
import { cannotBuild, openImages } from '../lib/images.mjs'
import { ownMounts } from '../lib/namespace.mjs'
import { accepts, freePort, scratch, startProgram, until } from '../lib/net.mjs'
import { startPassage } from '../lib/opencode.mjs'
import { ROOT } from '../lib/place.mjs'
import { startProvider } from '../lib/provider.mjs'
import { KINDS } from '../lib/servers.mjs'
import { DONE, expectEnd } from '../lib/site.mjs'
import { NEXT, cannotRun } from '../lib/versions.mjs'

const skip = cannotBuild() || cannotContain() || ownMounts(import.meta.url)

const HOST = 'site.example.net'
const PASSWORD = 'only-for-this-test'
const WEB_GROUP = 33
const packages = JSON.parse(readFileSync(join(ROOT, 'tests/package.json'), 'utf8'))
const preview = packages.optionalDependencies['opencode-2'].replace('npm:', '')
const variables = { HOST, OPENCODE_SERVER_PASSWORD: PASSWORD, TLS: '/tls' }

/* The images: what each may have beyond Debian, in MB, besides the program of opencode. */
const IMAGES = { handler: 8, web: 10, opencode: 100 }

const ONLY_BUILD = [
  'usr/bin/gcc', 'usr/bin/cc', 'usr/bin/make', 'usr/include/stdio.h', 'usr/bin/node', 'usr/bin/npm',
  'npm', 'src', 'build', 'installed',
]

let images, provider
before(async () => {
  if (skip) return
  images = openImages()
  provider = await startProvider()
})
after(async () => {
  await provider?.stop()
  images?.remove()
})

const megabytes = (...paths) => execFileSync('du', ['-scxm', ...paths], { encoding: 'utf8' }).match(/(\d+)\ttotal/)[1] * 1

test('the three targets build, and hold nothing that only the build needs', { skip }, (t) => {
  for (const target of Object.keys(IMAGES)) images.build(target, target)
  const base = images.mount('debian:12-slim')
  for (const [name, most] of Object.entries(IMAGES)) {
    const root = images.mount(name)
    const program = name === 'opencode' ? megabytes(join(root, 'usr/bin/opencode')) : 0
    const more = megabytes(root) - megabytes(base)
    const opencode = program ? `, ${program} MB of these opencode's program` : ''
    t.diagnostic(`${name}: ${megabytes(root)} MB, ${more} MB of them beyond Debian${opencode}`)
    assert.ok(more - program <= most, `${name} has ${more - program} MB`)
    for (const path of ONLY_BUILD) assert.ok(!existsSync(join(root, path)), `${name} has ${path}`)
    const left = ['var/lib/apt/lists', 'var/cache/apt', 'var/log', 'usr/share/doc', 'usr/share/man', 'tmp', 'root', '.npm']
      .map((path) => join(root, path)).filter((path) => existsSync(path))
    const files = execFileSync('find', [...left, '-type', 'f', '-size', '+0'], { encoding: 'utf8' }).split('\n').filter(Boolean)
    const added = files.map((file) => file.slice(root.length)).filter((file) => !existsSync(join(base, file)))
    assert.deepEqual(added, [], name)
  }
})

/* A sign-in to ChatGPT by paste, begun at the start page. between: what happens while it waits. */
async function signIn(client, generation, between) {
  const lists = async () => generation.lists((await client.send('GET', generation.signIns)).content)
  await until('opencode lists its sign-ins', lists, 60_000)
  const flow = await client.start(generation.chatgpt)
  await between?.()
  const answer = await client.paste(flow, provider.approve(flow.authorize))
  assert.equal(answer.headers.get('location'), flow.path)
  await expectEnd(client, flow, DONE)
  assert.ok((await generation.calls(client, {}).accounts()).includes('openai'))
}

const authorization = `Basic ${Buffer.from(`opencode:${PASSWORD}`).toString('base64')}`

/* The services of a compose file, without its web server: {project, folder, handler, opencode, restart(), stop()}. */
async function startServices(file, image, prepare) {
  const folder = scratch('containers')
  const compose = readCompose(file, variables)
  const project = openProject({ compose, images, names: { opencode: image, handler: 'handler', web: 'web' }, folder: folder.path })
  const passages = []
  const everything = []
  const stop = async () => {
    for (const passage of passages) await passage.stop()
    await project.stop()
    const said = everything.map((one) => one.logs()).join('\n')
    for (const secret of [...provider.canaries(), PASSWORD]) assert.ok(!said.includes(secret), `a log holds ${secret}`)
    folder.remove()
  }
  const start = async (...args) => {
    const one = await project.start(...args)
    everything.push(one)
    return one
  }
  try {
    await prepare(project, folder.path)
    // opencode's way out is a proxy, with a certificate authority of its own, as in a company
    passages.push(...startPassage(join(folder.path, 'proxy'), provider.proxyPort, await project.reach('opencode'), []))
    const opencode = await start('opencode', {
      environment: { HTTPS_PROXY: provider.proxyUrl, NO_PROXY: 'localhost,127.0.0.1', NODE_EXTRA_CA_CERTS: '/etc/company.pem' },
      binds: { '/etc/company.pem': provider.caFile },
    })
    const handler = await start('handler')
    await until(`${image} is healthy`, () => opencode.health(), 120_000)
    await until('the handler is healthy', () => handler.health())
    return { project, start, folder: folder.path, passages, opencode, handler, stop }
  } catch (error) {
    error.message += `\n${everything.map((one) => one.logs()).join('\n')}`
    await stop().catch(() => {})
    throw error
  }
}

describe('compose.yaml', { skip }, () => {
  let certificate
  const prepare = (project) => {
    const live = project.host(`/tls/live/${HOST}`)
    mkdirSync(live, { recursive: true })
    certificate = certify(live, HOST)
    for (const [name, file] of [['fullchain.pem', certificate.cert], ['privkey.pem', certificate.key]]) {
      execFileSync('install', ['-m', '640', '-g', '10002', file, join(live, name)])
    }
  }

  /* The whole site, and a browser that comes in through its published port. */
  async function startAll(image) {
    const site = await startServices('compose.yaml', image, prepare)
    const web = await site.start('web')
    const path = join(site.folder, 'published')
    const [program, ...inside] = await site.project.reach('web')
    site.passages.push(startProgram(program, [...inside, 'socat', `UNIX-LISTEN:${path},fork`, 'TCP:127.0.0.1:443']))
    await until('the published port accepts', () => accepts({ path }))
    const where = { path, ca: readFileSync(certificate.ca), servername: HOST }
    const client = new Client(`https://${HOST}`, { authorization, where })
    await until('nginx answers', async () => (await client.send('GET', '/signin/health')).status === 200)
    return { ...site, web, client }
  }

  test('a whole sign-in with opencode 1; it survives a new handler', async () => {
    const site = await startAll('opencode')
    try {
      await signIn(site.client, generationOf(), async () => {
        assert.deepEqual(await site.handler.stop(), { code: 0, signal: null }, site.handler.logs())
        site.handler = await site.start('handler')
        await until('the new handler is healthy', () => site.handler.health())
      })
      assert.deepEqual(await site.web.stop(), { code: 0, signal: null }, site.web.logs())
      await site.opencode.stop()
      await until('the handler is not healthy without opencode', () => !site.handler.health())
    } finally {
      await site.stop()
    }
  })

  const cannot = cannotRun(NEXT)
  test('a whole sign-in with opencode 2', { skip: cannot ?? false }, async () => {
    images.build('opencode', 'opencode2', { OPENCODE_PACKAGE: preview })
    const site = await startAll('opencode2')
    try {
      await signIn(site.client, generationOf(NEXT))
    } finally {
      await site.stop()
    }
  })
})

test('without-web.yaml, behind an nginx of the host: a whole sign-in', { skip }, async () => {
  const place = '/var/lib/opencode-callback-web'
  const site = await startServices('without-web.yaml', 'opencode', (project) => {
    // the command that the file tells
    const text = readFileSync(join(ROOT, 'conf/docker/without-web.yaml'), 'utf8')
    const [, line] = /^# +(install -d .*)$/m.exec(text)
    assert.ok(line.endsWith(` ${place}`), line)
    mkdirSync(project.host('/var/lib'), { recursive: true })
    execFileSync('sh', ['-euc', line.replace(place, project.host(place))], { env: { ...process.env, WEB_GROUP: String(WEB_GROUP) } })
  })
  let nginx
  try {
    // 127.0.0.1:4096, as the file publishes it, may be somebody else's here
    const published = await freePort()
    const bridge = join(site.folder, 'published')
    const [program, ...inside] = await site.project.reach('opencode')
    site.passages.push(
      startProgram(program, [...inside, 'socat', `UNIX-LISTEN:${bridge},fork`, 'TCP:127.0.0.1:4096']),
      startProgram('socat', [`TCP-LISTEN:${published},bind=127.0.0.1,fork,reuseaddr`, `UNIX-CONNECT:${bridge}`]),
    )
    const folder = join(site.folder, 'nginx')
    execFileSync('install', ['-d', '-o', String(WEB_GROUP), '-g', String(WEB_GROUP), folder])
    execFileSync('chmod', ['a+x', site.folder])
    const { key, cert, ca } = certify(folder, HOST)
    execFileSync('chown', [String(WEB_GROUP), key, cert])
    const [port, plain] = [await freePort(), await freePort()]
    writeFileSync(join(folder, 'site.conf'), fit('conf/nginx/opencode-callback.conf', {
      host: HOST, port, plain: `127.0.0.1:${plain}`, opencode: `127.0.0.1:${published}`, log: folder, key, cert,
      worker: site.project.host(`${place}/worker.sock`),
    }))
    const [server, args] = KINDS['nginx-fcgi'].main({ path: folder })
    nginx = startProgram('setpriv', [`--reuid=${WEB_GROUP}`, `--regid=${WEB_GROUP}`, '--clear-groups', server, ...args], {
      env: { PATH: `${process.env.PATH}:/usr/sbin` },
    })
    await until('nginx accepts', () => accepts({ port }))
    const client = new Client(`https://${HOST}`, { authorization, where: { port, ca: readFileSync(ca), servername: HOST } })
    await signIn(client, generationOf())
    const said = readFileSync(join(folder, 'opencode-callback.log'), 'utf8')
    for (const secret of provider.canaries()) assert.ok(!said.includes(secret), `nginx's log holds ${secret}`)
  } finally {
    await nginx?.stop()
    await site.stop()
  }
})
