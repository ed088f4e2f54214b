import { cancelCommand, createCommand, extendTrialCommand } from '../src/contract/commands.ts';
import type { Command } from '../src/domain/command.ts';
import { decideCommand, type SubscriptionCommand } from '../src/domain/decide-command.ts';
import { decideActivate } from '../src/domain/decide-step.ts';
import { DomainError, isDomainError } from '../src/domain/errors.ts';
import type { SubscriptionState } from '../src/domain/step-answer.ts';
import type { Tx } from '../src/persistence/doors.ts';
import { findDefaultMethod, findTenant } from '../src/persistence/find.ts';
import { finishCommand, lockCommand } from '../src/persistence/finish-command.ts';
import { insertSubscription, lockSubscription, type SubscriptionFacts } from '../src/persistence/subscription-facts.ts';
import { stateOf } from '../src/persistence/subscription-state.ts';
import type { Write } from '../src/persistence/write.ts';
import { tell } from '../src/persistence/write.ts';
import { applyDecision, subjectOf } from '../src/persistence/write-subscription.ts';
import { newSubscription } from './create-subscription.ts';
import { type ActivityDeps, writeOf } from './deps.ts';
import { isPassing, toFailure } from './failure.ts';

export type CommandInput = { tenantId: string; subscriptionId: string; commandId: string };
export type CommandAnswer = {
  outcome: 'applied' | 'refused' | 'expired';
  /** Null when there is still no such subscription: a refused creation. */
  state: SubscriptionState | null;
  collect: { invoiceId: string } | null;
};

/** Lifecycle commands: effect and answer are written in one transaction; a command that is finished is only reported. */
export function createCommandActivities(deps: ActivityDeps) {
  return {
    async applyCommand(input: CommandInput): Promise<CommandAnswer> {
      try {
        return await deps.database.withTenant(input.tenantId, (tx) => apply(deps, tx, input));
      } catch (error) {
        // A refusal has rolled everything back, so its reason is written in a transaction of its own.
        if (isPassing(error)) throw toFailure(error);
        if (!isDomainError(error)) deps.log.error({ commandId: input.commandId, err: error }, 'a command failed');
        return refuse(deps, input, error);
      }
    },
  };
}

export type CommandActivities = ReturnType<typeof createCommandActivities>;

async function apply(deps: ActivityDeps, tx: Tx, input: CommandInput): Promise<CommandAnswer> {
  const facts = await lockSubscription(tx, input.subscriptionId);
  const command = await lockCommand(tx, input.commandId);
  if (!command) throw new DomainError('not_found', `command ${input.commandId} has no row`);
  if (command.status !== 'pending') {
    return { outcome: command.status, state: facts && (await stateOf(tx, facts.subscription)), collect: pendingCharge(facts, command) };
  }
  const finishedAt = deps.now();
  if (finishedAt > command.expiresAt) {
    await finishCommand(tx, command.id, { status: 'expired', result: null, finishedAt });
    return { outcome: 'expired', state: facts && (await stateOf(tx, facts.subscription)), collect: null };
  }
  const cause = { correlationId: command.requestId, causationId: command.id };
  const write = writeOf(deps, tx, input.tenantId, command.requestedAt, cause);
  const applied = facts ? await change(write, facts, command) : await create(write, command);
  await finishCommand(tx, command.id, { status: 'applied', result: {}, finishedAt });
  return { outcome: 'applied', state: await stateOf(tx, applied.subscription), collect: applied.collect };
}

async function create(write: Write, command: Command) {
  if (command.kind !== 'create') throw new DomainError('not_found', `subscription ${command.subjectId} has no row`);
  const created = await newSubscription(write, command.subjectId, createCommand.parse(command.body));
  await insertSubscription(write.tx, created);
  const { subscription, priced } = created;
  await tell(write, 'subscription.created', { ...subjectOf(subscription), object: write.present.subscription(subscription, priced) });
  if (subscription.startsAt > write.at) return { subscription, collect: null, waits: false };
  const tenant = await findTenant(write.tx, write.tenantId);
  return applyDecision(write, { subscription, priced }, decideActivate(subscription, priced, write.at), tenant);
}

async function change(write: Write, facts: SubscriptionFacts, command: Command) {
  const hasMethod = (await findDefaultMethod(write.tx, facts.subscription.customerId)) !== null;
  const decision = decideCommand(facts.subscription, facts.priced, parse(command), write.at, hasMethod);
  return applyDecision(write, facts, decision, await findTenant(write.tx, write.tenantId));
}

function parse({ kind, body }: Command): SubscriptionCommand {
  switch (kind) {
    case 'cancel': {
      const { mode, at, reason } = cancelCommand.parse(body);
      return { kind, mode, at: at === null ? null : new Date(at), reason };
    }
    case 'extend_trial':
      return { kind, trialEnd: new Date(extendTrialCommand.parse(body).trial_end) };
    case 'uncancel':
    case 'end_trial':
      return { kind };
    default:
      throw new DomainError('transition_not_allowed', `A live subscription does not take the command "${kind}".`);
  }
}

/** A worker that died between a creation and its charge is told to charge again; a charge under way is resumed. */
function pendingCharge(facts: SubscriptionFacts | null, command: Command): { invoiceId: string } | null {
  const owes = facts?.subscription.status === 'incomplete' && facts.subscription.paymentBehavior !== 'default_incomplete';
  return command.kind === 'create' && owes && facts.subscription.latestInvoiceId
    ? { invoiceId: facts.subscription.latestInvoiceId }
    : null;
}

async function refuse(deps: ActivityDeps, input: CommandInput, error: unknown): Promise<CommandAnswer> {
  const refusal = isDomainError(error)
    ? { code: error.code, message: error.message, details: error.details }
    : { code: 'command_failed', message: 'The command could not be applied. Nothing was changed; please report the request id.' };
  try {
    return await deps.database.withTenant(input.tenantId, async (tx) => {
      const facts = await lockSubscription(tx, input.subscriptionId);
      await finishCommand(tx, input.commandId, { status: 'refused', result: refusal, finishedAt: deps.now() });
      return { outcome: 'refused', state: facts && (await stateOf(tx, facts.subscription)), collect: null };
    });
  } catch (failure) {
    throw toFailure(failure, true);
  }
}
