// Reads {place: definition} and prints a finding of asl-validator per line as JSON.
const { readFileSync } = require('node:fs')
const { join } = require('node:path')

const [, , modules, asked] = process.argv
const validate = require(join(modules, 'asl-validator'))

for (const [place, definition] of Object.entries(JSON.parse(readFileSync(asked, 'utf8')))) {
  const { isValid, errors } = validate(JSON.parse(definition))
  if (isValid && errors.length === 0) continue
  for (const error of errors) {
    console.log(JSON.stringify({ tool: 'asl-validator', rule: error['Error code'] ?? 'invalid', place }))
  }
}
