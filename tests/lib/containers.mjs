/*
 * Runs the services of a compose file from the files of their images, as a container engine would: their users,
 * without rights, with read-only files, and with the volumes, tmpfs and networks that the file says. No engine is
 * needed: docker has a daemon, and `podman run` raises limits, which is not allowed everywhere; namespaces and
 * bind mounts are what both use. The caller needs mounts of its own (namespace.mjs).
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chownSync, closeSync, existsSync, lstatSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { startProgram, until } from './net.mjs'
import { ROOT } from './place.mjs'

/* The addresses of the services in the network that compose makes for them. */
const NETWORK = '10.89.13'

/* A compose file, with the variables of env in their places; one that must be set, and is not, is an error. */
export function readCompose(file, env) {
  const load = 'import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))'
  const text = execFileSync('/usr/bin/python3', ['-c', load, join(ROOT, 'conf/docker', file)], { encoding: 'utf8' })
  return JSON.parse(text, (_, value) => typeof value === 'string' ? value.replace(/\$\{(\w+):\?\}/g, (_, name) => {
    assert.ok(env[name], `${file} needs ${name}`)
    return env[name]
  }) : value)
}

/* Why this machine has no containers of ours; false if it has. */
export function cannotContain() {
  const link = ['ip', 'link', 'add', 'name', 'a', 'type', 'veth', 'peer', 'name', 'b']
  const tried = spawnSync('unshare', ['--net', '--mount', '--pid', '--fork', ...link], { encoding: 'utf8' })
  return tried.status === 0 ? false : `no namespaces or no veth: ${(tried.error?.message ?? tried.stderr).trim()}`
}

/*
 * Makes a container and becomes its process 1. Arguments: the root folder, a shell command that sets up the network,
 * ro or rw, one shell command for each mount, --, and the words of the program.
 */
const CONTAINER = `
root=$1 setup=$2 mode=$3; shift 3
mount --bind "$root" "$root"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t tmpfs -o nosuid,mode=755 tmpfs "$root/dev"
for name in null zero full random urandom tty; do : >"$root/dev/$name"; mount --bind "/dev/$name" "$root/dev/$name"; done
ln -s /proc/self/fd "$root/dev/fd"
for n in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/\${n%:*}" "$root/dev/\${n#*:}"; done
mkdir -m 1777 "$root/dev/shm"
while [ "$1" != -- ]; do
	eval "$1"
	shift
done
shift
mount -o "remount,bind,$mode" "$root"
eval "$setup"
cd "$root"
pivot_root . mnt
umount -l /mnt
exec "$@"`

/* docker-init: process 1 hands signals on, and ends with its child. */
const INIT = `trap 'kill -TERM $child' TERM INT; "$@" & child=$!; wait $child; wait $child`

const quote = (text) => `'${text.replaceAll("'", `'\\''`)}'`
const split = (text) => text.split('\n').map((line) => line.split(':'))

/* The numbers of an image's user, and its home, by the image's own /etc. */
function userOf(root, name) {
  const [, , uid, gid, , home] = split(readFileSync(join(root, 'etc/passwd'), 'utf8')).find(([user]) => user === name)
  const groups = split(readFileSync(join(root, 'etc/group'), 'utf8')).filter(([, , , users]) => users?.split(',').includes(name))
  return { uid: Number(uid), gid: Number(gid), home, groups: [gid, ...groups.map(([, , number]) => number)].join(',') }
}

/*
 * compose: of readCompose() · images: of openImages() · names: {service: name of its image} · folder: where volumes
 * and logs are. The answer:
 *   start(service, {environment, binds})   what the user of the file adds: variables, and {place inside: path here};
 *                  gives {pid, exec(command), health(), logs(), stop()}
 *   reach(service) the words before a command that runs it in the network of a service
 *   host(path)     where this run has a path that the file names on the host
 *   stop()         ends all of it
 */
export function openProject({ compose, images, names, folder }) {
  const volumes = new Map()
  const networks = new Map()
  const running = new Set()
  let count = 0
  const services = Object.keys(compose.services)
  const alone = (name) => compose.services[name].network_mode === 'none'
  const address = (name) => `${NETWORK}.${services.indexOf(name) + 2}`
  const hosts = join(folder, 'hosts')
  const host = (path) => join(folder, 'host', path)
  const known = services.filter((name) => !alone(name)).map((name) => `${address(name)} ${name}\n`)
  writeFileSync(hosts, `127.0.0.1 localhost\n${known.join('')}`)

  /* A named volume is a folder with the owner and the files of the image's, at first; or what its options say. */
  function volume(name, place, root) {
    if (volumes.has(name)) return volumes.get(name)
    const path = join(folder, 'volumes', name)
    mkdirSync(path, { recursive: true })
    const { type, device, o } = compose.volumes[name]?.driver_opts ?? {}
    if (type) execFileSync('mount', ['-t', type, '-o', o, device, path])
    else if (existsSync(join(root, place))) execFileSync('cp', ['-a', '-T', join(root, place), path])
    volumes.set(name, path)
    return path
  }

  /* A network that outlives its container, with a loopback; of the two that share one, each is an end of a cable. */
  async function network(name) {
    if (networks.has(name)) return networks.get(name)
    const holder = startProgram('unshare', ['--net', 'sh', '-c', 'ip link set lo up && echo up && exec sleep infinity'])
    await until(`the network of ${name} is up`, () => holder.output().includes('up'))
    const inside = ['nsenter', `--net=/proc/${holder.pid}/ns/net`]
    const own = { holder, inside }
    if (!alone(name)) {
      const ip = (where, ...args) => execFileSync(where[0], [...where.slice(1), 'ip', ...args])
      const first = [...networks.values()].find(({ shared }) => shared)
      if (first) ip(first.inside, 'link', 'add', 'name', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(holder.pid))
      for (const [{ inside: where }, service] of first ? [[first, first.shared], [own, name]] : []) {
        ip(where, 'addr', 'add', `${address(service)}/24`, 'dev', 'eth0')
        ip(where, 'link', 'set', 'eth0', 'up')
      }
      own.shared = name
    }
    networks.set(name, own)
    return own
  }

  async function start(name, { environment = {}, binds = {} } = {}) {
    const service = compose.services[name]
    const config = images.config(names[name])
    const root = images.mount(names[name])
    const user = userOf(root, config.User)
    const mounts = []
    const bind = (path, place, options) => {
      assert.ok(existsSync(path), `${name} mounts ${path}`)
      const file = lstatSync(path).isFile()
      mkdirSync(join(root, file ? dirname(place) : place), { recursive: true })
      if (file) closeSync(openSync(join(root, place), 'a'))
      const target = quote(join(root, place))
      mounts.push(`mount --bind ${quote(path)} ${target}`, ...(options === 'ro' ? [`mount -o remount,bind,ro ${target}`] : []))
    }
    for (const entry of service.volumes ?? []) {
      const [source, place, options] = typeof entry === 'string' ? entry.split(':') : [entry.source, entry.target]
      bind(source.startsWith('/') ? host(source) : volume(source, place, root), place, options)
    }
    for (const entry of service.tmpfs ?? []) {
      const [place, options] = entry.split(':')
      mounts.push(`mount -t tmpfs -o nosuid,nodev,${options ?? 'noexec'},mode=1777 tmpfs ${quote(join(root, place))}`)
    }
    for (const [place, path] of Object.entries({ '/etc/hosts': hosts, ...binds })) bind(path, place, 'ro')
    const setup = Object.entries(service.sysctls ?? {})
      .map(([key, value]) => `echo ${value} >/proc/sys/${key.replaceAll('.', '/')}`).join('; ')

    const env = Object.fromEntries(config.Env.map((text) => text.split(/=(.*)/s)))
    const variables = { HOME: user.home, ...env, ...service.environment, ...environment }
    const rights = [`--reuid=${user.uid}`, `--regid=${user.gid}`, `--groups=${user.groups}`, '--inh-caps=-all']
    if (service.cap_drop?.includes('ALL')) rights.push('--bounding-set=-all')
    if (service.security_opt?.includes('no-new-privileges:true')) rights.push('--no-new-privs')
    const words = Object.entries(variables).map(([key, value]) => `${key}=${value}`)
    const as = ['env', '-i', '-C', config.WorkingDir || '/', ...words, 'setpriv', ...rights]
    const command = [...as, ...(service.init ? ['sh', '-c', INIT, 'sh'] : []), ...config.Cmd]

    // a file: what a program opens as /dev/stdout must be its own, and no socket
    const log = join(folder, `${name}-${++count}.log`)
    const output = openSync(log, 'a')
    chownSync(log, user.uid, user.gid)
    const { inside } = await network(name)
    const [program, ...args] = [...inside, 'unshare', '--mount', '--pid', '--fork', '--kill-child', '--ipc', '--uts',
      'sh', '-euc', CONTAINER, 'sh', root, setup, service.read_only ? 'ro' : 'rw', ...mounts, '--', ...command]
    const container = startProgram(program, args, { stdio: ['ignore', output, output] })
    closeSync(output)
    const logs = () => readFileSync(log, 'utf8')
    const first = () => Number(readFileSync(`/proc/${container.pid}/task/${container.pid}/children`, 'utf8').trim())
    const pid = await until(`${name} has begun`, () => {
      assert.ok(container.running(), `${name} ended: ${logs()}`)
      return first()
    })
    const enter = [`--target=${pid}`, '--mount', '--net', '--pid', '--root', '--', ...as]
    const exec = (line, timeout) => spawnSync('nsenter', [...enter, ...line], { encoding: 'utf8', timeout })
    const self = {
      pid,
      logs,
      /* Runs a command in it, as its user: {status, stdout, stderr}. */
      exec,
      /* The image's health check, once. */
      health() {
        const [kind, ...line] = config.Healthcheck.Test
        assert.equal(kind, 'CMD')
        assert.ok(container.running(), `${name} ended: ${logs()}`)
        return exec(line, config.Healthcheck.Timeout / 1e6).status === 0
      },
      /* As an engine does: asks process 1 to end. Resolves with {code, signal}. */
      async stop() {
        running.delete(self)
        if (container.running()) process.kill(pid, 'SIGTERM')
        const timer = setTimeout(() => process.kill(pid, 'SIGKILL'), 10_000)
        const how = await container.ended
        clearTimeout(timer)
        return how
      },
    }
    running.add(self)
    return self
  }

  return {
    start,
    host,
    reach: async (name) => (await network(name)).inside,
    async stop() {
      for (const one of [...running]) await one.stop()
      for (const { holder } of networks.values()) await holder.stop('SIGKILL')
      for (const [name, path] of volumes) if (compose.volumes[name]?.driver_opts) execFileSync('umount', [path])
    },
  }
}
