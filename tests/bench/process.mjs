/* What /proc tells of a process: its children, memory, processor time, and how often its threads were woken. */
import { readFileSync, readdirSync } from 'node:fs'

const numbers = (text, pattern) => [...text.matchAll(pattern)].map(([, number]) => Number(number))

/* Resident MiB of one process. */
export function resident(pid) {
  return numbers(readFileSync(`/proc/${pid}/status`, 'latin1'), /VmRSS:\s+(\d+)/g)[0] / 1024
}

/* What look gives, or otherwise if the process has ended meanwhile. */
function ifThere(look, otherwise) {
  try {
    return look()
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(error.code)) return otherwise
    throw error
  }
}

function children(pid) {
  const threads = ifThere(() => readdirSync(`/proc/${pid}/task`), [])
  const lists = threads.map((thread) => ifThere(() => readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1'), ''))
  return lists.join(' ').split(/\s+/).filter(Boolean)
}

/* All that a process has started, and they. */
export function offspring(pid) {
  return children(pid).flatMap((child) => [Number(child), ...offspring(child)])
}

/* Proportional MiB of a process and all that it started: what is shared counts once. */
export function proportional(pid) {
  const own = (one) => numbers(ifThere(() => readFileSync(`/proc/${one}/smaps_rollup`, 'latin1'), ''), /^Pss:\s+(\d+)/gm)[0] ?? 0
  return [pid, ...offspring(pid)].reduce((sum, one) => sum + own(one) / 1024, 0)
}

/* Context switches of all threads so far. */
export function switches(pid) {
  return readdirSync(`/proc/${pid}/task`)
    .flatMap((task) => numbers(readFileSync(`/proc/${pid}/task/${task}/status`, 'latin1'), /ctxt_switches:\s+(\d+)/g))
    .reduce((sum, count) => sum + count, 0)
}

const TICK_US = 10_000 // of /proc, the same on every Linux

/* Microseconds of processor time of all threads so far. */
export function processorTime(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_US
}
