/*
 * --doctor at sites that are not ours (tests/lib/existing_sites.mjs): without our line it says that the line is missing,
 * with the line at a wrong place what stands above it, and with the line that all of our paths come to us.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { SITES, SITE_PASSWORD, USER, startExisting } from '../lib/existing_sites.mjs'
import { give, iniText } from '../lib/front.mjs'
import { scratch } from '../lib/net.mjs'
import { startStandin } from '../lib/standin.mjs'
import { ADDRESS } from './network.mjs'
import { bridge, doctorInTime, startOpencode } from './site.mjs'

const OURS = ['pages', 'callbacks', 'firewall', 'begins', 'headers', 'cookie', 'forwarded']

/* Runs the doctor at a site that has the line at a place. */
async function look({ server, site }, at) {
  const folder = scratch('doctor')
  const parts = [{ stop: folder.remove }]
  let opencode
  try {
    opencode = await startOpencode({ password: 'geheim' })
    const standin = await startStandin(join(folder.path, 'opencode.sock'))
    parts.push(standin)
    const password = join(folder.path, 'password')
    writeFileSync(password, 'geheim\n', { mode: 0o600 })
    give(folder.path, password)
    const secure = /%(CERT|BOTH)%/.test(site.text)
    const url = secure ? `https://${ADDRESS}` : undefined
    const front = await startExisting({
      server, site, at, host: ADDRESS, opencodePort: opencode.port, opencodeSocket: standin.path, ini: { opencode: { url, ...(site.password ? { login: 'own', password_file: password } : {}) } },
      inner: Buffer.from('opencode:geheim').toString('base64'),
    })
    parts.push(front)
    if (secure) {
      parts.push(await bridge(ADDRESS, 443, front.port))
      if (site.text.includes('%PLAIN%')) parts.push(await bridge(ADDRESS, 80, front.plainPort))
    }
    const ini = join(folder.path, 'elsewhere.ini')
    writeFileSync(ini, iniText({ opencode: { url, socket: '/nonexistent/opencode.sock', port: opencode.port } }))
    const login = site.password ? { OPENCODE_SERVER_USERNAME: USER, OPENCODE_SERVER_PASSWORD: SITE_PASSWORD } : { OPENCODE_SERVER_PASSWORD: 'geheim' }
    return await doctorInTime(['-c', ini, '--doctor', url ?? front.origin], { env: { ...login, ...(secure ? { SSL_CERT_FILE: front.certificate.ca } : {}) } })
  } finally {
    // Apache waits for what its backend still has to say.
    await opencode?.stop()
    for (const part of parts.reverse()) await part.stop()
  }
}

/* The advice below the line of a check. */
const advice = (text, check) => new RegExp(`^failed +${check} .*\\n((?: +.*\\n)*)`, 'm').exec(text)?.[1].replace(/\s+/g, ' ')

for (const { server, name, site, kind } of SITES) {
  describe(`${server}, ${name}`, () => {
    test('with the line, all of our paths come to us', async () => {
      const { table, text } = await look({ server, site }, 'PART')
      for (const check of OURS) {
        if (check === 'begins' && site.slashes === false) {
          assert.match(text, /^failed +begins +POST \/mcp\/opencode-callback%2Fdoctor\/auth does not come to us/m)
          assert.match(advice(text, check), /AllowEncodedSlashes/)
        } else assert.match(table[check], /^(ok|warning)$/, `${check}\n${text}`)
      }
      for (const check of ['opencode', 'events']) assert.equal(table[check], 'ok', text)
    })

    test('without the line, it is named', async () => {
      const { code, table, text } = await look({ server, site })
      assert.deepEqual([code, table.pages], [1, 'failed'], text)
      const [line] = kind.hint ?? kind.line.split('/usr')
      assert.ok(advice(text, 'pages').includes(`no line ${line}`), text)
    })

    for (const [where, { fails, says, advice: advises }] of Object.entries(site.wrong ?? {})) {
      test(`with the line at a wrong place: ${where}`, async () => {
        const { table, text } = await look({ server, site }, `WRONG:${where}`)
        assert.equal(table[fails], 'failed', text)
        assert.match(text, says)
        assert.match(advice(text, fails), advises, text)
      })
    }
  })
}
