import { databaseTrouble } from '../src/persistence/trouble.ts';
import { vitalFacts } from '../src/persistence/vital-signs.ts';
import { clock } from '../src/platform/clock.ts';
import { createVitalSigns, type VitalSigns } from '../src/platform/metrics.ts';
import type { ApiDeps } from './deps.ts';
import { watchPollers } from './pollers.ts';

const ASKED_EVERY_MS = 10_000;
/** A scraper waits ten seconds by default, and wants the other numbers even when nobody answers for these. */
const ANSWER_MS_MAX = 4_000;

type Watch = { signs: VitalSigns; atMs: number; done: Promise<void> };
const watches = new WeakMap<ApiDeps, Watch>();

/**
 * Brings the metrics that come from the rows up to date, at most every ten seconds however often it is called. Never
 * throws: a database that does not answer is a number, too.
 */
export function refreshVitalSigns(deps: ApiDeps): Promise<void> {
  const nowMs = performance.now();
  const last = watches.get(deps);
  if (last && nowMs - last.atMs < ASKED_EVERY_MS) return last.done;
  const signs = last?.signs ?? createVitalSigns(deps.metrics.registry);
  const done = Promise.all([showRows(deps, signs), showPollers(deps, signs)]).then(() => undefined);
  watches.set(deps, { signs, atMs: nowMs, done });
  return done;
}

async function showRows(deps: ApiDeps, signs: VitalSigns): Promise<void> {
  const asked = deps.database.asSystem('metrics', (tx) => vitalFacts(tx, clock.now()));
  const facts = await Promise.race([asked, tooLate()]).catch((error: unknown) => {
    deps.logger.warn({ err: error }, 'the rows could not be asked for the metrics');
    // Busy is not away: the same database may answer everything that is asked less of it.
    return databaseTrouble(error) === 'busy' ? ('busy' as const) : null;
  });
  // Answered too late is not answered, but must not become an unhandled rejection either.
  asked.catch(() => undefined);
  signs.databaseUp.set(facts === null ? 0 : 1);
  if (facts === null || facts === 'busy') return forget(signs);
  signs.overdueSubscriptions.set(facts.overdueSubscriptions);
  signs.blockedSubscriptions.set(facts.blockedSubscriptions);
  signs.oldestUndeliveredEventSeconds.set(facts.oldestUndeliveredEvent);
  signs.webhookOldestDueSeconds.set(facts.oldestDueDelivery);
  signs.oldestUnknownPaymentSeconds.set(facts.oldestUnknownAttempt);
  signs.expiredCommands.set(facts.expiredCommands);
  signs.oldestNudgeSeconds.set(facts.oldestNudge);
  signs.usageRollupLagSeconds.set(facts.usageRollupLag);
  signs.oldestImportSeconds.set(facts.oldestImport);
  signs.usageMonthsAhead.set(facts.usageMonthsAhead);
  signs.oldestTouchedUsageSeconds.set(facts.oldestTouchedUsage);
  signs.failingTouchedUsage.set(facts.failingTouchedUsage);
  for (const [status, n] of Object.entries(facts.deliveries)) signs.webhookDeliveries.set({ status }, n);
  for (const [status, n] of Object.entries(facts.attempts))
    signs.unfinishedPaymentAttempts.set({ status }, n);
}

function forget(signs: VitalSigns): void {
  const single = [
    signs.overdueSubscriptions,
    signs.blockedSubscriptions,
    signs.oldestUndeliveredEventSeconds,
    signs.webhookOldestDueSeconds,
    signs.oldestUnknownPaymentSeconds,
    signs.expiredCommands,
    signs.oldestNudgeSeconds,
    signs.usageRollupLagSeconds,
    signs.oldestImportSeconds,
    signs.usageMonthsAhead,
    signs.oldestTouchedUsageSeconds,
    signs.failingTouchedUsage,
  ];
  for (const gauge of single) gauge.remove();
  signs.webhookDeliveries.reset();
  signs.unfinishedPaymentAttempts.reset();
}

async function tooLate(): Promise<never> {
  await new Promise((resolve) => setTimeout(resolve, ANSWER_MS_MAX).unref());
  throw new Error(`PostgreSQL did not answer within ${ANSWER_MS_MAX} ms`);
}

async function showPollers(deps: ApiDeps, signs: VitalSigns): Promise<void> {
  const states = Object.entries(await watchPollers(deps));
  signs.temporalUp.set(states.some(([, state]) => state !== 'unknown') ? 1 : 0);
  for (const [queue, state] of states) {
    if (state === 'unknown') signs.queuePolled.remove(queue);
    else signs.queuePolled.set({ queue }, state === 'polled' ? 1 : 0);
  }
}
