/*
 * More than it can carry: four times as many begins and callbacks as calls to opencode can go out, from visitors
 * who do not wait for one another; and a flood of refused callbacks from one address. Meanwhile others sign in,
 * and try again as a person would.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { REFUSED, brief, newStore, startStandin, startWorker } from '../lab.mjs'
import { ask, askOnce, begin, callback, fill, flowId, variables } from '../load.mjs'

export const title = 'Overload: 8 threads, opencode takes 20 ms for each call'
const DELAY_MS = 20
const CALLS = 6 // at once: threads - 2
const TIMES = 4
const SECONDS = brief ? 2 : 5
const PEOPLE = 5 // who sign in meanwhile
const AGAIN_MS = 50 // until somebody tries again whom no Retry-After tells when
const FLOOD = 3000 // refused callbacks a second
const PERSON = 950_000 // the first number of their flows: on ports of their own
const GIVE_UP_MS = 60_000

/* Asks until the answer is another than "later"; counts the tries. */
async function patiently(socket, vars, number, count) {
  for (;;) {
    const answer = await askOnce(socket, vars, number)
    count.tries++
    if (answer.status !== 503 && answer.status !== 429) return answer
    const after = Number(answer.headers['retry-after'] ?? 0) * 1000
    await pause(after || AGAIN_MS)
  }
}

/* One whole sign-in; milliseconds, and how often it had to ask. */
async function signIn(socket, number) {
  const from = { HTTP_X_FORWARDED_FOR: `198.51.100.${number % 250}` }
  const count = { tries: 0 }
  const start = performance.now()
  const begun = await patiently(socket, begin(from), number, count)
  if (begun.status !== 200 || !begun.body.includes(`/flow/${flowId(number)}`)) throw new Error(`begin: ${begun.text}`)
  const called = await patiently(socket, callback(from), number, count)
  if (called.status !== 303) throw new Error(`callback: ${called.text}`)
  const { body } = await askOnce(socket, variables('GET', `/signin/flow/${flowId(number)}/status`, from))
  if (JSON.parse(body).state !== 'done') throw new Error(`status: ${body}`)
  const end = performance.now()
  return { ms: end - start, end, tries: count.tries }
}

function withLimit(promise) {
  return Promise.race([promise, pause(GIVE_UP_MS, undefined, { ref: false }).then(() => { throw new Error('nobody could sign in') })])
}

/* A load, and people who sign in while it lasts; allowed: the statuses that there may be; most: what can be carried. */
async function under(table, name, socket, vars, { rate, first = 0, allowed, person, most }) {
  const count = rate * SECONDS
  const load = ask(socket, vars, { count, rate, first }).then((result) => ({ ...result, end: performance.now() }))
  await pause((SECONDS * 1000) / 10)
  const people = Promise.all(Array.from({ length: PEOPLE }, (_, i) => signIn(socket, person + i)))
  const [{ statuses, end, seconds }, signIns] = await withLimit(Promise.all([load, people]))
  for (const [status, { count: some, p50, p99 }] of Object.entries(statuses)) {
    if (!allowed.includes(Number(status))) throw new Error(`${name}: ${some} answers with status ${status}`)
    const carried = most && status < 400 ? `: ${Math.round((100 * some) / seconds / most)} % of the ${most} a second that can be carried` : ''
    const note = `${some} of ${count} in ${seconds.toFixed(1)} s${carried}`
    table.add(`${name}: ${status}`, '%', [(100 * some) / count], { p50: [p50], p99: [p99], note })
  }
  const inTime = signIns.filter((one) => one.end < end).length
  table.add(`${name}: a whole sign-in meanwhile`, 'ms', signIns.map(({ ms }) => ms), {
    note: `${PEOPLE} signed in, ${inTime} while it lasted; they asked ${signIns.map(({ tries }) => tries).join(', ')} times`,
  })
}

export async function measure(table) {
  const standin = await startStandin({ threads: 2 * CALLS, delay: DELAY_MS })
  const store = newStore()
  const begins = TIMES * CALLS * (1000 / DELAY_MS) // each is one call,
  const callbacks = begins / 2 // and each of these two
  await fill(store, { count: callbacks * SECONDS })
  const worker = await startWorker({ store, opencode: standin.socket, limit: [] })
  const strangers = { HTTP_X_FORWARDED_FOR: '@' } // each from an address of its own
  await under(table, `${callbacks} callbacks a second`, worker.socket, callback(strangers), {
    rate: callbacks,
    most: callbacks / TIMES,
    allowed: [303, 503, 429],
    person: PERSON,
  })
  await under(table, `${begins} begins a second`, worker.socket, begin(strangers), {
    rate: begins,
    most: begins / TIMES,
    first: 100_000,
    allowed: [200, 503, 429],
    person: PERSON + PEOPLE,
  })
  const flood = variables('GET', REFUSED, { HTTP_X_FORWARDED_FOR: '203.0.113.9' })
  await under(table, `${FLOOD} refused a second from one address`, worker.socket, flood, {
    rate: FLOOD,
    allowed: [400, 429],
    person: PERSON + 2 * PEOPLE,
  })
  await worker.stop()
  await standin.stop()
}
