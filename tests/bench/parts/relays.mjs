/*
 * One, two and three relays side by side, for few sites and for many: answers that they send on a second, what
 * one costs a relay and nginx, how large a relay is and how soon it is there. (All share the processors of one
 * machine: a relay more shows what sharing costs, and the time for each answer what a processor more would bring.)
 */
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PATH, makeKey, seconds as now, wrap } from '../../lib/relay.mjs'
import { brief, fastcgi, fcgi, newStore, path, rounds, run, startNginx, startWorker, tool } from '../lab.mjs'
import { alternate, costing, repeat, variables } from '../load.mjs'
import { resident } from '../process.mjs'

export const title = 'Relays side by side, behind nginx, 16 connections: answers sent on to their sites'
const RELAYS = 3
const FEW = 2
const MANY = brief ? 1000 : 10_000
const LIFE = 3000 // seconds that the wrapped states are good for
const STARTS = 5

/* A configuration with so many sites, each with a key file of its own: {config, targets, first}. */
function writeSites(count) {
  const keys = newStore()
  const folder = path(`sites${count}`)
  mkdirSync(folder)
  const lines = ['[flow]', `store = dir:${newStore()}`, '[proxy]', 'trust = loopback', '[log]', 'level = error']
  const targets = []
  for (let number = 0; number < count; number++) {
    const id = `site-${String(number).padStart(6, '0')}`
    const file = join(keys, `${id}.key`)
    const state = wrap({ id, key: makeKey(file), state: `bench-state-${String(number).padStart(9, '0')}`, expiry: now() + LIFE })
    lines.push(`[relay-site ${id}]`, `target = https://${id}.example.com/auth/callback`, `key_file = ${file}`)
    targets.push(`${PATH}?code=bench&state=${state}`)
  }
  writeFileSync(join(folder, 'relay.ini'), `${lines.join('\n')}\n`)
  writeFileSync(join(folder, 'targets'), `${targets.join('\n')}\n`)
  return { count, config: join(folder, 'relay.ini'), targets: join(folder, 'targets'), first: targets[0] }
}

async function measureSize(table, { count, config, first }, { pid }) {
  const socket = path('start.sock')
  const args = [STARTS, 303, socket, fcgi, '-c', config, '-s', socket, '-t', 8].map(String)
  const { stdout } = await run(tool('start'), args, { env: variables('GET', first) })
  table.add(`${count} sites: from before a relay's start to its first answer`, 'ms', stdout.trim().split('\n').map(Number))
  table.add(`${count} sites: resident after the load`, 'MiB', [resident(pid)])
  table.add(`${count} sites: configuration`, 'KiB', [statSync(config).size / 1024])
}

export async function measure(table) {
  const few = writeSites(FEW)
  const many = writeSites(MANY)
  const small = await startWorker(few)
  const relays = []
  while (relays.length < RELAYS) relays.push(await startWorker(many))
  const side = (name, sites, programs) => ({ name, sites, programs, route: fastcgi(programs.map(({ socket }) => socket)) })
  const sides = [side(`1 relay, ${FEW} sites`, few, [small])]
  for (let i = 1; i <= RELAYS; i++) sides.push(side(`${i} relay${i > 1 ? 's' : ''}, ${MANY} sites`, many, relays.slice(0, i)))
  const nginx = await startNginx(Object.fromEntries(sides.map(({ name, route }) => [name, route])))
  const load = ({ name, sites: { first, targets }, programs }) => () =>
    costing(nginx, () => costing(programs, () => repeat(nginx.ports[name], first, 303, { targets })), 'nginx')
  const results = await alternate(Object.fromEntries(sides.map((one) => [one.name, load(one)])), rounds)
  const figures = sides.map(({ name }) => table.addLoad(name, results[name]))
  for (const figure of [figures[0], ...figures.slice(2)]) {
    table.ratio(figure, figures[1])
    table.ratio(figure, figures[1], undefined, { of: 'cpu' })
  }
  for (const { name } of sides) table.add(`${name}: nginx`, 'µs of processor time for each', results[name].map((one) => one.nginx))
  await measureSize(table, few, small)
  await measureSize(table, many, relays[0])
  for (const program of [nginx, small, ...relays]) await program.stop()
}
