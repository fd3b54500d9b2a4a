/* Answers that need no opencode, beside floor A: a libfcgi program that only answers, with the same bytes. */
import { REFUSED, fastcgi, newStore, rounds, startFloor, startNginx, startStandin, startWorker } from '../lab.mjs'
import { alternate, askOnce, costing, fill, flowId, repeat, variables } from '../load.mjs'

export const title = 'Answers, behind nginx, 16 connections'

export async function measure(table) {
  const store = newStore()
  const standin = await startStandin()
  await fill(store, { count: 1 })
  const page = `/signin/flow/${flowId(0)}`
  const worker = await startWorker({ store, opencode: standin.socket })
  const bytes = async (target) => (await askOnce(worker.socket, variables('GET', target))).text
  const refusing = await startFloor(await bytes(REFUSED))
  const showing = await startFloor(await bytes(page))
  const nginx = await startNginx({
    refusing: fastcgi(refusing.socket),
    showing: fastcgi(showing.socket),
    fresh: fastcgi(worker.socket),
    kept: fastcgi(worker.socket, true),
  })
  const { ports } = nginx

  const refused = await alternate(
    {
      floor: () => costing(refusing, () => repeat(ports.refusing, REFUSED, 400)),
      fresh: () => costing(worker, () => repeat(ports.fresh, REFUSED, 400)),
      kept: () => costing(worker, () => repeat(ports.kept, REFUSED, 400)),
    },
    rounds,
  )
  const shown = await alternate(
    {
      floor: () => costing(showing, () => repeat(ports.showing, page, 200)),
      fresh: () => costing(worker, () => repeat(ports.fresh, page, 200)),
    },
    rounds,
  )
  const beside = (figure, base, target) => {
    table.ratio(figure, base, target)
    table.ratio(figure, base, undefined, { of: 'cpu' })
  }
  const a = table.addLoad('A: libfcgi, only answers', refused.floor)
  beside(table.addLoad('worker, refused callback, fresh FastCGI connections', refused.fresh), a, { atLeast: 0.9 })
  beside(table.addLoad('worker, refused callback, kept FastCGI connections', refused.kept), a, { atLeast: 1.5 })
  const p = table.addLoad("A, with the flow page's bytes", shown.floor)
  beside(table.addLoad('worker, flow page in its own browser, fresh', shown.fresh), p, { atLeast: 0.85 })
  for (const program of [nginx, worker, refusing, showing, standin]) await program.stop()
}
