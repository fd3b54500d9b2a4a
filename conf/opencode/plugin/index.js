/*
 * Lets opencode-callback, and nobody else, reach this opencode and the listeners of its sign-ins,
 * over a Unix socket.
 *
 * Use: name this file in opencode.json,
 *
 *     { "plugin": ["file:///usr/share/opencode-callback/opencode-callback.js"] }
 *
 * and give opencode a folder for the socket in which it may create files. OPENCODE_CALLBACK_SOCKET
 * names the socket; without it, it is /run/opencode/opencode.sock. Whoever may write to the socket
 * (mode 0660, so its owner and group) may use it; nobody else can. opencode loads plugins at the
 * first request that needs them, so send one after a start: curl http://127.0.0.1:4096/provider/auth
 *
 * The socket speaks plain HTTP/1.1, one request a connection, which the client keeps open until it
 * has the answer. The Host header names the target:
 *
 *     localhost:PORT, 127.0.0.1:PORT, [::1]:PORT   a listener on this machine's loopback
 *     opencode                                     the opencode server itself
 *
 * It is not an open proxy: ports below 1024, other hosts, and methods and paths not named below get
 * 403; a malformed request gets 400; 502 means that nothing listens at the target. It forwards every
 * other request byte for byte. It uses node:net and no HTTP client: HTTP clients obey HTTP_PROXY and
 * rewrite URLs, and these requests hold sign-in codes.
 */
import { start } from "./socket.js"

/* Every opencode process loads plugins; only these two commands are servers that wait for callbacks. */
function isServer(args) {
  const flags = ["--print-logs", "--pure", "--mdns"]
  for (let i = 0; i < args.length; i++) {
    if (!args[i].startsWith("-")) return args[i] === "serve" || args[i] === "web"
    if (!flags.includes(args[i]) && !args[i].includes("=")) i++
  }
  return false
}

// opencode calls this for every directory and after every dispose; the socket belongs to the process.
export const OpencodeCallback = async (input) => {
  const key = Symbol.for("opencode-callback")
  if (!globalThis[key] && isServer(process.argv.slice(2))) {
    globalThis[key] = true
    start(input)
  }
  return {}
}
