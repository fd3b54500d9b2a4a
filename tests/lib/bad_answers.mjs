/*
 * How an opencode may answer badly, as answers of the stand-in (standin.mjs). Each comes at once.
 */
import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { json } from './standin.mjs'

const EVIL = '<script>EVIL</script><a href="http://evil.example/">EVIL</a>'
export const head = 'HTTP/1.1 200 OK\r\n'
const bomb = gzipSync(Buffer.alloc(20 * 1024 * 1024)).toString('latin1')

export const bad = {
  'closes at once': 'close',
  'closes in the status line': { raw: 'HTTP/1.' },
  'closes after the status line': { raw: head },
  'closes in the headers': { raw: `${head}Content-Type: applica` },
  'closes in the body': { raw: `${head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"url":"` },
  'speaks no HTTP': { raw: 'EVIL\r\n\r\n' },
  'HTTP of another version': { raw: 'HTTP/3.7 200 OK\r\n\r\nEVIL' },
  'headers without end': { raw: `${head}${'X-A: EVIL\r\n'.repeat(40_000)}` },
  'one header without end': { raw: `${head}X-A: ${'x'.repeat(400_000)}` },
  '2 GiB announced': { raw: `${head}Content-Length: 2147483648\r\n\r\n${'x'.repeat(100_000)}`, then: 'hang' },
  'a chunk of 4 GiB': { raw: `${head}Transfer-Encoding: chunked\r\n\r\nffffffff\r\n${'x'.repeat(100_000)}`, then: 'hang' },
  'chunks that are none': { raw: `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\nEVIL` },
  'a body without end': { raw: `${head}\r\n${'x'.repeat(300_000)}` },
  'a gzip bomb': { status: 200, headers: { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' }, body: Buffer.from(bomb, 'latin1') },
  'HTML with a script': { status: 200, headers: { 'Content-Type': 'text/html' }, body: EVIL },
  'JSON of another kind': json([[[['EVIL']]]]),
  'JSON as deep as it goes': { status: 200, headers: { 'Content-Type': 'application/json' }, body: '['.repeat(60_000) },
  'a redirect elsewhere': { status: 302, headers: { Location: 'http://evil.example/EVIL' }, body: '' },
  '400': json({ name: 'BadRequest', data: { message: EVIL } }, 400),
  '401': { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="Secure Area"' }, body: EVIL },
  '404': { status: 404, body: EVIL },
  '500': json({ name: 'UnknownError', data: { message: EVIL } }, 500),
}

/* Nothing of it is in an answer of ours. */
export const hidden = (answer, what) => assert.ok(!(answer.body + JSON.stringify(answer.headers)).includes('EVIL'), `${what} shows what opencode said`)
