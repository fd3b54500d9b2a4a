/*
 * The container images of conf/docker, built by buildah as anybody would build them. No registry of images is
 * asked: the two base images are made here, with debootstrap and with Debian's nodejs and npm, from where this
 * machine gets its packages. They and the packages stay below BUILD_DIR for the next run, as archives, because others
 * look for files there; the images do not.
 * What is mounted stays mounted for this process only, if it has mounts of its own (namespace.mjs).
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BUILD } from './front.mjs'
import { ROOT } from './place.mjs'

const KEPT = join(BUILD, 'images')
const BASES = join(KEPT, 'bases.tar')
const MADE_FROM = join(KEPT, 'bases.made-from')
const ARCHIVES = join(KEPT, 'archives')
const DOCKERFILE = join(ROOT, 'conf/docker/Dockerfile')
const MAKE = join(ROOT, 'tests/debian/make')

/* What Debian's slim image has besides a minimal Debian: no documents, and no second copy of apt's lists. */
const SLIM = {
  'etc/dpkg/dpkg.cfg.d/docker': ['doc', 'groff', 'info', 'linda', 'lintian', 'locale', 'man']
    .map((name) => `path-exclude /usr/share/${name}/*\n`).join(''),
  'etc/dpkg/dpkg.cfg.d/docker-apt-speedup': 'force-unsafe-io\n',
  'etc/apt/apt.conf.d/docker-clean': 'Dir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\n',
}
const LEFT_OUT = `rm -rf usr/share/doc/* usr/share/info/* usr/share/locale/* usr/share/man/* \
  var/lib/apt/lists/* var/cache/apt/*.bin var/cache/apt/archives/*.deb`

/* Why images cannot be built here; false if they can. */
export function cannotBuild() {
  if (process.getuid() !== 0) return 'needs root'
  for (const program of ['buildah', 'debootstrap']) {
    if (spawnSync(program, ['--version']).error) return `${program} is not installed`
  }
  return false
}

function run(program, args, { input, env } = {}) {
  const result = spawnSync(program, args, { encoding: 'utf8', input, env: { ...process.env, ...env }, maxBuffer: 1 << 26 })
  if (result.status === 0) return result.stdout.trim()
  const said = `${result.stdout}\n${result.stderr}`.split('\n').slice(-30).join('\n')
  throw new Error(`${program} ${args.join(' ')}: ${result.error?.message ?? result.status}\n${said}`)
}

/* On a disk: images take gigabytes, and /tmp may be in memory. */
const newFolder = () => mkdtempSync(join(process.env.TMPDIR || '/var/tmp', 'opencode-callback-images-'))

/* vfs works everywhere, but copies all files for each layer: overlay takes half its time. */
function chooseDriver() {
  const script = 'mkdir lower upper work all; mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay all; umount all'
  const folder = newFolder()
  const tried = spawnSync('unshare', ['--mount', 'sh', '-euc', script], { cwd: folder })
  rmSync(folder, { recursive: true })
  return tried.status === 0 ? 'overlay' : 'vfs'
}

/* A buildah whose images are all below one folder. */
const buildahIn = (folder, driver) => (...args) => run('buildah', [
  '--root', join(folder, 'storage'), '--runroot', join(folder, 'run'), '--storage-driver', driver, ...args,
], { env: { BUILDAH_ISOLATION: 'chroot' } })

/* The base images are good as long as nothing changes that they are made from. */
function wanted(driver) {
  const told = (program, ...args) => execFileSync(program, args, { encoding: 'utf8' })
  const apt = [told('apt-get', 'indextargets', '--format', '$(LABEL)|$(REPO_URI)'), told('apt-config', 'dump')]
  const npm = ['userconfig', 'globalconfig'].map((name) => told('npm', 'config', 'get', name).trim())
    .map((file) => (existsSync(file) ? readFileSync(file, 'utf8') : ''))
  const made = [MAKE, new URL(import.meta.url)].map((file) => readFileSync(file, 'utf8'))
  return createHash('sha256').update(JSON.stringify([driver, apt, npm, made])).digest('hex')
}

/* Fills a folder with the two base images, from the archive if it is good. */
function getBases(folder, driver) {
  const key = wanted(driver)
  if (existsSync(MADE_FROM) && readFileSync(MADE_FROM, 'utf8') === key) {
    run('tar', ['-x', '--xattrs', '--xattrs-include=*', '-f', BASES, '-C', folder])
    return
  }
  rmSync(MADE_FROM, { force: true })
  const buildah = buildahIn(folder, driver)
  const debian = join(folder, 'debian')
  run(MAKE, ['bookworm', debian, 'ca-certificates'])
  for (const [name, text] of Object.entries(SLIM)) writeFileSync(join(debian, name), text)
  run('sh', ['-euc', `cd "$1"; ${LEFT_OUT}`, 'sh', debian])

  const first = buildah('from', 'scratch')
  buildah('add', '--quiet', first, debian, '/')
  buildah('commit', '--quiet', '--rm', first, 'debian:12-slim')
  rmSync(debian, { recursive: true })
  const second = buildah('from', '--pull=never', 'debian:12-slim')
  buildah('run', '--volume', `${ARCHIVES}:/var/cache/apt/archives`, second, 'sh', '-euc',
    'apt-get update; DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends nodejs npm')
  buildah('commit', '--quiet', '--rm', second, 'node:22-slim')
  run('tar', ['-c', '--xattrs', '--xattrs-include=*', '-f', BASES, '-C', folder, 'storage'])
  writeFileSync(MADE_FROM, key)
}

/*
 * Makes the base images, if they are not there, and a place for images of this run. The answer:
 *   build(target, name, args)  builds a target of the Dockerfile under a name, with build arguments
 *   config(name)               what the image says of its program: User, Env, Cmd, WorkingDir, Healthcheck
 *   mount(name)                the files of a new container of an image: a folder
 *   remove()                   takes all of it away
 */
export function openImages() {
  mkdirSync(join(ARCHIVES, 'partial'), { recursive: true, mode: 0o755 })
  // npm's settings may hold a password
  execFileSync('chmod', ['700', KEPT])
  const driver = chooseDriver()
  const folder = newFolder()
  const buildah = buildahIn(folder, driver)
  const remove = () => {
    spawnSync('umount', ['--recursive', join(folder, 'storage', driver)])
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    getBases(folder, driver)
  } catch (error) {
    remove()
    throw error
  }
  return {
    build(target, name, args = {}) {
      const given = Object.entries(args).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`])
      // the OCI format has no health check
      buildah('bud', '--pull=never', '--format', 'docker', `--layers=${driver === 'overlay'}`,
        '--volume', `${ARCHIVES}:/var/cache/apt/archives`,
        '--file', DOCKERFILE, '--ignorefile', `${DOCKERFILE}.dockerignore`, '--target', target, '--tag', name, ...given, ROOT)
    },
    config: (name) => JSON.parse(buildah('inspect', '--type', 'image', name)).Docker.config,
    mount: (name) => buildah('mount', buildah('from', '--pull=never', name)),
    remove,
  }
}
