/*
 * --doctor before sites that are not ours, where the line that brings in our part is missing, or somebody else takes our
 * paths all the same: it names the line and its place.
 */
import assert from 'node:assert/strict'
import http from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { SERVERS, startExisting } from '../lib/existing_sites.mjs'
import { doctorInTime, open } from './site.mjs'

/* opencode, as far as this goes: pages, no others, and an unknown provider is an error. */
const startUpstream = () => open(http.createServer(({ method, url }, response) => {
  response.writeHead(/\/(oauth|auth)\//i.test(url.split(';')[0]) ? 500 : method === 'GET' ? 200 : 404).end()
}))

/* at: where the line is, if anywhere · edit: what takes our paths · fails: the check · advice: what it says to do */
const before = (mark, lines) => (text) => text.replace(new RegExp(`^(\\s*)%${mark}%`, 'm'), (all, indent) => `${lines.map((one) => `${indent}${one}\n`).join('')}${all}`)
const behind = (mark, lines) => (text) => text.replace(new RegExp(`^(\\s*)%${mark}%`, 'm'), (all, indent) => `${all}\n${lines.map((one) => `${indent}${one}`).join('\n')}`)
const CASES = {
  'Caddy, no line': { server: 'caddy', fails: 'pages', advice: /no line import \S+caddy\/part\.Caddyfile/ },
  'Caddy, a handle with the same path above the line': {
    server: 'caddy', at: 'PART', edit: before('PART', ['handle /mcp/oauth/callback* {', 'reverse_proxy 127.0.0.1:4096', '}']),
    fails: 'callbacks', says: /\/mcp\/oauth\/callback does not/, advice: /Caddy: something takes this path before us: a handle/,
  },
  'lighttpd, no line': { server: 'lighttpd', fails: 'pages', advice: /no line include "\S+lighttpd\/part\.conf"/ },
  'lighttpd, a condition below the line': {
    server: 'lighttpd', at: 'PART',
    edit: behind('PART', ['$HTTP["url"] =~ "^/auth/" {', 'fastcgi.server = ()', 'proxy.server = ( "" => ( ( "host" => "127.0.0.1", "port" => 4096 ) ) )', '}']),
    fails: 'callbacks', says: /\/auth\/callback does not/, advice: /the last line of the condition/,
  },
  'HAProxy, no blocks': { server: 'haproxy', fails: 'pages', advice: /Paste the three blocks of \S+haproxy\/part\.cfg/ },
  'HAProxy, another use_backend above ours': {
    server: 'haproxy', at: 'PART', edit: before('PART', ['use_backend opencode if { path_beg /callback }']), fails: 'callbacks', says: /\/callback does not/,
    advice: /Put use_backend opencode_callback above it/,
  },
}

for (const [name, { server, at, edit, fails, says = /not answered by us/, advice }] of Object.entries(CASES)) {
  test(name, async () => {
    const upstream = await startUpstream()
    let front
    try {
      front = await startExisting({ server, site: SERVERS[server].sites.minimal, at, edit, opencodePort: upstream.port })
      const { text, table, line } = await doctorInTime(['-c', join(front.path, 'opencode-callback.ini'), '--doctor', `http://127.0.0.1:${front.port}`])
      assert.equal(table[fails], 'failed', text)
      assert.match(line(fails), says)
      assert.match(text.replace(/\s+/g, ' '), advice)
    } finally {
      await front?.stop()
      await upstream.stop()
    }
  })
}

for (const server of ['caddy', 'lighttpd', 'haproxy']) {
  test(`${server}, the line at its place: our paths are ours`, async () => {
    const upstream = await startUpstream()
    let front
    try {
      front = await startExisting({ server, site: SERVERS[server].sites.minimal, at: 'PART', opencodePort: upstream.port })
      const { text, table } = await doctorInTime(['-c', join(front.path, 'opencode-callback.ini'), '--doctor', `http://127.0.0.1:${front.port}`])
      assert.equal(table.callbacks, 'ok', text)
      assert.equal(table.begins, 'ok', text)
      assert.doesNotMatch(text, /part\.(conf|cfg|Caddyfile)/)
    } finally {
      await front?.stop()
      await upstream.stop()
    }
  })
}
