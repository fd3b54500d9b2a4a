/*
 * Our programs as they are installed: `make install` into a folder, and a worker that somebody else
 * has started, for the helpers of signin.mjs.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { metaVariables, parseAnswer } from './frontends.mjs'
import { fcgiExchange, fcgiRequest } from './fcgi.mjs'
import { BUILD } from './front.mjs'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const isRoot = process.getuid() === 0

/* The environment for make: nothing of a make that runs us. */
export function makeEnv(extra = {}) {
  const env = { ...process.env, ...extra }
  for (const name of ['MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'MAKEOVERRIDES', 'DESTDIR', 'PREFIX']) {
    if (!(name in extra)) delete env[name]
  }
  return env
}

/* conf/install with what is built, as make install runs it. Returns what it printed. */
export function place(action, { destdir, prefix = '/usr', wrap = [] }) {
  const [program, ...args] = [...wrap, join(ROOT, 'conf/install'), action]
  const env = makeEnv({ BUILD_DIR: BUILD, DESTDIR: destdir, PREFIX: prefix })
  return execFileSync(program, args, { encoding: 'utf8', env })
}

/* The files and folders below a folder, sorted; folders end with a slash. */
export function tree(folder, top = folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    const name = `/${relative(top, path)}`
    return entry.isDirectory() ? [`${name}/`, ...tree(path, top)] : [name]
  }).sort()
}

/* The worker behind a socket, with the opencode behind it, as signin.mjs wants a site. */
export function siteAt(socket, standin) {
  const fcgi = {
    name: 'FastCGI',
    async send(request) {
      const answer = await fcgiExchange(socket, fcgiRequest(metaVariables(request), request.body))
      return parseAnswer(answer.stdout)
    },
  }
  return { fcgi, standin }
}
