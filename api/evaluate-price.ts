import type { z } from 'zod';
import { presentMoney } from '../src/contract/common.ts';
import type { evaluationOut, priceEvaluate } from '../src/contract/evaluations.ts';
import { presentTrace } from '../src/contract/traces.ts';
import { civilDaysBetween } from '../src/domain/calendar.ts';
import { explain } from '../src/domain/explain-line.ts';
import { Decimal, isTooLarge, roundToMinor, sum } from '../src/domain/money.ts';
import type { Price } from '../src/domain/plan.ts';
import { type Measured, priceAmount } from '../src/domain/price-amount.ts';
import type { Usage, UsageEvent } from '../src/domain/price-terms.ts';
import { type Fraction, fractionOf } from '../src/domain/proration.ts';
import { rate } from '../src/domain/rating/rate.ts';
import type { PricedTrace } from '../src/domain/rating/trace.ts';
import { quantityUsage } from '../src/domain/rating/usage.ts';
import { invalid } from './validate.ts';

type Body = z.output<typeof priceEvaluate>;
type Asked = Pick<Price, 'name' | 'terms' | 'billing' | 'minimum' | 'maximum' | 'currency'>;
type Answer = z.input<typeof evaluationOut>;
type Result = Pick<Answer, 'quantity' | 'amount' | 'exact' | 'trace' | 'explanation'>;
type Part = { fraction: Fraction; unit: 'day' | 'second' } | null;

/** What a price comes to: the same functions that make the lines of invoices, asked about what the caller says. */
export function evaluate(id: string | null, price: Asked, body: Body): Answer {
  const part = partOf(body);
  const usages = body.quantities
    ? body.quantities.map((quantity) => quantityUsage(new Decimal(quantity)))
    : [usageOf(price, body)];
  const results = usages.map((usage) => resultOf(price, usage, part, body));
  assertEachFits(results, body);
  const [first] = results;
  if (!first) throw new Error('an evaluation answers at least one result');
  return {
    object: 'evaluation',
    price: id,
    model: price.terms.model,
    billing: price.billing,
    currency: price.currency,
    ...first,
    ...(body.quantities ? { results } : {}),
  };
}

/** What no invoice could hold is told, by the field that says how much was asked about. */
function assertEachFits(results: readonly Result[], body: Body): void {
  const field = body.events ? 'events' : body.buckets ? 'buckets' : 'quantity';
  const errors = results.flatMap(({ exact }, index) => {
    if (!isTooLarge(new Decimal(exact))) return [];
    const path = body.quantities ? `quantities[${index}]` : field;
    const message = 'This comes to more than 15 digits before the decimal point; ask about less.';
    return [{ path, code: 'amount_too_large', message }];
  });
  if (errors.length > 0) throw invalid(errors);
}

function resultOf(price: Asked, usage: Usage, part: Part, body: Body): Result {
  const measured: Measured = {
    quantity: usage.quantity,
    usage,
    spent: usage.quantity,
    fraction: part?.fraction ?? null,
    alreadyBilled: alreadyBilled(price, body),
  };
  const { exact, trace: rated, prorated } = priceAmount(price, measured);
  const amount = roundToMinor(exact, price.currency);
  const trace: PricedTrace = {
    ...rated,
    ...(part && prorated ? { fraction: { ...part.fraction, unit: part.unit } } : {}),
    exact: exact.toFixed(),
    rounded: amount.toFixed(),
  };
  const { start, end, time_zone: timeZone } = body.period ?? { time_zone: 'UTC' };
  const line = {
    description: price.name,
    currency: price.currency,
    amount,
    period: start && end ? { start: new Date(start), end: new Date(end) } : null,
    proration: prorated,
    trace,
  };
  return {
    quantity: trace.quantity,
    amount: presentMoney(amount, price.currency),
    exact: trace.exact,
    trace: presentTrace(trace),
    explanation: explain(line, timeZone),
  };
}

/** What was used, in the one form that prices are asked in. */
function usageOf({ terms }: Asked, body: Body): Usage {
  const { quantity, events, buckets } = body;
  if (events) {
    const used = events.map(
      ({ at, quantity: units, amount, properties }): UsageEvent => ({
        at: at === undefined ? null : new Date(at),
        quantity: new Decimal(units ?? amount ?? 0),
        properties: properties ?? {},
      }),
    );
    return { quantity: sum(used.map((event) => event.quantity)), events: used, buckets: null };
  }
  if (buckets) {
    const quantities = buckets.map((bucket) => new Decimal(bucket));
    return { quantity: sum(quantities), events: [], buckets: quantities };
  }
  if (quantity !== undefined) return quantityUsage(new Decimal(quantity));
  if (terms.model === 'flat') return quantityUsage(new Decimal(1));
  throw invalid([
    { path: 'quantity', code: 'required', message: 'Say how much: quantity, quantities, events or buckets.' },
  ]);
}

function partOf({ fraction, period }: Body): Part {
  if (fraction) {
    const { numerator, denominator, unit } = fraction;
    return { fraction: { numerator, denominator }, unit };
  }
  if (!period) return null;
  const dates = ({ start, end }: { start: string; end: string }) => ({
    start: new Date(start),
    end: new Date(end),
  });
  const part = dates(period);
  const whole = period.whole ? dates(period.whole) : part;
  const unit = period.proration_basis;
  if (unit === 'day' && civilDaysBetween(whole, period.time_zone) === 0) {
    const message = 'Not one civil day ends in it; use a longer period, or proration_basis "second".';
    throw invalid([{ path: 'period', code: 'period_invalid', message }]);
  }
  const counted = fractionOf(part, whole, unit, period.time_zone);
  if (counted.numerator === counted.denominator) return null;
  // The engine counts milliseconds, a reader seconds; the part is the same.
  const size = unit === 'second' ? 1_000 : 1;
  return {
    fraction: { numerator: counted.numerator / size, denominator: counted.denominator / size },
    unit,
  };
}

/** What the earlier lines came to, where the caller only knows what they were for. */
function alreadyBilled(price: Asked, body: Body): Decimal | null {
  if (body.already_billed !== undefined) return new Decimal(body.already_billed);
  if (body.already_billed_quantity === undefined) return null;
  const { exact } = rate(price.terms, quantityUsage(new Decimal(body.already_billed_quantity)));
  return roundToMinor(exact, price.currency);
}
