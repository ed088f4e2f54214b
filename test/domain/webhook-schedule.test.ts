import { describe, expect, test } from '@jest/globals';
import { type AttemptOutcome, decideDelivery, RETRY_DELAYS_MS } from '../../src/domain/deliver.ts';

const at = new Date('2027-01-31T12:00:00.000Z');
const healthy = { failingSince: null };
const answered = (status: number, retryAfter: string | null = null): AttemptOutcome => ({
  status,
  error: null,
  retryAfter,
});
const silence: AttemptOutcome = { status: null, error: 'The connection was refused.', retryAfter: null };
const later = (ms: number) => ({ status: 'pending', nextAttemptAt: new Date(at.getTime() + ms) });

const decide = (
  attempts: number,
  outcome: AttemptOutcome,
  { scheduleBase = 0, failingSince = null as Date | null, jitter = 0 } = {},
) => decideDelivery({ attempts, scheduleBase }, outcome, { failingSince }, at, jitter);

describe('after an attempt', () => {
  test.each([200, 201, 204, 299])('%i is success', (status) => {
    expect(decide(1, answered(status))).toEqual({ delivery: { status: 'delivered' }, disable: null });
  });

  test.each([100, 301, 302, 307, 400, 404, 500, 503])(
    '%i waits for the next place in the schedule',
    (status) => {
      expect(decide(1, answered(status)).delivery).toEqual(later(5_000));
    },
  );

  test('a 200 whose body never ended is no success', () => {
    expect(decide(1, { ...answered(200), error: 'No complete answer within 15 s.' }).delivery).toEqual(
      later(5_000),
    );
  });

  test('the schedule is 0, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h, then a dead letter', () => {
    const seconds = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
    expect(seconds.map((_, index) => decide(index + 1, silence).delivery)).toEqual(
      seconds.map((delay) => later(delay * 1_000)),
    );
    expect(decide(10, silence)).toEqual({
      delivery: { status: 'dead', reason: 'All 10 attempts failed.' },
      disable: null,
    });
    expect(RETRY_DELAYS_MS).toHaveLength(10);
  });

  test('a resend begins the schedule anew', () => {
    expect(decide(11, silence, { scheduleBase: 10 }).delivery).toEqual(later(5_000));
  });

  test('jitter adds up to a tenth and never makes an attempt come sooner', () => {
    expect(decide(1, silence, { jitter: 0.5 }).delivery).toEqual(later(5_250));
    expect(decide(2, silence, { jitter: 0.999_999 }).delivery).toEqual(later(330_000));
  });

  test('410 ends the delivery and its endpoint', () => {
    expect(decide(1, answered(410))).toMatchObject({ delivery: { status: 'dead' }, disable: 'gone' });
  });

  test('5 days without success end the endpoint, not an hour less', () => {
    const hoursAgo = (hours: number) => new Date(at.getTime() - hours * 3_600_000);
    expect(decide(3, silence, { failingSince: hoursAgo(119) })).toMatchObject({ disable: null });
    expect(decide(3, silence, { failingSince: hoursAgo(120) })).toMatchObject({
      delivery: { status: 'dead' },
      disable: 'failing',
    });
    expect(decide(3, answered(200), { failingSince: hoursAgo(500) })).toMatchObject({ disable: null });
  });
});

describe('Retry-After', () => {
  test.each([
    ['in seconds', '120', 120_000],
    ['as a date', 'Sun, 31 Jan 2027 12:02:00 GMT', 120_000],
    ['at most 24 hours', '999999', 86_400_000],
    ['never sooner than the schedule', '1', 5_000],
    ['in the past is none', 'Sun, 31 Jan 2027 11:00:00 GMT', 5_000],
    ['that cannot be read is none', 'soon', 5_000],
  ])('%s', (_, header, ms) => {
    expect(decide(1, answered(429, header)).delivery).toEqual(later(ms));
    expect(decide(1, answered(503, header)).delivery).toEqual(later(ms));
  });

  test('counts for 429 and 503 only', () => {
    expect(decide(1, answered(500, '120'), healthy).delivery).toEqual(later(5_000));
  });
});
