import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  afterFailure,
  type Collection,
  DEFAULT_DUNNING_POLICY,
  type DunningPolicy,
  isSuppressed,
  lineUp,
} from '../../src/domain/dunning.ts';
import { aCollection, day } from '../support/payment-facts.ts';

const invoice = { invoiceId: 'inv_1', tenantId: 'ten_1', customerId: 'cus_1', currency: 'USD' };
const soft = { ...invoice, hard: false };
const hard = { ...invoice, hard: true };

/** Fails whenever it is due until it is exhausted; answers the instants at which it was charged again. */
function playOut(
  policy: DunningPolicy,
  timeZone: string,
  firstFailedAt: Date,
  delayMs = 0,
): { retries: Date[]; end: Collection } {
  const retries: Date[] = [];
  let collection = afterFailure(null, soft, policy, timeZone, firstFailedAt);
  for (let at = firstFailedAt; !collection.outcome; ) {
    [collection = collection] = lineUp([collection], timeZone, at, false);
    if (!collection.nextAttemptAt) throw new Error('nobody is in line');
    at = new Date(collection.nextAttemptAt.getTime() + delayMs);
    retries.push(at);
    collection = afterFailure(collection, soft, policy, timeZone, at);
  }
  return { retries, end: collection };
}

describe('the days of the retries', () => {
  test('the default policy retries on days 1, 3, 5 and 7 at nine o’clock and then is exhausted', () => {
    const { retries, end } = playOut(DEFAULT_DUNNING_POLICY, 'UTC', day('2026-03-01'));
    expect(retries).toEqual(['02', '04', '06', '08'].map((date) => day(`2026-03-${date}`, '09:00:00')));
    expect(end).toMatchObject({
      outcome: 'exhausted',
      endedAt: day('2026-03-08', '09:00:00'),
      attempt: 5,
      nextAttemptAt: null,
    });
  });

  test('nine o’clock is the customer’s, also across the change to summer time (8 March 2026 in New York)', () => {
    const { retries } = playOut(DEFAULT_DUNNING_POLICY, 'America/New_York', day('2026-03-04', '17:00:00'));
    expect(retries).toEqual([
      day('2026-03-05', '14:00:00'),
      day('2026-03-07', '14:00:00'),
      day('2026-03-09', '13:00:00'),
      day('2026-03-11', '13:00:00'),
    ]);
  });

  test('days are counted on the customer’s calendar: 23:00 UTC is already tomorrow in Tokyo', () => {
    const { retries } = playOut(DEFAULT_DUNNING_POLICY, 'Asia/Tokyo', day('2026-03-01', '23:00:00'));
    expect(retries[0]).toEqual(day('2026-03-03', '00:00:00'));
  });

  test('a policy without retries is exhausted by the first failure', () => {
    const policy = { ...DEFAULT_DUNNING_POLICY, retryDays: [] };
    const collection = afterFailure(null, soft, policy, 'UTC', day('2026-03-01'));
    expect(collection).toMatchObject({ outcome: 'exhausted', attempt: 1 });
  });

  test('after an outage of ten days no retry is lost: they follow one a morning', () => {
    const { retries } = playOut(DEFAULT_DUNNING_POLICY, 'UTC', day('2026-03-01'), 10 * 86_400_000);
    expect(retries).toHaveLength(4);
    const first = aCollection('inv_1', { nextAttemptAt: day('2026-03-02', '09:00:00') });
    const late = afterFailure(first, soft, DEFAULT_DUNNING_POLICY, 'UTC', day('2026-03-12'));
    expect(lineUp([late], 'UTC', day('2026-03-12'), false)).toMatchObject([
      { attempt: 2, nextAttemptAt: day('2026-03-13', '09:00:00') },
    ]);
  });

  test('whatever the policy, zone and first failure: every retry is made once, in order, at the local hour', () => {
    const days = fc
      .uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 6 })
      .map((all) => all.sort((a, b) => a - b));
    const zones = fc.constantFrom(
      'UTC',
      'America/New_York',
      'Europe/Paris',
      'Australia/Lord_Howe',
      'Pacific/Apia',
    );
    const instants = fc.date({ min: day('2026-01-01'), max: day('2027-12-31'), noInvalidDate: true });
    const hours = fc.integer({ min: 4, max: 23 });
    fc.assert(
      fc.property(days, zones, instants, hours, (retryDays, timeZone, failedAt, localHour) => {
        const { retries, end } = playOut(
          { ...DEFAULT_DUNNING_POLICY, retryDays, localHour },
          timeZone,
          failedAt,
        );
        expect(retries).toHaveLength(retryDays.length);
        expect(end.attempt).toBe(retryDays.length + 1);
        for (const [index, retry] of retries.entries()) {
          expect(retry.getTime()).toBeGreaterThan((retries[index - 1] ?? failedAt).getTime());
          const hour = new Intl.DateTimeFormat('en-GB', {
            timeZone,
            hour: '2-digit',
            hourCycle: 'h23',
          }).format(retry);
          expect(Number(hour)).toBe(localHour);
        }
      }),
    );
  });
});

describe('what a failure does to a running dunning', () => {
  const second = aCollection('inv_1', { attempt: 2, nextAttemptAt: day('2026-03-04', '09:00:00') });

  test.each([
    ['on its day it counts', day('2026-03-04', '09:00:00'), 3],
    ['late it counts as well', day('2026-03-05'), 3],
    ['before its day (a new method, an early turn) it uses up no retry', day('2026-03-03'), 2],
  ])('%s', (_sentence, at, attempt) => {
    const failed = afterFailure(second, soft, DEFAULT_DUNNING_POLICY, 'UTC', at);
    expect(failed).toMatchObject({ attempt, outcome: null, firstFailedAt: second.firstFailedAt });
  });

  test('an early failure keeps the day that was planned', () => {
    const failed = afterFailure(second, soft, DEFAULT_DUNNING_POLICY, 'UTC', day('2026-03-03'));
    expect(lineUp([failed], 'UTC', day('2026-03-03'), false)).toMatchObject([
      { nextAttemptAt: day('2026-03-04', '09:00:00') },
    ]);
  });

  test('the policy is the one of the first failure, whatever the tenant changed since', () => {
    const failed = afterFailure(
      second,
      soft,
      { ...DEFAULT_DUNNING_POLICY, retryDays: [30], endAction: 'unpaid' },
      'UTC',
      day('2026-03-04'),
    );
    expect(failed.policy).toEqual(DEFAULT_DUNNING_POLICY);
  });

  test('one that had ended begins anew, by the policy of today', () => {
    const over = aCollection('inv_1', { attempt: 5, outcome: 'superseded', endedAt: day('2026-03-08') });
    const policy = { ...DEFAULT_DUNNING_POLICY, retryDays: [2] };
    const begun = afterFailure(over, soft, policy, 'UTC', day('2026-04-01'));
    expect(begun).toMatchObject({
      attempt: 1,
      outcome: null,
      endedAt: null,
      firstFailedAt: day('2026-04-01'),
      policy,
      createdAt: over.createdAt,
    });
  });

  test('taken up again after its end for a new method, a failure exhausts it at once', () => {
    const reopened = aCollection('inv_1', { attempt: 5, nextAttemptAt: day('2026-05-01') });
    expect(afterFailure(reopened, soft, DEFAULT_DUNNING_POLICY, 'UTC', day('2026-05-01')).outcome).toBe(
      'exhausted',
    );
  });
});

describe('one queue per customer and currency', () => {
  const morning = day('2026-03-02', '09:00:00');
  const oldest = aCollection('inv_1', { nextAttemptAt: morning });
  const younger = aCollection('inv_2', { firstFailedAt: day('2026-03-01', '13:00:00') });
  const at = day('2026-03-01', '13:00:00');

  test.each<[string, Collection[], boolean, [string, Date | null][]]>([
    ['nobody is in dunning: nothing changes', [], false, []],
    ['the oldest keeps its day and the younger waits', [oldest, younger], false, []],
    [
      'a younger one with a day of its own gives it up',
      [oldest, { ...younger, nextAttemptAt: morning }],
      false,
      [['inv_2', null]],
    ],
    ['when the oldest is gone the next takes its own day', [younger], false, [['inv_2', morning]]],
    ['a success calls the oldest at once', [oldest, younger], true, [['inv_1', at]]],
    ['and nobody else', [{ ...oldest, nextAttemptAt: at }, younger], true, []],
  ])('%s', (_sentence, running, atOnce, expected) => {
    const changed = lineUp(running, 'UTC', at, atOnce);
    expect(changed.map(({ invoiceId, nextAttemptAt }) => [invoiceId, nextAttemptAt])).toEqual(expected);
  });

  test('one whose day has passed while it waited is called the next morning', () => {
    expect(lineUp([younger], 'UTC', day('2026-03-20'), false)).toMatchObject([
      { nextAttemptAt: day('2026-03-21', '09:00:00') },
    ]);
  });

  test('exactly one is ever in line', () => {
    const anyCollection = fc.record({
      attempt: fc.integer({ min: 1, max: 6 }),
      nextAttemptAt: fc.option(fc.constant(morning)),
    });
    fc.assert(
      fc.property(fc.array(anyCollection, { minLength: 1, maxLength: 5 }), fc.boolean(), (all, atOnce) => {
        const running = all.map((changes, index) => aCollection(`inv_${index}`, changes));
        const changed = new Map(lineUp(running, 'UTC', at, atOnce).map((one) => [one.invoiceId, one]));
        const after = running.map((one) => changed.get(one.invoiceId) ?? one);
        expect(after.map(({ nextAttemptAt }) => nextAttemptAt !== null)).toEqual(
          running.map((_one, index) => index === 0),
        );
        expect(lineUp(after, 'UTC', at, atOnce)).toEqual([]);
      }),
    );
  });

  test.each<[string, Collection[], boolean]>([
    ['soft declines suppress nothing', [oldest, younger], false],
    [
      'a hard decline of any stands against all',
      [oldest, afterFailure(null, hard, DEFAULT_DUNNING_POLICY, 'UTC', at)],
      true,
    ],
    [
      'a dunning that is over stands against nobody',
      [{ ...oldest, hardDeclined: true, outcome: 'paid', endedAt: at }],
      false,
    ],
  ])('%s', (_sentence, running, suppressed) => {
    expect(isSuppressed(running)).toBe(suppressed);
  });
});
