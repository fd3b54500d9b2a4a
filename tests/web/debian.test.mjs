/*
 * Each shipped file where its head says that it goes: in Debian's own configuration of that server,
 * which then still starts, as the server itself says. (Caddy's is a whole configuration.)
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { after, before, test } from 'node:test'
import { certify } from '../lib/certificate.mjs'
import { CGI, WORKER, fit, fitParts } from '../lib/front.mjs'
import { freePort, scratch } from '../lib/net.mjs'
import { KINDS } from '../lib/servers.mjs'

const PATH = `${process.env.PATH}:/usr/sbin:/sbin`
const conf = fileURLToPath(new URL('../../conf', import.meta.url))

/* Debian's file with other paths in it; each must be there. */
function debians(file, paths = {}) {
  let text = readFileSync(file, 'utf8')
  for (const [from, to] of Object.entries(paths)) {
    assert.ok(text.includes(from), `${file} has ${from}`)
    text = text.replaceAll(from, to)
  }
  return text
}

/* For each server: puts the file called site in its place; returns the command that looks at the whole. */
const PLACE = {
  nginx({ path, site }) {
    const own = { '/etc/nginx/sites-enabled/*': site, '/var/log/nginx': path, '/run/nginx.pid': join(path, 'pid') }
    writeFileSync(join(path, 'nginx.conf'), debians('/etc/nginx/nginx.conf', own))
    return ['nginx', '-t', '-e', join(path, 'error.log'), '-c', join(path, 'nginx.conf')]
  },
  apache({ path, site, file }) {
    const folder = join(path, 'apache2')
    cpSync('/etc/apache2', folder, { recursive: true, verbatimSymlinks: true })
    for (const name of readdirSync(join(folder, 'sites-enabled'))) rmSync(join(folder, 'sites-enabled', name))
    cpSync(site, join(folder, 'sites-enabled/site.conf'))
    const modules = /^# +a2enmod (.*)$/m.exec(readFileSync(file, 'utf8'))[1]
    const script = `export APACHE_CONFDIR="$1" APACHE_STATE_DIRECTORY="$2" && a2enmod -q ${modules} && . "$1/envvars" && export APACHE_LOG_DIR="$2" APACHE_RUN_DIR="$2" && apache2 -d "$1" -f "$1/apache2.conf" -t`
    return ['sh', '-c', script, 'sh', folder, path]
  },
  lighttpd({ path, site }) {
    const main = debians('/etc/lighttpd/lighttpd.conf', { '/etc/lighttpd/conf-enabled/*.conf': site })
    writeFileSync(join(path, 'lighttpd.conf'), main)
    return ['lighttpd', '-tt', '-f', join(path, 'lighttpd.conf')]
  },
  haproxy({ path, site }) {
    writeFileSync(join(path, 'haproxy.cfg'), debians('/etc/haproxy/haproxy.cfg') + readFileSync(site, 'utf8'))
    return ['haproxy', '-c', '-f', join(path, 'haproxy.cfg')]
  },
}

let folder, certificate
before(() => {
  folder = scratch('debian')
  certificate = certify(folder.path, 'site.example')
})
after(() => folder?.remove())

for (const [kind, row] of Object.entries(KINDS)) {
  const [server] = row.conf.split('/')
  if (!PLACE[server]) continue
  test(kind, async () => {
    const path = join(folder.path, kind)
    mkdirSync(path)
    const { key, cert, both } = certificate
    const [port, plain] = [row.behind ? 4180 : await freePort(), await freePort()]
    const site = join(path, 'site.conf')
    const settings = {
      host: 'site.example', port, plain: `127.0.0.1:${plain}`, opencode: '127.0.0.1:4096', log: path, cgi: CGI, fcgi: WORKER,
      worker: '/run/worker.sock', parts: join(path, 'parts'), ...(row.bundle ? { cert: both, key: both } : { cert, key }),
    }
    fitParts(settings.parts, server, settings)
    writeFileSync(site, fit(`conf/${row.conf}`, settings))
    const [program, ...args] = PLACE[server]({ path, site, file: join(conf, row.conf) })
    const { status, stderr } = spawnSync(program, args, { env: { ...process.env, PATH }, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  })
}
