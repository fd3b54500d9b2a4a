/*
 * A test file that mounts file systems runs a second time inside mounts of its own, where nobody else
 * sees them; that takes root.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const INSIDE = 'TESTS_OWN_MOUNTS'

/* Why a file cannot have mounts of its own; false where it has them, from this call on. */
export function ownMounts(url) {
  if (process.env[INSIDE]) return false
  if (process.getuid() !== 0) return 'mounting takes root'
  if (spawnSync('unshare', ['--mount', 'true']).status !== 0) return 'no mount namespaces here'
  const args = ['--mount', process.execPath, ...process.execArgv, fileURLToPath(url)]
  const { status } = spawnSync('unshare', args, { stdio: 'inherit', env: { ...process.env, [INSIDE]: '1' } })
  process.exit(status ?? 1)
}
