import { Decimal } from '../money.ts';
import type { TermsOf, Usage, UsageEvent } from '../price-terms.ts';
import { Tally } from './tally.ts';
import { type MatrixCellTrace, type Rating, TRACE_ROWS_MAX } from './trace.ts';
import { eventsOf } from './usage.ts';

const ZERO = new Decimal(0);

/**
 * The unit price is looked up by one or two properties of each event (billing rule 19). What fits no cell, or lacks a
 * property, costs the default; where there is none it costs nothing and the trace says so.
 */
export function rateMatrix(terms: TermsOf<'matrix'>, usage: Usage): Rating {
  const { dimensions, cells, defaultUnitAmount } = terms;
  const used = quantitiesByValues(dimensions, eventsOf(usage));
  let exact = ZERO;
  const more = new Tally();
  const rows: MatrixCellTrace[] = [];
  const add = (values: readonly string[] | null, quantity: Decimal, unitAmount: Decimal | null) => {
    const amount = unitAmount ? quantity.times(unitAmount) : ZERO;
    exact = exact.plus(amount);
    if (rows.length >= TRACE_ROWS_MAX) return more.add(quantity, amount);
    rows.push({
      values,
      quantity: quantity.toFixed(),
      unitAmount: unitAmount?.toFixed() ?? null,
      amount: amount.toFixed(),
    });
  };

  for (const { values, unitAmount } of cells) {
    const key = keyOf(values);
    const quantity = used.get(key);
    if (!quantity) continue;
    used.delete(key);
    add(values, quantity, unitAmount);
  }
  if (used.size > 0) {
    let rest = ZERO;
    for (const quantity of used.values()) rest = rest.plus(quantity);
    add(null, rest, defaultUnitAmount);
  }
  return {
    exact,
    trace: {
      model: 'matrix',
      dimensions,
      quantity: usage.quantity.toFixed(),
      cells: rows,
      ...(more.count > 0 && { moreCells: more.trace() }),
    },
  };
}

/** The summed quantity of each combination of values that occurs; events that lack a property are together. */
function quantitiesByValues(
  [first = '', second]: readonly string[],
  events: readonly UsageEvent[],
): Map<string | undefined, Decimal> {
  const used = new Map<string | undefined, Decimal>();
  for (const { properties, quantity } of events) {
    const value = properties[first];
    const key = second === undefined || value === undefined ? value : pairKey(value, properties[second]);
    const before = used.get(key);
    used.set(key, before ? before.plus(quantity) : quantity);
  }
  return used;
}

function keyOf([first = '', second]: readonly string[]): string | undefined {
  return second === undefined ? first : pairKey(first, second);
}

/** The length keeps ("a", "bc") and ("ab", "c") apart, whatever people write into their properties. */
function pairKey(first: string, second: string | undefined): string | undefined {
  return second === undefined ? undefined : `${first.length}:${first}${second}`;
}
