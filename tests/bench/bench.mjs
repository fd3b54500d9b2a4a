/*
 * Speed and size of the two front ends, beside programs that do only the unavoidable part of the same work and
 * programs that do all of it by other means. One table, and the same as JSON in BUILD_DIR/bench. The exit
 * status is 0 even if a target is missed, for other work on the machine can do that; not so if an answer is
 * wrong or a program dies.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { assertRunning, build, cgi, clear, compile, newStore, REFUSED, run, say, writeConfig } from './lab.mjs'
import { variables } from './load.mjs'
import { machine } from './machine.mjs'
import { Table } from './table.mjs'

const order = ['answers', 'deliveries', 'cgi', 'peers', 'size', 'growth', 'threads', 'overload']
const others = ['nodes', 'relays'] // which take longer than the five minutes that there are
const wanted = process.env.PARTS?.split(/[ ,]+/) ?? order
const table = new Table()
const json = process.env.JSON || join(build, 'bench/bench.json')
const begun = Date.now()
const passed = () => ((Date.now() - begun) / 1000).toFixed(0)

process.exitCode = 1
try {
  const config = { OPENCODE_CALLBACK_CONFIG: writeConfig({ store: newStore(), opencode: '/nowhere' }) }
  const answer = async (target) => (await run(cgi, [], { env: variables('GET', target, config), encoding: 'latin1' })).stdout
  // a delivered callback is answered by a redirect, as this is
  await compile(await answer(REFUSED), await answer('/signin'))
  for (const name of [...order, ...others].filter((part) => wanted.includes(part))) {
    const { measure, title } = await import(`./parts/${name}.mjs`)
    say(`${passed()} s: ${name}`)
    table.part(title)
    await measure(table)
    assertRunning()
  }
  const facts = { ...(await machine()), seconds: Number(passed()) }
  mkdirSync(dirname(json), { recursive: true })
  writeFileSync(json, `${table.json(facts)}\n`)
  console.log(`${Object.entries(facts).map(([name, value]) => `${name} ${value}`).join(' · ')}\n\n${table.text()}\n`)
  console.log(`${table.missed()} of the targets missed. The same as JSON: ${json}`)
  process.exitCode = 0
} finally {
  await clear()
}
