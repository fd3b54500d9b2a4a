/*
 * Lets opencode-callback, and nobody else, reach this opencode and the listeners of its sign-ins,
 * over a Unix socket. For opencode 1 (from 1.14) and 2.
 *
 * Use: name this folder in opencode.json, for opencode 1 and 2 respectively,
 *
 *     { "plugin": ["file:///usr/share/opencode-callback/plugin/"] }
 *     { "plugins": ["file:///usr/share/opencode-callback/plugin/"] }
 *
 * and give opencode a folder for the socket in which it may create files. OPENCODE_CALLBACK_SOCKET
 * names the socket; without it, it is /run/opencode/opencode.sock. Whoever may write to the socket
 * (mode 0660, so its owner and group) may use it; nobody else can. opencode loads plugins at the
 * first request that needs them, so send one after a start: GET /provider/auth, in opencode 2
 * GET /api/integration. One line on standard error then says what the plugin did (of opencode in a
 * terminal, which has a server with --port, one line in its log).
 *
 * The socket speaks plain HTTP/1.1, one request a connection, which the client keeps open until it
 * has the answer. The Host header names the target:
 *
 *     localhost:PORT, 127.0.0.1:PORT, [::1]:PORT   a listener on this machine's loopback
 *     opencode                                     the opencode server itself
 *     plugin                                       this plugin
 *
 * With the header "Opencode-Callback-To: opencode" the target is the opencode server, whatever Host
 * says. (opencode 2 compares Host with the page that holds its session cookie.)
 *
 * The plugin itself answers one request, GET /listeners, with {"listeners":[PORT,...]}: the ports
 * that this process listens on, in order, without opencode's own; null if that cannot be told.
 *
 * It is not an open proxy. 403: ports below 1024, opencode's own port, listeners of other users'
 * programs, other hosts, and methods and paths that request.js does not name. 400: a malformed
 * request, or two values of one of these headers. 502: nobody listens at the target. It forwards
 * every other request byte for byte. It uses node:net and no HTTP client: HTTP clients obey HTTP_PROXY
 * and rewrite URLs, and these requests hold sign-in codes.
 *
 * Whose a listener is, and on which port opencode itself listens, is found in /proc. Where there is
 * none, listeners of all users are reached, opencode 2 needs --port, and opencode 1 in a terminal has
 * no socket.
 */
import { isMainThread } from "node:worker_threads"
import { start } from "./socket.js"

/*
 * Every opencode 1 process loads plugins; only these two commands are always servers that wait for
 * callbacks. In opencode 2 only servers do; `serve --stdio` is the private server of one terminal.
 */
function isServer(args) {
  const flags = ["--print-logs", "--pure", "--mdns"]
  for (let i = 0; i < args.length; i++) {
    if (!args[i].startsWith("-")) return ["serve", "web"].includes(args[i]) && !args.includes("--stdio")
    if (!flags.includes(args[i]) && !args[i].includes("=")) i++
  }
  return false
}

// opencode calls what follows for every directory, and again after every dispose and reload, for which
// opencode 2 evaluates this module anew. Some versions call both. The socket belongs to the process.
function load(url, log) {
  // opencode 1 in a terminal loads plugins in a worker thread, which does not know the command line. It
  // is a server if it listens at its URL, as with --port.
  const terminal = !isMainThread
  if (!terminal && !isServer(process.argv.slice(2))) return
  const key = Symbol.for("opencode-callback")
  const state = (globalThis[key] ??= start({ url, terminal, log: terminal ? log : console.error }))
  state.url ??= url
  state.log ??= log
}

/* A terminal's screen is opencode's own: what is said there goes to opencode's log. */
function logTo(client) {
  return (message) => {
    const body = { service: "opencode-callback", level: "info", message }
    Promise.resolve().then(() => client.app.log({ body })).catch(() => {})
  }
}

export default {
  id: "opencode-callback",
  /* opencode 1. It tells its URL; before it listens, that is a placeholder which may be another's. */
  async server(input) {
    load(() => input.serverUrl, logTo(input.client))
    return {}
  },
  /* opencode 2 */
  async setup() {
    load()
  },
}
