/*
 * The container files, as far as they can be tried without building an image: the steps that make up each
 * image, the packages, the nginx of the web image with TLS, the modes of the shared volumes, what both
 * compose files say. tests/images/images.test.mjs builds and runs them.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { readCompose } from '../lib/containers.mjs'
import { scratch } from '../lib/net.mjs'
import { ROOT, isRoot, place } from '../lib/place.mjs'

const dockerfile = readFileSync(join(ROOT, 'conf/docker/Dockerfile'), 'utf8').replace(/\\\n\s*/g, ' ')
const lines = dockerfile.split('\n').filter((line) => line && !line.startsWith('#'))
const defaults = Object.fromEntries([...dockerfile.matchAll(/^ARG (\w+)=(\S+)$/gm)].map(([, name, value]) => [name, value]))
const out = (program, ...args) => execFileSync(program, args, { encoding: 'utf8' })

let folder
before(() => (folder = scratch('docker')))
after(() => folder?.remove())

const variables = { HOST: 'site.example.net', OPENCODE_SERVER_PASSWORD: 'x', TLS: '/tls' }
const files = ['compose.yaml', 'without-web.yaml']
const [compose, withoutWeb] = files.map((file) => readCompose(file, variables))

test('every line of the Dockerfile is an instruction, every stage is there before it is used', () => {
  const stages = new Set()
  for (const line of lines) {
    assert.match(line, /^(FROM|ARG|RUN|COPY|USER|ENV|HEALTHCHECK|CMD|WORKDIR) \S/)
    const from = /^FROM (\S+) AS (\S+)$/.exec(line)
    if (line.startsWith('FROM')) {
      assert.ok(stages.has(from[1]) || /^(debian:12-slim|node:22-slim)$/.test(from[1]), line)
      stages.add(from[2])
    }
    const copy = /^COPY --from=(\S+)/.exec(line)
    if (copy) assert.ok(stages.has(copy[1]), line)
  }
  for (const { build } of Object.values(compose.services)) assert.ok(stages.has(build.target))
})

test('what is copied is there: in the tree, or in what make install puts there', () => {
  place('install', { destdir: join(folder.path, 'installed'), prefix: '/usr' })
  const ignored = readFileSync(join(ROOT, 'conf/docker/Dockerfile.dockerignore'), 'utf8').trim().split('\n')
  let copies = 0
  for (const line of lines.filter((line) => line.startsWith('COPY'))) {
    const [, stage, source] = /^COPY (?:--from=(\S+) )?(\S+) \S+$/.exec(line.replace(/\$\{(\w+)\}/, (_, name) => defaults[name]))
    copies++
    if (stage === 'build') assert.ok(existsSync(join(folder.path, source)), line)
    else if (stage === 'npm') {
      assert.ok(lines.some((made) => made.startsWith('RUN npm') && made.includes(` ${source} `) || made.endsWith(`>${source}`)), line)
    } else {
      assert.ok(existsSync(join(ROOT, source)), line)
      assert.ok(!ignored.some((name) => `/${source}`.startsWith(name)), line)
    }
  }
  assert.ok(copies >= 7)
})

test('what is built needs nothing that the build leaves out', () => {
  const source = join(folder.path, 'src')
  mkdirSync(source)
  const kept = ['Makefile', 'README.md', 'CHANGELOG.md', 'LICENSE', 'common', 'cgi', 'fcgi', 'conf']
  execFileSync('cp', ['-a', ...kept.map((name) => join(ROOT, name)), source])
  const line = lines.find((line) => line.startsWith('RUN make'))
  const command = line.slice(4).replaceAll('/src', source).replaceAll('/build', `${folder.path}/build`)
    .replaceAll('/installed', `${folder.path}/made`).replaceAll(' all', ' CFLAGS=-O0 all')
  const result = spawnSync('sh', ['-c', command], { encoding: 'utf8' })
  assert.equal(result.status, 0, result.stderr)
  assert.ok(existsSync(join(folder.path, 'made/usr/sbin/opencode-callback.fcgi')))
})

const [, release] = /^FROM debian:(\d+)-slim/m.exec(dockerfile)
const here = /^VERSION_ID="(\d+)"/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1]
const elsewhere = here !== release && `the images are Debian ${release}, this is not`

test('the packages exist, and the handler has all that its program needs', { skip: elsewhere }, () => {
  const groups = [...dockerfile.matchAll(/apt-get install -y --no-install-recommends +([a-z0-9+. -]+)/g)]
    .map(([, list]) => list.trim().split(/ +/).filter((name) => /^[a-z]/.test(name)))
  assert.equal(groups.length, 4)
  const policy = out('apt-cache', 'policy', ...new Set(groups.flat()))
  for (const name of groups.flat()) {
    assert.match(policy, new RegExp(`^${name.replaceAll('+', '\\+')}:\n.*\n  Candidate: [^(]`, 'm'), name)
  }
  const needed = out('ldd', join(folder.path, 'installed/usr/sbin/opencode-callback.fcgi')).matchAll(/=> (\/\S+)/g)
  for (const [, path] of needed) {
    const owners = [path, path.replace(/^\/lib/, '/usr/lib'), path.replace(/^\/usr/, '')]
      .flatMap((name) => spawnSync('dpkg', ['-S', name], { encoding: 'utf8' }).stdout.split('\n'))
      .map((line) => line.split(':')[0])
    assert.ok(owners.some((name) => name === 'libc6' || groups[1].includes(name)), path)
  }
})

test('the opencode is the one that the tests run, and so is the preview that is named', () => {
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(ROOT, 'tests/package.json'), 'utf8'))
  assert.equal(defaults.OPENCODE_PACKAGE, `opencode-ai@${dependencies['opencode-ai']}`)
  assert.ok(dockerfile.includes(`# ${optionalDependencies['opencode-2'].replace('npm:', '')}.`))
  for (const { services } of [compose, withoutWeb]) assert.deepEqual(services.opencode.build.args, Object.keys(defaults))
})

test('without-web.yaml is compose.yaml without its web server', () => {
  const { web, ...services } = structuredClone(compose.services)
  const others = structuredClone(withoutWeb.services)
  assert.ok(web)
  delete services.opencode.expose
  assert.deepEqual(others.opencode.ports, ['127.0.0.1:4096:4096'])
  delete others.opencode.ports
  const place = '/run/opencode-callback-web'
  assert.equal(services.handler.volumes.pop(), `worker-socket:${place}`)
  assert.equal(others.handler.volumes.pop().target, place)
  assert.deepEqual(others, services)
  const { 'worker-socket': socket, ...volumes } = compose.volumes
  assert.ok(socket)
  assert.deepEqual(withoutWeb.volumes, volumes)
})

// docker-compose 1, which Debian 12 has, knows neither `name` nor `create_host_path`.
const engine = [['docker', 'compose'], ['docker-compose']]
  .find(([program, ...args]) => /^v?[2-9]/.test(spawnSync(program, [...args, 'version', '--short'], { encoding: 'utf8' }).stdout))
for (const file of engine ? files : []) {
  test(`docker compose takes ${file}`, () => {
    const [program, ...args] = engine
    const result = spawnSync(program, [...args, '-f', join(ROOT, 'conf/docker', file), 'config', '--quiet'], {
      encoding: 'utf8', env: { ...process.env, ...variables },
    })
    assert.equal(result.status, 0, result.stderr)
  })
}

test('no service runs as root, can change its files or gain rights', () => {
  for (const [name, service] of [compose, withoutWeb].flatMap(({ services }) => Object.entries(services))) {
    assert.equal(service.read_only, true, name)
    assert.deepEqual(service.cap_drop, ['ALL'], name)
    assert.deepEqual(service.security_opt, ['no-new-privileges:true'], name)
    const stage = dockerfile.slice(dockerfile.indexOf(`AS ${service.build.target}\n`)).split('\nFROM ')[0]
    const users = [...stage.matchAll(/^USER (\S+)$/gm)].map(([, user]) => user)
    assert.equal(users.length, 1, name)
    assert.match(stage, new RegExp(`useradd .*\\b${users[0]}\\b`))
  }
  assert.equal(compose.services.handler.network_mode, 'none')
  assert.deepEqual(Object.keys(compose.services).filter((name) => compose.services[name].ports), ['web'])
})

// Where root may not mount anything, these two steps cannot be tried.
const mounts = !isRoot || spawnSync('unshare', ['-m', 'mount', '--make-rprivate', '/']).status === 0
const mountTest = mounts ? test : (name) => console.log(`# not tried here: ${name}`)

mountTest('the shared volumes: a socket gets the group that may use it', { skip: !isRoot && 'needs root' }, () => {
  const options = ['opencode-socket', 'worker-socket'].map((name) => compose.volumes[name].driver_opts.o)
  const script = `set -e
mount --make-rprivate /
try() {
  mount -t tmpfs -o "$1" tmpfs /mnt
  setpriv --reuid="$2" --regid="$2" --groups="$3" --bounding-set=-all /usr/bin/python3 -c '
import os, socket
s = socket.socket(socket.AF_UNIX); os.umask(0o117); s.bind("/mnt/x.sock"); s.listen()'
  stat -c "%a %u %g" /mnt/x.sock
  setpriv --reuid="$4" --regid="$4" --groups="$5" --bounding-set=-all test -w /mnt/x.sock && echo used
  setpriv --reuid=65534 --regid=65534 --clear-groups test -w /mnt/x.sock || echo closed to others
  umount /mnt
}
try '${options[0]}' 10000 10000,10001 10001 10001
try '${options[1]}' 10001 10001 10002 10002
`
  const result = spawnSync('unshare', ['-m', 'sh', '-c', script], { encoding: 'utf8' })
  assert.equal(result.stdout, `660 10000 10001\nused\nclosed to others\n660 10001 10002\nused\nclosed to others\n`, result.stderr)
})

mountTest('the web image: the shipped nginx configuration, fitted by its own script', { skip: !isRoot && 'needs root' }, () => {
  const live = join(folder.path, 'tls/live/site.example.net')
  mkdirSync(live, { recursive: true })
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', '/CN=site.example.net', '-keyout', join(live, 'privkey.pem'), '-out', join(live, 'fullchain.pem')], { stdio: 'ignore' })
  // in a mount namespace, with a /tmp and an /etc of its own; its output is a pipe, as in a container
  const script = `set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
cp -a /etc /mnt/etc
cp -a '${folder.path}/tls' /mnt/etc/letsencrypt
cp '${ROOT}/conf/docker/web' '${ROOT}/conf/nginx/opencode-callback.conf' /mnt
mkdir /mnt/parts && cp '${ROOT}'/conf/nginx/part* /mnt/parts
mount --bind /mnt/etc /etc
mount -t tmpfs tmpfs /usr/share
mkdir /usr/share/opencode-callback && cp -r /mnt/parts /usr/share/opencode-callback/nginx
mount -t tmpfs tmpfs /tmp
{ /mnt/web -t && echo fine; } 2>&1 | cat`
  const nginx = (env) => spawnSync('unshare', ['-m', 'sh', '-c', script], {
    encoding: 'utf8',
    env: { PATH: `${process.env.PATH}:/usr/sbin`, SITE: '/mnt/opencode-callback.conf', OPENCODE: '127.0.0.1:4096', ...env },
  }).stdout
  assert.match(nginx({ HOST: 'site.example.net' }), /test is successful\nfine\n$/)
  for (const env of [{ HOST: 'site;evil' }, {}]) assert.match(nginx(env), /^HOST must be the name of the site.*\n$/)
})
