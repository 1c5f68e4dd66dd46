// Reads the diagrams of `phonechecksim run --format mermaid` from standard input and parses each with the real mermaid.
import { readFileSync } from 'node:fs'
import { JSDOM } from 'jsdom'

const { window } = new JSDOM('')
globalThis.window = window
globalThis.document = window.document
const { default: mermaid } = await import('mermaid')

const diagrams = readFileSync(0, 'utf8').split(/^(?=%% [a-z0-9.-]+\nsequenceDiagram$)/m).filter((d) => d.trim())
for (const diagram of diagrams) {
  const name = /^%% (\S+)/.exec(diagram)?.[1]
  try {
    await mermaid.parse(diagram)
  } catch (err) {
    console.error(`${name}: ${err.message}`)
    process.exitCode = 1
  }
}
if (diagrams.length < Number(process.argv[2] ?? 1)) {
  console.error(`only ${diagrams.length} diagrams`)
  process.exitCode = 1
}
console.log(`${diagrams.length} diagrams parsed`)
