/*
 * The versions of opencode that the tests can start. Most tests start the 1.x of tests/package.json, which
 * OPENCODE is. The others are packages of one program each, named opencode-VERSION: those of `make check` in
 * tests/node_modules, the others in tests/opencodes/node_modules.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

export const OPENCODE = process.env.OPENCODE_BIN || here('../node_modules/.bin/opencode')

/* A preview of opencode 2. */
export const NEXT = '2'

/* The oldest and the newest 1.x that are supported, and the preview. */
const IN_CHECK = ['1.14.34', '1.18.34', NEXT]

/* Those that `make check` runs, or all (OPENCODES=all, `make check-opencodes`), oldest first. */
export const VERSIONS = process.env.OPENCODES === 'all'
  ? ['1.14.34', '1.15.13', '1.17.0', '1.18.3', '1.18.34', NEXT]
  : IN_CHECK

/* The program of a version; undefined is OPENCODE. */
export function programOf(version) {
  if (!version) return OPENCODE
  const folder = IN_CHECK.includes(version) ? '../node_modules' : '../opencodes/node_modules'
  return here(`${folder}/opencode-${version}/bin/${version === NEXT ? 'opencode2' : 'opencode'}`)
}

/* Why a version cannot be started here; null if it can. The packages are made for one platform. */
export function cannotRun(version) {
  const program = programOf(version)
  const machine = `${process.platform}-${process.arch}`
  if (!existsSync(program)) {
    return machine === 'linux-x64' ? `opencode ${version} is not installed` : `there is no package of opencode ${version} for ${machine}`
  }
  const { status, signal, error } = spawnSync(program, ['--version'], { stdio: 'ignore' })
  return status === 0 ? null : `opencode ${version} does not run here: ${error?.message ?? signal ?? `exit ${status}`}`
}
