import type { FieldError } from '../domain/errors.ts';
import { problemOfMeter } from '../domain/meter-price.ts';
import type { DatedRule } from '../domain/simulate/script.ts';
import type { SimulationBody } from './simulations.ts';

const EVER = new Date(0);

/** The meters of a simulation as they count, by the reference that prices have to them: `external:` and their id. */
export function rulesOf({ catalogue }: SimulationBody): ReadonlyMap<string, readonly DatedRule[]> {
  return new Map(
    catalogue.meters.map((meter) => [
      `external:${meter.id}`,
      [
        {
          meterId: `external:${meter.id}`,
          version: 1,
          tenantId: '',
          eventName: meter.event_name,
          aggregation: meter.aggregation,
          property: meter.property ?? null,
          factorProperty: meter.factor_property ?? null,
          filters: meter.filters,
          groupBy: meter.group_by,
          bucket: meter.bucket,
          rounding: meter.rounding,
          effectiveAt: EVER,
        },
      ],
    ]),
  );
}

/** Meters have names of their own, and each counts for one price of a plan that it fits. */
export function checkMeters(body: SimulationBody, errors: FieldError[]): void {
  const rules = rulesOf(body);
  const seen = new Set<string>();
  for (const [n, { id }] of body.catalogue.meters.entries()) {
    if (seen.has(id)) {
      const message = `There are two meters "${id}"; keep one.`;
      errors.push({ path: `catalogue.meters[${n}].id`, code: 'duplicate', message });
    }
    seen.add(id);
  }
  for (const list of ['plans', 'add_ons'] as const)
    for (const [n, { prices }] of body.catalogue[list].entries())
      errors.push(
        ...problemsOf(prices, rules).map((error) => ({
          ...error,
          path: `catalogue.${list}[${n}].${error.path}`,
        })),
      );
}

type Priced = SimulationBody['catalogue']['plans'][number]['prices'];

function problemsOf(prices: Priced, rules: ReturnType<typeof rulesOf>): FieldError[] {
  const used = new Map<string, number>();
  return prices.flatMap(({ meter, currency, terms }, index) => {
    const [rule] = (meter === null ? undefined : rules.get(meter)) ?? [];
    if (meter === null || !rule) return [];
    const path = `prices[${index}].meter`;
    const problem = problemOfMeter(terms, rule);
    if (problem) return [{ ...problem, path }];
    const other = used.get(`${meter} ${currency}`);
    used.set(`${meter} ${currency}`, other ?? index);
    if (other === undefined) return [];
    const message = `The meter counts for prices[${other}] already, and its usage is billed once; use another meter.`;
    return [{ path, code: 'meter_used_twice', message }];
  });
}
