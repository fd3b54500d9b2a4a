/*
 * One, two and three nodes over one Redis: deliveries and refusals a second, what a sign-in costs Redis, what a
 * waiting one takes there. (On one machine the nodes, Redis, nginx, wrk and the stand-in share its processors.)
 */
import { CONNECTIONS, fastcgi, path, REFUSED, rounds, seconds, startNginx, startStandin, startWorker } from '../lab.mjs'
import { ask, begin, callback, deliver, fill, repeat } from '../load.mjs'
import { startRedis } from '../../lib/redis.mjs'

export const title = 'Nodes that share a Redis, behind nginx, 16 connections'
const NODES = 3
const MOST = 15_000 // flows for each second, more than are delivered on any machine
const SIGNINS = 200
const FLOWS = 5000

const numbers = async (redis, section) => Object.fromEntries(Object.entries(await redis.info(section)).map(([name, value]) => [name, Number(value)]))

/* Scripts and bytes so far; what the scripts do in Redis does not travel. */
async function traffic(redis) {
  const { total_net_input_bytes: input, total_net_output_bytes: output } = await numbers(redis, 'stats')
  const calls = Number(/calls=(\d+)/.exec((await redis.info('commandstats')).cmdstat_evalsha)?.[1] ?? 0)
  return { calls, input, output }
}

async function measureCost(table, redis, socket) {
  await ask(socket, begin(), { count: 1, first: 900_000, status: 200 })
  const before = await traffic(redis)
  await ask(socket, begin(), { count: SIGNINS, first: 900_001, status: 200 })
  const between = await traffic(redis)
  await ask(socket, callback(), { count: SIGNINS, first: 900_001, status: 303 })
  const after = await traffic(redis)
  for (const [name, from, to] of [['a begin', before, between], ['a delivered callback', between, after]]) {
    table.add(`${name}: scripts in Redis`, '', [(to.calls - from.calls) / SIGNINS])
    table.add(`${name}: to Redis`, 'bytes', [(to.input - from.input) / SIGNINS])
    table.add(`${name}: from Redis`, 'bytes', [(to.output - from.output) / SIGNINS])
  }
}

async function measureMemory(table, redis) {
  await redis.run('FLUSHALL')
  const { used_memory: before } = await numbers(redis, 'memory')
  await fill(redis.spec, { count: FLOWS })
  const { used_memory: after } = await numbers(redis, 'memory')
  table.add('a waiting sign-in, in Redis', 'bytes', [(after - before) / FLOWS])
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
        ;(refused[nodes] ??= []).push(await repeat(port, REFUSED, 400))
        await redis.run('FLUSHALL')
        const count = await fill(redis.spec, { count: MOST * seconds })
        ;(delivered[nodes] ??= []).push(await deliver(port, standin.socket, { first: 0, count }))
      }
    }
    for (const [nodes, results] of Object.entries(refused)) table.addLoad(`${nodes} of them, refused callback`, results)
    for (const [nodes, results] of Object.entries(delivered)) table.addLoad(`${nodes} of them, delivered callback`, results)
    await redis.run('FLUSHALL')
    await measureCost(table, redis, sockets[0])
    await measureMemory(table, redis)
    for (const program of [nginx, ...workers, standin]) await program.stop()
  } finally {
    await redis.remove()
  }
}
