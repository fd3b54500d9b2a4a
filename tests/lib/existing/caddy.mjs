/*
 * Sites for opencode behind Caddy, as people have them: see existing_sites.mjs.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const line = 'import /usr/share/opencode-callback/caddy/part.Caddyfile'

export const compresses = true

/* SITE_PASSWORD of existing_sites.mjs, as `caddy hash-password` has it. */
const PASSWORD = '$2a$05$ZIdIaIz9zOjITnOgkyabfuUDDDxSmy89/jimEMYVYcGL67RI5j8Iu'

export const sites = {
  minimal: {
    text: `http://:%PORT% {
	log
	reverse_proxy 127.0.0.1:4096
	%PART%
}
`,
  },

  ordinary: {
    wrong: {
      redirect: { fails: 'pages', says: /not answered by us/, advice: /no line import/ },
      handle: { fails: 'pages', says: /not answered by us/, advice: /inside a handle or route/ },
    },
    text: `{
	servers {
		max_header_size 24kb
	}
}

http://%HOST%:%PLAIN% {
	%WRONG:redirect%
	redir https://%HOST%{uri} permanent
}

%HOST%:%PORT% {
	tls %CERT% %KEY%
	log {
		output file %PATH%/access.log
	}
	encode zstd gzip
	header Strict-Transport-Security "max-age=63072000"
	basicauth {
		visitor ${PASSWORD}
	}
	redir /old /new
	handle /auth/* {
		%WRONG:handle%
		reverse_proxy 127.0.0.1:4096 {
			header_up Authorization "Basic %INNER%"
		}
	}
	handle /api/* {
		reverse_proxy 127.0.0.1:4096 {
			header_up Authorization "Basic %INNER%"
			flush_interval -1
		}
	}
	handle_path /files/* {
		root * %PATH%/files
		file_server
	}
	%PART%
	handle /status {
		respond "fine"
	}
	handle {
		request_body {
			max_size 10MB
		}
		reverse_proxy 127.0.0.1:4096 {
			header_up Authorization "Basic %INNER%"
			flush_interval -1
		}
	}
}
`,
    files: { 'files/signin/x.js': 'let signin\n', 'files/page.html': '<p>'.padEnd(3000, 'x') },
    password: true,
    headers: { 'Strict-Transport-Security': 'max-age=63072000' },
    paths: [
      ['GET', '/old'], ['GET', '/status'], ['GET', '/files/page.html', { 'Accept-Encoding': 'gzip' }], ['GET', '/files/page.html', { Range: 'bytes=0-9' }],
      ['GET', '/files/signin/x.js'], ['GET', '/files/none'], ['POST', '/api/session', {}, '{}'], ['GET', '/api/integration/x'], ['GET', '/auth/x'],
    ],
  },

  // everything in blocks that say in which order they are asked
  routes: {
    text: `:%PORT% {
	log
	route {
		reverse_proxy /api/* 127.0.0.1:4096
		respond /status "fine"
		reverse_proxy 127.0.0.1:4096
	}
	%PART%
}
`,
    paths: [['GET', '/status'], ['GET', '/api/integration/x/connect']],
  },
}

/* What the head of the part says about a worker that is down: Caddy's own log, which has the errors, gets no query. */
export function withoutQueries(text) {
  const filter = '\tlog {\n\t\tformat filter {\n\t\t\twrap json\n\t\t\tfields {\n\t\t\t\trequest>uri regexp "[?].*" ""\n\t\t\t\trequest>headers delete\n\t\t\t}\n\t\t}\n\t}\n'
  return text.startsWith('{\n') ? text.replace('{\n', `{\n${filter}`) : `{\n${filter}}\n${text}`
}

/* Global options can only stand once, at the head of the file. */
export function main({ path, host }) {
  const file = join(path, 'site.conf')
  const own = ['admin off', 'auto_https off', 'default_bind 127.0.0.1', `storage file_system ${path}/caddy`, `default_sni ${host}`].map((one) => `\t${one}\n`).join('')
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.startsWith('{\n') ? text.replace('{\n', `{\n${own}`) : `{\n${own}}\n${text}`)
  return ['caddy', ['run', '--adapter', 'caddyfile', '--config', file]]
}
