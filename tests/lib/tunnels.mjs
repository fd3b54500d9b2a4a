/*
 * Programs that stand before the site on the loopback, as far as they can be told by the requests
 * that they send to it. Those written in Go cannot run here: the bytes are put together as their sources
 * do, Go's own part of it is compared with a Go program in tunnels.test.mjs. Nginx Proxy Manager is an
 * nginx, and runs.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { give, unprivileged } from './front.mjs'
import { accepts, freePort, scratch, startProgram, until } from './net.mjs'

/* net/textproto CanonicalMIMEHeaderKey: how Go keeps and writes a name, however it came. */
const canonical = (name) => name.split('-').map((part) => part.charAt(0).toUpperCase() + part.slice(1).toLowerCase()).join('-')

/* A visitor's headers as Go's server reads them: values by name. */
export function goHeader(headers) {
  const map = new Map()
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) map.set(canonical(name), [...(map.get(canonical(name)) ?? []), ...[value].flat()])
  }
  return map
}

/* net/http Request.write with http.Transport: Host, User-Agent, Content-Length, the rest in order of names. */
export function goBytes({ method = 'GET', target, host, body }, header) {
  const lines = [`${method} ${target} HTTP/1.1`, `Host: ${host}`]
  const agent = header.get('User-Agent')?.[0]
  if (agent) lines.push(`User-Agent: ${agent}`)
  if (body !== undefined) lines.push(`Content-Length: ${Buffer.byteLength(body, 'latin1')}`)
  const others = [...header.keys()].filter((name) => !['Host', 'User-Agent', 'Content-Length', 'Transfer-Encoding', 'Trailer'].includes(name))
  for (const name of others.sort()) for (const value of header.get(name)) lines.push(`${name}: ${value}`)
  if (!header.has('Accept-Encoding') && !header.has('Range') && method !== 'HEAD') lines.push('Accept-Encoding: gzip')
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body ?? ''}`, 'latin1')
}

const HOP = ['Connection', 'Proxy-Connection', 'Keep-Alive', 'Proxy-Authenticate', 'Proxy-Authorization', 'Te', 'Trailer', 'Transfer-Encoding', 'Upgrade']
const isUpgrade = (header) => /(^|,) *upgrade *(,|$)/i.test((header.get('Connection') ?? []).join(',')) && header.has('Upgrade')

/* net/http/httputil ReverseProxy up to its Rewrite, which sees these four as taken away. */
function reverseProxy(header) {
  const out = new Map(header)
  const upgrade = isUpgrade(header) && header.get('Upgrade')[0]
  for (const name of (header.get('Connection') ?? []).join(',').split(',')) out.delete(canonical(name.trim()))
  for (const name of HOP) out.delete(name)
  if (upgrade) out.set('Connection', ['Upgrade']).set('Upgrade', [upgrade])
  for (const name of ['Forwarded', 'X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Proto']) out.delete(name)
  return out
}

/* tailscale/tailscale ipn/ipnlocal/serve.go: addProxyForwardedHeaders, addTailscaleIdentityHeaders, addAppCapabilitiesHeader. */
const tailscale = (funnel) => (request, address) => {
  const out = reverseProxy(goHeader(request.headers))
  out.set('X-Forwarded-Host', [request.host]).set('X-Forwarded-Proto', ['https']).set('X-Forwarded-For', [address])
  for (const name of [
    'Tailscale-User-Login', 'Tailscale-User-Name', 'Tailscale-User-Profile-Pic', 'Tailscale-Funnel-Request', 'Tailscale-Headers-Info',
    'Tailscale-App-Capabilities',
  ]) out.delete(name)
  if (funnel) out.set('Tailscale-Funnel-Request', ['?1'])
  else {
    out.set('Tailscale-User-Login', ['alice@example.com']).set('Tailscale-User-Name', ['=?utf-8?q?Alic=C3=A9?='])
    out.set('Tailscale-User-Profile-Pic', ['https://example.com/alice.png']).set('Tailscale-Headers-Info', ['https://tailscale.com/s/serve-headers'])
  }
  return goBytes(request, out)
}

/*
 * Cloudflare's edge, by "Cloudflare HTTP headers" in its documentation (all headers are passed but those
 * here; X-Real-IP is taken away where no Worker runs), then cloudflare/cloudflared proxy/proxy.go,
 * proxyHTTPRequest.
 */
const cloudflare = (request, address) => {
  const out = goHeader(request.headers)
  const prior = out.get('X-Forwarded-For')
  const upgrade = isUpgrade(out)
  for (const name of [...HOP, 'X-Real-Ip']) out.delete(name)
  out.set('Accept-Encoding', ['br, gzip']).set('Cf-Connecting-Ip', [address]).set('X-Forwarded-For', [[...(prior ?? []), address].join(',')])
  out.set('X-Forwarded-Proto', ['https']).set('Cf-Ray', ['8f0000000000abcd-FRA']).set('Cf-Ipcountry', ['DE'])
  out.set('Cf-Visitor', ['{"scheme":"https"}']).set('Cdn-Loop', ['cloudflare; loops=1'])
  out.set('Cf-Warp-Tag-Id', ['0d3f5b1e-0000-4000-8000-000000000000'])
  if (upgrade) out.set('Connection', ['Upgrade']).set('Upgrade', ['websocket']).set('Sec-Websocket-Version', ['13'])
  else out.set('Connection', ['keep-alive'])
  return goBytes(request, out)
}

const MANAGED = [
  'Proto', 'For', 'Host', 'Port', 'Server', 'Uri', 'Method', 'Prefix', 'Tls-Client-Cert', 'Tls-Client-Cert-Info', 'Scheme',
].map((word) => `X-Forwarded-${word}`).concat('X-Scheme', 'X-Real-Ip')

/* traefik/traefik v3 pkg/middlewares/forwardedheaders/forwarded_header.go, pkg/proxy/httputil/proxy.go. */
const traefik = (insecure) => (request, address) => {
  const seen = goHeader(request.headers)
  if (!insecure) for (const name of [...seen.keys()]) if (MANAGED.includes(canonical(name.replaceAll('_', '-')))) seen.delete(name)
  const unset = (name, value) => seen.has(name) || seen.set(name, [value])
  unset('X-Real-Ip', address)
  unset('X-Forwarded-Proto', isUpgrade(seen) ? 'wss' : 'https')
  unset('X-Forwarded-Port', /:(\d+)$/.exec(request.host)?.[1] ?? '443')
  unset('X-Forwarded-Host', request.host)
  seen.set('X-Forwarded-Server', ['traefik-1'])
  // "Connection" names no header that Traefik manages
  const named = (seen.get('Connection') ?? []).join(',').split(',').map((name) => name.trim()).filter((name) => !MANAGED.includes(canonical(name)))
  if (seen.has('Connection')) seen.set('Connection', [named.join(',')])
  const out = reverseProxy(seen)
  for (const name of ['X-Forwarded-For', 'Forwarded', 'X-Forwarded-Host', 'X-Forwarded-Proto']) if (seen.has(name)) out.set(name, seen.get(name))
  out.set('X-Forwarded-For', [[...(seen.get('X-Forwarded-For') ?? []), address].join(', ')])
  for (const word of isUpgrade(out) ? ['Key', 'Extensions', 'Accept', 'Protocol', 'Version'] : []) {
    const values = out.get(`Sec-Websocket-${word}`)
    if (values && out.delete(`Sec-Websocket-${word}`)) out.set(`Sec-WebSocket-${word}`, values)
  }
  return goBytes(request, out)
}

/*
 * A proxy host of Nginx Proxy Manager before a port: what its nginx.conf, templates/proxy_host.conf and
 * conf.d/include/proxy.conf set for a request, with our text in "Advanced". Without TLS: the visitor's
 * browser speaks to it in the clear. {port, logs(), stop()}
 */
export async function startProxyManager(forward, advanced = advancedText()) {
  const { path, remove } = scratch('npm')
  const port = await freePort()
  mkdirSync(join(path, 'conf.d/include'), { recursive: true })
  writeFileSync(join(path, 'conf.d/include/proxy.conf'), `proxy_set_header Host $host;
proxy_set_header X-Forwarded-Scheme https;
proxy_set_header X-Forwarded-Proto https;
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
proxy_set_header X-Real-IP $remote_addr;
proxy_pass $forward_scheme://$server:$port$request_uri;
`)
  writeFileSync(join(path, 'advanced.conf'), advanced)
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `\t${name}_temp_path ${path}/tmp-${name};\n`).join('')
  writeFileSync(join(path, 'nginx.conf'), `daemon off;
worker_processes 1;
pid ${path}/nginx.pid;
error_log ${path}/fallback_error.log warn;
events {
}
http {
${temp}	client_max_body_size 2000m;
	proxy_http_version 1.1;
	log_format proxy '$status $request_method $host "$request_uri" [Client $remote_addr] "$http_referer"';
	set_real_ip_from 10.0.0.0/8;
	set_real_ip_from 172.16.0.0/12;
	set_real_ip_from 192.168.0.0/16;
	real_ip_header X-Real-IP;
	real_ip_recursive on;
	server {
		set $forward_scheme http;
		set $server "127.0.0.1";
		set $port ${forward};
		listen 127.0.0.1:${port};
		proxy_set_header Upgrade $http_upgrade;
		proxy_set_header Connection $http_connection;
		access_log ${path}/access.log proxy;
		error_log ${path}/error.log warn;
		include advanced.conf;
		location / {
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection $http_connection;
			include conf.d/include/proxy.conf;
		}
	}
}
`)
  give(path)
  const nginx = startProgram(...unprivileged('nginx', ['-p', path, '-e', join(path, 'error.log'), '-c', join(path, 'nginx.conf')]), {
    cwd: '/', env: { PATH: `${process.env.PATH}:/usr/sbin` },
  })
  const logs = () => ['access.log', 'error.log', 'fallback_error.log'].map((name) => readFileSync(join(path, name), 'latin1')).join('') + nginx.output()
  const stop = async () => {
    await nginx.stop()
    remove()
  }
  try {
    await until('it accepts', async () => {
      if (!nginx.running()) throw new Error(nginx.output())
      return accepts({ port })
    })
  } catch (error) {
    await stop()
    throw error
  }
  return { port, logs, stop }
}

export const advancedText = () => readFileSync(fileURLToPath(new URL('../../conf/nginx-proxy-manager/advanced.conf', import.meta.url)), 'utf8')

/*
 * host      what the visitor's browser calls the site
 * visitors  three of them, two by two not to be taken for one another
 * pass      the bytes that reach the site for {method, target, host, headers, body}, sent from an address
 * manager   it is Nginx Proxy Manager, and visitors are addresses of the loopback
 */
export const TUNNELS = {
  'Tailscale serve': { host: 'box.tail1234.ts.net', visitors: ['100.64.0.9', '100.64.0.10', 'fd7a:115c:a1e0:9::1'], pass: tailscale(false) },
  'Tailscale serve at port 8443': { host: 'box.tail1234.ts.net:8443', visitors: ['100.65.0.9', '100.65.0.10', 'fd7a:115c:a1e0:8::1'], pass: tailscale(false) },
  'Tailscale funnel': { host: 'box.tail1234.ts.net', visitors: ['203.0.113.9', '203.0.113.10', '2001:db8:9::1'], pass: tailscale(true) },
  'Cloudflare Tunnel': { host: 'site.example', visitors: ['203.0.113.19', '203.0.113.20', '2001:db8:19::1'], pass: cloudflare },
  Traefik: { host: 'site.example', visitors: ['203.0.113.29', '203.0.113.30', '2001:db8:29::1'], pass: traefik(false) },
  'Traefik, forwardedHeaders.insecure': { host: 'site.example', visitors: ['203.0.113.39', '203.0.113.40', '2001:db8:39::1'], pass: traefik(true) },
  'Nginx Proxy Manager': { host: 'site.example', visitors: ['127.0.0.9', '127.0.0.10', '127.0.0.11'], manager: true },
}
