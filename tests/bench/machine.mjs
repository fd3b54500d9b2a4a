/* What a figure depends on besides the programs: the machine, and the versions of what takes part. */
import { cpus, loadavg, release, totalmem } from 'node:os'
import { brief, fcgi, rounds, run, seconds } from './lab.mjs'

async function version(file, args, pattern) {
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` }
  const said = await run(file, args, { env }).catch((error) => error)
  return pattern.exec(`${said.stdout}${said.stderr}`)?.[1] ?? 'none'
}

const loadBefore = loadavg()[0]

export async function machine() {
  const number = /(\d+\.\d[\w.]*)/
  return {
    cores: cpus().length,
    processor: cpus()[0]?.model ?? 'unknown',
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: release(),
    'load before': loadBefore,
    'opencode-callback': await version(fcgi, ['--version'], number),
    compiler: await version(process.env.CC || 'cc', ['--version'], /\) ([\d.]+)/),
    libcurl: await version('pkg-config', ['--modversion', 'libcurl'], number),
    nginx: await version('nginx', ['-v'], number),
    wrk: await version('wrk', ['-v'], number),
    node: process.versions.node,
    php: await version('php-fpm8.2', ['-v'], number),
    rounds,
    'seconds each': seconds,
    ...(brief ? { brief: 'yes: too few rounds for figures that mean something' } : {}),
  }
}
