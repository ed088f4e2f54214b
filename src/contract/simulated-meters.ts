import type { FieldError } from '../domain/errors.ts';
import { problemOfMeter } from '../domain/meter-price.ts';
import { instantWhere } from '../domain/simulate/civil-time.ts';
import type { DatedRule } from '../domain/simulate/script.ts';
import type { SimulationBody } from './simulations.ts';

const EVER = new Date(0);

type Meter = SimulationBody['catalogue']['meters'][number];
type Counting = Omit<Meter['versions'][number], 'effective_at'>;

/**
 * The meters of a simulation as they count, by the reference that prices have to them: `external:` and their id. `timeZone`
 * is the customer's, in which the instants of their versions are read.
 */
export function rulesOf(
  { catalogue }: SimulationBody,
  timeZone: string,
): ReadonlyMap<string, readonly DatedRule[]> {
  return new Map(
    catalogue.meters.map((meter) => [
      `external:${meter.id}`,
      [
        ruleOf(meter, meter, 1, EVER),
        ...meter.versions.map((version, n) =>
          ruleOf(meter, version, n + 2, instantWhere(version.effective_at, timeZone)),
        ),
      ],
    ]),
  );
}

function ruleOf(
  { id, event_name: eventName }: Meter,
  counting: Counting,
  version: number,
  effectiveAt: Date,
): DatedRule {
  return {
    meterId: `external:${id}`,
    version,
    tenantId: '',
    eventName,
    aggregation: counting.aggregation,
    property: counting.property ?? null,
    factorProperty: counting.factor_property ?? null,
    filters: counting.filters,
    groupBy: counting.group_by,
    bucket: counting.bucket,
    rounding: counting.rounding,
    effectiveAt,
  };
}

/** Meters have names of their own, their versions follow each other, and each counts for one price of a plan that it fits. */
export function checkMeters(body: SimulationBody, timeZone: string, errors: FieldError[]): void {
  const rules = rulesOf(body, timeZone);
  const seen = new Set<string>();
  for (const [n, { id }] of body.catalogue.meters.entries()) {
    if (seen.has(id)) {
      const message = `There are two meters "${id}"; keep one.`;
      errors.push({ path: `catalogue.meters[${n}].id`, code: 'duplicate', message });
    }
    seen.add(id);
    for (const [later, version] of (rules.get(`external:${id}`) ?? []).entries())
      errors.push(
        ...tooEarly(
          rules.get(`external:${id}`)?.[later - 1],
          version,
          `catalogue.meters[${n}].versions[${later - 1}]`,
        ),
      );
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

/** No version counts from before the one in front of it. */
function tooEarly(before: DatedRule | undefined, { effectiveAt }: DatedRule, path: string): FieldError[] {
  if (!before || effectiveAt > before.effectiveAt) return [];
  const message = `The version before it counts from ${before.effectiveAt.toISOString()} on; use a later instant.`;
  return [{ path: `${path}.effective_at`, code: 'effective_at_too_early', message }];
}

type Priced = SimulationBody['catalogue']['plans'][number]['prices'];

function problemsOf(prices: Priced, rules: ReturnType<typeof rulesOf>): FieldError[] {
  const used = new Map<string, number>();
  return prices.flatMap(({ meter, currency, terms }, index) => {
    const versions = meter === null ? undefined : rules.get(meter);
    if (meter === null || !versions) return [];
    const path = `prices[${index}].meter`;
    const [problem] = versions.flatMap((rule) => problemOfMeter(terms, rule) ?? []);
    if (problem) return [{ ...problem, path }];
    const other = used.get(`${meter} ${currency}`);
    used.set(`${meter} ${currency}`, other ?? index);
    if (other === undefined) return [];
    const message = `The meter counts for prices[${other}] already, and its usage is billed once; use another meter.`;
    return [{ path, code: 'meter_used_twice', message }];
  });
}
