import { pricesIn, readCommand, readPrivatePrice } from '../src/contract/read-command.ts';
import type { Command } from '../src/domain/command.ts';
import { decideCommand } from '../src/domain/decide-command.ts';
import type { Price } from '../src/domain/plan.ts';
import type { Tenant } from '../src/domain/tenant.ts';
import { findDefaultMethod } from '../src/persistence/find.ts';
import { PriceSchema } from '../src/persistence/plans.ts';
import { assertNoneUnderWay, assertStillHolds, factsFor } from '../src/persistence/preview-command.ts';
import { pricesOf } from '../src/persistence/prices.ts';
import { insertRowsLater } from '../src/persistence/rows.ts';
import type { SubscriptionFacts } from '../src/persistence/subscription-facts.ts';
import { assertFreeThen } from '../src/persistence/usage-claims.ts';
import type { Write } from '../src/persistence/write.ts';
import { type Applied, applyDecision } from '../src/persistence/write-subscription.ts';

/**
 * What a command does to a subscription that is there, at `write.at`. The caller holds the locks of the subscription and
 * of its customer's debts. Throws the refusals of the domain, `preview_outdated` for a token that no longer holds, and
 * `payment_in_flight` where a charge is under way for something that would be given back.
 */
export async function changeByCommand(
  write: Write,
  facts: SubscriptionFacts,
  command: Command,
  tenant: Tenant,
): Promise<Applied> {
  const { tx, at } = write;
  const [{ known, own }, method] = await Promise.all([
    pricesFor(write, command),
    findDefaultMethod(tx, facts.subscription.customerId),
  ]);
  const { previewToken, ...read } = readCommand(command, known);
  const asked = { ...read, own };
  const setting = { hasPaymentMethod: method !== null, trialReminderDays: tenant.trialReminderDays };
  const full = await factsFor(tx, facts, asked, at);
  if (previewToken) assertStillHolds(previewToken, full, asked, at, setting);
  const decision = decideCommand(full, asked.command, at, setting);
  assertNoneUnderWay(full, decision);
  await assertFreeThen(tx, facts, decision);
  insertRowsLater(tx, PriceSchema, own);
  return applyDecision(write, facts, decision, tenant);
}

/** Every price that a command names; `own` are those that it brings along, whose rows are still to be written. */
async function pricesFor(
  { tx, tenantId, at }: Write,
  command: Command,
): Promise<{ known: ReadonlyMap<string, Price>; own: readonly Price[] }> {
  const { named, own: brought } = pricesIn(command);
  const of = { tenantId, subscriptionId: command.subjectId, at };
  const own = brought.map((price) => readPrivatePrice(price, of));
  const known = await pricesOf(tx, named);
  if (own.length === 0) return { known, own };
  return { known: new Map([...known, ...own.map((price) => [price.id, price] as const)]), own };
}
