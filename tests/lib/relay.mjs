/*
 * A relay's part of the tests: keys, and states as a site wraps them, made here by another
 * program than the one that is tested.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { chmodSync, writeFileSync } from 'node:fs'
import { give } from './front.mjs'

export const PATH = '/relay/callback'

/* Writes a key as `openssl rand -base64 32` makes one, for our programs to read; returns it. */
export function makeKey(file) {
  const key = randomBytes(32).toString('base64')
  writeFileSync(file, `${key}\n`)
  chmodSync(file, 0o600)
  give(file)
  return key
}

export const seconds = () => Math.floor(Date.now() / 1000)

export const sign = (text, key) => `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`

/* A wrapped state. expiry: in Unix seconds */
export const wrap = ({ id, key, state, expiry = seconds() + 300 }) =>
  sign(`v1.${id}.${expiry}.${Buffer.from(state).toString('base64url')}`, key)

/* The parts of one that stands in an authorize URL. */
export function unwrap(url) {
  const wrapped = new URL(url).searchParams.get('state')
  const [version, id, expiry, inner, mac] = wrapped.split('.')
  return { wrapped, version, id, expiry: Number(expiry), state: Buffer.from(inner, 'base64url').toString(), mac, text: wrapped.slice(0, -mac.length - 1) }
}
