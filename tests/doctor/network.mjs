/*
 * A network of this test's own: with a public address and a private one, port 443, and none of the ports that
 * opencode's listeners take in other tests.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const ADDRESS = '203.0.113.7'
export const PRIVATE = '192.168.113.7'

const INSIDE = 'OPENCODE_CALLBACK_TEST_NETWORK'
const script = `ip link set lo up && ip addr add ${ADDRESS}/32 dev lo && ip addr add ${PRIVATE}/32 dev lo && exec "$@"`
const within = (...command) => ['--net', 'sh', '-c', script, 'sh', ...command]

/*
 * Runs this same file once more in such a network. The answer: {inside: true} there; outside, once it
 * has ended, {inside: false}, with the reason if there can be no such network.
 */
export function enterNetwork(url) {
  if (process.env[INSIDE]) return { inside: true }
  const tried = spawnSync('unshare', within('true'), { encoding: 'utf8' })
  if (tried.status !== 0) {
    return { inside: false, reason: `no network of its own: ${(tried.error?.message ?? tried.stderr).trim()}` }
  }
  const { status } = spawnSync('unshare', within(process.execPath, fileURLToPath(url)), {
    env: { ...process.env, [INSIDE]: '1' },
    stdio: 'inherit',
  })
  process.exitCode = status ?? 1
  return { inside: false }
}
