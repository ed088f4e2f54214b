import { expect, test } from '@jest/globals';
import { decideCancel } from '../../src/domain/decide-end.ts';
import { decidePause } from '../../src/domain/decide-pause.ts';
import { Decimal } from '../../src/domain/money.ts';
import { isCutShort } from '../../src/domain/period-end.ts';
import { aPrice, conceive, live, utc } from '../support/lives.ts';

const fee = { key: 'fee', price: aPrice(), quantity: new Decimal(1) };
const born = conceive({ items: [fee] }, '2026-01-01');

test('a period that ends as it was planned is not cut short, one that ends before is', () => {
  const { life, lived } = live(born, '2026-03-01');
  let { priced } = born;
  const closed = lived.map(({ at, decision, life: next }) => {
    const isCut = isCutShort(priced, decision.items, at);
    priced = next.priced;
    return isCut;
  });
  expect(closed).toEqual(lived.map(() => false));
  expect(closed.length).toBeGreaterThan(2);

  const ends = (at: string) => {
    const pause = decidePause(life, { credit: true, resumeAt: null }, utc(at));
    return [decideCancel(life, utc(at)), pause].map(({ items }) => isCutShort(life.priced, items, utc(at)));
  };
  expect(ends('2026-03-10')).toEqual([true, true]);
  expect(ends('2026-04-01')).toEqual([false, false]);
});

test('what goes on is not cut short by what is paid ahead and rests without being given back', () => {
  const { life } = live(born, '2026-01-01');
  const at = utc('2026-01-10');
  const rest = decidePause(life, { credit: false, resumeAt: null }, at);
  expect(isCutShort(life.priced, rest.items, at)).toBe(false);
});
