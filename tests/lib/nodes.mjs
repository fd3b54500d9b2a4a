/*
 * Several workers that share one store, each as on a node of its own, the CGI program beside them, and
 * one stand-in for opencode behind all; for the helpers of signin.mjs.
 */
import assert from 'node:assert/strict'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { metaVariables, parseAnswer, runCgi } from './frontends.mjs'
import { fcgiExchange, fcgiRequest } from './fcgi.mjs'
import { give, makeSite, startWorker } from './front.mjs'
import { scratch } from './net.mjs'
import { startStandin } from './standin.mjs'

/*
 * count workers; flow, limit: settings. The answer: nodes [{name, worker, send()}], cgi, frontends (all of these), fcgi
 * (the first node), standin, site (for runCgi()), addNode(name), logs(), stop().
 */
export async function startNodes({ count = 3, flow, limit, strict } = {}) {
  const folder = scratch('nodes')
  chmodSync(folder.path, 0o755)
  give(folder.path)
  const standin = await startStandin(join(folder.path, 'opencode.sock'))
  const site = makeSite({ ini: { flow: { max_pending_per_client: 1000, ...flow }, limit }, opencodeSocket: standin.path, opencodePort: 4096 })
  const nodes = []
  let stderr = ''
  const cgi = {
    name: 'CGI',
    async send(request) {
      const answer = await runCgi(site, metaVariables(request), request.body)
      stderr += answer.stderr
      assert.deepEqual([answer.code, answer.signal], [0, null], answer.stderr)
      return parseAnswer(answer.stdout)
    },
  }
  const self = { nodes, cgi, standin, site }
  self.addNode = async (name) => {
    const worker = await startWorker(site, { name: `${name}.sock`, strict })
    const node = {
      name,
      worker,
      async send(request) {
        const answer = await fcgiExchange(worker.socket, fcgiRequest(metaVariables(request), request.body))
        assert.ok(answer.ended, 'the request has an end')
        return parseAnswer(answer.stdout)
      },
    }
    nodes.push(node)
    return node
  }
  self.logs = () => [stderr, ...nodes.map((node) => node.worker.output())].join('\n')
  self.stop = async () => {
    for (const { worker } of nodes) if (worker.running()) await worker.stop()
    await standin.stop()
    site.remove()
    folder.remove()
  }
  try {
    for (let i = 1; i <= count; i++) await self.addNode(`node${i}`)
  } catch (error) {
    await self.stop()
    throw error
  }
  self.frontends = [...nodes, cgi]
  self.fcgi = nodes[0]
  return self
}
