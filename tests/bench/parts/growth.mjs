/*
 * The same work with few and many waiting flows, four requests at a time, straight at the worker's socket. Each
 * size has a store and a worker of its own, and they are measured in turn. What begins is delivered again, so
 * the number that waits stays.
 */
import { readdirSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { REFUSED, brief, newStore, rounds, say, startStandin, startWorker } from '../lab.mjs'
import { alternate, ask, begin, callback, fill, flowId, variables } from '../load.mjs'

export const title = 'Growth: the median time of a request, four at a time, with flows that wait'
const SIZES = brief ? [10, 1000] : [10, 1000, 100_000]
const FILL_SECONDS = 12
const EACH = brief ? 20 : 400
const LANES = 4 // so that no processor sleeps: to wake one takes longer than a request
const FIRST = 300_000 // of the flows that begin here: none of those that wait
const GONE = 600_000 // the first of those that are cleaned up,
const GONE_COUNT = 2000 // and how many there are,
const GONE_IN = 14 // from how many seconds on,
const SWEEPS = brief ? 10 : 30 // by so many begins
const NOISE = 1.25 // the same, as far as a machine with other work can tell

const page = (number) => variables('GET', `/signin/flow/${flowId(number)}`)

/* A worker whose store holds so many waiting flows, or as many as there was time for; behind others that go. */
async function site(size, opencode, gone = 0) {
  const store = newStore()
  if (gone > 0) await fill(store, { first: GONE, count: gone, lifetime: -GONE_IN })
  // on a path where none that begins here takes their place
  const count = await fill(store, { count: size, within: FILL_SECONDS, path: '/callback' })
  if (count < size) say(`  only ${count} of ${size} flows within ${FILL_SECONDS} s`)
  return { store, count, next: FIRST, worker: await startWorker({ store, opencode }) }
}

/* Milliseconds: the median of so many requests. */
async function timed({ worker }, vars, status, count, first) {
  return (await ask(worker.socket, vars, { count, first, lanes: LANES, status })).statuses[status]
}

async function once(one) {
  const result = { refused: await timed(one, variables('GET', REFUSED), 400, EACH) }
  result.page = await timed(one, page(one.count - 1), 200, EACH)
  result.begin = await timed(one, begin(), 200, EACH, one.next)
  result.deliver = await timed(one, callback(), 303, EACH, one.next)
  one.next += EACH
  return result
}

/* Begins while there are flows that ended long ago: the begins' times, and how many files went. */
async function cleanUp(one) {
  const files = () => readdirSync(one.store).length
  const before = files()
  const result = await timed(one, begin(), 200, SWEEPS, one.next)
  // each begin leaves two names: its record and its authorize URL
  return { ...result, removed: before - files() + 2 * SWEEPS }
}

export async function measure(table) {
  const standin = await startStandin()
  const sites = []
  for (const size of SIZES) sites.push(await site(size, standin.socket))
  const sides = sites.map((one) => [one.count, () => once(one)])
  const results = await alternate(Object.fromEntries(sides), rounds)
  const aged = []
  for (const size of SIZES) aged.push(await site(size, standin.socket, GONE_COUNT))
  await pause(1000 * (GONE_IN + 1))
  const swept = []
  for (const one of aged) swept.push(await cleanUp(one))
  const what = {
    refused: 'refused callback',
    page: 'flow page',
    begin: 'begin',
    deliver: 'claim and delivery',
  }
  const add = (name, count, list) => table.add(`${name}, ${count} waiting`, 'ms', list.map(({ p50 }) => p50), { p99: list.map(({ p99 }) => p99) })
  const compare = (figures) => figures.forEach((figure, i) => i > 0 && table.ratio(figure, figures[0], { atMost: NOISE }))
  for (const [key, name] of Object.entries(what)) {
    compare(sites.map(({ count }) => add(name, count, results[count].map((result) => result[key]))))
  }
  const cleaning = aged.map(({ count }, i) => {
    const figure = add('begin that cleans up', count, [swept[i]])
    figure.note = `${SWEEPS} begins removed ${swept[i].removed} files of flows that ended long ago`
    return figure
  })
  compare(cleaning)
  for (const { worker } of [...sites, ...aged]) await worker.stop()
  await standin.stop()
}
