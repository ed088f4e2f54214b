import { roundToMinor } from '../src/domain/money.ts';
import { PRICE_MODELS, type PriceModel } from '../src/domain/price-terms.ts';
import { limit } from '../src/domain/rating/limits.ts';
import { rate } from '../src/domain/rating/rate.ts';
import type { PricedTrace } from '../src/domain/rating/trace.ts';
import { type Case, casesOf } from './calculation/cases.ts';
import { type Digits, digitsOf } from './calculation/formulas.ts';
import { type Bench, type BenchOptions, rounded, spreadOf, type Workload } from './harness.ts';

/**
 * Lines over all price models, each rated, prorated, limited, rounded and with its trace, against the same formulas in
 * straight-line decimal.js that keep nothing but the amount. Both must give the same digits. Time is that of this
 * process's CPU, its collection of garbage included, because nothing here waits for anybody.
 */
export const calculation: Workload = { unit: 'lines per CPU second', better: 'higher', goal: 0.5, open };

const SIZE = 100_000;
/** Distinct cases of a model; they are calculated again and again until a round has its size. */
const CASES = 500;

type Side = { answers: Map<PriceModel, Digits[]>; microsPerLine: Record<PriceModel, number>[] };
type Scene = {
  cases: ReadonlyMap<PriceModel, Case[]>;
  perModel: number;
  ours: Side;
  baseline: Side;
  wrong: string[];
};

async function open({ size }: BenchOptions): Promise<Bench> {
  const scene: Scene = {
    cases: new Map(PRICE_MODELS.map((model) => [model, casesOf(model, CASES)])),
    perModel: Math.ceil((size ?? SIZE) / PRICE_MODELS.length),
    ours: { answers: new Map(), microsPerLine: [] },
    baseline: { answers: new Map(), microsPerLine: [] },
    wrong: [],
  };
  return {
    ours: async () => round(scene, scene.ours, calculated),
    baseline: async () => round(scene, scene.baseline, digitsOf),
    check: async () => differences(scene),
    details: () => ({
      size: scene.perModel * PRICE_MODELS.length,
      micros_per_line: microsPerLine(scene),
    }),
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Only the digits are kept, as traces of a hundred thousand lines would measure the memory. */
function calculated(line: Case): Digits {
  const { exact, rounded } = traced(line);
  return { exact, rounded };
}

/** What the engine does for a line between its facts and its row. */
function traced({ terms, usage, fraction, minimum, maximum, currency }: Case): PricedTrace {
  const rating = rate(terms, usage);
  const part = fraction ? rating.exact.times(fraction.numerator).div(fraction.denominator) : rating.exact;
  const { exact, trace: limits } = limit(part, { minimum, maximum, fraction, alreadyBilled: null, currency });
  const trace: PricedTrace = {
    ...rating.trace,
    exact: exact.toFixed(),
    rounded: roundToMinor(exact, currency).toFixed(),
  };
  if (fraction) trace.fraction = { ...fraction, unit: 'day' };
  if (limits) trace.limits = limits;
  return trace;
}

function round({ cases, perModel }: Scene, side: Side, calculate: (line: Case) => Digits): number {
  let totalMs = 0;
  const micros: Partial<Record<PriceModel, number>> = {};
  for (const [model, lines] of cases) {
    const answers: Digits[] = [];
    const startedMs = cpuMs();
    for (let done = 0; done < perModel; done += lines.length) {
      for (const line of lines.slice(0, perModel - done)) answers.push(calculate(line));
    }
    const tookMs = cpuMs() - startedMs;
    totalMs += tookMs;
    micros[model] = (tookMs * 1_000) / perModel;
    side.answers.set(model, answers);
  }
  side.microsPerLine.push(micros as Record<PriceModel, number>);
  return (perModel * cases.size * 1_000) / totalMs;
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Every line of the last round, to the last digit before and after rounding. */
function differences({ ours, baseline }: Scene): string[] {
  const text = (answer: Digits | undefined) => `${answer?.exact} → ${answer?.rounded}`;
  return PRICE_MODELS.flatMap((model) => {
    const expected = (baseline.answers.get(model) ?? []).map(text);
    const actual = (ours.answers.get(model) ?? []).map(text);
    const different = expected.findIndex((digits, index) => actual[index] !== digits);
    if (different === -1 && actual.length === expected.length) return [];
    return [`${model}: line ${different} is ${actual[different]} instead of ${expected[different]}`];
  });
}

/** Medians; the first round warmed up. */
function microsPerLine({ ours, baseline }: Scene): Record<string, string> {
  const median = (side: Side, model: PriceModel) =>
    rounded(spreadOf(side.microsPerLine.slice(1).map((round) => round[model])).median);
  return Object.fromEntries(
    PRICE_MODELS.map((model) => [model, `${median(ours, model)} (baseline ${median(baseline, model)})`]),
  );
}
