/* The CGI program, from its start to its end, beside floors C and D: they only print, D after the two calls. */
import { REFUSED, brief, cgi, installed, newStore, rounds, run, startStandin, tool, writeConfig } from '../lab.mjs'
import { DELIVERED, alternate, fill, variables } from '../load.mjs'

export const title = 'CGI, one process after the other, without a web server'
const PROCESSES = brief ? 20 : 120

export async function measure(table) {
  const standin = await startStandin()
  const store = newStore()
  await fill(store, { count: PROCESSES * (rounds + 1) })
  const config = { OPENCODE_CALLBACK_CONFIG: writeConfig({ store, opencode: standin.socket }), OPENCODE_SOCKET: standin.socket }
  const refused = variables('GET', REFUSED, config)
  const delivered = variables('GET', DELIVERED, config)
  const ours = installed(cgi)
  const floorC = installed(tool('floor_cgi'))
  const floorD = installed(tool('floor_cgi_calls'))
  const spawn = async (program, status, env, first) => {
    const { stdout } = await run(tool('spawn'), [PROCESSES, first, `Status: ${status}`, program].map(String), { env })
    return JSON.parse(stdout)
  }
  const results = await alternate(
    {
      c: () => spawn(floorC, 400, refused, 0),
      refused: () => spawn(ours, 400, refused, 0),
      d: () => spawn(floorD, 303, delivered, 0),
      delivered: (round) => spawn(ours, 303, delivered, round * PROCESSES),
    },
    rounds,
  )
  const add = (name, list) => table.add(name, 'ms', list.map(({ p50 }) => p50), { p99: list.map(({ p99 }) => p99) })
  const resident = (name, list) => table.add(name, 'MiB', list.map((one) => one.resident_kib / 1024))
  const c = add('C: only prints', results.c)
  table.ratio(add('our CGI, refused callback', results.refused), c, { atMost: 1.5 })
  const d = add('D: only the two calls to opencode', results.d)
  table.ratio(add('our CGI, delivered callback', results.delivered), d, { atMost: 1.3 })
  resident('C, resident', results.c)
  resident('our CGI, refused callback, resident', results.refused)
  resident('D, resident', results.d)
  resident('our CGI, delivered callback, resident', results.delivered)
  await standin.stop()
}
