import { PLAIN_TENANT, readSimulation } from '../src/contract/read-simulation.ts';
import { runSimulation } from '../src/contract/run-simulation.ts';
import type { SimulationBody } from '../src/contract/simulations.ts';
import { Decimal, sum } from '../src/domain/money.ts';
import { simulate } from '../src/domain/simulate/simulate.ts';
import { type Bench, type BenchOptions, rounded, spreadOf, type Workload } from './harness.ts';
import { type CpuOfRenewal, cpuOfRenewal } from './renewals.ts';
import { LIFE, renewingOnly, sideBySide } from './simulation/life.ts';
import { totalOfLife } from './simulation/straight-line.ts';

/**
 * Subscription-months of whole simulations, with more seats and a pause: the body read, every boundary stepped over, lines
 * made, paid and explained. Beside it one loop that knows what happens and only adds up; both must come to the same total.
 * Time is that of this process's CPU, because nothing here waits for anybody.
 *
 * The goal is the author's own: the issue asks how fast it is, and sets a goal only for the share of a renewal.
 */
export const simulation: Workload = {
  unit: 'subscription-months per CPU second',
  better: 'higher',
  goal: 0.25,
  open: async (options) => new Simulating(options),
};

const SUBSCRIPTIONS = 600;
/** A simulation has at most twenty subscriptions, and the promise is about three. */
const PER_SIMULATION = 3;
const ANSWER_MS_MAX = 1_000;
/** Renewals on the real stack; a hundred use enough CPU to be told from the stack's own breathing. */
const RENEWALS = 100;
/** How many renewals are decided in memory for one figure. */
const DECIDED = 2_000;
const SHARE_PERCENT_MAX = 5;

type Share = {
  renewal_cpu_ms: CpuOfRenewal;
  calculation_cpu_ms: number;
  share_of_renewal_percent: number;
  share_of_worker_percent: number;
};

class Simulating implements Bench {
  readonly #say: BenchOptions['say'];
  readonly #simulations: number;
  readonly #answersMs: number[] = [];
  readonly #totals = new Set<string>();
  #begun = 0;
  #share: Share | null = null;

  constructor({ say, size }: BenchOptions) {
    this.#say = say;
    this.#simulations = Math.max(1, Math.round((size ?? SUBSCRIPTIONS) / PER_SIMULATION));
  }

  async ours(): Promise<number> {
    const bodies = this.#each(() => sideBySide(PER_SIMULATION, this.#secondsLater()));
    const fromMs = cpuMs();
    for (const body of bodies) this.#totals.add(this.#simulated(body).toFixed());
    return this.#perSecond(fromMs);
  }

  async baseline(): Promise<number> {
    const begin = this.#each(() => this.#secondsLater());
    const fromMs = cpuMs();
    for (const seconds of begin) {
      let total = new Decimal(0);
      for (let n = 0; n < PER_SIMULATION; n += 1) total = total.plus(totalOfLife(seconds));
      this.#totals.add(total.toFixed());
    }
    return this.#perSecond(fromMs);
  }

  async check(): Promise<string[]> {
    const { median } = spreadOf(this.#answersMs);
    this.#say(
      `  an answer for ${PER_SIMULATION} subscriptions and ${LIFE.months} months takes ${median} ms of CPU`,
    );
    const renewed = await cpuOfRenewal({ say: this.#say, size: RENEWALS });
    const share = shareOf(renewed.cpuMs);
    this.#share = share;
    this.#say(
      `  a renewal on the whole stack takes ${share.renewal_cpu_ms.all} ms of CPU, its calculation ${share.calculation_cpu_ms} ms: ` +
        `${share.share_of_renewal_percent} % (goal: at most ${SHARE_PERCENT_MAX} %)`,
    );
    return [
      ...(this.#totals.size === 1 ? [] : [`totals differ: ${[...this.#totals].join(', ')}`]),
      ...(median > ANSWER_MS_MAX ? [`an answer takes ${median} ms, and may take ${ANSWER_MS_MAX}`] : []),
      ...renewed.wrong,
    ];
  }

  details(): Record<string, unknown> {
    return {
      size: this.#simulations * PER_SIMULATION,
      answer_cpu_ms: spreadOf(this.#answersMs),
      ...this.#share,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #simulated(body: SimulationBody): Decimal {
    const beganMs = cpuMs();
    const { invoices } = runSimulation(body, () => null, PLAIN_TENANT);
    this.#answersMs.push(cpuMs() - beganMs);
    return sum(invoices.map(({ total }) => new Decimal(total.amount)));
  }

  #each<T>(make: () => T): T[] {
    return Array.from({ length: this.#simulations }, make);
  }

  /** Another one each time, as long as the machine remembers. */
  #secondsLater(): number {
    this.#begun += 1;
    return this.#begun % 3_600;
  }

  #perSecond(fromMs: number): number {
    return (this.#simulations * PER_SIMULATION * LIFE.months) / ((cpuMs() - fromMs) / 1_000);
  }
}

/** The very renewals that were measured, decided, charged and made true in memory: steps, lines, ledger and events. */
function shareOf(renewalCpuMs: CpuOfRenewal): Share {
  const decide = (seconds: number) => {
    const script = readSimulation(renewingOnly(seconds), () => null, PLAIN_TENANT);
    const fromMs = cpuMs();
    const { steps } = simulate(script);
    return { steps, tookMs: cpuMs() - fromMs };
  };
  // Machine code is made on the way; a worker that renews all day has it.
  decide(0);
  let decided = 0;
  let tookMs = 0;
  for (let seconds = 1; decided < DECIDED; seconds += 1) {
    const life = decide(seconds);
    decided += life.steps;
    tookMs += life.tookMs;
  }
  const calculationMs = tookMs / decided;
  return {
    renewal_cpu_ms: renewalCpuMs,
    calculation_cpu_ms: rounded(calculationMs),
    share_of_renewal_percent: rounded((calculationMs / renewalCpuMs.all) * 100),
    share_of_worker_percent: rounded((calculationMs / renewalCpuMs.worker) * 100),
  };
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
