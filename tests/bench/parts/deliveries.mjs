/*
 * Delivered callbacks (lookup, claim, delivery, record), beside floor B: a libfcgi program that only makes
 * the same two libcurl calls.
 */
import { CONNECTIONS, fastcgi, newStore, path, rounds, seconds, startFloor, startNginx, startStandin, startWorker } from '../lab.mjs'
import { alternate, ask, askOnce, callback, costing, deliver, fill } from '../load.mjs'

export const title = 'Deliveries, behind nginx, 16 connections'
const WARM = 100
const SPARE = 2 // times the flows of the round before: other work on the machine may be gone
const MOST = 15_000 // flows for each second of the first round; it tells how many the others need

export async function measure(table) {
  const standin = await startStandin()
  // 16 deliveries at once need 16 calls to opencode, and wrk leaves some running at the end of a round:
  // threads for all of them, for floor B too
  const threads = 2 * CONNECTIONS
  const socket = path('deliveries.sock')
  const once = newStore()
  await fill(once, { count: 1 })
  const first = await startWorker({ store: once, opencode: standin.socket, socket, threads })
  const floor = await startFloor((await askOnce(socket, callback())).text, { threads, opencode: standin.socket })
  await first.stop()
  const nginx = await startNginx({ calls: fastcgi(floor.socket), fresh: fastcgi(socket) })
  let need = MOST * seconds

  const results = await alternate(
    {
      floor: () => costing(floor, () => deliver(nginx.ports.calls, standin.socket, { first: 0, count: 1e6 })),
      worker: async () => {
        const store = newStore()
        const count = await fill(store, { count: need })
        const worker = await startWorker({ store, opencode: standin.socket, socket, threads })
        await ask(socket, callback(), { count: WARM, lanes: 4, status: 303 })
        const flows = { first: WARM, count: count - WARM }
        const result = await costing(worker, () => deliver(nginx.ports.fresh, standin.socket, flows))
        need = Math.round(result.requests * SPARE) + 1000
        await worker.stop()
        return result
      },
    },
    rounds,
  )
  const b = table.addLoad('B: libfcgi, only the two calls to opencode', results.floor)
  const ours = table.addLoad('worker, delivered callback', results.worker)
  table.ratio(ours, b, { atLeast: 0.7 })
  table.ratio(ours, b, undefined, { of: 'cpu' })
  for (const program of [nginx, floor, standin]) await program.stop()
}
