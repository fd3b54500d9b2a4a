/*
 * The same callback by other means: what somebody might have written instead, behind the same nginx and on the
 * flows of the same store. Each has its turn in each round. The worker is held against PHP-FPM and Node, the CGI
 * program against another CGI program; nginx keeps connections to whatever it usually does: to the worker, as
 * conf/nginx has it, and to Node.
 */
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { accepts } from '../../lib/net.mjs'
import {
  CONNECTIONS, HOST, REFUSED, brief, cgi, emptyStore, fastcgi, newStore, path, seconds, startListening, startNginx, startStandin,
  startWorker, watch, writeConfig,
} from '../lab.mjs'
import { alternate, byHand, deliver, fill, repeat } from '../load.mjs'
import { proportional } from '../process.mjs'
import { makePages, missing, peers } from '../peers/peers.mjs'

export const title = 'Peers: the same callback by other means, behind nginx, 16 connections; ratios are ours to theirs'
const ROUNDS = brief ? 1 : 3
const STARTS = brief ? 1 : 3
const THREADS = CONNECTIONS + 4 // a call to opencode for each connection, and two more threads
const [MOST, MOST_CGI] = [15_000, 2000] // flows for each second of the first round; it tells how many the others need
const SPARE = 2.5 // times the flows of the round before: other work on the machine may be gone
const LOOK_MS = 100

/* What there is to start: name, start(folder), against: the one of ours that is held against it. */
function contestants(settings, config) {
  const ours = [
    {
      name: 'worker',
      async start(folder) {
        const socket = join(folder, 'worker.sock')
        const program = await startWorker({ config, socket, threads: THREADS })
        return { program, route: fastcgi(socket, true), again: () => startWorker({ config, socket, threads: THREADS }) }
      },
    },
    {
      name: 'our CGI program under fcgiwrap',
      async start(folder) {
        const socket = join(folder, 'cgi.sock')
        const env = { PATH: `${process.env.PATH}:/usr/sbin`, OPENCODE_CALLBACK_CONFIG: config }
        const program = await startListening('fcgiwrap', ['-c', String(CONNECTIONS), '-s', `unix:${socket}`], socket, { env })
        const { upstream, location } = fastcgi(socket)
        return { program, route: { upstream, location: `${location}\nfastcgi_param SCRIPT_FILENAME ${cgi};` } }
      },
    },
  ]
  const theirs = peers.map((peer) => ({
    name: peer.name,
    against: /CGI/.test(peer.name) ? ours[1].name : ours[0].name,
    async start(folder) {
      const { program, socket, nginx, kept } = await peer.start(folder, settings)
      const name = `peer_${peer.name.replace(/\W/g, '_')}`
      const route = kept
        ? { upstream: `upstream ${name} { server unix:${socket}; keepalive ${2 * CONNECTIONS}; }`, location: kept(name) }
        : { upstream: '', location: nginx }
      return { program: watch(program), route }
    },
  }))
  return [...ours, ...theirs]
}

/* Starts one; ms: until somebody accepts, and then until it has answered for the first time. */
async function bringUp(one, folder) {
  mkdirSync(folder)
  const begun = performance.now()
  const coming = one.start(folder)
  const isUp = async () => {
    for (const name of readdirSync(folder)) if (name.endsWith('.sock') && (await accepts({ path: join(folder, name) }))) return true
    return false
  }
  let up = await isUp()
  while (!up) up = await pause(1).then(isUp)
  const accepted = performance.now() - begun
  const running = await coming
  const nginx = await startNginx({ one: running.route })
  const asked = performance.now()
  const { status, text } = await byHand(nginx.ports.one, REFUSED)
  if (status !== 400) throw new Error(`${one.name}: ${text}`)
  return { ...running, nginx, port: nginx.ports.one, ms: accepted + performance.now() - asked }
}

async function bringUpOften(one) {
  const times = []
  for (;;) {
    const running = await bringUp(one, path(`${one.name.replace(/\W/g, '-')}-${times.length}`))
    times.push(running.ms)
    if (times.length === STARTS) return { ...running, times }
    await running.nginx.stop()
    await running.program.stop()
  }
}

/* The most memory that it takes while work goes on. */
async function watching(memory, pid, work) {
  let going = true
  const look = async () => {
    for (; going; await pause(LOOK_MS)) memory.push(proportional(pid()))
  }
  const [result] = await Promise.all([work().finally(() => (going = false)), look()])
  return result
}

export async function measure(table) {
  const standin = await startStandin()
  const store = newStore()
  const limit = { rate: 60_000, burst: 1_000_000 }
  const settings = { store, opencodeSocket: standin.socket, publicUrl: `http://${HOST}`, processes: CONNECTIONS, ...limit }
  mkdirSync(path('peers'))
  settings.pages = await makePages(path('peers'), { ...settings, cgi })
  const config = writeConfig({ store, opencode: standin.socket })
  const sides = new Map()
  for (const one of contestants(settings, config)) {
    const lacking = missing(peers.find((peer) => peer.name === one.name) ?? { needs: ['fcgiwrap'] })
    if (lacking.length > 0) throw new Error(`${one.name} needs ${lacking.join(', ')}`)
    sides.set(one.name, { ...one, ...(await bringUpOften(one)), memory: [], need: (one.name.includes('CGI') ? MOST_CGI : MOST) * seconds })
  }

  // memory is looked at in the round that does not count
  const turn = (side, work) => (round) => (round > 0 ? work(side) : watching(side.memory, () => side.program.pid, () => work(side)))
  const inTurn = (work) => alternate(Object.fromEntries([...sides].map(([name, side]) => [name, turn(side, work)])), ROUNDS)
  const refused = await inTurn((side) => repeat(side.port, REFUSED, 400))
  const delivered = await inTurn(async (side) => {
    // the worker is not to see its flows go
    if (side.again) await side.program.stop()
    emptyStore(store)
    const count = await fill(store, { count: side.need })
    if (side.again) side.program = await side.again()
    const result = await deliver(side.port, standin.socket, { first: 0, count })
    side.need = Math.round(result.requests * SPARE) + 1000
    return result
  })

  const figures = new Map()
  for (const { name, memory, times } of sides.values()) {
    figures.set(name, [
      table.addLoad(`${name}: refused`, refused[name]),
      table.addLoad(`${name}: delivered`, delivered[name]),
      table.add(`${name}: memory, at most (PSS, all processes)`, 'MiB', [Math.max(...memory)]),
      table.add(`${name}: from its start to its first answer`, 'ms', times),
    ])
  }
  for (const { name, against } of sides.values()) {
    if (!against) continue
    figures.get(name).forEach((theirs, i) => {
      const ours = figures.get(against)[i]
      table.ratio(ours, theirs, theirs.unit === '/s' ? { atLeast: 1 } : { atMost: 1 }, { at: theirs })
      if (theirs.unit === '/s') for (const of of ['p50', 'p99']) table.ratio(ours, theirs, { atMost: 1 }, { of, at: theirs })
    })
  }
  for (const { nginx, program } of sides.values()) {
    await nginx.stop()
    await program.stop()
  }
  await standin.stop()
}
