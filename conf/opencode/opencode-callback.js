// The plugin is in plugin/; this file is for configurations that name it.
export * from "./plugin/index.js"
