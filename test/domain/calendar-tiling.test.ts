import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Cadence, Interval } from '../../src/domain/calendar.ts';
import {
  boundaryAfter,
  boundaryAtOrBefore,
  civilDaysBetween,
  contractualPeriod,
  INTERVAL_UNITS,
} from '../../src/domain/calendar.ts';
import { cadence, every } from '../support/calendar-words.ts';

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
