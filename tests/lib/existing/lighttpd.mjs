/*
 * Sites for opencode behind lighttpd, as people have them: see existing_sites.mjs.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

export const line = 'include "/usr/share/opencode-callback/lighttpd/part.conf"'

/* Debian's settings turn an escaped slash into a slash; REQUEST_URI has it as it came. */
export const seen = (query) => query.replace(/%2F/gi, '/')

/*
 * Whether lighttpd has the whole body of what it proxies when it sends the head is a matter of luck. If it has, it gives its
 * length and says Accept-Ranges, else it sends it in chunks, and compresses it in pieces.
 */
export function steady(text) {
  const at = text.indexOf('\r\n\r\n')
  if (at < 0) return text
  const gone = /^(accept-ranges|content-length|transfer-encoding): [^\r]*\r\n/gim
  const head = text.slice(0, at + 2)
  let body = Buffer.from(text.slice(at + 4), 'latin1')
  if (/^transfer-encoding: chunked/im.test(head)) {
    const pieces = []
    for (let size = 1; size > 0; ) {
      const end = body.indexOf('\r\n')
      size = parseInt(body.subarray(0, end).toString('latin1'), 16) || 0
      pieces.push(body.subarray(end + 2, end + 2 + size))
      body = body.subarray(end + 2 + size + 2)
    }
    body = Buffer.concat([...pieces, body])
  }
  if (/^content-encoding: gzip/im.test(head) && body.length) body = gunzipSync(body)
  return `${head.replace(gone, '')}\r\n${body.toString('latin1')}`
}

/* It cuts a range out of what it proxies only if it has the whole body by then. */
export const luck = ['Range']

export const compresses = true

export const sites = {
  minimal: {
    text: `server.modules += ( "mod_proxy" )
$HTTP["host"] =~ "" {
	proxy.header = ( "upgrade" => "enable" )
	proxy.server = ( "" => ( ( "host" => "127.0.0.1", "port" => 4096 ) ) )
	server.stream-response-body = 1
	%PART%
}
`,
  },

  ordinary: {
    wrong: {
      redirect: { fails: 'pages', says: /not answered by us/, advice: /no line include/ },
      above: { fails: 'callbacks', says: /\/auth\/callback does not come to us/, advice: /the last line of the condition/ },
    },
    password: true,
    headers: { 'Strict-Transport-Security': 'max-age=63072000' },
    files: { 'files/page.html': '<p>'.padEnd(3000, 'x'), 'files/signin/x.js': 'let signin\n' },
    paths: [
      ['GET', '/old'], ['GET', '/files/page.html', { 'Accept-Encoding': 'gzip' }], ['GET', '/files/page.html', { Range: 'bytes=0-9' }],
      ['GET', '/files/signin/x.js'], ['GET', '/files/none'], ['POST', '/api/session', {}, '{}'], ['GET', '/api/integration/x'], ['GET', '/auth/x'],
      ['POST', '/large', {}, 'x'.repeat(2 << 20)],
    ],
    text: `server.modules += ( "mod_auth", "mod_authn_file", "mod_setenv", "mod_deflate", "mod_openssl", "mod_proxy" )
server.max-request-field-size = 24576

$SERVER["socket"] == "127.0.0.1:%PORT%" {
	ssl.engine = "enable"
	ssl.pemfile = "%CERT%"
	ssl.privkey = "%KEY%"
}
$HTTP["scheme"] == "http" {
	%WRONG:redirect%
	url.redirect = ( "" => "https://%HOST%$\{url.path}$\{qsa}" )
}
else $HTTP["host"] =~ "^%HOST%" {
	accesslog.filename = "%PATH%/site-access.log"
	server.errorlog = "%PATH%/site-error.log"
	auth.backend = "htpasswd"
	auth.backend.htpasswd.userfile = "%PATH%/htpasswd"
	auth.require = ( "" => ( "method" => "basic", "realm" => "opencode", "require" => "valid-user" ) )
	setenv.add-response-header = ( "Strict-Transport-Security" => "max-age=63072000" )
	setenv.set-request-header = ( "Authorization" => "Basic %INNER%" )
	etag.use-inode = "disable"
	deflate.mimetypes = ( "application/json", "text/html" )
	deflate.allowed-encodings = ( "gzip" )
	url.redirect = ( "^/old$" => "/new" )
	server.max-request-size = 1024
	server.stream-response-body = 2
	proxy.header = ( "upgrade" => "enable" )
	proxy.server = ( "" => ( ( "host" => "127.0.0.1", "port" => 4096 ) ) )
	%WRONG:above%
	$HTTP["url"] =~ "^/(api|auth)/" {
		proxy.server = ( "" => ( ( "host" => "127.0.0.1", "port" => 4096 ) ) )
	}
	$HTTP["url"] =~ "^/files/" {
		proxy.server = ()
		alias.url = ( "/files/" => "%PATH%/files/" )
	}
	%PART%
}
`,
  },
}

/* What Debian's own lighttpd.conf sets, and where this one may write. The line comes with lighttpd-enable-mod fastcgi setenv. */
export function main({ path, plainPort, port }) {
  const site = readFileSync(join(path, 'site.conf'), 'utf8')
  const more = ['"mod_fastcgi"', '"mod_setenv"'].filter((name) => site.includes('/part.conf') && !site.includes(name))
  const tls = site.includes('ssl.engine')
  const file = join(path, 'lighttpd.conf')
  writeFileSync(file, `server.modules = ( "mod_indexfile", "mod_access", "mod_alias", "mod_redirect", "mod_accesslog" )
server.document-root = "${path}"
server.upload-dirs = ( "${path}" )
server.errorlog = "${path}/error.log"
accesslog.filename = "${path}/access.log"
server.bind = "127.0.0.1"
server.port = ${tls ? plainPort : port}
server.http-parseopts = (
	"header-strict" => "enable", "host-strict" => "enable", "host-normalize" => "enable", "url-normalize-unreserved" => "enable",
	"url-normalize-required" => "enable", "url-ctrls-reject" => "enable", "url-path-2f-decode" => "enable", "url-path-dotseg-remove" => "enable"
)
server.feature-flags += ( "server.h2proto" => "enable", "server.h2c" => "enable" )
url.access-deny = ( "~", ".inc" )
static-file.exclude-extensions = ( ".php", ".pl", ".fcgi" )
mimetype.assign = ( ".html" => "text/html", ".js" => "application/javascript" )
include "${path}/site.conf"
${more.length ? `server.modules += ( ${more.join(', ')} )\n` : ''}server.modules += ( "mod_dirlisting", "mod_staticfile" )
`)
  return ['lighttpd', ['-D', '-f', file]]
}
