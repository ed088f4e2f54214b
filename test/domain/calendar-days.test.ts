import { spawnSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import { DateTime } from 'luxon';
import {
  addCivilDays,
  boundaryAfter,
  boundaryAtOrBefore,
  civilDaysBetween,
  endOfBilledDay,
  localTimeOnDay,
} from '../../src/domain/calendar.ts';
import { cadence, dates, every, following, local } from '../support/calendar-words.ts';

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
