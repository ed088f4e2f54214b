import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { tellDifference } from './model.ts';
import { PLANTS } from './plants.ts';
import { trySeed } from './seed.ts';

/** The short form of `npm run fuzz -- --model 2000`, and the proof that it would find something. */

const LIVES = 80;
const ROOT = join(import.meta.dirname, '../..');

describe('the engine and the naive model', () => {
  it(`tell ${LIVES} random lives in the same words`, () => {
    const seeds = Array.from({ length: LIVES }, (_, n) => n + 1);
    const differences = seeds.flatMap((seed) => {
      const outcome = trySeed(seed);
      return outcome.kind === 'different' ? [tellDifference({ seed, ...outcome })] : [];
    });
    expect(differences).toEqual([]);
  });

  it.each(['half-even', 'previous-boundary', 'change-day-to-old', 'late-forgotten', 'threshold-from-zero'])(
    'differ when %s is planted',
    async (name) => {
      const { code, told } = await runFuzz(['--model', '200', '--seed', '1', '--plant', name, '--json']);
      expect(code).toBe(1);
      expect(JSON.parse(told.trim().split('\n').at(-1) ?? '')).toMatchObject({ fuzz: 'model' });
    },
  );

  it.each(PLANTS)('have a place for the plant $name', ({ file, from }) => {
    expect(readFileSync(join(ROOT, file), 'utf8').split(from)).toHaveLength(2);
  });
});

function runFuzz(args: string[]): Promise<{ code: number; told: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ['test/fuzz/main.ts', ...args],
      { cwd: ROOT, maxBuffer: 100_000_000 },
      (_error, told) => resolve({ code: child.exitCode ?? -1, told }),
    );
  });
}
