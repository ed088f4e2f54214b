import { createHash } from 'node:crypto';
import { pricedAfter } from '../domain/apply-decision.ts';
import { settleWithBalance } from '../domain/balance.ts';
import { totalOf } from '../domain/build-invoice.ts';
import { type CommandSetting, effectiveAt, type SubscriptionCommand } from '../domain/decide-command.ts';
import type { Decision } from '../domain/decision.ts';
import { DomainError } from '../domain/errors.ts';
import { Decimal } from '../domain/money.ts';
import type { Price } from '../domain/plan.ts';
import { decidePreview, outcomeOf, type Preview } from '../domain/preview-command.ts';
import { givesBackOf } from '../domain/put-off-credits.ts';
import type { Tenant } from '../domain/tenant.ts';
import { CustomerBalanceSchema } from './balances.ts';
import type { Tx } from './doors.ts';
import { findDefaultMethod } from './find.ts';
import { type FactsWithFees, withFees } from './life-facts.ts';
import { findRow } from './rows.ts';
import { findSubscription, type SubscriptionFacts } from './subscription-facts.ts';
import { assertFree } from './usage-claims.ts';
import { chargeUnderWay } from './write-credit.ts';

/** A command as it was read; `datedTo`: the instant in the past that it is dated to, or null. */
export type AskedCommand = {
  command: SubscriptionCommand;
  datedTo: Date | null;
  /** The prices that it brings along. Their ids are made anew for every request. */
  own: readonly Price[];
};

/** `balance` is what the customer has to his credit, now and after the invoice; `facts` what it was decided on. */
export type Previewed = Preview & {
  token: string;
  balance: { before: Decimal; after: Decimal };
  facts: SubscriptionFacts;
};

/**
 * What a command would do to a subscription if it were asked for at `requestedAt`; writes nothing. Throws `not_found` and
 * whatever the command itself would be refused with.
 */
export async function previewCommand(
  tx: Tx,
  tenant: Tenant,
  subscriptionId: string,
  asked: AskedCommand,
  requestedAt: Date,
): Promise<Previewed> {
  const facts = await findSubscription(tx, subscriptionId);
  if (!facts) throw new DomainError('not_found', 'There is no such subscription.');
  const { customerId, currency } = facts.subscription;
  const at = effectiveAt(facts.subscription, requestedAt);
  const [known, method, balance] = await Promise.all([
    factsFor(tx, facts, asked, at),
    findDefaultMethod(tx, customerId),
    findRow(tx, CustomerBalanceSchema, { customerId, currency }),
  ]);
  const setting = { hasPaymentMethod: method !== null, trialReminderDays: tenant.trialReminderDays };
  const preview = decidePreview(known, asked.command, at, setting);
  assertNoneUnderWay(known, preview.decision);
  const then = preview.at > at ? preview.at : null;
  await assertFree(tx, facts.subscription, pricedAfter(facts.priced, preview.decision), then);
  const before = balance?.balance ?? new Decimal(0);
  const { invoice } = preview.decision;
  const after = invoice ? settleWithBalance(totalOf(invoice), before).balance : before;
  return { ...preview, token: tokenOf(at, preview, asked.own), balance: { before, after }, facts };
}

/** What a command decides on: one that is dated back looks at what there was by then. */
export function factsFor(
  tx: Tx,
  facts: SubscriptionFacts,
  { datedTo }: Pick<AskedCommand, 'datedTo'>,
  at: Date,
): Promise<FactsWithFees> {
  return withFees(tx, facts, datedTo && datedTo < at ? datedTo : at);
}

/** Throws `payment_in_flight` where something would be given back of an invoice that somebody is being charged for. */
export function assertNoneUnderWay({ fees }: FactsWithFees, decision: Decision): void {
  const lines = fees.flatMap(({ underWay, lineId }) => (underWay && lineId ? [lineId] : []));
  if (givesBackOf(decision, new Set(lines))) throw chargeUnderWay();
}

/** How long after it a preview may be made true. */
const TOKEN_MS_MAX = 3_600_000;

/** Names the instant and the outcome of a preview; prices that were brought along count by their keys. */
function tokenOf(at: Date, preview: Preview, own: readonly Price[]): string {
  let outcome = JSON.stringify(outcomeOf(preview));
  for (const { id, key } of own) outcome = outcome.replaceAll(id, `own ${key}`);
  const hash = createHash('sha256').update(outcome).digest('base64url').slice(0, 32);
  return Buffer.from(`${at.toISOString()} ${hash}`).toString('base64url');
}

/**
 * The instant of the preview that a token names, at which the command takes effect: what was shown is what is done.
 * Throws `preview_outdated` for a token that is older than an hour, from the future, or none at all.
 */
export function previewedAt(token: string, requestedAt: Date): Date {
  const [instant = ''] = Buffer.from(token, 'base64url').toString('utf8').split(' ');
  const at = new Date(instant);
  const ageMs = requestedAt.getTime() - at.getTime();
  if (!(ageMs >= 0 && ageMs <= TOKEN_MS_MAX)) throw outdated();
  return at;
}

/** Throws `preview_outdated` unless the command would still do what the preview of this token showed. */
export function assertStillHolds(
  token: string,
  facts: FactsWithFees,
  asked: AskedCommand,
  at: Date,
  setting: CommandSetting,
): void {
  if (tokenOf(at, decidePreview(facts, asked.command, at, setting), asked.own) !== token) throw outdated();
}

function outdated(): DomainError {
  return new DomainError(
    'preview_outdated',
    'What the command would do is no longer what the preview showed. Ask for a new preview, look at it, and send its token.',
    {
      errors: [
        {
          path: 'preview_token',
          code: 'preview_outdated',
          message: 'Send the token of a new preview, or leave it out.',
        },
      ],
    },
  );
}
