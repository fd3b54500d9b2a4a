// The plugin is in plugin/. This file is for the configurations that name it.
import plugin from "./plugin/index.js"

// opencode 1.2 and 1.3 know no default export like that one. They call every function that is exported.
export const OpencodeCallback = plugin.server
export default plugin
