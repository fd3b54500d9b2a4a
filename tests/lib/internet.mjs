/*
 * Stands for the internet: a TLS server on the loopback that answers for some host names with a
 * certificate made on the fly, and the CONNECT proxy that leads port 443 of those names to it and
 * answers 403 to everything else.
 */
import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { certify } from './certificate.mjs'
import { scratch } from './net.mjs'

/* A name, or one label in front of it for '*.name'. */
function matches(pattern, host) {
  return pattern.startsWith('*.') ? host.slice(host.indexOf('.')) === pattern.slice(1) : host === pattern
}

function readAll(request) {
  return new Promise((resolve, reject) => {
    let text = ''
    request.on('data', (chunk) => (text += chunk)).on('end', () => resolve(text)).on('error', reject)
  })
}

/*
 * Starts both servers.
 *   sites   {name or '*.name': serve}. serve({method, url, headers, text}) gives {status, headers, body},
 *           null for 404, or a promise of those; one that never resolves is a site that is silent
 * The answer: names, tlsPort, proxyPort, proxyUrl, caFile, connects (the host:port of every CONNECT,
 * oldest first), stop().
 */
export async function startInternet(sites) {
  const folder = scratch('internet')
  const names = Object.keys(sites)
  const find = (host) => names.find((name) => matches(name, host))
  const connects = []

  const { key, cert, ca } = certify(folder.path, ...names, '127.0.0.1')
  const tls = https.createServer({ key: readFileSync(key), cert: readFileSync(cert) }, async (request, response) => {
    const host = (request.headers.host ?? '').replace(/:\d+$/, '')
    const name = find(host)
    const text = await readAll(request)
    const url = new URL(request.url, `https://${host || 'localhost'}`)
    const asked = { method: request.method, url, headers: request.headers, text }
    const { status = 404, headers = {}, body = '' } = (name && (await sites[name](asked))) || {}
    response.writeHead(status, headers).end(body)
  })

  const proxy = http.createServer((request, response) => {
    connects.push(request.url)
    response.writeHead(403, { Connection: 'close' }).end()
  })
  const sockets = new Set()
  proxy.on('connect', (request, client, head) => {
    connects.push(request.url)
    client.on('error', () => client.destroy())
    const [, host] = /^([^:]+):443$/.exec(request.url) ?? []
    if (!host || !find(host)) {
      return client.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
    }
    const server = net.connect(tls.address().port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      server.write(head)
      server.pipe(client)
      client.pipe(server)
    })
    for (const socket of [client, server]) {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket) && (client.destroy(), server.destroy()))
    }
    server.on('error', () => client.destroy())
  })

  for (const server of [tls, proxy]) {
    await new Promise((resolve, reject) => {
      server.once('error', reject).listen(0, '127.0.0.1', resolve)
    })
  }

  return {
    names,
    tlsPort: tls.address().port,
    proxyPort: proxy.address().port,
    proxyUrl: `http://127.0.0.1:${proxy.address().port}`,
    caFile: ca,
    connects,
    async stop() {
      for (const socket of sockets) socket.destroy()
      tls.closeAllConnections()
      proxy.closeAllConnections()
      await Promise.all([tls, proxy].map((server) => new Promise((resolve) => server.close(resolve))))
      folder.remove()
    },
  }
}
