/*
 * Sites for opencode that are not ours, as people have them already, with and without the one line that brings in
 * our part (conf/SERVER/part…). Each server has a file of its own in tests/lib/existing/, with
 *   line       the line, as the head of the part tells it
 *   blocks(parts)  instead, for a server without includes: {PART: text, BLOCK:NAME: text, …}, what is pasted at each mark. parts:
 *              where conf/SERVER/part… are, fit for the test
 *   plain      the line that keeps codes out of the log of a site that only leads http to https, at %QUIET%
 *   sites      {name: site}: `minimal`, a proxy and no more; `ordinary`, with redirect, HSTS, compression, a password,
 *              other locations, limits of its own; more, if a server has other ways to have a site
 *   main(at)   writes what goes around the site's file, PATH/site.conf, and returns what to start: [program, arguments].
 *              at: {path, port, plainPort, host, site}
 *   hint       how --doctor's advice for a missing line begins behind "no line ", if not as the line
 *   parts      where conf/SERVER is another name than the file's
 *   wait(at)   if accepting connections is not enough to be ready
 *   seen(query)  what the server makes of a query string, if it changes that
 *   steady(text)  an answer without what is another one each time, if that is more than the date
 *   luck       headers of a request for opencode whose effect is a matter of luck: not compared
 *   compresses  true: what compresses the site's answers compresses ours
 *   withoutQueries(text)  for a server whose part alone cannot keep codes out of the log while our program is down: the text with
 *              what the head of the part tells to add
 * A site has
 *   text       the server's file, opencode at 127.0.0.1:4096, with these words in it:
 *                %PART%   where the line goes, alone in its line (indentation is kept)
 *                %WRONG%  where somebody put it in vain, for --doctor; a site may have several: %WRONG:NAME%
 *                %BLOCK:NAME%  where one more block goes, for a server without includes
 *                %PORT%   where the site listens, 127.0.0.1:%PORT%
 *                %PLAIN%  where http is led to https, if the site does that
 *                %HOST%   its name · %PATH% a folder of its own, for logs and passwords
 *                %CERT%, %KEY%, %BOTH%  its certificate's files; a site with one of them has TLS
 *   files      {name: text}: more files in %PATH%, such as a static page
 *                %INNER%  what it sends opencode as "Authorization: Basic …", if it has the guard: opencode's own
 *   password   true: the site asks for USER and SITE_PASSWORD itself (the file %PATH%/htpasswd)
 *   denied     headers with which its single sign-on lets nobody in, except to the callbacks
 *   headers    what it adds to every answer, ours too: {name: value}
 *   slashes    false: the site refuses every path with an escaped slash
 *   wrong      {NAME: {fails, says, advice}}: what --doctor says of the line at %WRONG:NAME%: the check that fails, words of its line,
 *              of the advice
 *   paths      more requests to compare, [method, target]: its own locations
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { certify } from './certificate.mjs'
import { cleanEnv, fitParts, give, makeSite, startWorker, unprivileged } from './front.mjs'
import { accepts, freePort, startProgram, until } from './net.mjs'

const folder = fileURLToPath(new URL('existing/', import.meta.url))
export const HOST = 'site.example'
export const USER = 'visitor'
export const SITE_PASSWORD = 'password-of-the-site'
export const SITE_AUTHORIZATION = `Basic ${Buffer.from(`${USER}:${SITE_PASSWORD}`).toString('base64')}`

/* {server: what its file exports} */
export const SERVERS = {}
for (const name of readdirSync(folder).sort()) {
  SERVERS[name.replace('.mjs', '')] = await import(new URL(`existing/${name}`, import.meta.url))
}

/* [{server, name, site, kind}], one for each site; kind: what the server's file exports */
export const SITES = Object.entries(SERVERS).flatMap(([server, { sites }]) =>
  Object.entries(sites).map(([name, site]) => ({ server, name, site, kind: SERVERS[server] })))

/* The text with the line at one of its places, or at none; and what comes with it elsewhere: {mark: text}. */
function place(text, line, at, others) {
  const lines = text.split('\n').flatMap((one) => {
    const mark = /^(\s*)%(PART|QUIET|BLOCK[^%]*|WRONG[^%]*)%$/.exec(one)
    if (!mark) return [one]
    const put = mark[2] === at ? line : at && mark[2] !== 'PART' && others[mark[2]]
    return put ? put.split('\n').map((part) => mark[1] + part) : []
  })
  return lines.join('\n')
}

/*
 * Starts a site.
 *   server, site    as in SITES
 *   at              where the line is: 'PART', 'WRONG…', or undefined for the site as it was
 *   opencodePort    where opencode is · opencodeSocket  what our program talks to
 *   inner           opencode's own user and password, in base64
 *   host            its name, in the place of HOST
 *   ini             as for startFront() · port, plainPort  where it listens
 *   programs        {fcgi}: another worker in the place of ours
 *   worker          false: nobody listens at the worker's socket
 *   edit            a function of the site's text, before the line is in it
 * The answer: origin, where (for connect()), port, plainPort, path, secure (it has TLS), siteLogs() (the web server's own),
 * logs() (the worker's too), stop().
 */
export async function startExisting({
  server, site, at, opencodePort, opencodeSocket = '/run/none.sock', ini, port, plainPort, programs, worker: wanted = true, edit = (text) => text,
  inner = 'b3BlbmNvZGU6eA==', host = HOST,
}) {
  const kind = SERVERS[server]
  const own = makeSite({ ini, opencodeSocket, opencodePort })
  const { path } = own
  port ??= await freePort()
  plainPort ??= await freePort()
  const secure = /%(CERT|KEY|BOTH)%/.test(site.text)
  let worker, program
  const siteLogs = () => {
    const files = readdirSync(path, { recursive: true }).filter((name) => name.endsWith('.log'))
    return [program?.output() ?? '', ...files.map((name) => readFileSync(join(path, name), 'latin1'))].join('\n')
  }
  const stop = async () => {
    await program?.stop()
    try {
      await worker?.stop()
    } finally {
      own.remove()
    }
  }
  try {
    const certificate = secure ? certify(path, host) : {}
    give(...['key', 'cert', 'both'].flatMap((name) => certificate[name] ?? []))
    writeFileSync(join(path, 'htpasswd'), `${USER}:${execFileSync('openssl', ['passwd', '-apr1', SITE_PASSWORD], { encoding: 'utf8' })}`)
    for (const [name, text] of Object.entries(site.files ?? {})) {
      mkdirSync(dirname(join(path, name)), { recursive: true })
      writeFileSync(join(path, name), text)
      // so that its ETag is always the same
      utimesSync(join(path, name), 1e9, 1e9)
    }
    const parts = join(path, 'parts')
    const socket = join(path, 'worker.sock')
    const settings = { host, port, plain: `127.0.0.1:${plainPort}`, opencode: `127.0.0.1:${opencodePort}`, log: path, worker: socket }
    fitParts(parts, kind.parts ?? server, settings)
    const here = (one) => one?.replaceAll('/usr/share/opencode-callback', parts)
    const line = here(kind.line) ?? kind.blocks(parts).PART
    const others = { QUIET: at === 'PART' && here(kind.plain), ...kind.blocks?.(parts) }
    const words = {
      PORT: port, PLAIN: plainPort, HOST: host, PATH: path, CERT: certificate.cert, KEY: certificate.key, BOTH: certificate.both, INNER: inner,
    }
    const text = place(edit(site.text), line, at, others).replaceAll('127.0.0.1:4096', `127.0.0.1:${opencodePort}`)
      .replaceAll('"port" => 4096', `"port" => ${opencodePort}`)
      .replace(/%(PORT|PLAIN|HOST|PATH|CERT|KEY|BOTH|INNER)%/g, (_, word) => words[word])
    writeFileSync(join(path, 'site.conf'), text)
    const [file, args] = kind.main({ path, port, plainPort, host, site })
    if (wanted) worker = await startWorker(own, { program: programs?.fcgi })
    program = startProgram(...unprivileged(file, args), {
      cwd: '/', env: cleanEnv({ PATH: `${process.env.PATH}:/usr/sbin:/sbin`, HOME: path }),
    })
    await until(`${server} accepts`, async () => {
      if (!program.running()) throw new Error(`${server} ended: ${siteLogs()}`)
      return (await accepts({ port })) && (!kind.wait || (await kind.wait({ path })))
    })
    const where = secure ? { port, ca: readFileSync(certificate.ca), servername: host } : { port }
    return {
      server, origin: secure ? `https://${host}:${port}` : `http://127.0.0.1:${port}`, where, port, plainPort, path, secure, siteLogs, iniFile: own.iniFile,
      logs: () => [worker?.output() ?? '', siteLogs()].join('\n'), certificate, stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}
