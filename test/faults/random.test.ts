import { randomInt } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { runRandom } from './random.ts';

test('worker and API killed again and again under load: one effect and one answer for every request', async () => {
  const seed = randomInt(1, 2 ** 31);
  const [trial] = await runRandom({ say: () => {}, short: true, only: '', minutes: 0, seed });
  expect({ seed, broken: trial?.broken }).toEqual({ seed, broken: [] });
  expect(trial?.times).toBeGreaterThan(1);
}, 1_200_000);
