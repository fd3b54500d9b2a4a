/*
 * Sites for opencode behind nginx, as people have them: see existing_sites.mjs.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const line = 'include /usr/share/opencode-callback/nginx/part.conf;'

export const sites = {
  minimal: {
    text: `server {
	listen 127.0.0.1:%PORT%;
	server_name _;
	%PART%

	location / {
		proxy_pass http://127.0.0.1:4096;
		proxy_http_version 1.1;
		proxy_set_header Host $http_host;
		proxy_set_header Upgrade $http_upgrade;
		proxy_set_header Connection $http_connection;
		proxy_buffering off;
	}
}
`,
  },
}

/* Writes what goes around the site; what to start: [program, arguments]. */
export function main({ path }) {
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const temp = folders.map((name) => `\t${name}_temp_path ${path}/tmp-${name};\n`).join('')
  const file = join(path, 'nginx.conf')
  // as Debian has it
  writeFileSync(file, `daemon off;
worker_processes 1;
pid ${path}/nginx.pid;
error_log ${path}/error.log;
events {
	worker_connections 1024;
}
http {
${temp}	include /etc/nginx/mime.types;
	default_type application/octet-stream;
	access_log ${path}/access.log;
	gzip on;
	include ${path}/site.conf;
}
`)
  return ['nginx', ['-p', path, '-e', join(path, 'error.log'), '-c', file]]
}
