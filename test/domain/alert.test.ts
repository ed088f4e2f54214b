import { expect, test } from '@jest/globals';
import { judge } from '../../src/domain/alert.ts';
import { Decimal } from '../../src/domain/money.ts';

const MAY = new Date('2027-05-01T00:00:00Z');
const JUNE = new Date('2027-06-01T00:00:00Z');
const thresholds = ['80', '100'].map((amount) => new Decimal(amount));
const firing = (threshold: string, periodStart = MAY, resolvedAt: Date | null = null) => ({
  threshold: new Decimal(threshold),
  periodStart,
  resolvedAt,
});
const said = (value: string, firings: ReturnType<typeof firing>[] = [], start = MAY) => {
  const { reached, over } = judge(thresholds, new Decimal(value), start, firings);
  return [
    ...reached.map((threshold) => `reached ${threshold.toFixed()}`),
    ...over.map(({ firing: { threshold }, resolution }) => `${threshold.toFixed()} ${resolution}`),
  ];
};

test.each<[string, string[], string[]]>([
  ['nothing is said below a threshold', said('79.999999999999'), []],
  ['at exactly the threshold it is reached', said('80'), ['reached 80']],
  ['a jump reaches both', said('250'), ['reached 80', 'reached 100']],
  ['what was said is not said twice', said('99', [firing('80')]), []],
  ['the next one is said alone', said('100', [firing('80')]), ['reached 100']],
  [
    'a correction takes back what is no longer reached',
    said('80', [firing('80'), firing('100')]),
    ['100 below'],
  ],
  [
    'what was taken back does not come again in its period',
    said('120', [firing('80', MAY, MAY), firing('100')]),
    [],
  ],
  [
    'a new period ends what is open, and says it anew',
    said('90', [firing('80')], JUNE),
    ['reached 80', '80 period_over'],
  ],
  [
    'a threshold that the alert no longer has stays until it is over',
    said('90', [firing('80'), firing('50')]),
    [],
  ],
])('%s', (_name, answer, expected) => {
  expect(answer).toEqual(expected);
});
