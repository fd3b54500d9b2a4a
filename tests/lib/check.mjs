/*
 * Runs the test files in lanes beside one another. Those with the real opencode, whose listeners have
 * fixed ports, follow one another in one lane; root gives those with a browser, and the plugin's, a network of their own,
 * and so a lane; two more lanes share the rest. Unit tests are programs that print TAP, all others are
 * for node. One line for each file, and what failed or was skipped; the whole output is below
 * BUILD_DIR/check. A few files that failed run once more, alone: what then passes was disturbed by what ran
 * beside it, and is named at the end. The last line is the sum. With CI set, a skipped test counts as failed.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createWriteStream, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'

const FILE_MINUTES = 15
const AGAIN_MAX = 3 // files that run once more; if more failed, it is not for want of quiet
const build = process.env.BUILD_DIR || 'build'
const strict = ['1', 'true', 'yes'].includes(process.env.CI)
const words = process.argv.slice(2)
const sum = { passed: 0, failed: 0, skipped: 0 }

function list(folder, wanted) {
  if (!existsSync(folder)) return []
  return readdirSync(folder).filter(wanted).sort().map((name) => join(folder, name))
}

const isTest = (name) => name.endsWith('.test.mjs')
const wanted = (file) => words.length === 0 || words.some((word) => file.includes(word))
const isolating = ['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$0" "$@"']
const isolates = spawnSync(isolating[0], [...isolating.slice(1), 'true']).status === 0
// the plugin's tests take minutes and need nothing from outside: they go with the browser's
const apart = (file) => isolates && basename(file).startsWith('plugin')
const e2e = list('tests/e2e', isTest)
const own = e2e.filter((file) => !apart(file))
const browser = [...list('tests/browser', isTest), ...e2e.filter(apart)]
const rest = [
  ...list(join(build, 'tests/unit'), (name) => extname(name) === ''),
  ...list('tests/style', isTest),
  ...list('tests/unit', isTest),
  ...list('tests/pages', isTest),
  ...list('tests/frontends', isTest),
  ...list('tests/web', isTest),
  ...list('tests/install', isTest),
  ...list('tests/doctor', isTest),
  ...list('tests/fuzz', isTest),
  ...list('tests/faults', isTest),
  ...list('tests/bench', isTest),
  ...(words.length ? list('tests/images', isTest) : []), // make check-images: they need the registries
]
const queues = [...(isolates ? [own, browser] : [[...own, ...browser]]), rest].map((files) => files.filter(wanted))
const lanes = [...queues, queues.at(-1)]

/* Whether a test looks into the programs or breaks what is under them, which their sandbox forbids. */
function traced(file) {
  return /^tests\/faults\/(?:calls|kill|memory|redis-memory|store)\./.test(file) && existsSync(join(build, 'traced'))
}

/* The beginning of what a failed test said. */
function clip(lines) {
  return lines.slice(0, 40).map((line) => line.slice(0, 300)).join('\n')
}

/*
 * With GCOV_PREFIX set (make coverage), each file's programs count in a folder of their own: two lanes do
 * not wait for one another, and a test that breaks a process while it counts damages no other file's numbers.
 */
function counting(name) {
  const { GCOV_PREFIX } = process.env
  return GCOV_PREFIX ? { GCOV_PREFIX: join(GCOV_PREFIX, name) } : {}
}

/* Runs one file, and keeps its output as NAME.log; resolves with it and how it ended. */
function run(file, kept) {
  const [program, ...args] = [
    ...(isolates && browser.includes(file) ? isolating : []),
    ...(file.endsWith('.mjs') ? [process.execPath, '--test', '--test-reporter=tap', file] : [file]),
  ]
  const name = `${basename(dirname(file))}-${basename(file)}`
  const log = createWriteStream(join(build, 'check', `${name}${kept}.log`))
  return new Promise((resolve) => {
    const env = { ...process.env, ...counting(name), BUILD_DIR: traced(file) ? join(build, 'traced') : build, CMOCKA_MESSAGE_OUTPUT: 'TAP' }
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let late = false
    const timer = setTimeout(() => {
      late = true
      child.kill('SIGKILL')
    }, FILE_MINUTES * 60_000)
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk
        log.write(chunk)
      })
    }
    child.on('error', (error) => (output += `${error.message}\n`))
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      log.end()
      resolve({ output, code, how: late ? `not done within ${FILE_MINUTES} minutes` : signal ?? `exit ${code}` })
    })
  })
}

/*
 * Counts TAP. A test that only groups others is not counted: node reports it after them, indented
 * less. node also reports the file itself as a test: that counts only if it failed by itself.
 */
function count(output) {
  const result = { passed: 0, failed: 0, skipped: 0, told: [] }
  let deepest = -1
  let block = null
  for (const line of output.split('\n')) {
    const test = /^( *)(not ok|ok) \d+ ?-? ?(.*)$/.exec(line)
    if (!test) {
      if (block && (/^ /.test(line) || line === '') && !/^ *# Subtest/.test(line)) block.push(line)
      else block = null
      continue
    }
    block = null
    const [indent, verdict, rest] = [test[1].length, test[2], test[3]]
    const groups = indent < deepest
    deepest = indent
    const skip = /# (?:SKIP|TODO)\b *(.*)$/i.exec(rest)
    if (groups && verdict === 'ok') continue
    if (skip) {
      result.skipped++
      result.told.push(`  skipped: ${rest}`)
    } else if (verdict === 'ok') {
      result.passed++
    } else {
      if (!groups) result.failed++
      block = [`  FAILED: ${rest}`]
      result.told.push(block)
    }
  }
  return result
}

mkdirSync(join(build, 'check'), { recursive: true })

/* Runs a file and tells how it ended. Resolves with its counts. */
async function runAndTell(file, { note = '', kept = '' } = {}) {
  const start = Date.now()
  const { output, code, how } = await run(file, kept)
  const result = count(output)
  if (code !== 0 && result.failed === 0) {
    result.failed++
    result.told.push(`  FAILED: ${how}\n${output.split('\n').slice(-30).join('\n')}`)
  } else if (result.passed + result.failed + result.skipped === 0) {
    result.failed++
    result.told.push('  FAILED: it ran no test')
  }
  const skipped = result.skipped ? `, ${result.skipped} skipped` : ''
  const seconds = ((Date.now() - start) / 1000).toFixed(1)
  console.log(`${file}${note}: ${result.passed} passed, ${result.failed} failed${skipped} (${seconds} s)`)
  for (const told of result.told) console.log(Array.isArray(told) ? clip(told) : told)
  return result
}

const results = new Map()

/* Runs the next file of a queue until there is none. */
async function runLane(queue) {
  for (let file; (file = queue.shift());) results.set(file, await runAndTell(file))
}

/* Runs the files that failed once more, one after another. */
async function runAgain() {
  const failed = [...results.keys()].filter((file) => results.get(file).failed)
  if (failed.length > AGAIN_MAX || results.size === 1) return
  for (const file of failed) results.set(file, await runAndTell(file, { note: ', once more and alone', kept: '-again' }))
  const disturbed = failed.filter((file) => !results.get(file).failed)
  if (disturbed.length) console.log(`passed only when alone: ${disturbed.join(', ')}`)
}

const none = queues.every((files) => files.length === 0)
await Promise.all(lanes.map(runLane))
await runAgain()
for (const result of results.values()) for (const key of Object.keys(sum)) sum[key] += result[key]
if (none) {
  console.log('no test file')
  sum.failed++
}
if (sum.skipped) console.log(`${sum.skipped} skipped${strict ? ', which counts as failed here' : ''}`)
if (strict) sum.failed += sum.skipped
console.log(`${sum.passed} passed, ${sum.failed} failed`)
process.exitCode = sum.failed ? 1 : 0
