/*
 * A real redis-server with the shipped settings and users, on a socket or a port of its own.
 */
import assert from 'node:assert/strict'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { give, unprivileged } from './front.mjs'
import { scratch, startProgram, until } from './net.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
export const CONF = join(root, 'conf/redis/redis.conf')
export const USER = 'opencode-callback'
export const PASSWORD = 'CANARYredispassword'
export const PREFIX = 'opencode-callback:{flows}:'

/* One reply from the start of text: [value, what is behind it]; undefined while it is not whole. */
function parse(text) {
  const end = text.indexOf('\r\n')
  if (end < 0) return undefined
  const head = text.slice(1, end)
  const rest = text.slice(end + 2)
  if (text[0] === ':') return [Number(head), rest]
  if (text[0] === '+') return [head, rest]
  if (text[0] === '-') return [new Error(head), rest]
  const size = Number(head)
  if (size < 0) return [null, rest]
  if (text[0] === '$') return rest.length < size + 2 ? undefined : [rest.slice(0, size), rest.slice(size + 2)]
  const items = []
  let left = rest
  while (items.length < size) {
    const item = parse(left)
    if (!item) return undefined
    items.push(item[0])
    left = item[1]
  }
  return [items, left]
}

/* One command over a connection of its own, by the user who may do all. Rejects with Redis' error. */
export function command(where, ...words) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(where)
    let text = ''
    const finish = (action, value) => {
      clearTimeout(timer)
      socket.destroy()
      action(value)
    }
    const timer = setTimeout(() => finish(reject, new Error(`no reply to ${words[0]}`)), 5000)
    const line = (all) => `*${all.length}\r\n${all.map((word) => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`).join('')}`
    socket.on('error', (error) => finish(reject, error))
    socket.on('connect', () => socket.write(line(['AUTH', 'admin', 'x']) + line(words)))
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      const first = parse(text)
      const second = first && parse(first[1])
      if (second) finish(second[0] instanceof Error ? reject : resolve, second[0])
    })
  })
}

/*
 * port: TCP in the place of the socket; settings: more words for redis-server; path: the folder of an
 * earlier one. where, spec (for [flow] store), settings (for [flow]), run(...words), info(section) → {name: value},
 * start() once more after stop(), dump() (every key with its value, as text), remove().
 */
export async function startRedis({ port, settings = [] } = {}) {
  const folder = scratch('redis')
  const file = (name) => join(folder.path, name)
  chmodSync(folder.path, 0o755)
  const users = readFileSync(join(root, 'conf/redis/users.acl'), 'utf8').replace('CHANGE-THIS', PASSWORD)
  writeFileSync(file('users.acl'), `${users}user admin on nopass ~* +@all\n`)
  writeFileSync(file('password'), `${PASSWORD}\n`, { mode: 0o600 })
  give(folder.path, file('users.acl'), file('password'))
  const where = port ? { host: '127.0.0.1', port } : { path: file('redis.sock') }
  const self = { where, path: folder.path, spec: port ? `redis://127.0.0.1:${port}` : `redis:${where.path}` }
  self.settings = { store: self.spec, store_username: USER, store_password_file: file('password') }
  self.run = (...words) => command(where, ...words)
  self.start = async () => {
    const place = port ? ['--port', port, '--bind', '127.0.0.1', '--unixsocket', ''] : ['--unixsocket', where.path]
    const args = [CONF, ...place, '--aclfile', file('users.acl'), '--dir', folder.path, ...settings]
    self.program = startProgram(...unprivileged('redis-server', args.map(String)), { cwd: '/' })
    await until('redis-server answers', () => {
      assert.ok(self.program.running(), self.program.output())
      return self.run('PING')
    })
  }
  self.stop = (signal) => self.program.stop(signal)
  self.pause = () => process.kill(self.program.pid, 'SIGSTOP')
  self.goOn = () => process.kill(self.program.pid, 'SIGCONT')
  self.info = async (section) => Object.fromEntries((await self.run('INFO', section)).split('\r\n').map((line) => line.split(/:(.*)/)))
  self.keys = async (pattern = '*') => (await self.run('KEYS', `${PREFIX}${pattern}`.replaceAll('{', '\\{').replaceAll('}', '\\}'))).sort()
  self.dump = async () => {
    const read = { string: ['GET'], hash: ['HGETALL'], zset: ['ZRANGE', 0, -1] }
    const lines = []
    for (const key of await self.run('KEYS', '*')) {
      const [name, ...rest] = read[await self.run('TYPE', key)] ?? ['TYPE']
      lines.push(`${key} ${[await self.run(name, key, ...rest)].flat().join(' ')}`)
    }
    return lines.join('\n')
  }
  self.remove = async () => {
    if (self.program.running()) self.goOn()
    await self.program.stop()
    folder.remove()
  }
  await self.start()
  return self
}
