import { describe, expect, test } from '@jest/globals';
import { type Bench, meetsGoal, quantile, run, spreadOf, type Workload } from '../../bench/harness.ts';

function workloadOf(numbers: { ours: number[]; baseline: number[] }, wrong: string[] = []) {
  const calls: string[] = [];
  const next = (side: 'ours' | 'baseline') => async () => {
    calls.push(side);
    return numbers[side].shift() ?? Number.NaN;
  };
  const bench: Bench = {
    ours: next('ours'),
    baseline: next('baseline'),
    async check() {
      calls.push('check');
      return wrong;
    },
    details: () => ({ size: 7 }),
    async [Symbol.asyncDispose]() {
      calls.push('end');
    },
  };
  const workload: Workload = { unit: 'things/s', better: 'higher', goal: 0.5, open: async () => bench };
  return { workload, calls };
}

const options = { say: () => {}, size: null };

describe('the harness of the benches', () => {
  test('drops the first round, alternates who begins, and asks at the end whether it was right', async () => {
    const { workload, calls } = workloadOf({ ours: [99, 10, 30, 20], baseline: [1, 40, 20, 30] });
    const { result, wrong } = await run('example', workload, { ...options, rounds: 3 });
    const sides = ['ours', 'baseline', 'baseline', 'ours', 'ours', 'baseline', 'baseline', 'ours'];
    expect(calls).toEqual([...sides, 'check', 'end']);
    expect(wrong).toEqual([]);
    expect(result).toEqual({
      workload: 'example',
      unit: 'things/s',
      rounds: 3,
      ours: { min: 10, median: 20, max: 30 },
      baseline: { min: 20, median: 30, max: 40 },
      ratio: 0.667,
      better: 'higher',
      goal: 0.5,
      correct: true,
      size: 7,
    });
  });

  test('is not correct when the check finds something, however fast it was', async () => {
    const { workload } = workloadOf({ ours: [1, 9], baseline: [1, 1] }, ['one invoice is missing']);
    const { result, wrong } = await run('example', workload, { ...options, rounds: 1 });
    expect(result).toMatchObject({ ratio: 9, correct: false });
    expect(wrong).toEqual(['one invoice is missing']);
  });

  test('ends what it started when a round fails', async () => {
    const { workload, calls } = workloadOf({ ours: [], baseline: [] });
    const failing: Workload = {
      ...workload,
      async open(given) {
        const bench = await workload.open(given);
        return { ...bench, ours: () => Promise.reject(new Error('the machine is too busy')) };
      },
    };
    await expect(run('example', failing, { ...options, rounds: 1 })).rejects.toThrow('too busy');
    expect(calls).toEqual(['end']);
  });

  test('knows medians between two values and both directions of a goal', () => {
    expect(spreadOf([4, 1, 3, 2])).toEqual({ min: 1, median: 2.5, max: 4 });
    expect(quantile([10, 20, 30], 0.99)).toBeCloseTo(29.8);
    expect(() => spreadOf([])).toThrow('nothing was measured');
    expect(meetsGoal({ ratio: 0.6, better: 'higher', goal: 0.5 })).toBe(true);
    expect(meetsGoal({ ratio: 2.6, better: 'lower', goal: 2.5 })).toBe(false);
  });
});
