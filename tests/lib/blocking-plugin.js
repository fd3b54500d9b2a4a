/*
 * A plugin that keeps opencode's event loop busy for a while, as soon as something in the process has
 * begun to connect to the port that BLOCK_AT_PORT names.
 */
import net from 'node:net'

const BUSY_MS = 5_000

const { connect } = net
net.connect = (options, ...more) => {
  const socket = connect(options, ...more)
  if (options.port === Number(process.env.BLOCK_AT_PORT)) {
    queueMicrotask(() => {
      const end = Date.now() + BUSY_MS
      while (Date.now() < end);
    })
  }
  return socket
}

export default {
  id: 'blocking',
  server: async () => ({}),
  setup: async () => {},
}
