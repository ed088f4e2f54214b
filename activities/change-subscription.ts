import { pricesIn, type ReadCommand, readCommand, readPrivatePrice } from '../src/contract/read-command.ts';
import type { Command } from '../src/domain/command.ts';
import { type CommandSetting, decideCommand } from '../src/domain/decide-command.ts';
import type { Decision } from '../src/domain/decision.ts';
import type { Price } from '../src/domain/plan.ts';
import { givesBackOf } from '../src/domain/put-off-credits.ts';
import type { Tenant } from '../src/domain/tenant.ts';
import { findDefaultMethod } from '../src/persistence/find.ts';
import { withFees } from '../src/persistence/life-facts.ts';
import { PriceSchema } from '../src/persistence/plans.ts';
import { pricesOf } from '../src/persistence/prices.ts';
import { insertRowsLater } from '../src/persistence/rows.ts';
import type { SubscriptionFacts } from '../src/persistence/subscription-facts.ts';
import type { Write } from '../src/persistence/write.ts';
import { chargeUnderWay } from '../src/persistence/write-credit.ts';
import { type Applied, applyDecision } from '../src/persistence/write-subscription.ts';

/**
 * What a command does to a subscription that is there, at `write.at`. The caller holds the locks of the subscription and
 * of its customer's debts. Throws the refusals of the domain, and `payment_in_flight` where a charge is under way for
 * something that would be given back.
 */
export async function changeByCommand(
  write: Write,
  facts: SubscriptionFacts,
  command: Command,
  tenant: Tenant,
): Promise<Applied> {
  const [prices, method] = await Promise.all([
    pricesFor(write, command),
    findDefaultMethod(write.tx, facts.subscription.customerId),
  ]);
  const read = readCommand(command, prices.known);
  const setting = { hasPaymentMethod: method !== null, trialReminderDays: tenant.trialReminderDays };
  const decision = await decide(write, facts, read, setting);
  insertRowsLater(write.tx, PriceSchema, prices.own);
  return applyDecision(write, facts, decision, tenant);
}

async function decide(
  write: Write,
  facts: SubscriptionFacts,
  { command, at: datedTo }: ReadCommand,
  setting: CommandSetting,
): Promise<Decision> {
  // A command that is dated back looks at what there was by then.
  const known = await withFees(write.tx, facts, datedTo && datedTo < write.at ? datedTo : write.at);
  const decision = decideCommand(known, command, write.at, setting);
  const underWay = known.fees.flatMap((fee) => (fee.underWay && fee.lineId ? [fee.lineId] : []));
  if (givesBackOf(decision, new Set(underWay))) throw chargeUnderWay();
  return decision;
}

/** Every price that a command names; `own` are those that it brings along, whose rows are still to be written. */
async function pricesFor(
  { tx, tenantId, at }: Write,
  command: Command,
): Promise<{ known: ReadonlyMap<string, Price>; own: readonly Price[] }> {
  const { named, own: brought } = pricesIn(command);
  const own = brought.map((price) =>
    readPrivatePrice(price, { tenantId, subscriptionId: command.subjectId, at }),
  );
  const known = await pricesOf(tx, named);
  return {
    known: own.length === 0 ? known : new Map([...known, ...own.map((price) => [price.id, price] as const)]),
    own,
  };
}
