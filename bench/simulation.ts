import { performance } from 'node:perf_hooks';
import { PLAIN_TENANT, readSimulation } from '../src/contract/read-simulation.ts';
import { runSimulation } from '../src/contract/run-simulation.ts';
import { simulationCreate } from '../src/contract/simulations.ts';
import { Decimal, sum } from '../src/domain/money.ts';
import { simulate } from '../src/domain/simulate/simulate.ts';
import { simulateNaively } from '../test/fuzz/naive-model.ts';
import { type Bench, type BenchOptions, rounded, spreadOf, type Workload } from './harness.ts';

/** What one renewal costs all processes and the worker alone, in CPU ms, as `npm run bench -- renewals` prints it. */
const RENEWAL_CPU_MS = { all: 67, worker: 21 };
const MONTHS = 36;
const SUBSCRIPTIONS = 60;
/** A simulation has at most twenty subscriptions, and the promise is about three. */
const PER_SIMULATION = 3;

/**
 * Subscription-months per second of whole simulations, with an upgrade and a pause: the body read, every boundary stepped
 * over, lines made, paid and explained. Beside it the naive model, which finds the same invoices as simply as can be said,
 * without traces, sentences, dunning or states of payments; both come to the same totals.
 */
export const simulation: Workload = {
  unit: 'subscription-months/s',
  better: 'higher',
  goal: 0.25,
  async open({ say, size }: BenchOptions): Promise<Bench> {
    const count = Math.max(1, Math.round((size ?? SUBSCRIPTIONS) / PER_SIMULATION));
    const body = simulationCreate.parse(threeSubscriptions());
    const totals: string[] = [];
    const answersMs: number[] = [];
    let share: Share | null = null;
    return {
      async ours() {
        const from = performance.now();
        for (let n = 0; n < count; n += 1) {
          const began = performance.now();
          const answer = runSimulation(body, () => null, PLAIN_TENANT);
          answersMs.push(performance.now() - began);
          totals.push(sum(answer.invoices.map(({ total }) => new Decimal(total.amount))).toFixed());
        }
        return perSecond(count, from);
      },
      async baseline() {
        const from = performance.now();
        for (let n = 0; n < count; n += 1)
          totals.push(sum(simulateNaively(body).books.invoices.map(({ total }) => total)).toFixed());
        return perSecond(count, from);
      },
      async check() {
        const [first] = totals;
        const isSame = totals.every((total) => total === first);
        const { median } = spreadOf(answersMs);
        share = shareOfRenewal();
        say(`  an answer for ${PER_SIMULATION} subscriptions and ${MONTHS} months takes ${median} ms`);
        say(
          `  the calculation of a renewal takes ${share.calculationCpuMs} ms of CPU: ${share.shareOfRenewalPercent} % of a renewal (goal: at most 5 %)`,
        );
        return [
          ...(isSame ? [] : [`totals differ: ${[...new Set(totals)].join(', ')}`]),
          ...(median > 1_000 ? [`an answer takes ${median} ms, and may take 1000`] : []),
        ];
      },
      details: () => ({
        answerMs: spreadOf(answersMs),
        ...share,
      }),
      async [Symbol.asyncDispose]() {},
    };
  },
};

function perSecond(count: number, from: number): number {
  return (count * PER_SIMULATION * MONTHS) / ((performance.now() - from) / 1_000);
}

type Share = { calculationCpuMs: number; shareOfRenewalPercent: number; shareOfWorkerPercent: number };

/**
 * CPU of deciding one renewal and making it true in memory, beside the CPU of a renewal on the whole stack. Every life
 * begins at another minute, so that none finds its instants known from the one before, as real ones do not.
 */
function shareOfRenewal(): Share {
  const lives = 40;
  const scripts = Array.from({ length: lives }, (_, n) =>
    readSimulation(simulationCreate.parse(threeSubscriptions(1 + n)), () => null, PLAIN_TENANT),
  );
  const before = process.cpuUsage();
  let renewals = 0;
  for (const script of scripts) renewals += simulate(script).steps;
  const { user, system } = process.cpuUsage(before);
  const calculationMs = (user + system) / 1_000 / renewals;
  return {
    calculationCpuMs: rounded(calculationMs),
    shareOfRenewalPercent: rounded((calculationMs / RENEWAL_CPU_MS.all) * 100),
    shareOfWorkerPercent: rounded((calculationMs / RENEWAL_CPU_MS.worker) * 100),
  };
}

/** The second basis, because in days every boundary would be the same midnight. */
function threeSubscriptions(minutesLater = 0): unknown {
  const later = (instant: string) => new Date(Date.parse(instant) + minutesLater * 60_000).toISOString();
  const monthly = { interval: { unit: 'month' }, currency: 'USD' };
  const prices = [
    { key: 'base', model: 'flat', unit_amount: '29.00', ...monthly },
    { key: 'seats', model: 'per_unit', unit_amount: '9.00', ...monthly },
  ];
  const timeline = Array.from({ length: PER_SIMULATION }, (_, n) => [
    {
      at: later('2027-01-31T05:00:00Z'),
      action: 'subscribe',
      proration_basis: 'second',
      subscription: `s${n}`,
      plan: 'team',
      items: [{ key: 'base' }, { key: 'seats', quantity: 10 }],
    },
    {
      at: later('2027-03-15T04:00:00Z'),
      action: 'set_quantity',
      subscription: `s${n}`,
      key: 'seats',
      quantity: 15,
      effective: 'now',
    },
    { at: later('2028-06-10T04:00:00Z'), action: 'pause', subscription: `s${n}` },
    { at: later('2028-08-05T04:00:00Z'), action: 'resume', subscription: `s${n}` },
  ]).flat();
  return {
    catalogue: { plans: [{ id: 'team', prices }] },
    customer: { time_zone: 'America/New_York' },
    timeline: timeline.sort((a, b) => a.at.localeCompare(b.at)),
    until: '2030-01-31T05:00:00Z',
  };
}
