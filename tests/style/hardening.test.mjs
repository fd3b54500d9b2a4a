/* What the linker and the compiler were told to put into both programs, seen in the programs themselves. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { CGI, SANITIZED, WORKER } from '../lib/front.mjs'

const readelf = (file, ...options) => execFileSync('readelf', ['-W', ...options, file], { encoding: 'utf8' })

for (const [name, file] of [['CGI', CGI], ['FastCGI', WORKER]]) {
  describe(name, () => {
    test('position independent', () => {
      assert.match(readelf(file, '-h'), /Type:\s+DYN /)
      assert.match(readelf(file, '-d'), /FLAGS_1\).* PIE/)
    })
    test('relocations are read-only before it begins', () => {
      assert.match(readelf(file, '-l'), /GNU_RELRO/)
      assert.match(readelf(file, '-d'), /FLAGS\).* BIND_NOW/)
    })
    test('nothing is writable and executable, the stack is not executable', () => {
      const segments = readelf(file, '-l').split('\n').filter((line) => /^ +(LOAD|GNU_STACK) /.test(line))
      assert.ok(segments.length >= 4)
      for (const line of segments) assert.doesNotMatch(line, / RWE | R?WE /, line)
      assert.match(segments.find((line) => line.includes('GNU_STACK')), / RW /)
    })
    test('the stack and buffers are watched', { skip: SANITIZED && 'the sanitizers do that' }, () => {
      const symbols = readelf(file, '--dyn-syms')
      assert.match(symbols, /__stack_chk_fail/)
      assert.match(symbols, /__(snprintf|vsnprintf|memcpy|read)_chk/)
    })
    test('it loads nothing that only the store in Redis needs', () => {
      assert.doesNotMatch(readelf(file, '-d'), /NEEDED.*(?:hiredis|libssl|libcrypto)/)
    })
    test('it brings no search path of its own', () => assert.doesNotMatch(readelf(file, '-d'), /R(UN)?PATH/))
  })
}
