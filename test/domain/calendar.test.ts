import { describe, expect, test } from '@jest/globals';
import { DateTime } from 'luxon';
import type { Cadence, Interval } from '../../src/domain/calendar.ts';
import {
  anchorOnDayOfMonth,
  boundaryAfter,
  boundaryAtOrBefore,
  contractualPeriod,
  firstAnchor,
  isTimeZone,
} from '../../src/domain/calendar.ts';
import { cadence, dates, every, following, local } from '../support/calendar-words.ts';

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
