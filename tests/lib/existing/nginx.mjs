/*
 * Sites for opencode behind nginx, as people have them: see existing_sites.mjs.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const line = 'include /usr/share/opencode-callback/nginx/part.conf;'
export const plain = 'access_log off;'

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
  ordinary: {
    password: true,
    wrong: { redirect: { fails: 'pages', says: /\/signin\/health is not answered by us/, advice: /no line include \S+\/nginx\/part\.conf;/ } },
    headers: { 'Strict-Transport-Security': 'max-age=63072000; includeSubDomains', 'X-Served-By': 'ada' },
    files: { 'static/page.txt': 'a static page of the site\n', 'static/app.js': 'let x = 1\n', 'static/sorry.html': 'Sorry.\n' },
    paths: [
      ['GET', '/static/page.txt'], ['GET', '/static/page.txt', { Range: 'bytes=2-7' }], ['GET', '/static/app.js', { 'Accept-Encoding': 'gzip' }], ['GET', '/static/none.txt'],
      ['GET', '/assets/app.js'], ['GET', '/api/info'], ['GET', '/api/integration/x'], ['GET', '/status'], ['POST', '/large', {}, 'x'.repeat(2 << 20)],
      ['GET', '/.well-known/acme-challenge/none'], ['GET', '/old'], ['GET', '/down'],
    ],
    text: `map $http_upgrade $connection_upgrade {
	default upgrade;
	'' close;
}

upstream opencode {
	server 127.0.0.1:4096;
	keepalive 4;
}

server {
	listen 127.0.0.1:%PLAIN%;
	server_name %HOST%;
	%WRONG:redirect%
	%QUIET%
	location /.well-known/acme-challenge/ { root %PATH%/static; }
	location / { return 301 https://$host:%PORT%$request_uri; }
}

server {
	listen 127.0.0.1:%PORT% ssl http2;
	server_name %HOST%;
	ssl_certificate %CERT%;
	ssl_certificate_key %KEY%;
	%PART%

	access_log %PATH%/site-access.log combined;
	error_log %PATH%/site-error.log;
	add_header Strict-Transport-Security "max-age=63072000; includeSubDomains" always;
	add_header X-Served-By ada always;
	auth_basic "Ada's opencode";
	auth_basic_user_file %PATH%/htpasswd;
	large_client_header_buffers 4 32k;
	client_max_body_size 1m;
	keepalive_timeout 30s;
	gzip on;
	gzip_proxied any;
	gzip_min_length 200;
	gzip_types application/json application/javascript;
	error_page 502 504 /sorry.html;

	location = /sorry.html { root %PATH%/static; auth_basic off; }
	location = /status { auth_basic off; return 200 "up\\n"; }
	location = /old { return 308 /new; }
	location = /down { proxy_pass http://127.0.0.1:9; }
	location /static/ { alias %PATH%/static/; expires 7d; }
	location ^~ /api/ {
		proxy_pass http://opencode;
		proxy_http_version 1.1;
		proxy_set_header Host $http_host;
		proxy_set_header Connection "";
		proxy_set_header Authorization "Basic %INNER%";
		proxy_set_header X-Api yes;
		proxy_buffering off;
		proxy_read_timeout 1h;
		location ~ /connect$ {
			proxy_pass http://opencode;
			proxy_http_version 1.1;
			proxy_set_header Host $http_host;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection $connection_upgrade;
			proxy_set_header Authorization "Basic %INNER%";
		}
	}
	location ~* \\.(js|css|png)$ {
		proxy_pass http://opencode;
		proxy_set_header Authorization "Basic %INNER%";
		expires 30d;
	}
	location ~ ^/(mcp|provider|auth)/ {
		proxy_pass http://opencode;
		proxy_set_header Host $http_host;
		proxy_set_header Authorization "Basic %INNER%";
	}
	location / {
		proxy_pass http://opencode;
		proxy_http_version 1.1;
		proxy_set_header Host $http_host;
		proxy_set_header X-Real-IP $remote_addr;
		proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
		proxy_set_header X-Forwarded-Proto $scheme;
		proxy_set_header Upgrade $http_upgrade;
		proxy_set_header Connection $connection_upgrade;
		proxy_set_header Authorization "Basic %INNER%";
		proxy_read_timeout 1h;
		proxy_buffering off;
	}
}
`,
  },
  // settings of the whole server that would reach into our answers, and PHP beside opencode
  odd: {
    wrong: { below: { fails: 'callbacks', says: /\/oauth-callback does not come to us: status 410 \(Server: nginx/, advice: /above every return, rewrite and if/ } },
    headers: { 'X-Odd': 'yes' },
    denied: { 'X-Deny': 'yes' },
    files: { 'www/index.html': 'index\n' },
    paths: [['GET', '/with/slash/'], ['GET', '/page.php'], ['GET', '/index.html'], ['GET', '/a//b'], ['GET', '/mcp/demo/auth.php']],
    text: `fastcgi_cache_path %PATH%/cache keys_zone=odd:1m;
fastcgi_cache odd;
fastcgi_cache_key $uri;
fastcgi_cache_valid any 10m;
fastcgi_ignore_headers Cache-Control Expires Set-Cookie;
fastcgi_intercept_errors on;
fastcgi_read_timeout 2s;
fastcgi_param REMOTE_ADDR 6.6.6.6;
fastcgi_param HTTP_HOST evil.example;
fastcgi_hide_header X-Opencode-Callback;
log_format everything '$request $http_cookie $args $request_uri';
limit_req_zone $binary_remote_addr zone=visitors:1m rate=1000r/s;

server {
	listen 127.0.0.1:%PORT%;
	server_name ~^(?<name>.+)$ "";
	%PART%

	access_log %PATH%/everything.log everything;
	underscores_in_headers on;
	ignore_invalid_headers off;
	merge_slashes off;
	add_header X-Odd yes always;
	expires 1d;
	etag off;
	root %PATH%/www;
	index index.html;
	limit_req zone=visitors burst=100 nodelay;
	error_page 400 401 403 404 405 413 414 421 500 502 503 504 /page.php;
	sub_filter_once off;
	if ($uri = /oauth-callback) { return 410; }
	%WRONG:below%
	if ($request_method = NONE) { return 405; }
	rewrite ^/(.+)/$ /$1 permanent;
	try_files $uri @opencode;
	auth_request /check;

	location = /check {
		auth_request off;
		error_page 599 /;
		if ($http_x_deny) { return 401; }
		return 204;
	}

	location ~ \\.php$ { fastcgi_pass 127.0.0.1:9; }
	location ^~ /callback { return 404; }
	location = /auth/callback { return 404; }
	location /mcp/ { proxy_pass http://127.0.0.1:4096; proxy_set_header Host $http_host; }
	location @opencode {
		proxy_pass http://127.0.0.1:4096;
		proxy_http_version 1.1;
		proxy_set_header Host $http_host;
		proxy_set_header X-Name $name;
		proxy_set_header Upgrade $http_upgrade;
		proxy_set_header Connection $http_connection;
		proxy_buffering off;
	}
	location / { try_files /none @opencode; }
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
