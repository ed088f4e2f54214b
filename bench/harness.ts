import type { Say } from '../src/main/progress.ts';

/** A thing to measure, and the least that could do the same work; both are measured alternately on the same machine. */
export type Workload = {
  /** What a measured number counts, such as `renewals/s`. */
  unit: string;
  /** Whether the larger number is the better one. */
  better: 'higher' | 'lower';
  /** The ratio ours / baseline that is wanted: at least this where higher is better, else at most. */
  goal: number;
  open(options: BenchOptions): Promise<Bench>;
};

export type BenchOptions = {
  say: Say;
  /** How many things a round works on; null for the workload's own number. */
  size: number | null;
};

/** A workload ready to run, with everything it started. */
export type Bench = AsyncDisposable & {
  /** One round of ours and one of the baseline; each answers one number in the workload's unit. */
  ours(): Promise<number>;
  baseline(): Promise<number>;
  /** Asked after the last round: a sentence for everything that was not done, or not done right. */
  check(): Promise<string[]>;
  /** More that was measured on the way, shown beside the ratio. */
  details?(): Record<string, unknown>;
};

export type Spread = { min: number; median: number; max: number };

export type Result = {
  workload: string;
  unit: string;
  rounds: number;
  ours: Spread;
  baseline: Spread;
  /** Median of ours divided by the median of the baseline. */
  ratio: number;
  better: Workload['better'];
  goal: number;
  correct: boolean;
} & Record<string, unknown>;

/**
 * Runs a workload: one round of each side that is not counted, then `rounds` of each, in the order A B B A A B …, so
 * that a machine that grows slower or faster meanwhile does so for both. Whether all of it was right is asked at the end.
 */
export async function run(
  name: string,
  workload: Workload,
  options: BenchOptions & { rounds: number },
): Promise<{ result: Result; wrong: string[] }> {
  const { say, rounds } = options;
  await using bench = await workload.open(options);
  const ours: number[] = [];
  const baseline: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const sides = [
      { side: 'ours', measured: ours, measure: () => bench.ours() },
      { side: 'baseline', measured: baseline, measure: () => bench.baseline() },
    ];
    for (const { side, measured, measure } of round % 2 === 0 ? sides : sides.toReversed()) {
      const value = await measure();
      say(
        `  ${round === 0 ? 'warm-up' : `round ${round}`}  ${side.padEnd(8)}  ${rounded(value)} ${workload.unit}`,
      );
      if (round > 0) measured.push(value);
    }
  }
  const wrong = await bench.check();
  const result: Result = {
    workload: name,
    unit: workload.unit,
    rounds,
    ours: spreadOf(ours),
    baseline: spreadOf(baseline),
    ratio: rounded(spreadOf(ours).median / spreadOf(baseline).median),
    better: workload.better,
    goal: workload.goal,
    correct: wrong.length === 0,
    ...bench.details?.(),
  };
  return { result, wrong };
}

/** Smallest, middle and largest of some numbers, to three significant digits. */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('nothing was measured');
  const sorted = values.toSorted((a, b) => a - b);
  return {
    min: rounded(sorted[0] ?? 0),
    median: rounded(quantile(sorted, 0.5)),
    max: rounded(sorted.at(-1) ?? 0),
  };
}

/** The value below which `share` of the sorted values lie, between two of them by proportion. */
export function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share;
  const [below, above] = [sorted[Math.floor(at)] ?? Number.NaN, sorted[Math.ceil(at)] ?? Number.NaN];
  return below + (above - below) * (at - Math.floor(at));
}

/** Three significant digits: what lies behind them is noise. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}

/** Whether the ratio is as wanted. */
export function meetsGoal({ ratio, better, goal }: Pick<Result, 'ratio' | 'better' | 'goal'>): boolean {
  return better === 'higher' ? ratio >= goal : ratio <= goal;
}

/** The result for a person. */
export function sentences(result: Result, wrong: readonly string[]): string[] {
  const { unit, ours, baseline, ratio, better, goal } = result;
  const spread = ({ min, median, max }: Spread) => `${median} ${unit} (${min} to ${max})`;
  return [
    `ours:      ${spread(ours)}`,
    `baseline:  ${spread(baseline)}`,
    `ratio:     ${ratio} (goal: ${better === 'higher' ? 'at least' : 'at most'} ${goal}, ${meetsGoal(result) ? 'met' : 'NOT met'})`,
    wrong.length === 0
      ? 'correct:   yes'
      : `correct:   NO\n${wrong.map((sentence) => `  ${sentence}`).join('\n')}`,
  ];
}
