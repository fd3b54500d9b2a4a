/*
 * The figures: what was measured, how often, beside what, and what it should be. One table to read, and the
 * same as JSON.
 */
const sorted = (list) => [...list].sort((a, b) => a - b)

function median(list) {
  const all = sorted(list)
  const middle = all.length >> 1
  return all.length % 2 ? all[middle] : (all[middle - 1] + all[middle]) / 2
}

/* {median, min, max, values} */
function spread(values) {
  const all = sorted(values)
  return { median: median(values), min: all[0], max: all.at(-1), values }
}

function digits(value) {
  const size = Math.abs(value)
  if (size >= 100 || Number.isInteger(value)) return String(Math.round(value))
  return value.toFixed(size >= 10 ? 1 : size >= 0.1 ? 2 : 3)
}

const between = ({ min, max, values }) => (values.length > 1 ? `${digits(min)}–${digits(max)}` : '')
const round = (value) => Number(value.toPrecision(6))

function meets(value, { atLeast, atMost }) {
  return (atLeast === undefined || value >= atLeast) && (atMost === undefined || value <= atMost)
}

const words = ({ atLeast, atMost }) => [atLeast === undefined ? '' : `≥ ${atLeast}`, atMost === undefined ? '' : `≤ ${atMost}`].join(' ').trim()

export class Table {
  parts = []

  part(title) {
    this.parts.push({ title, figures: [] })
  }

  /* A figure of the last part: values in a unit; its latencies in milliseconds and processor time, each a list. */
  add(name, unit, values, { p50, p99, cpu, target, note } = {}) {
    const figure = { name, unit, ...spread(values), ratios: [] }
    if (p50) figure.p50 = { unit: 'ms', ...spread(p50) }
    if (p99) figure.p99 = { unit: 'ms', ...spread(p99) }
    if (cpu) figure.cpu = { unit: 'µs a request', ...spread(cpu) }
    if (target) Object.assign(figure, { target, met: meets(figure.median, target) })
    if (note) figure.note = note
    this.parts.at(-1).figures.push(figure)
    return figure
  }

  /* A load's results, as wrk or ask.c gave them. */
  addLoad(name, results, options) {
    const all = (key) => results.map((result) => result[key])
    const cpu = results[0].cpu === undefined ? undefined : all('cpu')
    return this.add(name, '/s', all('rate'), { p50: all('p50'), p99: all('p99'), cpu, ...options })
  }

  /* What a figure is of another one that was measured in turn with it; shown in the row of `at`. */
  ratio(figure, base, target, { of = 'median', at = figure } = {}) {
    const list = (one) => (of === 'median' ? one.values : one[of].values)
    const values = list(figure).map((value, i) => value / list(base)[i])
    const ratio = { what: of === 'median' ? figure.unit : of, figure: figure.name, base: base.name, ...spread(values), target }
    if (target) ratio.met = meets(Number(ratio.median.toFixed(2)), target)
    at.ratios.push(ratio)
  }

  #rows() {
    const rows = [['', 'median', '', 'min–max', 'p50 ms', 'p99 ms', 'CPU µs', 'ratio', 'min–max', 'target', '']]
    for (const { title, figures } of this.parts) {
      rows.push([], [title])
      for (const figure of figures) {
        const { ratios: [first, ...others] } = figure
        const targets = figure.target ?? first?.target
        const met = figure.met === false ? false : (first?.met ?? figure.met)
        const latency = [figure.p50, figure.p99, figure.cpu].map((one) => (one ? digits(one.median) : ''))
        rows.push([
          `  ${figure.name}`, digits(figure.median), figure.unit, between(figure), ...latency,
          first ? `${first.median.toFixed(2)}` : '', first ? between(first) : '',
          targets ? words(targets) : '', met === undefined ? '' : met ? 'ok' : 'MISSED',
        ])
        const more = others.map((ratio) => `${ratio.what === 'cpu' ? 'CPU' : ratio.what} ${ratio.median.toFixed(2)}${ratio.met === false ? ' MISSED' : ''}`)
        if (figure.note) more.unshift(figure.note)
        if (more.length > 0) rows.push([`      ${more.join(' · ')}`])
      }
    }
    return rows
  }

  text() {
    const rows = this.#rows()
    const full = rows.filter((row) => row.length > 1)
    const widths = full[0].map((_, i) => Math.max(...full.map((row) => row[i].length)))
    const pad = (cell, i) => (i === 0 || i === 2 || i === 10 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))
    return rows.map((row) => (row.length > 1 ? row.map(pad).join('  ') : (row[0] ?? '')).trimEnd()).join('\n')
  }

  missed() {
    const figures = this.parts.flatMap((part) => part.figures)
    return [...figures, ...figures.flatMap((figure) => figure.ratios)].filter(({ met }) => met === false).length
  }

  json(machine) {
    const tidy = (_, value) => (typeof value === 'number' ? round(value) : value)
    return JSON.stringify({ machine, parts: this.parts, missed: this.missed() }, tidy, 2)
  }
}
