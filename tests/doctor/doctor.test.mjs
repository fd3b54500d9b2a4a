/* opencode-callback.fcgi --doctor: see checks.mjs. */
import { test } from 'node:test'
import { enterNetwork } from './network.mjs'

const { inside, reason } = enterNetwork(import.meta.url)
if (inside) await import('./checks.mjs')
else if (reason) test('--doctor', { skip: reason }, () => {})
