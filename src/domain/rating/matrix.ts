import { Decimal } from '../money.ts';
import type { TermsOf, Usage, UsageEvent } from '../price-terms.ts';
import { Tally } from './tally.ts';
import { type MatrixCellTrace, type Rating, TRACE_ROWS_MAX } from './trace.ts';
import { eventsOf } from './usage.ts';

/**
 * The unit price is looked up by one or two properties of each event (billing rule 19). What fits no cell, or lacks a
 * property, costs the default; where there is none it costs nothing and the trace says so.
 */
export function rateMatrix(terms: TermsOf<'matrix'>, usage: Usage): Rating {
  const { dimensions, cells, defaultUnitAmount } = terms;
  const used = quantitiesByValues(dimensions, eventsOf(usage));
  const total = new Tally();
  const more = new Tally();
  const rows: MatrixCellTrace[] = [];
  const add = (values: readonly string[] | null, quantity: Decimal, unitAmount: Decimal | null) => {
    const amount = unitAmount ? quantity.times(unitAmount) : new Decimal(0);
    total.add(quantity, amount);
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
    let rest = new Decimal(0);
    for (const quantity of used.values()) rest = rest.plus(quantity);
    add(null, rest, defaultUnitAmount);
  }
  return {
    exact: total.amount,
    trace: {
      model: 'matrix',
      dimensions,
      quantity: total.quantity.toFixed(),
      cells: rows,
      ...(more.count > 0 && { moreCells: more.trace() }),
    },
  };
}

/** The summed quantity of each combination of values that occurs; events that lack a property are together under ''. */
function quantitiesByValues(
  dimensions: readonly string[],
  events: readonly UsageEvent[],
): Map<string, Decimal> {
  const used = new Map<string, Decimal>();
  for (const { properties, quantity } of events) {
    const values = dimensions.map((dimension) => properties[dimension]);
    const key = values.every((value) => value !== undefined) ? keyOf(values) : '';
    const before = used.get(key);
    used.set(key, before ? before.plus(quantity) : quantity);
  }
  return used;
}

/** Lengths keep ("a", "b:c") and ("a:b", "c") apart, whatever people write into their properties. */
function keyOf(values: readonly string[]): string {
  return values.map((value) => `${value.length}:${value}`).join();
}
