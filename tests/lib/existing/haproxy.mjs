/*
 * Sites for opencode behind HAProxy, as people have them: see existing_sites.mjs.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/* The three blocks of conf/haproxy/part.cfg. */
export function blocks(parts) {
  const text = readFileSync(join(parts, 'haproxy/part.cfg'), 'utf8')
  const [, first, second, third] = /^\n*([^]*?)\n+(\tuse_backend [^\n]*)\n+([^]*?)\n*$/.exec(text)
  return { 'BLOCK:head': first.replace(/^\t/gm, ''), PART: second.replace(/^\t/gm, ''), 'BLOCK:end': third }
}

/* How --doctor names it. */
export const hint = ['use_backend opencode_callback']

export const compresses = true

export const sites = {
  minimal: {
    text: `defaults
	mode http
	log global
	option httplog
	timeout connect 5s
	timeout client 1h
	timeout server 1h

frontend opencode
	bind 127.0.0.1:%PORT%
	%BLOCK:head%
	%PART%
	default_backend opencode

backend opencode
	server opencode 127.0.0.1:4096
%BLOCK:end%
`,
  },

  ordinary: {
    wrong: {
      below: { fails: 'callbacks', says: /\/auth\/callback does not come to us/, advice: /Put use_backend opencode_callback above it/ },
    },
    password: true,
    headers: { 'Strict-Transport-Security': 'max-age=63072000' },
    paths: [
      ['GET', '/old'], ['GET', '/status'], ['GET', '/api/info', { 'Accept-Encoding': 'gzip' }], ['GET', '/api/integration/x'], ['GET', '/auth/x'],
      ['GET', '/down'], ['GET', '/provider/openai/oauth'],
    ],
    text: `global
	tune.bufsize 24576

userlist people
	user visitor insecure-password password-of-the-site

defaults
	mode http
	log global
	option httplog
	option forwardfor
	option http-server-close
	timeout connect 5s
	timeout client 50s
	timeout server 50s
	timeout tunnel 1h
	compression algo gzip
	compression type application/json text/html
	errorfile 503 %PATH%/sorry.http

frontend plain
	bind 127.0.0.1:%PLAIN%
	http-request redirect scheme https code 301

frontend secure
	bind 127.0.0.1:%PORT% ssl crt %BOTH% alpn h2,http/1.1
	%BLOCK:head%
	http-request auth realm opencode unless { http_auth(people) }
	http-request redirect location /new code 302 if { path /old }
	http-request return status 200 content-type text/plain string "up" if { path /status }
	http-after-response set-header Strict-Transport-Security max-age=63072000
	%PART%
	use_backend down if { path_beg /down }
	use_backend api if { path_beg /api/ /auth/ /provider/ /mcp/ }
	%WRONG:below%
	default_backend opencode

backend api
	http-request set-header Authorization "Basic %INNER%"
	http-request set-header X-Api yes
	timeout server 1h
	server opencode 127.0.0.1:4096

backend opencode
	http-request set-header Authorization "Basic %INNER%"
	timeout server 1h
	server opencode 127.0.0.1:4096

backend down
	server none 127.0.0.1:9
%BLOCK:end%
`,
    files: { 'sorry.http': 'HTTP/1.0 503 Sorry\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nSorry\n' },
  },
}

/* The log goes where the tests read it. */
export function main({ path }) {
  const file = join(path, 'haproxy.cfg')
  writeFileSync(file, `global
	log stdout format raw local0
	maxconn 1000
	nbthread 1
`)
  return ['haproxy', ['-db', '-f', file, '-f', join(path, 'site.conf')]]
}
