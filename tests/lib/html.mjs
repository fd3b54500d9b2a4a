/*
 * Our pages as a browser without JavaScript sees them: whether they are well-formed, and what a form of theirs sends.
 */
import assert from 'node:assert/strict'

const VOID = new Set(['area', 'base', 'br', 'col', 'hr', 'img', 'input', 'link', 'meta', 'path', 'source', 'wbr'])
const TAG = /<(\/?)([a-z][a-z0-9]*)((?:\s+[a-zA-Z-]+(?:="[^"<]*")?)*)\s*\/?>/y

export const unescapeHtml = (text) => text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&')

/* Every tag is a whole one and closed in order, and every & begins a reference. */
export function assertWellFormed(html, what = 'the page') {
  const open = []
  let at = html.indexOf('>') + 1
  assert.ok(/^<!doctype html>/i.test(html), what)
  while ((at = html.indexOf('<', at)) >= 0) {
    TAG.lastIndex = at
    const tag = TAG.exec(html)
    assert.ok(tag, `${what}: ${html.slice(at, at + 200)}`)
    const [whole, end, name] = tag
    if (end) assert.equal(open.pop(), name, `${what}: ${html.slice(Math.max(0, at - 200), at + 20)}`)
    else if (!VOID.has(name)) open.push(name)
    at += whole.length
  }
  assert.deepEqual(open, [], what)
  assert.doesNotMatch(html, /&(?!(?:amp|lt|gt|quot|#39);)/, what)
}

const attributes = (text) => Object.fromEntries([...text.matchAll(/([a-z-]+)(?:="([^"]*)")?/g)].map(([, name, value = '']) => [name, unescapeHtml(value)]))

/* The forms of a page: [{data: {provider, method, mcp}, fields: what they send as they are, choices}]. */
export function formsOf(html) {
  return [...html.matchAll(/<form ([^>]*)>([^]*?)<\/form>/g)].map(([, head, body]) => {
    const own = attributes(head)
    const fields = {}
    for (const [, text] of body.matchAll(/<input ([^>]*)>/g)) {
      const { name, type, value = '', checked } = attributes(text)
      if (type !== 'checkbox' || checked !== undefined) fields[name] = value
    }
    for (const [, name, options] of body.matchAll(/<select name="([^"]*)">([^]*?)<\/select>/g)) {
      const all = [...options.matchAll(/<option ([^>]*)>/g)].map(([, text]) => attributes(text))
      fields[unescapeHtml(name)] = (all.find(({ selected }) => selected !== undefined) ?? all[0])?.value
    }
    return { provider: own['data-provider'], method: own['data-method'], mcp: own['data-mcp'], action: own.action, fields, body }
  })
}
