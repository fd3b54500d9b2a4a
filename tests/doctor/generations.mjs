/*
 * --doctor before each generation of opencode: it finds out by asking which one answers, makes its checks in
 * that one's terms, and says what to write so that it loads our plugin.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { startFront } from '../lib/front.mjs'
import { startInternet } from '../lib/internet.mjs'
import { request } from '../lib/net.mjs'
import { startOpencode } from '../lib/opencode.mjs'
import { json } from '../lib/standin.mjs'
import { NEXT, cannotRun } from '../lib/versions.mjs'
import { ADDRESS } from './network.mjs'
import { add, bridge, checks, doctorInTime, ORIGIN, swap, withSite } from './site.mjs'

const PLUGIN = '["file:///usr/share/opencode-callback/plugin/"]'
const NAMES = { 1: 'opencode 1', preview: 'opencode 2', 2: 'opencode 2' }
const BASIC = `Basic ${Buffer.from('opencode:geheim').toString('base64')}`
const advice = (text, line) => text.split('\n')[text.split('\n').indexOf(line) + 1]

for (const [opencode, name] of Object.entries(NAMES)) {
  test(`a good site: ${opencode}`, () =>
    withSite({ opencode, kind: opencode === '2' ? 'apache-cgi' : 'nginx-fcgi' }, async ({ check, opencode, standin }) => {
      const { code, table, text, line } = await check({ own: true })
      assert.deepEqual(Object.keys(table), checks, text)
      for (const name of checks) assert.equal(table[name], name === 'logs' ? 'by hand' : 'ok', text)
      assert.equal(code, 0)
      assert.ok(line('opencode').includes(`${name} asks for a password, and takes the one given`), text)
      assert.ok(!text.includes('geheim') && !text.includes('Basic'))
      assert.equal(opencode.terminals.size, 0, 'the terminal is gone')
      assert.ok(![...opencode.requests, ...standin.since(0).map((one) => `${one.method} ${one.path}`)].some((one) => /^POST .*oauth/.test(one)), 'nothing was begun')
    }))
}

test('without a password of opencode’s, it says what can be told', async () => {
  for (const [opencode, says] of [['1', 'opencode asks for'], ['preview', 'opencode asks for'], ['2', 'opencode 2 asks for']]) {
    await withSite({ opencode }, async ({ check }) => {
      const { code, table, text, line } = await check({ env: { OPENCODE_SERVER_PASSWORD: '' } })
      assert.deepEqual([code, table.opencode, table.events, table.websocket], [0, 'ok', 'skipped', 'skipped'], text)
      assert.ok(line('opencode').includes(`${says} a password`), text)
    })
  }
})

test('opencode 2 has a password, and the web server adds it for everybody: a warning', () =>
  withSite({ opencode: '2', edit: swap('proxy_http_version 1.1;', `proxy_http_version 1.1; proxy_set_header Authorization "${BASIC}";`) }, async ({ check }) => {
    const { code, table, text, line } = await check({ env: { OPENCODE_SERVER_PASSWORD: '' } })
    assert.deepEqual([code, table.opencode, table.websocket], [0, 'warning', 'ok'], text)
    assert.match(advice(text, line('opencode')), /web server: do not add opencode's password/)
  }))

test('an opencode that speaks neither interface is named', async () => {
  for (const password of [null, 'geheim']) {
    await withSite({ opencode: 'none', password }, async ({ check }) => {
      const { failed, text, line } = await check()
      assert.deepEqual(failed, ['opencode'], text)
      assert.match(line('opencode'), /opencode answers, but speaks no interface that this version knows/)
      assert.match(advice(text, line('opencode')), /an opencode that README\.md names/)
    })
  }
})

/* One fault each: options of the site, the check that fails, words of its line, of the advice. */
const faults = {
  'the state of a sign-in comes to us': {
    edit: swap('/connect/+oauth/*(;|$)', '/connect/+oauth'), fails: 'opencode', says: /\/connect\/oauth\/\S+ comes to us/, advice: /\/connect\/oauth is ours/,
  },
  'the pairing of a browser comes to us': {
    edit: add('rewrite ^/auth/connect/ /signin/worker last;'), fails: 'opencode', says: /\/auth\/connect\/ comes to us/, advice: /\/auth\/callback/,
  },
  'events are held back': { edit: swap('proxy_buffering off;', ''), fails: 'events', says: /held back/, advice: /proxy_buffering off/ },
  'events go nowhere': { edit: add('location = /api/event { return 404; }'), fails: 'events', says: /\/api\/event is no event stream: status 404/ },
  'no WebSockets': { edit: swap('proxy_set_header Upgrade $http_upgrade;', ''), fails: 'websocket', says: /status 400, not 101/, advice: /Upgrade/ },
  'Host is another name': {
    edit: swap('proxy_set_header Host $opencode_host;', ''), fails: 'websocket', says: /for a foreign origin: Host does not/, advice: /Host \$http_host/,
  },
  'Host is another name, in Apache': {
    kind: 'apache-cgi', edit: swap('ProxyPreserveHost On', ''), fails: 'websocket', says: /for a foreign origin: Host does not/, advice: /ProxyPreserveHost/,
  },
}

for (const [name, { fails, says, advice: words = /./, ...options }] of Object.entries(faults)) {
  test(`${fails}: ${name}`, async () => {
    for (const opencode of ['preview', '2']) {
      await withSite({ ...options, opencode }, async ({ check }) => {
        const { code, failed, text, line } = await check()
        assert.deepEqual([code, ...failed], [1, fails], text)
        assert.match(line(fails), says)
        assert.match(advice(text, line(fails)), new RegExp(`^ +-> .*${words.source}`))
      })
    }
  })
}

test('opencode runs, and has not loaded the plugin: the line to write', async () => {
  for (const [opencode, setting] of [['1', `"plugin": ${PLUGIN}`], ['preview', `"plugins": ${PLUGIN}`], ['2', `"plugins": ${PLUGIN}`]]) {
    await withSite({ opencode, plugins: ['opencode.agent'] }, async ({ check, path }) => {
      const { failed, text, line } = await check({ settings: { socket: join(path, 'nothing') } })
      assert.deepEqual(failed, ['socket'], text)
      assert.match(line('socket'), new RegExp(`${NAMES[opencode]} runs on port \\d+ without our plugin: \\S+/nothing is not there`))
      assert.ok(advice(text, line('socket')).includes(setting), text)
      assert.equal(/does not load the file opencode-callback\.js/.test(text), opencode !== '1', text)
    })
  }
})

test('opencode’s generation is not known, as it asks for a password: both lines', () =>
  withSite({ opencode: 'preview' }, async ({ check, path }) => {
    const { text, line } = await check({ settings: { socket: join(path, 'nothing') }, env: { OPENCODE_SERVER_PASSWORD: '' } })
    assert.match(line('socket'), /socket +opencode runs on port \d+ without our plugin/)
    assert.ok(advice(text, line('socket')).includes(`"plugin": ${PLUGIN} (opencode 2: "plugins")`), text)
  }))

test('opencode 2 has loaded the plugin, and the socket is not there', () =>
  withSite({ opencode: '2', plugins: ['opencode.agent', 'opencode-callback'] }, async ({ check, path }) => {
    const { failed, text, line } = await check({ settings: { socket: join(path, 'nothing') } })
    assert.deepEqual(failed, ['socket'], text)
    assert.match(line('socket'), /opencode has loaded our plugin, but \S+\/nothing is not there/)
    assert.match(advice(text, line('socket')), /OPENCODE_CALLBACK_SOCKET/)
  }))

// a site of its own for each: health asks opencode at most every two seconds
for (const [status, says] of [[404, /status 503, opencode answers, but speaks no interface/], [403, /status 503, The plugin in opencode is older/]]) {
  test(`health says what the handler says of an opencode that answers ${status}`, () =>
    withSite({}, async ({ check, standin }) => {
      standin.answer = () => json({}, status)
      const { failed, text, line } = await check()
      assert.deepEqual(failed, ['health'], text)
      assert.match(line('health'), says)
    }))
}

test('an older plugin of ours is a warning', () =>
  withSite({}, async ({ check, standin }) => {
    const before = standin.answer
    let status = 200
    standin.answer = (request) => (request.host === 'plugin' && request.path === '/listeners' ? json({ listeners: null }, status) : before(request))
    const today = await check({ own: true })
    assert.equal(today.table.socket, 'ok', today.text)
    status = 403
    const { code, table, text, line } = await check({ own: true })
    assert.deepEqual([code, table.socket], [0, 'warning'], text)
    assert.match(line('socket'), /has loaded an older plugin of ours/)
    assert.match(advice(text, line('socket')), /update the plugin/)
  }))

/* The real ones: what the doctor says of each, and the path at which it makes terminals. */
const real = [[undefined, 'opencode 1', '/pty'], [NEXT, 'opencode 2', '/api/pty']]

for (const [version, name, terminals] of real) {
  test(`the real ${name}, behind both web servers`, { skip: (version && cannotRun(version)) ?? false }, async () => {
    const internet = await startInternet({ 'auth.openai.com': () => null })
    const opencode = await startOpencode({ version, provider: internet, password: 'geheim' })
    const env = { OPENCODE_SERVER_PASSWORD: 'geheim' }
    const accounts = await opencode.accounts()
    try {
      for (const kind of ['nginx-fcgi', 'apache-cgi']) {
        const options = { kind, tls: true, host: ADDRESS, opencodePort: opencode.port, opencodeSocket: opencode.socket }
        const front = await startFront({ ...options, ini: { opencode: { url: ORIGIN } } })
        const bridges = [await bridge(ADDRESS, 443, front.port), await bridge(ADDRESS, 80, front.plainPort)]
        const examine = (more) => doctorInTime(['-c', join(front.path, 'opencode-callback.ini'), '--doctor', ORIGIN], {
          env: { SSL_CERT_FILE: front.certificate.ca, ...more },
        })
        try {
          const { code, text, line } = await examine(env)
          assert.equal(code, 0, text)
          assert.match(text, /^18 ok, 0 warnings, 0 failed, 0 skipped, 1 to do by hand$/m)
          assert.ok(line('opencode').includes(name), text)
          const stranger = await examine({})
          assert.equal(stranger.code, 0, stranger.text)
        } finally {
          for (const part of [...bridges, front]) await part.stop()
        }
      }
      const { body } = await request({ port: opencode.port }, 'GET', terminals, { headers: opencode.authorization })
      assert.deepEqual(JSON.parse(body).data ?? JSON.parse(body), [], 'the terminal is gone')
      assert.deepEqual(await opencode.accounts(), accounts)
    } finally {
      await opencode.stop()
      await internet.stop()
    }
  })

  test(`the real ${name}, without the plugin`, { skip: (version && cannotRun(version)) ?? false }, async () => {
    const internet = await startInternet({ 'auth.openai.com': () => null })
    const opencode = await startOpencode({ version, provider: internet, password: 'geheim', plugin: false, ports: [] })
    try {
      // the site is a stand-in's, the port that of the real one
      await withSite({ opencode: version ? 'preview' : '1' }, async ({ check, path }) => {
        const { table, text, line } = await check({ settings: { socket: join(path, 'nothing'), port: opencode.port } })
        assert.equal(table.socket, 'failed', text)
        assert.match(line('socket'), new RegExp(`${name} runs on port ${opencode.port} without our plugin`))
      })
    } finally {
      await opencode.stop()
      await internet.stop()
    }
  })
}
