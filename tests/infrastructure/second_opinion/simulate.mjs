// Answers requests from the file given first with decisions in the file given second, by @cloud-copilot/iam-simulate.
// With its validation; a request that the validation refuses is decided without it, and says so.
import { readFileSync, writeFileSync } from 'node:fs'
import { createValidatedPolicy } from '@cloud-copilot/iam-policy'
import { runSimulation, runUnsafeSimulation } from '@cloud-copilot/iam-simulate'

const [, , asked, answered] = process.argv
const { account, identity, resource, requests } = JSON.parse(readFileSync(asked, 'utf8'))

const simulationOf = (request) => ({
  request: {
    principal: request.principal,
    action: request.action,
    resource: { resource: request.resource, accountId: account },
    contextVariables: request.context,
  },
  identityPolicies: (identity[request.role] ?? []).map((policy, number) => ({ name: `p${number}`, policy })),
  serviceControlPolicies: [],
  resourceControlPolicies: [],
  resourcePolicy: resource[request.policy],
})

// Without a name, a resource's policy cannot be evaluated on this path.
const unchecked = (simulation) => {
  const resourcePolicy = simulation.resourcePolicy
    ? createValidatedPolicy(simulation.resourcePolicy, () => [], { name: 'resource' })
    : undefined
  return runUnsafeSimulation({ ...simulation, resourcePolicy }, {})
}

const decide = async (request) => {
  const simulation = simulationOf(request)
  const answer = await runSimulation(simulation, {})
  if (answer.resultType === 'error') {
    if (answer.errors.message === 'policy.errors') throw new Error(JSON.stringify([request, answer.errors]))
    return { decision: unchecked(simulation), unchecked: answer.errors.message, ignored: [] }
  }
  const ignored = (answer.result ? [answer.result] : answer.results).flatMap((one) => one.ignoredContextKeys)
  if (ignored.some((key) => key.startsWith('kms:EncryptionContext:'))) {
    return { decision: unchecked(simulation), unchecked: 'encryption.context', ignored }
  }
  return { decision: answer.overallResult, unchecked: '', ignored }
}

const answers = []
for (const request of requests) answers.push(await decide(request))
writeFileSync(answered, JSON.stringify(answers))
