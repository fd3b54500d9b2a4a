/* How small the worker is, and how soon it is there. */
import { copyFileSync, statSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { REFUSED, brief, cgi, fastcgi, fcgi, newStore, path, run, startNginx, startStandin, startWorker, tool, writeConfig } from '../lab.mjs'
import { ask, callback, fill, repeat, variables } from '../load.mjs'
import { proportional, resident, switches } from '../process.mjs'

export const title = 'Size and start of the worker with 8 threads'
const [SOME, ALL] = brief ? [5_000, 50_000] : [100_000, 1_000_000]
const LONG_MS = 60_000 // then it stays at fewer
const DELIVERIES = brief ? 100 : 1000
const STARTS = 11
const IDLE_MS = 2000
const GROWS = 1.02 // more than pages that a thread touches for the first time

async function stripped(program) {
  copyFileSync(program, path('stripped'))
  await run('strip', [path('stripped')])
  return statSync(path('stripped')).size
}

async function memoryOf(table, worker, standin) {
  const nginx = await startNginx({ kept: fastcgi(worker.socket, true) })
  const start = performance.now()
  let requests = 0
  let rate = SOME
  // each load is from another address, whose allowance is fresh
  const upTo = async (count) => {
    while (requests < count && performance.now() - start < LONG_MS) {
      const duration = Math.min(10, Math.ceil((count - requests) / rate))
      const result = await repeat(nginx.ports.kept, REFUSED, 400, { address: `192.0.2.${1 + (requests % 250)}`, duration })
      requests += result.requests
      rate = result.rate
    }
  }
  await upTo(SOME)
  const early = resident(worker.pid)
  const earlyAt = requests
  await upTo(ALL)
  const late = resident(worker.pid)
  await ask(worker.socket, callback(), { count: DELIVERIES, lanes: 4, status: 303 })
  const delivered = resident(worker.pid)
  const most = { target: { atMost: 12 } }
  const before = table.add(`resident after ${earlyAt} refused callbacks`, 'MiB', [early], most)
  const note = requests < ALL ? `not ${ALL}: the machine is too busy` : undefined
  const after = table.add(`resident after ${requests}`, 'MiB', [late], { ...most, note })
  table.ratio(after, before, { atMost: GROWS })
  table.add(`resident after ${DELIVERIES} deliveries more, with libcurl at work`, 'MiB', [delivered], most)
  table.add('its own share of that (PSS)', 'MiB', [proportional(worker.pid)])
  await nginx.stop()
}

export async function measure(table) {
  const standin = await startStandin()
  const store = newStore()
  await fill(store, { count: DELIVERIES })
  const config = writeConfig({ store, opencode: standin.socket })
  const worker = await startWorker({ config })
  await memoryOf(table, worker, standin)
  const before = switches(worker.pid)
  await pause(IDLE_MS)
  table.add(`wake-ups of all threads, idle for ${IDLE_MS / 1000} s`, '', [switches(worker.pid) - before], { target: { atMost: 0 } })
  await worker.stop()

  const socket = path('start.sock')
  const args = [STARTS, 400, socket, fcgi, '-c', config, '-s', socket, '-t', 8].map(String)
  const { stdout } = await run(tool('start'), args, { env: variables('GET', REFUSED) })
  table.add('from before its start to its first answer', 'ms', stdout.trim().split('\n').map(Number), { target: { atMost: 20 } })
  for (const [name, program] of [['worker', fcgi], ['CGI program', cgi]]) {
    const kib = (bytes) => [bytes / 1024]
    table.add(`${name}, file`, 'KiB', kib(statSync(program).size), { note: 'as built, with debugging symbols where CFLAGS has -g' })
    table.add(`${name}, file, stripped`, 'KiB', kib(await stripped(program)))
  }
  await standin.stop()
}
