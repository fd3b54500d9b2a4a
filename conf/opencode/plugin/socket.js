/*
 * The Unix socket: how it comes into being, stays, and ends with the process.
 */
import { randomBytes } from "node:crypto"
import { accessSync, constants, lstatSync, renameSync, unlinkSync } from "node:fs"
import net from "node:net"
import { dirname, join } from "node:path"
import { findServer } from "./ports.js"
import { serve } from "./serve.js"

const CONNECTIONS_MAX = 256
const TEND_MS = 5_000 // between two checks of the socket

/* What is at the path: "absent", "foreign" (no socket, or out of reach), "dead" or "alive". */
function probe(file, done) {
  try {
    if (!lstatSync(file).isSocket()) return done("foreign")
    accessSync(file, constants.W_OK)
  } catch (error) {
    return done(error.code === "ENOENT" ? "absent" : "foreign")
  }
  const socket = net.connect({ path: file })
  const finish = (found) => {
    socket.destroy()
    done(found)
  }
  socket.unref()
  socket.once("connect", () => finish("alive"))
  // For a socket that nobody listens on, node says ECONNREFUSED and Bun says ENOENT.
  socket.on("error", ({ code }) => finish(["ECONNREFUSED", "ENOENT"].includes(code) ? "dead" : "alive"))
}

/* Binds the socket under another name and then renames it, so the path never names a dead one. */
function listen(state) {
  const hidden = join(dirname(state.path), `.${randomBytes(4).toString("hex")}`)
  const server = net.createServer((client) => serve(client, () => own(state)))
  server.maxConnections = CONNECTIONS_MAX
  server.on("error", (error) => {
    state.busy = false
    say(state, `cannot listen at ${state.path}: ${error.code ?? "error"}`)
  })
  server.on("listening", () => {
    state.busy = false
    server.unref()
    try {
      const { dev, ino } = lstatSync(hidden)
      renameSync(hidden, state.path)
      Object.assign(state, { server, dev, ino })
      say(state, `listening at ${state.path}, opencode's own port is ${own(state)?.port ?? "not known"}`)
    } catch (error) {
      server.close()
      discard(hidden)
      say(state, `cannot listen at ${state.path}: ${error.code ?? "error"}`)
    }
  })
  const umask = process.umask(0o117)
  try {
    server.listen({ path: hidden })
  } finally {
    process.umask(umask)
  }
}

function ours(state) {
  try {
    const { dev, ino } = lstatSync(state.path)
    return state.server !== null && dev === state.dev && ino === state.ino
  } catch {
    return false
  }
}

/* opencode's own server: {hosts, port}, or null. Its port does not change. */
function own(state) {
  if (state.own?.sure) return state.own
  try {
    state.own = findServer(process.argv.slice(2), state.url?.(), state.terminal)
  } catch {
    // No descriptor is left to look into /proc with; the next request asks again.
  }
  return state.own
}

/* Ensures that a socket is there: ours, or another opencode's that answers. */
function tend(state) {
  if (!own(state) && state.terminal) return
  if (state.busy || ours(state)) return
  state.busy = true
  state.server?.close()
  state.server = null
  probe(state.path, (found) => {
    if (found === "absent" || found === "dead") return listen(state)
    state.busy = false
    say(state, `${state.path} is ${found === "alive" ? "another process's" : "no socket of ours"}`)
  })
}

/* Logs one line per process: the result of the first try. */
function say(state, text) {
  if (!state.said) state.log(`opencode-callback: ${text}`)
  state.said = true
}

function remove(state) {
  if (ours(state)) discard(state.path)
}

function discard(file) {
  try {
    unlinkSync(file)
  } catch {
    // It is gone, or the folder is no longer ours to write to.
  }
}

/*
 * Starts it all.
 *   url       a function that tells opencode's URL, if there is one; the caller may add it later
 *   log       a function that takes a line of text; with terminal it may be added with url
 *   terminal  whether opencode may be no server, and then has no socket
 */
export function start({ url, log, terminal }) {
  const state = {
    path: process.env.OPENCODE_CALLBACK_SOCKET || "/run/opencode/opencode.sock",
    url,
    log,
    terminal,
    own: null,
    server: null,
    busy: false,
    said: false,
  }
  tend(state)
  setInterval(() => tend(state), TEND_MS).unref()
  // A worker thread hears of neither: its socket stays behind, dead, until the next opencode replaces it.
  if (terminal) return state
  process.once("exit", () => remove(state))
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) {
    process.once(signal, () => {
      remove(state)
      // Our handler alone would keep the process alive; if opencode has one too, opencode ends itself.
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
    })
  }
  return state
}
