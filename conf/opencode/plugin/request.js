/*
 * What a request is, and whether it may pass.
 */
const BODY_MAX = 64 * 1024 // bytes of a request's body

const PORT_MIN = 1024

const TO = "opencode-callback-to" // a header

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/ // RFC 9110 section 5.6.2
const REQUEST_LINE = /^([A-Z]+) (\/[!"$-~]*) HTTP\/1\.[01]$/ // origin form only, RFC 9112 section 3.2.1
const LISTENER_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\]):([1-9][0-9]{3,4})$/

// One path segment. A dot segment would name another path once opencode has resolved it, a backslash
// would start another segment, and at a semicolon opencode ends the path.
const NAME = /(?!(?:\.|%2[eE]){1,2}(?:\/|$))(?:[\w.~!$&'()*+,=:@-]|%[0-9a-fA-F]{2})+/.source
const path = (pattern) => new RegExp(`^${pattern.replaceAll("{name}", () => NAME)}$`)
const EVERY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

// The requests that opencode itself may get. On the paths that begin a sign-in, the handler receives
// every method.
const OPENCODE = [
  // opencode 1
  [EVERY_METHOD, path("/provider/{name}/oauth/authorize")],
  [EVERY_METHOD, path("/mcp/{name}/auth")],
  [EVERY_METHOD, path("/mcp/{name}/auth/authenticate")],
  [["POST"], path("/provider/{name}/oauth/callback")],
  [["POST"], path("/mcp/{name}/auth/callback")],
  [["POST"], path("/instance/dispose")],
  [["GET"], path("/provider")],
  [["GET"], path("/provider/auth")],
  [["GET"], path("/mcp")],
  [["GET"], path("/global/health")],
  [["GET", "DELETE"], path("/api/integration/attempt/{name}")],
  // both
  [EVERY_METHOD, path("/api/integration/{name}/connect/oauth")],
  [["GET"], path("/api/integration")],
  // opencode 2
  [["GET"], path("/api/integration/{name}")],
  [["GET", "DELETE"], path("/api/integration/{name}/connect/oauth/{name}")],
  [["POST"], path("/api/integration/{name}/connect/oauth/{name}/complete")],
  [["GET"], path("/api/mcp")],
  [["GET"], path("/api/health")],
  [["GET"], path("/api/info")],
]

/*
 * Parses a request's head. Returns {method, path, target, host, length}, or null if it is malformed
 * or two parsers could read it differently (RFC 9112 section 11.2). The host is what Host says, or
 * "opencode" if TO does.
 */
export function parse(head) {
  const [first, ...lines] = head.split("\r\n")
  const request = REQUEST_LINE.exec(first)
  if (!request) return null
  const once = { host: null, "content-length": null, [TO]: null }
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
  if (once[TO] !== null && once[TO] !== "opencode") return null
  const [bare] = request[2].split("?", 1)
  const host = once[TO] ?? once.host
  return { method: request[1], path: bare, target: request[2], host, length: Number(length) }
}

/*
 * What is to be done with a request: {hosts, port} to forward it to opencode, {listener} to forward it
 * to that port, {ask: true} to answer which ports are listened on, {status} to refuse it. server is what
 * findServer() found, or null.
 */
export function route(request, server) {
  const { method } = request
  if (request.host === "opencode") {
    const allowed = OPENCODE.some(([methods, p]) => methods.includes(method) && p.test(request.path))
    return allowed ? (server ?? { status: 502 }) : { status: 403 }
  }
  if (request.host === "plugin") {
    return method === "GET" && request.target === "/listeners" ? { ask: true } : { status: 403 }
  }
  const port = Number(LISTENER_HOST.exec(request.host)?.[1])
  if (!isListenerPort(port)) return { status: 403 }
  if (method !== "GET" && !(method === "POST" && request.target === "/auth/token")) return { status: 403 }
  // opencode's own port is no listener: that would bypass the table above.
  if (!server) return { status: 502 }
  return port === server.port ? { status: 403 } : { listener: port }
}

export function isListenerPort(port) {
  return port >= PORT_MIN && port <= 65535
}
