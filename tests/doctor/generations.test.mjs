/* opencode-callback.fcgi --doctor and the generations of opencode: see generations.mjs. */
import { test } from 'node:test'
import { enterNetwork } from './network.mjs'

const { inside, reason } = enterNetwork(import.meta.url)
if (inside) await import('./generations.mjs')
else if (reason) test('--doctor and opencode 2', { skip: reason }, () => {})
