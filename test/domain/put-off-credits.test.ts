import { expect, test } from '@jest/globals';
import { givesBackOf, putOffCredits } from '../../src/domain/put-off-credits.ts';
import { billed, changing, target } from '../support/changes.ts';
import { conceive, live } from '../support/lives.ts';

/** What a change gives back of a line whose charge is under way is left for the next invoice. */

const fee = (quantity: string) => target('fee', { model: 'per_unit', unitAmount: '31' }, quantity);
const other = (quantity: string) => target('other', { model: 'per_unit', unitAmount: '62' }, quantity);

const begun = () => live(conceive({ items: [fee('1'), other('1')] }, '2026-03-01'), '2026-03-01').life;

/** Both items become two; `underWay` is the line of the first one's fee. */
function bothDoubled(life = begun()) {
  const { decision } = changing(life, '2026-03-11', { set: [fee('2'), other('2')] });
  const lineId = life.priced[0]?.fees?.[0]?.lineId ?? '';
  return { decision, underWay: new Set([lineId]), waiting: life.pending.length };
}

test('the rest stays where it is, and what accounts for it still finds its line', () => {
  const { decision, underWay, waiting } = bothDoubled();
  expect(givesBackOf(decision, underWay)).toBe(true);
  const put = putOffCredits(decision, underWay, waiting);
  expect(billed(decision).now).toHaveLength(4);
  expect(billed(put)).toEqual({
    now: billed(decision).now.filter((line) => !line.startsWith('-21 ')),
    later: ['-21 2026-03-11..2026-04-01'],
  });
  const linesOf = ({ coverage, invoice }: typeof decision) =>
    coverage.map(({ line }) => (line === null ? null : invoice?.lines[line]));
  expect(linesOf(put)).toEqual(linesOf(decision));
});

test('what waited for the invoice stays on it', () => {
  const waits = changing(begun(), '2026-03-06', { set: [other('1.5')], proration: 'next_invoice' }).life;
  const { decision, underWay, waiting } = bothDoubled(waits);
  expect(waiting).toBeGreaterThan(0);
  const put = putOffCredits(decision, underWay, waiting);
  expect(put.takesPending).toBe(true);
  expect(billed(put).now.slice(-waiting)).toEqual(billed(decision).now.slice(-waiting));
});

test('a decision that gives back nothing of it is as it was', () => {
  const { decision } = bothDoubled();
  expect(putOffCredits(decision, new Set(['il_another']), 0)).toBe(decision);
  expect(givesBackOf(decision, new Set(['il_another']))).toBe(false);
});

test('where nothing else is billed there is no invoice, and what waits goes on waiting', () => {
  const life = begun();
  const { decision } = changing(life, '2026-03-11', { remove: ['fee'] });
  const lineId = life.priced[0]?.fees?.[0]?.lineId ?? '';
  expect(putOffCredits(decision, new Set([lineId]), 0)).toMatchObject({ invoice: null, takesPending: false });
});
