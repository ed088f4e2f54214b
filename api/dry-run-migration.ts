import type { z } from 'zod';
import { moveBody } from '../src/contract/move-command.ts';
import {
  type DRY_RUN_OUTCOMES,
  type planMigrationDryRunOut,
  presentTerms,
} from '../src/contract/plan-migrations.ts';
import type { previewOut } from '../src/contract/previews.ts';
import { decideCommand, effectiveAt } from '../src/domain/decide-command.ts';
import { isDomainError } from '../src/domain/errors.ts';
import type { Life } from '../src/domain/life.ts';
import { Decimal } from '../src/domain/money.ts';
import { judgeSubscriber, moveCommand, type PlanMigration } from '../src/domain/plan-migration.ts';
import type { Tx } from '../src/persistence/doors.ts';
import { databaseNow } from '../src/persistence/find-commands.ts';
import { type Subscriber, subscribersOf, versionsOf } from '../src/persistence/plan-migration-lives.ts';
import { concernedAfter } from '../src/persistence/plan-migrations.ts';
import { lifecycle } from './ask-command.ts';
import { countWithin } from './migrate-plan.ts';
import { previewOfAsk } from './preview-command.ts';
import type { Call } from './route.ts';

const EXAMINED_MAX = 10_000;
const SHOWN_MAX = 1_000;
const PREVIEWED_MAX = 20;
const PAGE = 500;

type DryRun = z.input<typeof planMigrationDryRunOut>;
type Found = { subscriber: Subscriber; command: ReturnType<typeof moveCommand> | null } & Pick<
  DryRun['subscriptions'][number],
  'outcome' | 'reason' | 'message'
>;

/** What a migration would do to whom, asked of the same functions that do it; stores nothing. */
export async function dryRun(tx: Tx, call: Call, migration: PlanMigration): Promise<DryRun> {
  const total = await countWithin(tx, migration);
  const examined = await examine(tx, migration);
  const outcomes: DryRun['outcomes'] = { applied: 0, scheduled: 0, refused: 0, skipped: 0 };
  const reasons: DryRun['reasons'] = {};
  for (const { outcome, reason } of examined) {
    outcomes[outcome] += 1;
    if (reason) reasons[reason] = (reasons[reason] ?? 0) + 1;
  }
  const refusedFirst = [
    ...examined.filter(({ outcome }) => outcome === 'refused'),
    ...examined.filter(({ outcome }) => outcome !== 'refused'),
  ];
  const subscriptions: DryRun['subscriptions'] = [];
  let previewed = 0;
  for (const { subscriber, command, outcome, reason, message } of refusedFirst.slice(0, SHOWN_MAX)) {
    const moves = command !== null && outcome !== 'refused' && previewed < PREVIEWED_MAX;
    const preview = moves ? await previewOf(tx, call, subscriber, command) : null;
    if (preview) previewed += 1;
    const { id } = subscriber.life.subscription;
    subscriptions.push({ subscription: id, outcome, reason, message, preview });
  }
  return {
    object: 'plan_migration_dry_run',
    ...presentTerms(migration),
    total,
    examined: examined.length,
    outcomes,
    reasons,
    subscriptions,
  };
}

async function examine(tx: Tx, migration: PlanMigration): Promise<Found[]> {
  const versions = await versionsOf(tx, migration);
  const to = versions.get(migration.toVersion);
  if (!to) throw new Error(`plan ${migration.planId} has no version ${migration.toVersion}`);
  const now = await databaseNow(tx);
  const found: Found[] = [];
  for (let after = ''; found.length < EXAMINED_MAX; ) {
    const ids = await concernedAfter(tx, migration, after, PAGE);
    for (const subscriber of await subscribersOf(tx, ids, versions, now)) {
      const verdict = judgeSubscriber(migration, subscriber.life, subscriber.from, to);
      if (verdict.kind === 'move') found.push(outcomeOf(subscriber, moveCommand(migration, verdict.change)));
      else {
        const { kind: outcome, reason, message } = verdict;
        found.push({ subscriber, command: null, outcome, reason, message });
      }
    }
    const last = ids.at(-1);
    if (ids.length < PAGE || !last) break;
    after = last;
  }
  return found;
}

/** Decided without amounts: whether it is refused does not depend on them. */
function outcomeOf(subscriber: Subscriber, command: ReturnType<typeof moveCommand>): Found {
  const { life, at } = subscriber;
  const as = (outcome: (typeof DRY_RUN_OUTCOMES)[number], reason: string | null, message: string | null) => ({
    subscriber,
    command,
    outcome,
    reason,
    message,
  });
  try {
    const setting = { hasPaymentMethod: true, trialReminderDays: null };
    const decision = decideCommand(
      withoutAmounts(life),
      command,
      effectiveAt(life.subscription, at),
      setting,
    );
    return as(decision.scheduled.length > 0 ? 'scheduled' : 'applied', null, null);
  } catch (error) {
    if (!isDomainError(error)) throw error;
    return as(error.code === 'change_without_effect' ? 'skipped' : 'refused', error.code, error.message);
  }
}

/** Nothing was paid ahead and nothing used, as far as this is concerned. */
function withoutAmounts(life: Life): Life {
  const none = new Decimal(0);
  const usage = { quantity: none, events: [], buckets: null };
  return {
    ...life,
    priced: life.priced.map((entry) => ({
      ...entry,
      fees: [],
      ...(entry.price.billing === 'usage' ? { usage } : {}),
      ...(entry.price.terms.model === 'minimum_commitment' ? { spent: none } : {}),
    })),
  };
}

/** Null for one that is refused on a closer look, for example because a charge is under way. */
async function previewOf(
  tx: Tx,
  call: Call,
  { life: { subscription }, at }: Subscriber,
  command: ReturnType<typeof moveCommand>,
): Promise<z.input<typeof previewOut> | null> {
  try {
    return await previewOfAsk(tx, call, lifecycle(subscription, 'change', moveBody(command), at));
  } catch (error) {
    if (isDomainError(error)) return null;
    throw error;
  }
}
