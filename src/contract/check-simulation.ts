import { minorDigits } from '../domain/currency.ts';
import type { FieldError } from '../domain/errors.ts';
import { Decimal } from '../domain/money.ts';
import { checkMeters } from './simulated-meters.ts';
import { SIMULATED_SUBSCRIPTIONS_MAX, SIMULATION_YEARS_MAX, type SimulationBody } from './simulations.ts';

/** What a simulation cannot be, beyond its fields: each problem with the path of its field and the remedy. */

/** Plans and add-ons have names of their own, and a balance is in a currency. `timeZone` is the customer's. */
export function checkCatalogue(body: SimulationBody, timeZone: string, errors: FieldError[]): void {
  const seen = new Set<string>();
  for (const [n, { id, version }] of body.catalogue.plans.entries()) {
    if (seen.has(`${id} ${version}`)) {
      const message = `There are two plans "${id}" with the version ${version}; keep one, or give it another version.`;
      errors.push({ path: `catalogue.plans[${n}].id`, code: 'duplicate', message });
    }
    seen.add(`${id} ${version}`);
  }
  for (const [n, { id }] of body.catalogue.add_ons.entries()) {
    if (seen.has(id))
      errors.push({
        path: `catalogue.add_ons[${n}].id`,
        code: 'duplicate',
        message: `There are two add-ons "${id}"; keep one.`,
      });
    seen.add(id);
  }
  checkMeters(body, timeZone, errors);
  checkBalance(body.customer, errors);
}

function checkBalance({ balance, currency }: SimulationBody['customer'], errors: FieldError[]): void {
  if (balance === undefined) return;
  if (currency === undefined) {
    const message = 'Say in which currency the balance is.';
    errors.push({ path: 'customer.currency', code: 'required', message });
  } else if (new Decimal(balance).decimalPlaces() > minorDigits(currency)) {
    const message = `${currency} has ${minorDigits(currency) === 0 ? 'no' : minorDigits(currency)} decimals; round the balance.`;
    errors.push({ path: 'customer.balance', code: 'amount_invalid', message });
  }
}

/** Ten years, so many subscriptions, and nothing that happens after the end. */
export function checkLimits(
  errors: FieldError[],
  { first, last, until, names }: { first: Date; last: Date; until: Date; names: ReadonlySet<string> },
): void {
  if (names.size > SIMULATED_SUBSCRIPTIONS_MAX)
    errors.push({
      path: 'timeline',
      code: 'too_many',
      message: `A simulation has at most ${SIMULATED_SUBSCRIPTIONS_MAX} subscriptions; split it.`,
    });
  if (until < last)
    errors.push({
      path: 'until',
      code: 'before_last_action',
      message: `The last action happens at ${last.toISOString()}; use an instant that is not before it.`,
    });
  const latest = new Date(first);
  latest.setUTCFullYear(latest.getUTCFullYear() + SIMULATION_YEARS_MAX);
  if (until > latest)
    errors.push({
      path: 'until',
      code: 'too_far',
      message: `A simulation looks at most ${SIMULATION_YEARS_MAX} years ahead; use an instant until ${latest.toISOString()}.`,
    });
}
