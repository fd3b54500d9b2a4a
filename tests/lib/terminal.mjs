/*
 * Programs in a pty (made by script(1)), and a sign-in from a terminal: the real `opencode auth login`,
 * which prints an authorize URL and has a listener in its own process.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { FEW_MODELS, OPENCODE, opencodeEnv } from './opencode.mjs'
import { scratch, startProgram, until } from './net.mjs'

const quote = (word) => `'${word.replaceAll("'", `'\\''`)}'`

/* What a person reads: no escape sequences. */
const plain = (text) => text.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, '')

/* Starts a program as a person does in a terminal. What startProgram() answers; stop() ends the program too. */
export function startInTerminal(command, { columns = 80, cwd, env }) {
  const inside = `stty cols ${columns} rows 24; exec ${command.map(quote).join(' ')}`
  // script(1) takes its terminal away when it ends, which ends what runs in it.
  return startProgram('script', ['--quiet', '--flush', '--return', '--command', inside, '/dev/null'], {
    cwd,
    env: { ...env, TERM: 'xterm-256color', SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
}

/*
 * Starts `opencode auth login`, and waits until it has printed an authorize URL (or, without one, ended).
 *   provider   of startProvider()
 *   home       the files of a startOpencode(), for the same user's login beside a running server; without
 *              it, files of its own
 *   id, method which provider, and the label of the method
 *   answers    what is typed at its questions, one line for each: {'part of the question': 'answer'}
 *   columns    the width of the terminal · env: more of the environment
 * The answer: url (the printed authorize URL, or undefined), raw() (what it printed), output() (the same
 * without escape sequences), done (a promise of the exit code), auth() (auth.json as an object), stop().
 */
export async function startAuthLogin({
  provider, home, id = 'openai', method = 'ChatGPT Pro/Plus (browser)', answers = {}, columns = 80, env = {},
} = {}) {
  const folder = home ? null : scratch('login')
  const base = home ?? folder.path
  const work = join(base, 'work')
  mkdirSync(work, { recursive: true })
  const program = startInTerminal([OPENCODE, 'auth', 'login', '--provider', id, '--method', method], {
    columns,
    cwd: work,
    env: opencodeEnv(base, { provider, env: { OPENCODE_MODELS_PATH: FEW_MODELS, ...env } }),
  })
  const output = () => plain(program.output())
  const self = {
    url: undefined,
    pid: program.pid,
    raw: () => program.output(),
    output,
    running: program.running,
    done: program.closed.then(() => program.ended).then(({ code }) => code),
    auth() {
      const file = join(base, 'data', 'opencode', 'auth.json')
      return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
    },
    async stop() {
      await program.stop()
      folder?.remove()
    },
  }

  const open = new Map(Object.entries(answers))
  try {
    await until('opencode auth login prints an authorize URL', () => {
      for (const [question, answer] of open) {
        if (!output().includes(question)) continue
        open.delete(question)
        program.write(`${answer}\r`)
      }
      self.url = /Go to: (https?:\/\/\S+)\s/.exec(output())?.[1]
      return self.url || !program.running()
    }, 60_000)
  } catch (error) {
    await self.stop()
    throw error
  }
  return self
}
