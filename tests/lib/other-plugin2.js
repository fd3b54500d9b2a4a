/*
 * The same for opencode 2 (see other-plugin.js): a provider of somebody else's, with a code to copy.
 */
const method = { id: 'typed', type: 'oauth', label: 'Sign in with Other, by code' }

async function exchange(code) {
  if (!code.startsWith('good')) throw new Error('refused')
  return { type: 'oauth', methodID: method.id, access: `access-${code}`, refresh: `refresh-${code}`, expires: Date.now() + 3_600_000 }
}

export default {
  id: 'other',
  async setup(ctx) {
    await ctx.integration.transform((draft) =>
      draft.method.update({
        integrationID: 'other',
        method,
        authorize: async () => ({
          url: 'https://accounts.example.com/authorize?response_type=code', instructions: 'Paste the code here.', mode: 'code', callback: exchange,
        }),
      }))
  },
}
