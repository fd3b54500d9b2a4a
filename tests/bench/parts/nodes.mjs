/*
 * One, two and three nodes over one Redis: deliveries and refusals a second, what a sign-in costs Redis and a node,
 * what one takes there. (The nodes, Redis, nginx, wrk and the stand-in share the processors of one machine: a node
 * more shows what sharing costs, and the time for each request what a processor more would bring.)
 */
import { CONNECTIONS, REFUSED, brief, fastcgi, path, rounds, seconds, startNginx, startStandin, startWorker } from '../lab.mjs'
import { ask, askOnce, begin, callback, costing, deliver, fill, flowId, repeat, timeOf, variables } from '../load.mjs'
import { startRedis } from '../../lib/redis.mjs'

export const title = 'Nodes that share a Redis, behind nginx, 16 connections'
const NODES = 3
const MOST = 15_000 // flows for each second, more than are delivered on any machine
const SIGNINS = 2000
const FLOWS = brief ? 5000 : 40_000 // what max_pending may be on a large site
const FIRST = 900_001 // of the flows that begin here: none of those that were filled in
const LANES = 4 // so that no processor sleeps, as in growth.mjs
const TIMES = { 'a begin': 1, 'its page': 2, 'a look of the page': 0, 'a delivered callback': 1 } // in a sign-in

/* So far: scripts, which are what travels, all commands with those of the scripts, bytes, processor time. */
async function usage(redis, worker) {
  const info = await redis.info('everything')
  const number = (name) => Number(info[name] ?? 0)
  return {
    'scripts in Redis': [Number(/calls=(\d+)/.exec(info.cmdstat_evalsha)?.[1] ?? 0), ''],
    'commands, with those of the scripts': [number('total_commands_processed'), ''],
    'to Redis': [number('total_net_input_bytes'), 'bytes'],
    'from Redis': [number('total_net_output_bytes'), 'bytes'],
    'processor time of Redis': [1e6 * (number('used_cpu_sys') + number('used_cpu_user')), 'µs'],
    'processor time of a node': [timeOf(worker), 'µs'],
  }
}

/* What so many requests changed of that, for each of them. */
async function change(redis, worker, load) {
  const before = await usage(redis, worker)
  await load()
  const after = await usage(redis, worker)
  return Object.fromEntries(Object.entries(after).map(([name, [value, unit]]) => [name, [(value - before[name][0]) / SIGNINS, unit]]))
}

/* One sign-in step by step, at a node and in Redis. */
async function measureCost(table, redis, worker) {
  const page = `/signin/flow/${flowId(FIRST)}`
  const steps = {
    'a begin': [begin(), 200],
    'its page': [variables('GET', page), 200],
    'a look of the page': [variables('GET', `${page}/status`), 200],
    'a delivered callback': [callback(), 303],
  }
  await ask(worker.socket, begin(), { count: 1, first: FIRST - 1, status: 200 })
  const none = await change(redis, worker, () => {})
  const sum = {}
  const add = (step, name, unit, value) => table.add(`${step}: ${name}`, unit, [value])
  for (const [step, [vars, status]] of Object.entries(steps)) {
    const costs = await change(redis, worker, () => ask(worker.socket, vars, { count: SIGNINS, first: FIRST, lanes: LANES, status }))
    const { text } = await askOnce(worker.socket, vars, FIRST + SIGNINS)
    costs['to the browser'] = [Buffer.byteLength(text, 'latin1'), 'bytes']
    for (const [name, [value, unit]] of Object.entries(costs)) {
      const own = Math.max(0, value - (none[name]?.[0] ?? 0))
      add(step, name, unit, own)
      sum[name] = [(sum[name]?.[0] ?? 0) + own * TIMES[step], unit]
    }
  }
  for (const [name, [value, unit]] of Object.entries(sum)) add('a sign-in (a begin, two pages, a callback)', name, unit, value)
}

/* What many take in Redis, and whether a begin costs more beside them. */
async function measureMany(table, redis, worker) {
  const used = async () => Number((await redis.info('memory')).used_memory)
  await redis.run('FLUSHALL')
  const empty = await used()
  const count = await fill(redis.spec, { count: FLOWS })
  table.add(`a waiting sign-in, of ${count}, in Redis`, 'bytes', [((await used()) - empty) / count])
  const begins = () => ask(worker.socket, begin(), { count: SIGNINS, first: FIRST, lanes: LANES, status: 200 })
  const costs = Object.entries(await change(redis, worker, begins)).filter(([name]) => name.startsWith('processor time'))
  for (const [name, [value, unit]] of costs) table.add(`a begin beside ${count} that wait: ${name}`, unit, [value])
  const before = await used()
  await ask(worker.socket, callback(), { count, lanes: LANES, status: 303 })
  table.add('one that has ended, in Redis', 'bytes', [(before - empty) / (count + SIGNINS) - (before - (await used())) / count])
}

/* {nodes: [result]}: the loads, and what they cost besides the nodes. */
function addLoads(table, what, results) {
  const figures = Object.entries(results).map(([nodes, list]) => table.addLoad(`${nodes} of them, ${what}`, list))
  for (const figure of figures.slice(1)) {
    table.ratio(figure, figures[0])
    table.ratio(figure, figures[0], undefined, { of: 'cpu' })
  }
  for (const key of ['redis', 'nginx']) {
    for (const [nodes, list] of Object.entries(results)) {
      table.add(`${nodes} of them, ${what}: ${key}`, 'µs of processor time for each', list.map((one) => one[key]))
    }
  }
}

export async function measure(table) {
  const redis = await startRedis({ settings: ['--maxmemory', '2gb'] })
  try {
    // fill.c does not log in
    await redis.run('ACL', 'SETUSER', 'default', 'on', 'nopass', '~*', '+@all')
    const standin = await startStandin()
    const sockets = Array.from({ length: NODES }, (_, i) => path(`node${i}.sock`))
    const workers = []
    for (const socket of sockets) workers.push(await startWorker({ store: redis.spec, opencode: standin.socket, socket, threads: 2 * CONNECTIONS }))
    const routes = Object.fromEntries(sockets.map((_, i) => [i + 1, fastcgi(sockets.slice(0, i + 1))]))
    const nginx = await startNginx(routes)
    const refused = {}
    const delivered = {}
    for (let round = 0; round < Math.min(rounds, 3); round++) {
      for (let nodes = 1; nodes <= NODES; nodes++) {
        const port = nginx.ports[nodes]
        const measured = (load) =>
          costing(nginx, () => costing(redis.program, () => costing(workers.slice(0, nodes), load), 'redis'), 'nginx')
        ;(refused[nodes] ??= []).push(await measured(() => repeat(port, REFUSED, 400)))
        await redis.run('FLUSHALL')
        const count = await fill(redis.spec, { count: MOST * seconds })
        ;(delivered[nodes] ??= []).push(await measured(() => deliver(port, standin.socket, { first: 0, count })))
      }
    }
    addLoads(table, 'refused callback', refused)
    addLoads(table, 'delivered callback', delivered)
    await redis.run('FLUSHALL')
    await measureCost(table, redis, workers[0])
    await measureMany(table, redis, workers[0])
    for (const program of [nginx, ...workers, standin]) await program.stop()
  } finally {
    await redis.remove()
  }
}
