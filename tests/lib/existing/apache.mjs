/*
 * Sites for opencode behind Apache, as people have them: see existing_sites.mjs.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const line = 'Include /usr/share/opencode-callback/apache/part.conf'
export const plain = 'Include /usr/share/opencode-callback/apache/part-quiet.conf'

export const sites = {
  minimal: {
    slashes: false,
    text: `<VirtualHost 127.0.0.1:%PORT%>
	ServerName %HOST%
	%PART%

	ProxyPreserveHost On
	ProxyPass "/" "http://127.0.0.1:4096/" nocanon upgrade=websocket
	ProxyPassReverse "/" "http://127.0.0.1:4096/"
</VirtualHost>
`,
  },
  // the line stands below everything, and websockets have a RewriteRule
  ordinary: {
    password: true,
    wrong: { redirect: { fails: 'pages', says: /\/signin\/health is not answered by us/, advice: /no line Include \S+\/apache\/part\.conf/ } },
    slashes: false,
    headers: { 'Strict-Transport-Security': 'max-age=63072000', 'X-Served-By': 'ada' },
    files: { 'static/page.txt': 'a static page of the site\n', 'static/app.js': `${'let x = 1\n'.repeat(100)}`, 'static/sorry.html': 'Sorry.\n' },
    paths: [
      ['GET', '/static/page.txt'], ['GET', '/static/page.txt', { Range: 'bytes=2-7' }], ['GET', '/static/app.js', { 'Accept-Encoding': 'gzip' }], ['GET', '/static/none.txt'],
      ['GET', '/static'], ['GET', '/assets/app.js'], ['GET', '/api/info'], ['GET', '/api/integration/x'], ['POST', '/large', {}, 'x'.repeat(2 << 20)],
      ['GET', '/old/x?y=1'], ['GET', '/down/x'], ['GET', '/icons/'], ['GET', '/.htaccess'],
    ],
    text: `<VirtualHost 127.0.0.1:%PLAIN%>
	ServerName %HOST%
	%WRONG:redirect%
	%QUIET%
	Redirect permanent "/" "https://%HOST%:%PORT%/"
</VirtualHost>

<VirtualHost 127.0.0.1:%PORT%>
	ServerName %HOST%
	DocumentRoot %PATH%/static
	Protocols h2 http/1.1
	SSLEngine on
	SSLCertificateFile %CERT%
	SSLCertificateKeyFile %KEY%
	CustomLog %PATH%/site-access.log combined
	ErrorLog %PATH%/site-error.log
	LimitRequestFieldSize 32768
	LimitRequestBody 1048576
	Header always set Strict-Transport-Security "max-age=63072000"
	Header always set X-Served-By ada
	AddOutputFilterByType DEFLATE application/json text/javascript application/javascript
	ErrorDocument 401 "Who are you?"
	ErrorDocument 503 /static/sorry.html
	ErrorDocument 502 /static/sorry.html

	<Location "/">
		AuthType Basic
		AuthName "Ada's opencode"
		AuthUserFile %PATH%/htpasswd
		Require valid-user
		RequestHeader set Authorization "Basic %INNER%"
	</Location>
	Alias "/static" "%PATH%/static"
	<Directory "%PATH%/static">
		Require all granted
	</Directory>
	Redirect "/old" "/new"

	RewriteEngine On
	RewriteCond %{HTTP:Upgrade} websocket [NC]
	RewriteCond %{HTTP:Connection} upgrade [NC]
	RewriteRule ^/?(.*) "ws://127.0.0.1:4096/$1" [P,L]

	ProxyPreserveHost On
	ProxyTimeout 600
	ProxyPass "/static" "!"
	ProxyPass "/down/" "http://127.0.0.1:9/"
	ProxyPass "/api/" "http://127.0.0.1:4096/api/" flushpackets=on
	ProxyPass "/" "http://127.0.0.1:4096/" flushpackets=on
	ProxyPassReverse "/" "http://127.0.0.1:4096/"
	RequestHeader set X-Forwarded-Proto https
	%PART%
</VirtualHost>
`,
  },
  // every request is rewritten, or proxied by a <Location>, and errors have pages of the site
  odd: {
    lua: false,
    wrong: { below: { fails: 'callbacks', says: /\/auth\/callback does not come to us: status 401 \(Server: Apache/, advice: /above every RewriteRule/ } },
    headers: { 'X-Odd': 'yes' },
    files: { 'www/sorry.html': 'Sorry.\n' },
    paths: [['GET', '/moved/'], ['GET', '/sorry.html'], ['GET', '/a//b'], ['GET', '/mcp/demo/auth.php']],
    text: `<VirtualHost 127.0.0.1:%PORT%>
	ServerName %HOST%
	ServerAlias *
	%PART%

	AllowEncodedSlashes NoDecode
	CustomLog %PATH%/site-access.log combined env=!dontlog
	CustomLog %PATH%/site-other.log "%r %q %U %{Referer}i %{Cookie}i" "expr=-z reqenv('opencode_callback')"
	DocumentRoot %PATH%/www
	Header set X-Odd yes
	ExpiresActive On
	ExpiresDefault "access plus 1 day"
	ProxyErrorOverride On
	ErrorDocument 404 /sorry.html
	ErrorDocument 503 /sorry.html
	SetOutputFilter DEFLATE
	LimitRequestBody 200000

	RewriteEngine On
	RewriteRule ^/moved/$ /elsewhere [R=301,L]
	RewriteRule ^/sorry.html$ - [L]
	RewriteCond %{HTTP:Upgrade} =websocket
	RewriteRule ^/(.*)$ ws://127.0.0.1:4096/$1 [P,L]
	RewriteRule ^/(auth|mcp|provider)/(.*)$ http://127.0.0.1:4096/$1/$2 [P,L]
	RewriteRule ^/callback /elsewhere [R,L]

	<Location "/">
		ProxyPass "http://127.0.0.1:4096/" flushpackets=on
		SetEnv proxy-sendchunks 1
	</Location>
	<Location "/sorry.html">
		ProxyPass "!"
	</Location>
	<Directory "%PATH%/www">
		Require all granted
	</Directory>
	%WRONG:below%
</VirtualHost>
`,
  },
}

/* Writes what goes around the site; what to start: [program, arguments]. */
export function main({ path, port, plainPort, site }) {
  // what Debian enables, and what a2enmod was told
  const modules = [
    'mpm_event', 'access_compat', 'alias', 'auth_basic', 'authn_core', 'authn_file', 'authz_core', 'authz_host', 'authz_user', 'deflate', 'dir', 'env',
    'filter', 'mime', 'negotiation', 'reqtimeout', 'setenvif', 'status', 'headers', 'proxy', 'proxy_fcgi', 'proxy_http', 'proxy_wstunnel', 'rewrite', ...(site.lua === false ? [] : ['lua']),
    'expires', 'socache_shmcb', 'ssl', 'http2',
  ]
  const file = join(path, 'apache.conf')
  writeFileSync(file, `${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so\n`).join('')}ServerRoot ${path}
DefaultRuntimeDir ${path}
ServerName localhost
PidFile ${path}/apache.pid
Mutex fcntl:${path}
TypesConfig /etc/mime.types
ErrorLog ${path}/error.log
LogLevel warn
LogFormat "%h %l %u %t \\"%r\\" %>s %O \\"%{Referer}i\\" \\"%{User-Agent}i\\"" combined
CustomLog ${path}/access.log combined
<Directory "/">
	Require all denied
</Directory>
Listen 127.0.0.1:${port}
Listen 127.0.0.1:${plainPort}
Include ${path}/site.conf
`)
  return ['apache2', ['-f', file, '-DFOREGROUND']]
}
