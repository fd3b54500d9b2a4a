/* The worker with more and fewer threads, and with connections that are held open and say nothing. */
import net from 'node:net'
import { fcgiExchange, fcgiRequest } from '../../lib/fcgi.mjs'
import { REFUSED, brief, fastcgi, newStore, startNginx, startStandin, startWorker } from '../lab.mjs'
import { alternate, ask, repeat, variables } from '../load.mjs'

export const title = 'Threads and connections: refused callbacks'
const COUNTS = brief ? [1, 8] : [1, 2, 4, 8]
const ROUNDS = brief ? 1 : 2
const IDLE = 500
const REQUESTS = 400
const GOOD_MS = 50

async function byThreads(table, opencode) {
  const workers = []
  const routes = {}
  for (const threads of COUNTS) {
    const worker = await startWorker({ store: newStore(), opencode, threads })
    workers.push(worker)
    routes[`${threads} fresh`] = fastcgi(worker.socket)
    routes[`${threads} kept`] = fastcgi(worker.socket, true)
  }
  const nginx = await startNginx(routes)
  const sides = Object.keys(routes).map((name) => [name, () => repeat(nginx.ports[name], REFUSED, 400)])
  const results = await alternate(Object.fromEntries(sides), ROUNDS)
  const figures = Object.keys(routes).map((name) => {
    const [threads, how] = name.split(' ')
    return { how, figure: table.addLoad(`${threads} thread${threads === '1' ? '' : 's'}, ${how} connections`, results[name]) }
  })
  for (const how of ['fresh', 'kept']) {
    const [{ figure: one }, ...more] = figures.filter((each) => each.how === how)
    for (const { figure } of more) table.ratio(figure, one)
  }
  for (const program of [nginx, ...workers]) await program.stop()
}

/* A connection that rests; kept: after one request that leaves it open. */
async function idle(path, kept) {
  const socket = net.connect({ path })
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  if (!kept) return socket
  const answer = await fcgiExchange(path, fcgiRequest(variables('GET', REFUSED), '', { keep: true }), { socket, end: false })
  if (!answer.ended || answer.closed) throw new Error('a connection was not kept')
  return socket
}

async function byIdle(table, opencode) {
  const worker = await startWorker({ store: newStore(), opencode })
  for (const kept of [undefined, false, true]) {
    const sockets = []
    while (kept !== undefined && sockets.length < IDLE) sockets.push(await idle(worker.socket, kept))
    const results = []
    for (let i = 0; i < (brief ? 1 : 3); i++) {
      const { statuses } = await ask(worker.socket, variables('GET', REFUSED), { count: REQUESTS, status: 400 })
      results.push(statuses[400])
    }
    const closed = sockets.filter((socket) => socket.readableEnded || socket.destroyed).length
    if (closed > 0) throw new Error(`${closed} of ${IDLE} idle connections were closed`)
    const words = kept === undefined ? 'no other connection' : `${IDLE} ${kept ? 'kept' : 'silent'} connections held open`
    const latency = Object.fromEntries(['p50', 'p99'].map((key) => [key, results.map((result) => result[key])]))
    table.add(`the slowest of ${REQUESTS} good requests, ${words}`, 'ms', results.map(({ max }) => max), {
      ...latency,
      target: kept === undefined ? undefined : { atMost: GOOD_MS },
    })
    for (const socket of sockets) socket.destroy()
  }
  await worker.stop()
}

export async function measure(table) {
  const standin = await startStandin()
  await byThreads(table, standin.socket)
  await byIdle(table, standin.socket)
  await standin.stop()
}
