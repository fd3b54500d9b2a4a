/*
 * Which TCP ports are listened on, and by whom, as Linux tells in /proc/self. Where there is no /proc,
 * nobody can tell.
 */
import { accessSync, constants, readdirSync, readFileSync, readlinkSync } from "node:fs"

const DESCRIPTORS = "/proc/self/fd"
const TABLES = ["/proc/self/net/tcp", "/proc/self/net/tcp6"]
const LISTEN = "0A" // TCP_LISTEN, in the column "st"

export const LOOPBACK = ["127.0.0.1", "::1"]

// Where to connect to for a socket that listens at one of these.
const REACHED_AT = {
  "0.0.0.0": ["127.0.0.1"],
  "::": LOOPBACK,
  "::ffff:0:0": ["127.0.0.1"],
  "::ffff:7f00:1": ["127.0.0.1"],
}

// Looked at once: a process that has no descriptors left must not look like a system without /proc.
const hasProc = [DESCRIPTORS, TABLES[0]].every((path) => {
  try {
    accessSync(path, constants.R_OK)
    return true
  } catch {
    return false
  }
})

/* An address of the tables: words of 32 bits in hexadecimal, each with its last byte first. */
function address(hex) {
  const bytes = hex.match(/.{8}/g).flatMap((word) => word.match(/../g).reverse())
  if (bytes.length === 4) return bytes.map((byte) => parseInt(byte, 16)).join(".")
  return new URL(`http://[${bytes.join("").match(/.{4}/g).join(":")}]`).hostname.slice(1, -1)
}

function table(path) {
  try {
    return readFileSync(path, "latin1").split("\n").slice(1)
  } catch (error) {
    if (path === TABLES[1] && error.code === "ENOENT") return [] // no IPv6
    throw error
  }
}

/* All sockets that listen: {hosts, port, uid, inode}. */
function listening() {
  const rows = TABLES.flatMap(table).map((line) => line.trim().split(/\s+/))
  return rows.filter((row) => row[3] === LISTEN).map((row) => {
    const [hex, port] = row[1].split(":")
    const at = address(hex)
    return { hosts: REACHED_AT[at] ?? [at], port: parseInt(port, 16), uid: Number(row[7]), inode: Number(row[9]) }
  })
}

/* Those of this process, the oldest first; null without /proc. */
function listeningHere() {
  if (!hasProc) return null
  const inodes = new Set()
  for (const name of readdirSync(DESCRIPTORS)) {
    try {
      const socket = /^socket:\[(\d+)\]$/.exec(readlinkSync(`${DESCRIPTORS}/${name}`))
      if (socket) inodes.add(Number(socket[1]))
    } catch {
      // It was closed meanwhile.
    }
  }
  return listening().filter(({ inode }) => inodes.has(inode)).sort((a, b) => a.inode - b.inode)
}

/* The port that the command line names, or 0. */
function portOption(args) {
  const at = args.findLastIndex((arg) => /^--port(?:=|$)/.test(arg))
  return at < 0 ? 0 : Number(args[at].split("=")[1] ?? args[at + 1]) || 0
}

/*
 * Where opencode's own server listens: {hosts, port, sure}, or null if that cannot be told yet. Its port
 * is the one that the command line or url names, if the process listens there, and else the one that it
 * has listened on longest. Without /proc these two are believed, and url may still change. named: it is
 * null unless the process is seen to listen at the named port.
 */
export function findServer(args, url, named) {
  const option = portOption(args)
  const urlPort = url && Number(url.port || 80)
  const here = listeningHere()
  if (!here) {
    if (named) return null
    const port = urlPort || option
    return port ? { hosts: url ? hostsOf(url) : LOOPBACK, port, sure: false } : null
  }
  const right = [option, urlPort].find((port) => here.some((socket) => socket.port === port))
  const port = right ?? (named ? undefined : here[0]?.port)
  if (!port) return null
  const hosts = here.filter((socket) => socket.port === port).flatMap((socket) => socket.hosts)
  return { hosts: [...new Set(hosts)], port, sure: true }
}

function hostsOf(url) {
  const host = url.hostname.replace(/^\[|\]$/g, "")
  return ["localhost", "0.0.0.0", "::", ...LOOPBACK].includes(host) ? LOOPBACK : [host]
}

/*
 * The loopback addresses at which programs of this user, and no others, listen on a port. Empty if
 * nobody listens there, null if somebody else does. Without /proc, all of them.
 */
export function listenerHosts(port) {
  if (!hasProc) return LOOPBACK
  const sockets = listening().filter((socket) => socket.port === port)
  const at = (host) => sockets.filter((socket) => socket.hosts.includes(host))
  const taken = LOOPBACK.filter((host) => at(host).length > 0)
  const mine = taken.filter((host) => at(host).every(({ uid }) => uid === process.geteuid()))
  return taken.length > 0 && mine.length === 0 ? null : mine
}

/* The ports that this process listens on at the loopback, in order; null without /proc. */
export function listenerPorts() {
  const here = listeningHere()?.filter(({ hosts }) => hosts.some((host) => LOOPBACK.includes(host)))
  return here ? [...new Set(here.map(({ port }) => port))].sort((a, b) => a - b) : null
}
