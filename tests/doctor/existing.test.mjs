/* opencode-callback.fcgi --doctor, at sites that are not ours: see existing.mjs. */
import { test } from 'node:test'
import { enterNetwork } from './network.mjs'

const { inside, reason } = enterNetwork(import.meta.url)
if (inside) await import('./existing.mjs')
else if (reason) test('--doctor', { skip: reason }, () => {})
