import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { contractualPeriod } from '../../src/domain/calendar.ts';
import { decideCommand, effectiveAt, type SubscriptionCommand } from '../../src/domain/decide-command.ts';
import { decideCancel } from '../../src/domain/decide-end.ts';
import type { Decision } from '../../src/domain/decision.ts';
import { isDomainError } from '../../src/domain/errors.ts';
import { Decimal, sum } from '../../src/domain/money.ts';
import { decidePreview, outcomeOf } from '../../src/domain/preview-command.ts';
import { aChange, target } from '../support/changes.ts';
import { after, conceive, type Life, live, named } from '../support/lives.ts';

/** Whatever a subscription is changed to, paused and resumed, and whenever: nobody pays twice, and nothing is lost. */

const BORN_MS = Date.UTC(2027, 0, 1, 9, 30);
const DAY_MS = 86_400_000;
const SEED = 20_271_121;
const SETTING = { hasPaymentMethod: true, trialReminderDays: null };

const instant = fc.oneof(
  fc.integer({ min: 0, max: 150 * 86_400 }).map((seconds) => new Date(BORN_MS + seconds * 1000)),
  // The edges of periods, where anniversaries and calendar months begin.
  fc
    .record({ month: fc.integer({ min: 0, max: 5 }), off: fc.constantFrom(-1, 0, 1), born: fc.boolean() })
    .map(
      ({ month, off, born }) =>
        new Date((born ? Date.UTC(2027, month, 1, 9, 30) : Date.UTC(2027, month, 1)) + off),
    ),
);
const unitAmount = fc.integer({ min: 1, max: 99_999 }).map((n) => new Decimal(n).div(1_000).toFixed());
const quantity = fc.integer({ min: 0, max: 30 }).map(String);

type Order = { at: Date; command: SubscriptionCommand };
const inTime = (orders: Order[]) => orders.sort((a, b) => a.at.getTime() - b.at.getTime());
const effect = { effective: 'now', at: null } as const;

const resting: fc.Arbitrary<SubscriptionCommand> = fc.constantFrom(
  { kind: 'pause', credit: true, resumeAt: null, ...effect } as const,
  { kind: 'resume', ...effect } as const,
);

/** What was decided, in order, and what became of it; orders that are refused change nothing. */
function play(born: Life, orders: readonly Order[], until: Date) {
  let life = born;
  const decided: { at: Date; before: Life; decision: Decision }[] = [];
  const goOn = (at: Date) => {
    const run = live(life, at.toISOString());
    for (const [n, { at: due, decision }] of run.lived.entries())
      decided.push({ at: due, before: run.lived[n - 1]?.life ?? life, decision });
    life = run.life;
  };
  for (const { at: asked, command } of orders) {
    goOn(asked);
    const at = effectiveAt(life.subscription, asked);
    try {
      const decision = named(decideCommand(life, command, at, SETTING));
      decided.push({ at, before: life, decision });
      life = after(life, decision);
    } catch (error) {
      if (!isDomainError(error)) throw error;
    }
  }
  goOn(until);
  return { life, decided };
}

const linesOf = ({ invoice, takesPending, pending }: Decision, waiting: number) => [
  ...(invoice?.lines.slice(0, invoice.lines.length - (takesPending ? waiting : 0)) ?? []),
  ...pending,
];

/** A life that begins, is changed and rests now and then, and ends with what is left of it given back. */
function wholeLife(terms: Parameters<typeof conceive>[0], timeline: readonly Order[], endsAt: Date) {
  const start = new Date(BORN_MS);
  const end = endsAt < start ? start : endsAt;
  const born = live(conceive(terms, start.toISOString()), start.toISOString());
  const { life, decided } = play(
    born.life,
    timeline.filter(({ at }) => at < end && at >= start),
    end,
  );
  const last = decideCancel(life, end, 'prorate');
  const all = [...born.lived.map(({ decision }) => ({ at: start, decision })), ...decided];
  return { start, end, all: [...all, { at: end, decision: last }] };
}
type Told = ReturnType<typeof wholeLife>;

/** What is in force after each decision: price times quantity, nothing while it rests. */
function rates({ all }: Told): { at: Date; rate: Decimal }[] {
  let rate = new Decimal(27);
  return all.map(({ at, decision }) => {
    const to = decision.segments.at(-1)?.to;
    if (to?.price.terms.model === 'per_unit') rate = to.price.terms.unitAmount.times(to.quantity);
    return { at, rate: decision.subscription.pausedAt ? new Decimal(0) : rate };
  });
}

const month = { unit: 'month', count: 1 } as const;
const cadence = (prorationBasis: 'day' | 'second') =>
  ({ billingCycle: 'anniversary', prorationBasis, timeZone: 'UTC', anchor: new Date(BORN_MS) }) as const;

/** Every stretch between two decisions, by the milliseconds of the periods that it lies in. */
function worthInSeconds(told: Told): Decimal {
  let worth = new Decimal(0);
  const known = rates(told);
  for (const [n, { at, rate }] of known.entries()) {
    const until = known[n + 1]?.at ?? told.end;
    for (let from = at; from < until; ) {
      const whole = contractualPeriod(cadence('second'), month, from);
      const stop = whole.end < until ? whole.end : until;
      worth = worth.plus(
        rate.times(stop.getTime() - from.getTime()).div(whole.end.getTime() - whole.start.getTime()),
      );
      from = stop;
    }
  }
  return worth;
}

/** Every civil day by what was in force when it ended: the day of a change is the new price's, of a pause nobody's. */
function worthInDays(told: Told): Decimal {
  let worth = new Decimal(0);
  const known = rates(told).slice(0, -1);
  const midnight = (instant: Date) => Math.floor(instant.getTime() / DAY_MS) * DAY_MS;
  for (let day = midnight(told.start); day < told.end.getTime(); day += DAY_MS) {
    const rate = known.findLast(({ at }) => at.getTime() < day + DAY_MS)?.rate ?? new Decimal(0);
    const whole = contractualPeriod(cadence('day'), month, new Date(day));
    worth = worth.plus(rate.times(DAY_MS).div(whole.end.getTime() - whole.start.getTime()));
  }
  return worth;
}

describe.each(['in_advance', 'in_arrears'] as const)('%s', (timing) => {
  const seats = (unit: string, units: string) =>
    target('seats', { model: 'per_unit', unitAmount: unit, timing }, units);
  const changeOf = fc.record({ unitAmount, quantity }).map(({ unitAmount: unit, quantity: units }) => ({
    kind: 'change' as const,
    change: aChange({ set: [seats(unit, units)] }),
    ...effect,
  }));
  const timeline = fc
    .array(fc.record({ at: instant, command: fc.oneof(changeOf, resting) }), { maxLength: 8 })
    .map(inTime);

  test.each([
    ['second', worthInSeconds],
    ['day', worthInDays],
  ] as const)(
    'by the %s, what is billed is what every price was in force for, to one minor unit a line',
    (prorationBasis, worthOf) => {
      fc.assert(
        fc.property(timeline, instant, (orders, endsAt) => {
          // What ends at the very instant at which it begins was never there.
          const end = new Date(Math.max(endsAt.getTime(), BORN_MS) + 1);
          const told = wholeLife({ items: [seats('9', '3')], prorationBasis }, orders, end);
          const lines = told.all.flatMap(({ decision }) => decision.invoice?.lines ?? []);
          const difference = sum(lines.map(({ amount }) => amount)).minus(worthOf(told));
          expect(difference.abs().toNumber()).toBeLessThanOrEqual(0.01 * lines.length);
        }),
        { seed: SEED, numRuns: 200 },
      );
    },
  );
});

const anyPrice = fc.record({
  unitAmount,
  model: fc.constantFrom('flat' as const, 'per_unit' as const),
  timing: fc.constantFrom('in_advance' as const, 'in_arrears' as const),
  intervalUnit: fc.constantFrom('week' as const, 'month' as const, 'quarter' as const),
});
const anyTarget = fc
  .record({ key: fc.constantFrom('a', 'b', 'c'), price: anyPrice, quantity })
  .map(({ key, price, quantity: units }) => target(key, price, units));
const anyCommand: fc.Arbitrary<SubscriptionCommand> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .record({
        set: fc.uniqueArray(anyTarget, { maxLength: 2, selector: ({ key }) => key }),
        remove: fc.constantFrom([], [], ['a'], ['b']),
        once: fc.constantFrom(
          [],
          [],
          [target('setup', { unitAmount: '5', intervalUnit: null, intervalCount: null })],
        ),
        proration: fc.constantFrom('invoice_now' as const, 'next_invoice' as const, 'none' as const),
        anchor: fc.constantFrom('keep' as const, 'keep' as const, 'reset' as const),
        effective: fc.constantFrom('now' as const, 'period_end' as const),
      })
      .map(({ effective, ...change }) => ({
        kind: 'change' as const,
        change: aChange(change),
        effective,
        at: null,
      })),
  },
  resting,
  fc.constant({ kind: 'pause', credit: false, resumeAt: null, ...effect } as const),
  fc.constant({ kind: 'pause', credit: true, resumeAt: null, effective: 'period_end', at: null } as const),
  fc.constant({ kind: 'end_trial' } as const),
);
const anyLife = fc.record({
  items: fc.uniqueArray(anyTarget, { minLength: 1, maxLength: 3, selector: ({ key }) => key }),
  prorationBasis: fc.constantFrom('day' as const, 'second' as const),
  billingCycle: fc.constantFrom('anniversary' as const, 'calendar' as const),
  timeZone: fc.constantFrom('UTC', 'America/New_York', 'Australia/Lord_Howe'),
  trialDays: fc.constantFrom(null, null, 20),
  currency: fc.constantFrom('USD'),
});
const anyStory = fc.record({
  terms: anyLife,
  orders: fc.array(fc.record({ at: instant, command: anyCommand }), { maxLength: 8 }).map(inTime),
});

function story({ terms, orders }: typeof anyStory extends fc.Arbitrary<infer T> ? T : never) {
  const born = conceive(terms, new Date(BORN_MS).toISOString());
  return play(
    born,
    orders.filter(({ at }) => at.getTime() >= BORN_MS),
    new Date(BORN_MS + 200 * DAY_MS),
  );
}

test('what is accounted for of an item is one stretch, without gap or overlap, across changes and pauses', () => {
  fc.assert(
    fc.property(anyStory, (one) => {
      const { decided } = story(one);
      const accounted = new Map<string, { start: Date; end: Date }[]>();
      for (const { decision } of decided) {
        for (const { itemId, at } of decision.truncations) {
          const cut = (accounted.get(itemId) ?? []).flatMap(({ start, end }) =>
            start >= at ? [] : [{ start, end: end > at ? at : end }],
          );
          accounted.set(itemId, cut);
        }
        for (const { itemId, period } of decision.coverage)
          accounted.set(itemId, [...(accounted.get(itemId) ?? []), period]);
      }
      for (const stretches of accounted.values()) {
        for (const [n, { start, end }] of stretches.entries()) {
          expect(start.getTime()).toBeLessThan(end.getTime());
          const previous = stretches[n - 1];
          if (previous) expect(start).toEqual(previous.end);
        }
      }
    }),
    { seed: SEED, numRuns: 200 },
  );
});

test('no more is given back of a fee than was billed for it', () => {
  fc.assert(
    fc.property(anyStory, (one) => {
      for (const { before, decision } of story(one).decided) {
        const next = after(before, decision);
        for (const { fees = [] } of next.priced)
          for (const { amount, credited } of fees) expect(credited.lte(amount)).toBe(true);
        for (const { reverses, amount } of linesOf(decision, before.pending.length))
          expect(amount.isNegative()).toBe(reverses !== null);
      }
    }),
    { seed: SEED, numRuns: 200 },
  );
});

test('a preview says what its execution does', () => {
  fc.assert(
    fc.property(anyStory, instant, anyCommand, (one, at, command) => {
      const { life } = story({ ...one, orders: one.orders.filter((order) => order.at < at) });
      if (life.subscription.endedAt) return;
      const now = effectiveAt(life.subscription, new Date(BORN_MS + 200 * DAY_MS));
      let preview: ReturnType<typeof decidePreview>;
      try {
        preview = decidePreview(life, command, now, SETTING);
      } catch (error) {
        if (!isDomainError(error)) throw error;
        expect(() => decideCommand(life, command, now, SETTING)).toThrow(error.message);
        return;
      }
      const executed = decideCommand(life, command, now, SETTING);
      if (preview.at > now) {
        const { lived } = live(after(life, executed), preview.at.toISOString());
        const then = lived.find(({ at: due, step }) => due >= preview.at && step === 'apply_change');
        expect(outcomeOf({ ...preview, replaces: [] }).lines).toEqual(
          outcomeOf({ ...preview, decision: then?.decision ?? executed, replaces: [] }).lines,
        );
      } else expect(outcomeOf(preview)).toEqual(outcomeOf({ ...preview, decision: executed }));
    }),
    { seed: SEED, numRuns: 150 },
  );
});
