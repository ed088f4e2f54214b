import { localTimeOnDay } from './calendar.ts';

/** What happens when every retry has failed (billing rule 33). */
export const DUNNING_END_ACTIONS = ['cancel', 'unpaid', 'pause', 'leave_past_due'] as const;
export type DunningEndAction = (typeof DUNNING_END_ACTIONS)[number];

export type DunningPolicy = {
  /** Days after the first failure, increasing. */
  retryDays: readonly number[];
  /** The customer's local hour at which a retry is made. */
  localHour: number;
  endAction: DunningEndAction;
  /** What becomes of the invoice at the end; it can only be given up together with its subscription. */
  invoice: 'uncollectible' | 'leave_open';
};

/** Billing rule 33. */
export const DEFAULT_DUNNING_POLICY: DunningPolicy = {
  retryDays: [1, 3, 5, 7],
  localHour: 9,
  endAction: 'cancel',
  invoice: 'uncollectible',
};

/** The dunning of one open invoice; the policy is the one in force at the first failure. */
export type Collection = {
  invoiceId: string;
  tenantId: string;
  customerId: string;
  currency: string;
  policy: DunningPolicy;
  firstFailedAt: Date;
  /** Failed charges on the policy's days, the first failure included; what is tried in between does not count. */
  attempt: number;
  hardDeclined: boolean;
  /** Null while an older invoice of the same customer and currency is being retried first. */
  nextAttemptAt: Date | null;
  outcome: 'paid' | 'exhausted' | 'superseded' | 'voided' | 'uncollectible' | null;
  endedAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
};

/** A charge that failed, or that could not be tried for want of a method or because of a standing hard decline. */
export type Failure = Pick<Collection, 'invoiceId' | 'tenantId' | 'customerId' | 'currency'> & {
  hard: boolean;
};

/**
 * An invoice's dunning after a failure at `at`; `policy` counts only for the first one (billing rule 34b). When no retry
 * is left the outcome is `exhausted` and the end action is due. When the next retry is, `lineUp` says.
 *
 * A failure before its planned day (a new payment method, a turn that came early) uses up no retry.
 */
export function afterFailure(
  previous: Collection | null,
  failure: Failure,
  policy: DunningPolicy,
  timeZone: string,
  at: Date,
): Collection {
  if (!previous || previous.outcome) {
    const { hard, ...invoice } = failure;
    const begun = {
      ...invoice,
      policy,
      firstFailedAt: at,
      attempt: 1,
      hardDeclined: hard,
      createdAt: previous?.createdAt ?? at,
    };
    return ended({ ...begun, nextAttemptAt: null, outcome: null, endedAt: null, updatedAt: at }, at);
  }
  const planned = plannedRetry(previous, timeZone);
  const attempt = planned && at < planned ? previous.attempt : previous.attempt + 1;
  return ended({ ...previous, attempt, hardDeclined: failure.hard, nextAttemptAt: null, updatedAt: at }, at);
}

/**
 * The order of retries of one customer and currency (billing rule 34b): the oldest of `running` has a date, the others
 * wait without one. `atOnce` calls the oldest now, as a success and a new payment method do. Answers what changed.
 */
export function lineUp(
  running: readonly Collection[],
  timeZone: string,
  at: Date,
  atOnce: boolean,
): Collection[] {
  return running.flatMap((collection, index) => {
    const nextAttemptAt =
      index > 0 ? null : atOnce ? at : (collection.nextAttemptAt ?? nextRetry(collection, timeZone, at));
    if (nextAttemptAt?.getTime() === collection.nextAttemptAt?.getTime()) return [];
    return [{ ...collection, nextAttemptAt, updatedAt: at }];
  });
}

/** Whether it has not come to an end. */
export function isRunning({ outcome }: Collection): boolean {
  return outcome === null;
}

/** A hard decline stands against every invoice of the customer until the payment method changes (billing rules 33, 34b). */
export function isSuppressed(running: readonly Collection[]): boolean {
  return running.some((collection) => !collection.outcome && collection.hardDeclined);
}

/** The policy's day, or after an outage the next local morning: no retry is lost because nobody was there to make it. */
function nextRetry(collection: Collection, timeZone: string, at: Date): Date {
  const planned = plannedRetry(collection, timeZone);
  return planned && planned > at ? planned : localTimeOnDay(at, 1, collection.policy.localHour, timeZone);
}

/** The day of the next retry counted from the first failure, at the policy's local hour; null when none is left. */
function plannedRetry({ policy, attempt, firstFailedAt }: Collection, timeZone: string): Date | null {
  const day = policy.retryDays[attempt - 1];
  return day === undefined ? null : localTimeOnDay(firstFailedAt, day, policy.localHour, timeZone);
}

function ended(collection: Collection, at: Date): Collection {
  const isExhausted = collection.policy.retryDays[collection.attempt - 1] === undefined;
  return isExhausted ? { ...collection, outcome: 'exhausted', endedAt: at } : collection;
}
