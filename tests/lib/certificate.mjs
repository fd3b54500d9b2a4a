/*
 * A certificate authority of this process, for everything in it that speaks TLS. As with a public one,
 * an intermediate signs, which nobody knows beforehand: a server has to send it along.
 */
import { execFileSync } from 'node:child_process'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { scratch } from './net.mjs'

const CONFIG = `[req]
distinguished_name = dn
[dn]
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
[server]
basicConstraints = critical, CA:false
subjectAltName = `

/* Makes NAME.key and NAME.pem in a folder, signed by another pair of files, or by itself. */
function make(folder, name, { subject, kind = 'authority', names = ['localhost'], signer }) {
  const config = join(folder, `${name}.cnf`)
  writeFileSync(config, `${CONFIG}${names.map((one) => `${isIP(one) ? 'IP' : 'DNS'}:${one}`).join(', ')}\n`)
  const [key, pem] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)]
  execFileSync('openssl', [
    'req', '-x509', '-config', config, '-extensions', kind, '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
    '-days', '2', '-subj', `/CN=${subject}`, '-keyout', key, '-out', pem,
    ...(signer ? ['-CA', signer.pem, '-CAkey', signer.key] : []),
  ], { stdio: 'pipe' })
  return { key, pem }
}

let made

function authority() {
  if (made) return made
  const folder = scratch('authority')
  process.on('exit', folder.remove)
  const root = make(folder.path, 'root', { subject: 'opencode-callback test CA' })
  const intermediate = make(folder.path, 'intermediate', { subject: 'opencode-callback test intermediate', signer: root })
  made = { root, intermediate }
  return made
}

/*
 * A certificate for some host names or addresses, in a folder. The answer, all of them files: key, cert
 * (the certificate and its intermediate), both (all that in one), ca (whom to trust).
 */
export function certify(folder, ...names) {
  const { root, intermediate } = authority()
  const { key, pem } = make(folder, 'server', { subject: 'opencode-callback test', kind: 'server', names, signer: intermediate })
  appendFileSync(pem, readFileSync(intermediate.pem))
  const both = join(folder, 'both.pem')
  writeFileSync(both, [pem, key].map((file) => readFileSync(file, 'utf8')).join(''), { mode: 0o600 })
  return { key, cert: pem, both, ca: root.pem }
}
