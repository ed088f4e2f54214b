import { spawnSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DateTime } from 'luxon';
import type { Cadence, Interval, IntervalUnit } from '../../src/domain/calendar.ts';
import {
  addCivilDays,
  anchorOnDayOfMonth,
  boundaryAfter,
  boundaryAtOrBefore,
  civilDaysBetween,
  contractualPeriod,
  endOfBilledDay,
  firstAnchor,
  INTERVAL_UNITS,
  isTimeZone,
  localTimeOnDay,
} from '../../src/domain/calendar.ts';

/** Zones with the habits that break calendars: change at midnight, half-hour change, skipped day, large offsets. */
const ZONES = [
  'UTC',
  'America/New_York',
  'America/Los_Angeles',
  'America/Sao_Paulo',
  'America/St_Johns',
  'America/Havana',
  'America/Asuncion',
  'America/Santiago',
  'Africa/Cairo',
  'Africa/Casablanca',
  'Asia/Beirut',
  'Asia/Gaza',
  'Asia/Tehran',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'Asia/Tokyo',
  'Atlantic/Azores',
  'Australia/Lord_Howe',
  'Europe/London',
  'Europe/Paris',
  'Pacific/Apia',
  'Pacific/Chatham',
  'Pacific/Kiritimati',
  'Pacific/Pago_Pago',
];

const every = (unit: IntervalUnit, count = 1): Interval => ({ unit, count });

function cadence(anchor: string, timeZone = 'UTC', more: Partial<Cadence> = {}): Cadence {
  const instant = DateTime.fromISO(anchor, { zone: timeZone }).toJSDate();
  return { billingCycle: 'anniversary', prorationBasis: 'day', timeZone, anchor: instant, ...more };
}

function local(instant: Date, timeZone = 'UTC'): string {
  return DateTime.fromJSDate(instant, { zone: timeZone }).toFormat("yyyy-MM-dd'T'HH:mm");
}

/** The next boundaries after an instant, as local wall times. */
function following(c: Cadence, interval: Interval, count: number, after: Date = c.anchor): string[] {
  const found: string[] = [];
  for (let instant = after; found.length < count; ) {
    instant = boundaryAfter(c, interval, instant);
    found.push(local(instant, c.timeZone));
  }
  return found;
}

const dates = (walls: string[]) => walls.map((wall) => wall.slice(0, 10));

describe('anniversary boundaries', () => {
  test.each<[string, string, Interval, string[]]>([
    [
      'the 31st is clamped and comes back',
      '2024-01-31',
      every('month'),
      ['2024-02-29', '2024-03-31', '2024-04-30', '2024-05-31'],
    ],
    [
      'the 30th loses only February',
      '2025-01-30',
      every('month'),
      ['2025-02-28', '2025-03-30', '2025-04-30'],
    ],
    [
      '28 February is a day number, not a month end',
      '2025-02-28',
      every('month'),
      ['2025-03-28', '2025-04-28'],
    ],
    [
      '29 February becomes 28 in common years',
      '2024-02-29',
      every('year'),
      ['2025-02-28', '2026-02-28', '2027-02-28', '2028-02-29'],
    ],
    ['2100 is not a leap year', '2096-02-29', every('year', 4), ['2100-02-28', '2104-02-29']],
    ['a quarter is three months', '2024-11-30', every('quarter'), ['2025-02-28', '2025-05-30', '2025-08-30']],
    ['a half-year is six', '2024-08-31', every('half_year'), ['2025-02-28', '2025-08-31']],
    ['every second month', '2024-12-31', every('month', 2), ['2025-02-28', '2025-04-30', '2025-06-30']],
    ['every 18 months', '2024-01-31', every('month', 18), ['2025-07-31', '2027-01-31']],
    ['a week is seven days', '2024-02-26', every('week'), ['2024-03-04', '2024-03-11']],
    ['every second week', '2024-12-25', every('week', 2), ['2025-01-08', '2025-01-22']],
    ['every tenth day over a year end', '2024-12-25', every('day', 10), ['2025-01-04', '2025-01-14']],
  ])('%s', (_, anchor, interval, expected) => {
    for (const timeZone of ['UTC', 'America/New_York', 'Asia/Tokyo']) {
      expect(dates(following(cadence(anchor, timeZone), interval, expected.length))).toEqual(expected);
    }
  });

  test('in basis day they are local midnights although the anchor is in the afternoon', () => {
    const c = cadence('2025-01-15T16:40', 'America/New_York');
    expect(following(c, every('month'), 3)).toEqual([
      '2025-02-15T00:00',
      '2025-03-15T00:00',
      '2025-04-15T00:00',
    ]);
    expect(local(boundaryAtOrBefore(c, every('month'), c.anchor), c.timeZone)).toBe('2025-01-15T00:00');
  });

  test('in basis second they keep the wall time of the anchor over daylight saving', () => {
    const c = cadence('2025-02-15T16:40:05.123', 'America/New_York', { prorationBasis: 'second' });
    expect(following(c, every('month'), 2)).toEqual(['2025-03-15T16:40', '2025-04-15T16:40']);
    expect(boundaryAfter(c, every('month'), c.anchor).toISOString()).toBe('2025-03-15T20:40:05.123Z');
    expect(boundaryAtOrBefore(c, every('month'), c.anchor)).toEqual(c.anchor);
  });

  test('in basis second a wall time in the spring gap moves forward once and then comes back', () => {
    const c = cadence('2025-01-30T02:30', 'Europe/Berlin', { prorationBasis: 'second' });
    expect(following(c, every('month'), 3)).toEqual([
      '2025-02-28T02:30',
      '2025-03-30T03:30',
      '2025-04-30T02:30',
    ]);
  });

  test('in basis second an anchor in the repeated hour of autumn is its own boundary, even the later one', () => {
    const anchor = new Date('2025-10-26T01:30:00Z');
    const c = cadence('2025-10-26', 'Europe/Berlin', { prorationBasis: 'second', anchor });
    expect(boundaryAtOrBefore(c, every('month'), anchor)).toEqual(anchor);
    expect(following(c, every('month'), 1)).toEqual(['2025-11-26T02:30']);
  });

  test('before the anchor they are counted backwards, so a stub has a whole period around it', () => {
    const c = cadence('2025-01-31');
    const stub = contractualPeriod(c, every('month'), new Date('2024-11-10T12:00:00Z'));
    expect([local(stub.start), local(stub.end)]).toEqual(['2024-10-31T00:00', '2024-11-30T00:00']);
  });

  test('a boundary instant belongs to the period it begins', () => {
    const c = cadence('2025-01-01');
    const instant = new Date('2025-03-01T00:00:00Z');
    expect(boundaryAtOrBefore(c, every('month'), instant)).toEqual(instant);
    expect(boundaryAfter(c, every('month'), instant)).toEqual(new Date('2025-04-01T00:00:00Z'));
  });
});

describe('calendar boundaries', () => {
  test.each<[string, Interval, string[]]>([
    ['days begin at midnight', every('day'), ['2025-05-15', '2025-05-16']],
    ['weeks begin on Monday', every('week'), ['2025-05-19', '2025-05-26']],
    ['months begin on the 1st', every('month'), ['2025-06-01', '2025-07-01']],
    ['quarters begin in January, April, July, October', every('quarter'), ['2025-07-01', '2025-10-01']],
    ['half-years begin in January and July', every('half_year'), ['2025-07-01', '2026-01-01']],
    ['years begin on 1 January', every('year'), ['2026-01-01', '2027-01-01']],
    ['every second week counts from the next Monday', every('week', 2), ['2025-05-19', '2025-06-02']],
    ['every third month counts from the next 1st', every('month', 3), ['2025-06-01', '2025-09-01']],
    ['every second year counts from the next 1 January', every('year', 2), ['2026-01-01', '2028-01-01']],
  ])('%s', (_, interval, expected) => {
    for (const prorationBasis of ['day', 'second'] as const) {
      const c = cadence('2025-05-14T15:00', 'America/New_York', { billingCycle: 'calendar', prorationBasis });
      expect(following(c, interval, expected.length)).toEqual(expected.map((date) => `${date}T00:00`));
    }
  });

  test.each<[string, string, Interval, string, string]>([
    [
      'on a 1st belongs to the period that begins that day',
      '2025-06-01T09:00',
      every('month', 2),
      '2025-06-01',
      '2025-08-01',
    ],
    ['on a Monday likewise', '2025-05-19T09:00', every('week', 2), '2025-05-19', '2025-06-02'],
    [
      'in February has a month of its length around it',
      '2024-02-10',
      every('month'),
      '2024-02-01',
      '2024-03-01',
    ],
    [
      'in a stub before the first two-month boundary',
      '2025-05-14',
      every('month', 2),
      '2025-04-01',
      '2025-06-01',
    ],
  ])('a start %s', (_, start, interval, from, to) => {
    const c = cadence(start, 'Europe/Paris', { billingCycle: 'calendar' });
    const period = contractualPeriod(c, interval, c.anchor);
    expect(dates([local(period.start, c.timeZone), local(period.end, c.timeZone)])).toEqual([from, to]);
  });

  test('weeks before 1970 begin on Monday too', () => {
    const c = cadence('1969-12-31', 'UTC', { billingCycle: 'calendar' });
    expect(dates(following(c, every('week'), 2))).toEqual(['1970-01-05', '1970-01-12']);
    expect(local(boundaryAtOrBefore(c, every('week'), c.anchor))).toBe('1969-12-29T00:00');
  });
});

describe('days that do not begin at midnight', () => {
  test.each([
    ['America/Sao_Paulo', '2018-11-03', '2018-11-04T01:00'],
    ['Asia/Beirut', '2022-03-26', '2022-03-27T01:00'],
    ['Africa/Cairo', '2024-04-25', '2024-04-26T01:00'],
    ['America/Asuncion', '2023-09-30', '2023-10-01T01:00'],
    ['America/Santiago', '2024-09-07', '2024-09-08T01:00'],
    ['America/Toronto', '1919-03-30', '1919-03-31T00:30'],
  ])('%s: the day after %s begins at %s', (timeZone, anchor, begin) => {
    expect(following(cadence(anchor, timeZone), every('day'), 1)).toEqual([begin]);
  });

  test('where clocks go back over midnight the day begins the first time', () => {
    const c = cadence('2024-11-02', 'America/Havana');
    const begin = boundaryAfter(c, every('day'), c.anchor);
    expect(begin.toISOString()).toBe('2024-11-03T04:00:00.000Z');
    expect(civilDaysBetween({ start: begin, end: new Date('2024-11-04T05:00:00Z') }, c.timeZone)).toBe(1);
  });

  test('where clocks go back to yesterday, the minutes shown again still belong to the day that has begun', () => {
    const c = cadence('2010-11-06', 'America/St_Johns');
    const begin = boundaryAfter(c, every('day'), c.anchor);
    const shownAsYesterday = new Date(begin.getTime() + 30 * 60_000);
    expect(local(shownAsYesterday, c.timeZone)).toBe('2010-11-06T23:30');
    expect(boundaryAtOrBefore(c, every('day'), shownAsYesterday)).toEqual(begin);
    expect(civilDaysBetween({ start: begin, end: shownAsYesterday }, c.timeZone)).toBe(0);
  });

  test('Samoa had no 30 December 2011: no period is empty', () => {
    const c = cadence('2011-12-28', 'Pacific/Apia');
    expect(dates(following(c, every('day'), 3))).toEqual(['2011-12-29', '2011-12-31', '2012-01-01']);
    const inSeconds = cadence('2011-12-28T10:00', 'Pacific/Apia', { prorationBasis: 'second' });
    expect(dates(following(inSeconds, every('day'), 3))).toEqual(['2011-12-29', '2011-12-31', '2012-01-01']);
  });
});

describe('periods tile time', () => {
  const instant = fc.date({ min: new Date('1990-01-01'), max: new Date('2060-01-01'), noInvalidDate: true });
  const anyCadence: fc.Arbitrary<Cadence> = fc.record({
    billingCycle: fc.constantFrom('anniversary', 'calendar'),
    prorationBasis: fc.constantFrom('day', 'second'),
    timeZone: fc.constantFrom(...ZONES),
    anchor: instant,
  });
  const anyInterval: fc.Arbitrary<Interval> = fc.record({
    unit: fc.constantFrom(...INTERVAL_UNITS),
    count: fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 36 })),
  });

  test('every instant lies in exactly one period, before and after the anchor', () => {
    fc.assert(
      fc.property(anyCadence, anyInterval, instant, (c, interval, x) => {
        const { start, end } = contractualPeriod(c, interval, x);
        expect(start <= x && x < end).toBe(true);
        expect(contractualPeriod(c, interval, end).start).toEqual(end);
        expect(contractualPeriod(c, interval, start)).toEqual({ start, end });
        expect(contractualPeriod(c, interval, new Date(start.getTime() - 1)).end).toEqual(start);
      }),
      { numRuns: 400 },
    );
  });

  test('a millisecond before a boundary the next boundary is that one', () => {
    fc.assert(
      fc.property(anyCadence, anyInterval, instant, (c, interval, x) => {
        const boundary = boundaryAfter(c, interval, x);
        expect(boundary > x).toBe(true);
        expect(boundaryAfter(c, interval, new Date(boundary.getTime() - 1))).toEqual(boundary);
        expect(boundaryAtOrBefore(c, interval, boundary)).toEqual(boundary);
        expect(boundaryAtOrBefore(c, interval, new Date(boundary.getTime() - 1)) <= x).toBe(true);
      }),
      { numRuns: 400 },
    );
  });

  test('also around every change of the clocks, day by day for years', () => {
    for (const timeZone of ZONES) {
      for (const prorationBasis of ['day', 'second'] as const) {
        const c = cadence('2009-06-15T00:20', timeZone, { prorationBasis });
        let start = boundaryAtOrBefore(c, every('day'), c.anchor);
        for (let n = 0; n < 1000; n++) {
          const period = contractualPeriod(c, every('day'), new Date(start.getTime() + n * 60_000));
          const hours = (period.end.getTime() - period.start.getTime()) / 3_600_000;
          expect(period.start).toEqual(start);
          expect(hours).toBeGreaterThanOrEqual(21);
          expect(hours).toBeLessThanOrEqual(27);
          start = period.end;
        }
      }
    }
  });

  test('every boundary in basis day is the first instant of a civil day', () => {
    fc.assert(
      fc.property(anyCadence, anyInterval, instant, (c, interval, x) => {
        const day = { ...c, prorationBasis: 'day' as const };
        const boundary = boundaryAfter(day, interval, x);
        const lastInstant = new Date(boundary.getTime() - 1);
        expect(civilDaysBetween({ start: lastInstant, end: boundary }, c.timeZone)).toBeGreaterThanOrEqual(1);
      }),
      { numRuns: 400 },
    );
  });

  test('the anchor of an anniversary is a boundary: itself in seconds, its midnight in days', () => {
    fc.assert(
      fc.property(anyCadence, anyInterval, (c, interval) => {
        const start = boundaryAtOrBefore({ ...c, billingCycle: 'anniversary' }, interval, c.anchor);
        if (c.prorationBasis === 'second') expect(start).toEqual(c.anchor);
        else expect(civilDaysBetween({ start, end: c.anchor }, c.timeZone)).toBe(0);
      }),
      { numRuns: 400 },
    );
  });
});

describe('a bill-cycle day', () => {
  const from = (date: string) => DateTime.fromISO(date, { zone: 'Asia/Tokyo' }).toJSDate();

  test('keeps the wall time of the start, so a start on that day is itself', () => {
    expect(firstAnchor(from('2025-05-10T14:30'), 10, every('month'), 'Asia/Tokyo')).toEqual(
      from('2025-05-10T14:30'),
    );
    expect(firstAnchor(from('2025-05-11T14:30'), 10, every('month'), 'Asia/Tokyo')).toEqual(
      from('2025-06-10T14:30'),
    );
  });

  test('means nothing to weeks and days', () => {
    expect(firstAnchor(from('2025-05-11'), 10, every('week'), 'Asia/Tokyo')).toEqual(from('2025-05-11'));
    expect(anchorOnDayOfMonth(from('2025-05-11'), 10, every('day'), 'Asia/Tokyo')).toEqual(
      from('2025-05-11'),
    );
  });

  test.each<[string, string, number, Interval, string[]]>([
    [
      'day 30 from February goes on with the 30th',
      '2012-02-16',
      30,
      every('month'),
      ['2012-02-29', '2012-03-30', '2012-04-30'],
    ],
    ['day 31 from April', '2025-04-02', 31, every('month'), ['2025-04-30', '2025-05-31', '2025-06-30']],
    [
      'day 31 every quarter from February',
      '2025-02-02',
      31,
      every('quarter'),
      ['2025-02-28', '2025-05-31', '2025-08-31'],
    ],
    [
      'day 29 every year from a common February',
      '2025-02-02',
      29,
      every('year'),
      ['2025-02-28', '2026-02-28', '2027-02-28', '2028-02-29'],
    ],
    [
      'day 31 every year from June has only 30s',
      '2025-06-02',
      31,
      every('year'),
      ['2025-06-30', '2026-06-30'],
    ],
  ])('%s', (_, start, day, interval, expected) => {
    const anchor = anchorOnDayOfMonth(from(start), day, interval, 'Asia/Tokyo');
    const c = cadence(start, 'Asia/Tokyo', { anchor });
    expect(dates(following(c, interval, expected.length, from(start)))).toEqual(expected);
    expect(boundaryAfter(c, interval, from(start))).toEqual(
      firstAnchor(from(start), day, interval, 'Asia/Tokyo'),
    );
  });
});

describe('civil days and local hours', () => {
  const newYork = (text: string) => DateTime.fromISO(text, { zone: 'America/New_York' }).toJSDate();

  test('a trial ends at the same wall time over daylight saving', () => {
    expect(addCivilDays(newYork('2025-03-01T18:15'), 14, 'America/New_York')).toEqual(
      newYork('2025-03-15T18:15'),
    );
    expect(addCivilDays(newYork('2025-03-08T02:30'), 1, 'America/New_York')).toEqual(
      newYork('2025-03-09T03:30'),
    );
    expect(addCivilDays(newYork('2025-11-01T01:30'), 1, 'America/New_York').toISOString()).toBe(
      '2025-11-02T05:30:00.000Z',
    );
  });

  test('zero days later is the same instant, also in the repeated hour', () => {
    const second = new Date('2025-11-02T06:30:00Z');
    expect(addCivilDays(second, 0, 'America/New_York')).toEqual(second);
  });

  test('dunning at 09:00 local, whatever the hour of the failure', () => {
    const failed = newYork('2025-03-07T23:50');
    const at = [1, 3, 5, 7].map((days) => localTimeOnDay(failed, days, 9, 'America/New_York').toISOString());
    expect(at).toEqual([
      '2025-03-08T14:00:00.000Z',
      '2025-03-10T13:00:00.000Z',
      '2025-03-12T13:00:00.000Z',
      '2025-03-14T13:00:00.000Z',
    ]);
  });

  test.each([
    ['a whole February', '2024-02-01', '2024-03-01', 29],
    ['start late in the day', '2025-06-10T23:59', '2025-06-11', 1],
    ['an end late in the day does not count its day', '2025-06-10', '2025-06-11T23:59', 1],
    ['over daylight saving', '2025-03-01', '2025-04-01', 31],
    ['nothing', '2025-06-10T10:00', '2025-06-10T11:00', 0],
  ])('days of a period: %s', (_, start, end, days) => {
    expect(civilDaysBetween({ start: newYork(start), end: newYork(end) }, 'America/New_York')).toBe(days);
  });

  test('the day of an immediate cancellation is billed to its end, in seconds to the instant', () => {
    const zone = 'America/New_York';
    expect(endOfBilledDay(newYork('2025-06-10T08:00'), 'day', zone)).toEqual(newYork('2025-06-11'));
    expect(endOfBilledDay(newYork('2025-06-10T00:00'), 'day', zone)).toEqual(newYork('2025-06-10'));
    expect(endOfBilledDay(newYork('2025-06-10T08:00'), 'second', zone)).toEqual(newYork('2025-06-10T08:00'));
  });
});

describe('names and numbers that are refused', () => {
  test.each([
    'UTC',
    'Europe/Rome',
    'Asia/Calcutta',
    'Asia/Kolkata',
    'America/Argentina/Buenos_Aires',
    'Etc/GMT+5',
    'GMT',
  ])('%s is a time zone', (name) => expect(isTimeZone(name)).toBe(true));

  test.each([
    '',
    '+02:00',
    '-0500',
    'GMT+5',
    'UTC+3',
    'Z',
    'IST',
    'pst',
    'Europe',
    'Europe/Atlantis',
    'Etc/Unknown',
    ' UTC',
    'UTC\n',
  ])('"%s" is not', (name) => expect(isTimeZone(name)).toBe(false));

  test('an unknown zone in a calculation is a domain error, never the zone of the process', () => {
    const c: Cadence = { ...cadence('2025-01-01'), timeZone: 'Mars/Olympus' };
    expect(() => boundaryAfter(c, every('month'), c.anchor)).toThrow(
      expect.objectContaining({ code: 'time_zone_unknown' }),
    );
  });

  test.each([0, -1, 1.5, Number.NaN])('an interval count of %d is a mistake', (count) => {
    const c = cadence('2025-01-01');
    expect(() => boundaryAfter(c, every('month', count), c.anchor)).toThrow(RangeError);
  });

  test.each([0, 32, 1.5])('a bill-cycle day of %d is a mistake', (day) => {
    expect(() => firstAnchor(new Date(), day, every('month'), 'UTC')).toThrow(RangeError);
  });
});

test('the zone of the process changes nothing', () => {
  const script = `
    import { contractualPeriod, addCivilDays, localTimeOnDay } from ${JSON.stringify(new URL('../../src/domain/calendar.ts', import.meta.url).href)};
    const anchor = new Date('2025-01-31T23:30:00Z');
    const c = { billingCycle: 'anniversary', prorationBasis: 'second', timeZone: 'America/New_York', anchor };
    const p = contractualPeriod(c, { unit: 'month', count: 1 }, new Date('2025-03-09T07:30:00Z'));
    console.log(JSON.stringify([p, addCivilDays(anchor, 40, c.timeZone), localTimeOnDay(anchor, 40, 9, c.timeZone)]));`;
  const answers = ['UTC', 'Pacific/Kiritimati', 'America/St_Johns'].map((TZ) => {
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      env: { TZ },
      encoding: 'utf8',
    });
    return run.stdout || run.stderr;
  });
  expect(new Set(answers)).toEqual(
    new Set([
      '[{"start":"2025-02-28T23:30:00.000Z","end":"2025-03-31T22:30:00.000Z"},"2025-03-12T22:30:00.000Z","2025-03-12T13:00:00.000Z"]\n',
    ]),
  );
});
