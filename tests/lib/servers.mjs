/*
 * The web servers that a configuration is shipped for: one row for each, in KINDS. A row says which
 * file, who runs our program, and what the server needs around that file to run without root.
 */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/* The file that includes the site, for nginx. */
function nginx({ path }) {
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const temp = folders.map((name) => `\t${name}_temp_path ${path}/tmp-${name};\n`).join('')
  const file = join(path, 'nginx.conf')
  writeFileSync(file, `daemon off;
worker_processes 1;
pid ${path}/nginx.pid;
error_log ${path}/error.log info;
events {
	worker_connections 1024;
}
http {
${temp}	include ${path}/site.conf;
}
`)
  return ['nginx', ['-p', path, '-e', join(path, 'error.log'), '-c', file]]
}

/* Debian has no unixd, log or version module: they are built in; mpm is not. */
const apache = (...more) => ({ path, port, plainPort, tls, env }) => {
  const modules = ['mpm_event', 'authz_core', 'alias', 'env', 'headers', 'proxy', 'proxy_http', 'reqtimeout', 'rewrite', ...more]
  if (tls) modules.push('socache_shmcb', 'ssl')
  const load = modules
    .map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so\n`)
    .join('')
  const fcgid = more.includes('fcgid')
    ? Object.entries(env).map(([name, value]) => `FcgidInitialEnv ${name} "${value}"\n`).join('') +
      `FcgidIPCDir ${path}/fcgid\nFcgidProcessTableFile ${path}/fcgid.shm\n`
    : ''
  const cgid = more.includes('cgid') ? `ScriptSock ${path}/cgid.sock\n` : ''
  const file = join(path, 'apache.conf')
  writeFileSync(file, `${load}ServerRoot ${path}
DefaultRuntimeDir ${path}
ServerName localhost
PidFile ${path}/apache.pid
${cgid}${fcgid}Mutex fcntl:${path}
ErrorLog ${path}/error.log
LogLevel info
SetEnv OPENCODE_CALLBACK_CONFIG ${path}/opencode-callback.ini
<Directory "/">
	Require all denied
</Directory>
RequestReadTimeout header=20-40,MinRate=500 body=20,MinRate=500
Listen 127.0.0.1:${port}
Listen 127.0.0.1:${plainPort}
Include ${path}/site.conf
`)
  return ['apache2', ['-f', file, '-DFOREGROUND']]
}

/* What Debian's own lighttpd.conf sets, and where this one may write. */
function lighttpd({ path, plainPort }) {
  const file = join(path, 'lighttpd.conf')
  writeFileSync(file, `server.modules = ( "mod_indexfile", "mod_access", "mod_alias", "mod_redirect" )
server.document-root = "${path}"
server.upload-dirs = ( "${path}" )
server.errorlog = "${path}/error.log"
server.bind = "127.0.0.1"
server.port = ${plainPort}
server.http-parseopts = ( "url-normalize-unreserved" => "enable", "url-path-2f-decode" => "enable", "url-path-dotseg-remove" => "enable" )
server.feature-flags += ( "server.h2proto" => "enable", "server.h2c" => "enable" )
url.access-deny = ( "~", ".inc" )
static-file.exclude-extensions = ( ".php", ".pl", ".fcgi" )
include "${path}/site.conf"
setenv.add-environment = ( "OPENCODE_CALLBACK_CONFIG" => "${path}/opencode-callback.ini" )
server.modules += ( "mod_dirlisting", "mod_staticfile" )
`)
  return ['lighttpd', ['-D', '-f', file]]
}

/* Global options can only stand once, at the head of the file. */
function caddy({ path }) {
  const file = join(path, 'site.conf')
  const own = ['admin off', 'auto_https off', 'default_bind 127.0.0.1', `storage file_system ${path}/caddy`]
  const text = readFileSync(file, 'utf8').replace(/^{\n/m, `{\n${own.map((line) => `\t${line}\n`).join('')}`)
  writeFileSync(file, text)
  return ['caddy', ['run', '--adapter', 'caddyfile', '--config', file]]
}

function haproxy({ path }) {
  const file = join(path, 'haproxy.cfg')
  writeFileSync(file, `global
	log stdout format raw local0
	maxconn 1000
	nbthread 1
`)
  return ['haproxy', ['-db', '-f', file, '-f', join(path, 'site.conf')]]
}

/* mod_cgid's own process comes up beside Apache's: before it, a request is 503. */
function existsCgid({ path }) {
  return readdirSync(path).some((name) => name.startsWith('cgid.sock') && existsSync(join(path, name)))
}

/*
 *   conf    the shipped file
 *   main    writes what goes around it; returns what to start: [program, arguments]
 *   runs    who runs our program: 'worker' (nobody, it is there already), 'server', 'fcgiwrap'
 *   ready   besides its accepting connections
 *   bundle  its certificate's file holds the key too
 *   names   what the server puts into its own Server header, if anything
 *   real    false: it has no way to write X-Real-IP, which is only taken away
 *   limits  false: our program itself refuses bodies that are too large
 *   large   what it says to more than 50 MiB for opencode, if not 413; false: it passes that on
 *   h2      'websocket': its HTTP/2 takes WebSockets too; false: HTTP/2 takes a module that its file does not name
 *   sorts   false: it cannot keep others' cookies from opencode
 *   behind  it has no TLS of its own and stands behind a proxy that has
 *   named   it answers its own name only
 */
export const KINDS = {
  'nginx-fcgi': { conf: 'nginx/opencode-callback.conf', main: nginx, runs: 'worker', names: 'nginx' },
  'nginx-fcgiwrap': { conf: 'nginx/opencode-callback-fcgiwrap.conf', main: nginx, runs: 'fcgiwrap', names: 'nginx' },
  'nginx-loopback': { conf: 'nginx/opencode-callback-loopback.conf', main: nginx, runs: 'worker', names: 'nginx', behind: true },
  'apache-cgi': { conf: 'apache/opencode-callback.conf', main: apache('cgid'), h2: false, large: false, runs: 'server', names: 'Apache', ready: existsCgid },
  'apache-fcgid': { conf: 'apache/opencode-callback-fcgid.conf', main: apache('fcgid'), h2: false, large: false, runs: 'server', limits: false, names: 'Apache' },
  'apache-proxy-fcgi': { conf: 'apache/opencode-callback-proxy-fcgi.conf', main: apache('proxy_fcgi'), h2: false, large: false, runs: 'worker', limits: false, names: 'Apache' },
  'lighttpd-fcgi': { conf: 'lighttpd/opencode-callback.conf', main: lighttpd, runs: 'worker', real: false, sorts: false, h2: 'websocket' },
  'lighttpd-spawned': { conf: 'lighttpd/opencode-callback-spawned.conf', main: lighttpd, runs: 'server', real: false, sorts: false, h2: 'websocket' },
  'lighttpd-cgi': { conf: 'lighttpd/opencode-callback-cgi.conf', main: lighttpd, runs: 'server', real: false, sorts: false, h2: 'websocket' },
  'caddy-fcgi': { conf: 'caddy/Caddyfile', main: caddy, large: 502, runs: 'worker', named: true },
  'haproxy-fcgi': { conf: 'haproxy/opencode-callback.cfg', main: haproxy, runs: 'worker', bundle: true, h2: 'websocket' },
}

/* The same for a relay, which has nothing but a callback. */
export const RELAYS = {
  'nginx-relay': { conf: 'nginx/opencode-callback-relay.conf', main: nginx, runs: 'worker' },
  'caddy-relay': { conf: 'caddy/relay.Caddyfile', main: caddy, runs: 'worker' },
}
