import { createCommand } from '../src/contract/commands.ts';
import { previewTokenOf } from '../src/contract/read-command.ts';
import type { Command } from '../src/domain/command.ts';
import { effectiveAt } from '../src/domain/decide-command.ts';
import { decideStart } from '../src/domain/decide-start.ts';
import type { Decision } from '../src/domain/decision.ts';
import { DomainError, isDomainError } from '../src/domain/errors.ts';
import { newPendingId } from '../src/domain/new-ids.ts';
import { derived } from '../src/domain/next-step.ts';
import { isFinished } from '../src/domain/payment.ts';
import type { SubscriptionState } from '../src/domain/step-answer.ts';
import type { Subscription } from '../src/domain/subscription.ts';
import type { Tenant } from '../src/domain/tenant.ts';
import type { Tx } from '../src/persistence/doors.ts';
import { findDefaultMethod, findTenant } from '../src/persistence/find.ts';
import { finishCommand, lockCommand } from '../src/persistence/finish-command.ts';
import { findInvoiceFacts } from '../src/persistence/invoice-facts.ts';
import { lockDebtsOf } from '../src/persistence/life-facts.ts';
import { countedIn } from '../src/persistence/metered-usage.ts';
import { insertPending } from '../src/persistence/pending-items.ts';
import { previewedAt } from '../src/persistence/preview-command.ts';
import {
  insertSubscription,
  lockSubscription,
  type SubscriptionFacts,
} from '../src/persistence/subscription-facts.ts';
import { stateOf } from '../src/persistence/subscription-state.ts';
import { claimMeters } from '../src/persistence/usage-claims.ts';
import type { Write } from '../src/persistence/write.ts';
import { tellAll } from '../src/persistence/write.ts';
import {
  type Applied,
  announcement,
  applyDecision,
  subjectOf,
} from '../src/persistence/write-subscription.ts';
import { crashPoint } from '../src/platform/crash-point.ts';
import { changeByCommand } from './change-subscription.ts';
import { newSubscription } from './create-subscription.ts';
import { type ActivityDeps, writeOf } from './deps.ts';
import { isPassing, toFailure } from './failure.ts';

export type CommandInput = { tenantId: string; subscriptionId: string; commandId: string };
export type CommandAnswer = {
  /** `not_yet`: the row owes a step that was due before the command was requested; run it, then ask again. */
  outcome: 'applied' | 'refused' | 'expired' | 'not_yet';
  /** Null when there is still no such subscription: a refused creation. */
  state: SubscriptionState | null;
  collect: { invoiceId: string } | null;
};

/** Lifecycle commands: effect and answer are written in one transaction; a command that is finished is only reported. */
export function createCommandActivities(deps: ActivityDeps) {
  return {
    async applyCommand(input: CommandInput): Promise<CommandAnswer> {
      try {
        const applied = await deps.database.withTenant(input.tenantId, (tx) => apply(deps, tx, input));
        crashPoint('apply.afterCommit');
        return applied;
      } catch (error) {
        // A refusal has rolled everything back, so its reason is written in a transaction of its own.
        if (isPassing(error) && !isUnderWay(error)) throw toFailure(error, true);
        if (!isDomainError(error))
          deps.log.error({ commandId: input.commandId, err: error }, 'a command failed');
        return refuse(deps, input, error);
      }
    },
  };
}

/** It passes, but whoever asked is told at once and may ask again. */
function isUnderWay(error: unknown): boolean {
  return isDomainError(error) && error.code === 'payment_in_flight';
}

export type CommandActivities = ReturnType<typeof createCommandActivities>;

async function apply(deps: ActivityDeps, tx: Tx, input: CommandInput): Promise<CommandAnswer> {
  const [, facts, command, tenant] = await Promise.all([
    lockDebtsOf(tx, input.subscriptionId),
    lockSubscription(tx, input.subscriptionId),
    lockCommand(tx, input.commandId),
    findTenant(tx, input.tenantId),
  ]);
  if (!command) throw new DomainError('not_found', `command ${input.commandId} has no row`);
  if (command.status !== 'pending') {
    if (!facts) return { outcome: command.status, state: null, collect: null };
    const { subscription } = facts;
    return {
      outcome: command.status,
      state: await stateOf(tx, subscription),
      collect: await unfinishedCharge(deps, tx, subscription),
    };
  }
  const finishedAt = deps.now();
  if (finishedAt > command.expiresAt) {
    await finishCommand(tx, command.id, { status: 'expired', result: null, finishedAt });
    return { outcome: 'expired', state: facts && (await stateOf(tx, facts.subscription)), collect: null };
  }
  if (facts && owesStep(facts.subscription, command)) {
    return { outcome: 'not_yet', state: await stateOf(tx, facts.subscription), collect: null };
  }
  const at = facts ? instantOf(facts.subscription, command) : command.requestedAt;
  const write = writeOf(deps, tx, input.tenantId, at, {
    correlationId: command.requestId,
    causationId: command.id,
  });
  const applied = facts
    ? await changeByCommand(write, facts, command, tenant)
    : await create(write, command, tenant);
  await finishCommand(tx, command.id, { status: 'applied', result: {}, finishedAt });
  crashPoint('apply.beforeCommit');
  return { outcome: 'applied', state: await stateOf(tx, applied.subscription), collect: applied.collect };
}

/** With the token of a preview it takes effect when that was made, so that it does what was shown. */
function instantOf(subscription: Subscription, command: Command): Date {
  const token = previewTokenOf(command);
  const asked = token === null ? command.requestedAt : previewedAt(token, command.requestedAt);
  return effectiveAt(subscription, asked);
}

/** Due steps come first. Where they cannot be made, nothing may be decided on facts that are behind. */
function owesStep(subscription: Subscription, { requestedAt }: Command): boolean {
  if (!subscription.nextStepAt || subscription.nextStepAt > requestedAt) return false;
  if (!subscription.blockedReason) return true;
  throw new DomainError(
    'step_blocked',
    `The subscription cannot go on since ${subscription.nextStepAt.toISOString()} and takes no commands until an operator has looked after it.`,
  );
}

/** A subscription that begins at once is stored, and told of, as it is then: nobody ever sees it scheduled. */
async function create(
  write: Write,
  command: Command,
  tenant: Tenant,
): Promise<Pick<Applied, 'subscription' | 'collect'>> {
  if (command.kind !== 'create')
    throw new DomainError('not_found', `subscription ${command.subjectId} has no row`);
  const body = createCommand.parse(command.body);
  const { own, once, ...made } = await newSubscription(write, command.subjectId, body, tenant);
  const pending = once.map((line, n) => ({ id: newPendingId(n), line }));
  const created = { ...made, changes: [], pending };
  const decision = await start(write, created);
  const facts = decision ? begun(created, decision) : created;
  const { subscription, priced } = facts;
  await insertSubscription(write.tx, { ...facts, segments: created.segments }, own);
  const waiting = insertPending(write, subscription.id, once);
  await claimMeters(write.tx, subscription, [], priced);
  const object = write.present.subscription(subscription, priced);
  const types = ['subscription.created' as const, ...announcement('scheduled', subscription.status)];
  await tellAll(write, types, { ...subjectOf(subscription), object });
  if (!decision) return { subscription, collect: null };
  const stored = pending.map(({ line }, n) => ({ id: waiting[n] ?? '', line }));
  return applyDecision(write, { ...facts, pending: stored }, { ...decision, subscription }, tenant);
}

/** What begins now, or began in the past, does so in the transaction that makes it; null for what begins later. */
async function start({ tx, at }: Write, created: SubscriptionFacts): Promise<Decision | null> {
  const { startsAt, customerId } = created.subscription;
  if (startsAt > at) return null;
  // Only where time has passed since its start may a trial have ended.
  const hasMethod = startsAt < at && (await findDefaultMethod(tx, customerId)) !== null;
  const decision = decideStart(created, at, hasMethod);
  // Which periods have passed is known from the first decision; what was used in them is on the second.
  const { subscription, priced } = created;
  const elapsed = await countedIn(tx, subscription, priced, decision.coverage);
  return elapsed.size === 0 ? decision : decideStart({ ...created, elapsed }, at, hasMethod);
}

function begun({ priced, ...rest }: SubscriptionFacts, decision: Decision): SubscriptionFacts {
  const items = new Map(decision.items.map((item) => [item.id, item]));
  return {
    ...rest,
    subscription: derived(decision.subscription),
    priced: priced.map((entry) => ({ ...entry, item: items.get(entry.item.id) ?? entry.item })),
  };
}

/**
 * A worker that died between a command and its charge left an invoice that was to be charged at once: whoever delivers
 * the command again goes on with that. A charge that was answered, whatever the answer, is not made again.
 */
async function unfinishedCharge(
  deps: ActivityDeps,
  tx: Tx,
  { latestInvoiceId }: Subscription,
): Promise<{ invoiceId: string } | null> {
  const facts = latestInvoiceId ? await findInvoiceFacts(tx, latestInvoiceId) : null;
  if (facts?.invoice.status !== 'open') return null;
  const { invoice, attempt } = facts;
  const cutOff = attempt
    ? !isFinished(attempt.status)
    : invoice.collectAt !== null && invoice.collectAt <= deps.now();
  return cutOff ? { invoiceId: invoice.id } : null;
}

async function refuse(deps: ActivityDeps, input: CommandInput, error: unknown): Promise<CommandAnswer> {
  const refusal = isDomainError(error)
    ? { code: error.code, message: error.message, details: error.details }
    : {
        code: 'command_failed',
        message: 'The command could not be applied. Nothing was changed; please report the request id.',
      };
  try {
    const state = await deps.database.withTenant(input.tenantId, async (tx) => {
      const facts = await lockSubscription(tx, input.subscriptionId);
      await finishCommand(tx, input.commandId, {
        status: 'refused',
        result: refusal,
        finishedAt: deps.now(),
      });
      crashPoint('refusal.beforeCommit');
      return facts && (await stateOf(tx, facts.subscription));
    });
    crashPoint('refusal.afterCommit');
    return { outcome: 'refused', state, collect: null };
  } catch (failure) {
    throw toFailure(failure, true);
  }
}
