/*
 * What is said more than once about proxies and tunnels is the same each time, and their files can be read
 * by what reads such files here.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { scratch } from '../lib/net.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path) => readFileSync(join(root, path), 'utf8')
const yaml = (path) => JSON.parse(execFileSync('/usr/bin/python3', ['-c',
  'import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))', join(root, path)]))
const SITE = 'http://127.0.0.1:4180'

test('the site listens where all of them send', () => {
  assert.match(read('conf/nginx/opencode-callback-loopback.conf'), /^\tlisten 127\.0\.0\.1:4180;$/m)
  for (const file of ['tailscale/serve', 'cloudflare/config.yml', 'traefik/opencode-callback.yml']) assert.ok(read(`conf/${file}`).includes(SITE), file)
  assert.ok(read('conf/nginx-proxy-manager/advanced.conf').includes('port 4180'))
})

test("Cloudflare's ranges and their date are the same in each file", () => {
  const lists = {
    'trust.ini': /^\t(\S+\/\d+)$/gm, 'nginx-realip.conf': /^set_real_ip_from (\S+);$/gm, 'apache-remoteip.conf': /^RemoteIPTrustedProxy (\S+)$/gm,
  }
  const found = Object.entries(lists).map(([file, pattern]) => {
    const text = read(`conf/cloudflare/${file}`)
    return { ranges: [...text.matchAll(pattern)].map(([, range]) => range), date: /ranges of (\d{4}-\d\d-\d\d)/.exec(text)[1] }
  })
  assert.ok(found[0].ranges.length > 20)
  for (const other of found) assert.deepEqual(other, found[0])
})

test('cloudflared: every rule but the last has a name, the last is for the rest', () => {
  const { tunnel, 'credentials-file': file, ingress } = yaml('conf/cloudflare/config.yml')
  assert.ok(file.endsWith(`/${tunnel}.json`))
  assert.deepEqual(ingress, [{ hostname: 'opencode.example.com', service: SITE }, { service: 'http_status:404' }])
})

test('Traefik: a router and its service, no access log, the Host header as it came', () => {
  const { http } = yaml('conf/traefik/opencode-callback.yml')
  const [[name, router]] = Object.entries(http.routers)
  assert.equal(router.rule, 'Host(`opencode.example.com`)')
  assert.deepEqual(router.observability, { accessLogs: false, tracing: false })
  assert.deepEqual(http.services[router.service], { loadBalancer: { passHostHeader: true, servers: [{ url: SITE }] } })
  assert.deepEqual([name, Object.keys(http)], ['opencode-callback', ['routers', 'services']])
})

test('Nginx Proxy Manager: the paths without an error log are those of the callbacks, and its own location stays', () => {
  const text = read('conf/nginx-proxy-manager/advanced.conf')
  const [, paths] = /^rewrite \^\/\((\S*callback\S*)\)\/\?\$ /m.exec(read('conf/nginx/part-paths.conf'))
  assert.equal(paths.split('|').length, 5)
  assert.ok(text.includes(`location ~ ^/(${paths})/?$ {`))
  // by this, it knows a text that brings its own: backend/internal/nginx.js, advancedConfigHasDefaultLocation
  assert.doesNotMatch(text, /^(?:.*;)?\s*?location\s*?\/\s*?{/im)
})

test('Tailscale: serve, funnel, and nothing else', () => {
  const folder = scratch('tailscale')
  const stub = join(folder.path, 'tailscale')
  writeFileSync(stub, '#!/bin/sh\necho "$@"\n')
  chmodSync(stub, 0o755)
  const run = (...args) => spawnSync('sh', [join(root, 'conf/tailscale/serve'), ...args], {
    encoding: 'utf8', env: { PATH: `${folder.path}:${process.env.PATH}` },
  })
  assert.equal(run().stdout, `serve --bg ${SITE}\n`)
  assert.equal(run('funnel').stdout, `funnel --bg ${SITE}\n`)
  assert.deepEqual([run('reset').status, run('reset').stdout], [64, ''])
  folder.remove()
})

test('conf/README.md names each file that is there to be copied', () => {
  const table = read('conf/README.md')
  for (const folder of ['apache', 'caddy', 'cloudflare', 'haproxy', 'lighttpd', 'nginx', 'nginx-proxy-manager', 'suexec', 'tailscale', 'traefik']) {
    for (const name of readdirSync(join(root, 'conf', folder)).filter((one) => one !== 'README.md')) {
      const ending = /^(?:opencode-callback|part)(-[a-z-]+\.conf)$/.exec(name)?.[1] // in a row with others: `a.conf`, `-b.conf`
      const row = table.split('\n').find((line) => line.startsWith(`| \`${folder}/`) && (line.includes(`\`${folder}/${name}\``) || line.includes(`, \`${name}\``) || (ending && line.includes(`\`${ending}\``))))
      assert.ok(row, `conf/${folder}/${name}`)
    }
  }
})
