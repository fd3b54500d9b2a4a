/*
 * What a request is, and whether it may pass.
 */
const BODY_MAX = 64 * 1024 // bytes of a request's body

const PORT_MIN = 1024
const LOOPBACK = ["127.0.0.1", "::1"]

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/ // RFC 9110 section 5.6.2
const REQUEST_LINE = /^([A-Z]+) (\/[!"$-~]*) HTTP\/1\.[01]$/ // origin form only, RFC 9112 section 3.2.1
const LISTENER_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\]):([1-9][0-9]{3,4})$/

// One path segment. A dot segment would name another path once opencode has resolved it, and a
// backslash would start another segment.
const NAME = /(?!(?:\.|%2[eE]){1,2}(?:\/|$))(?:[\w.~!$&'()*+,;=:@-]|%[0-9a-fA-F]{2})+/.source
const path = (pattern) => new RegExp(`^${pattern.replaceAll("{name}", () => NAME)}$`)
const EVERY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

// The requests that opencode itself may get. On the paths that begin a sign-in, the handler receives
// every method.
const OPENCODE = [
  [EVERY_METHOD, path("/provider/{name}/oauth/authorize")],
  [EVERY_METHOD, path("/mcp/{name}/auth")],
  [EVERY_METHOD, path("/mcp/{name}/auth/authenticate")],
  [EVERY_METHOD, path("/api/integration/{name}/connect/oauth")],
  [["POST"], path("/provider/{name}/oauth/callback")],
  [["POST"], path("/mcp/{name}/auth/callback")],
  [["POST"], path("/instance/dispose")],
  [["GET"], path("/provider")],
  [["GET"], path("/provider/auth")],
  [["GET"], path("/mcp")],
  [["GET"], path("/global/health")],
  [["GET"], path("/api/integration")],
  [["GET", "DELETE"], path("/api/integration/attempt/{name}")],
]

/*
 * Parses a request's head. Returns {method, path, target, host, length}, or null if it is malformed
 * or two parsers could read it differently (RFC 9112 section 11.2).
 */
export function parse(head) {
  const [first, ...lines] = head.split("\r\n")
  const request = REQUEST_LINE.exec(first)
  if (!request) return null
  const once = { host: null, "content-length": null }
  for (const line of lines) {
    const colon = line.indexOf(":")
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase()
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "")
    if (!TOKEN.test(name) || /[\0-\x08\x0a-\x1f\x7f]/.test(value)) return null
    if (name === "transfer-encoding" || name === "upgrade") return null
    if (!Object.hasOwn(once, name)) continue
    if (once[name] !== null) return null
    once[name] = value
  }
  const length = once["content-length"] ?? "0"
  if (once.host === null || !/^[0-9]{1,6}$/.test(length) || Number(length) > BODY_MAX) return null
  const [bare] = request[2].split("?", 1)
  return { method: request[1], path: bare, target: request[2], host: once.host, length: Number(length) }
}

/* Where a request may go: {hosts, port}, or null if nowhere. own is the opencode server's URL. */
export function route(request, own) {
  const { method } = request
  if (request.host === "opencode") {
    if (!OPENCODE.some(([methods, p]) => methods.includes(method) && p.test(request.path))) return null
    return { hosts: ownHosts(own), port: portOf(own) }
  }
  const listener = LISTENER_HOST.exec(request.host)
  if (!listener) return null
  const port = Number(listener[1])
  // opencode's own port is no listener: that would bypass the table above.
  if (port < PORT_MIN || port > 65535 || port === portOf(own)) return null
  if (method !== "GET" && !(method === "POST" && request.target === "/auth/token")) return null
  return { hosts: LOOPBACK, port }
}

function portOf(own) {
  return Number(own.port || 80)
}

function ownHosts(own) {
  const host = own.hostname.replace(/^\[|\]$/g, "")
  return ["localhost", "0.0.0.0", "::", ...LOOPBACK].includes(host) ? LOOPBACK : [host]
}
