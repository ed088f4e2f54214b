import { expect, test } from '@jest/globals';
import { runImports } from './imports.ts';

test('the worker killed twice while a file is imported: every row once', async () => {
  const [trial] = await runImports({ say: () => {}, short: true, only: '', minutes: 0, seed: 1 });
  expect(trial).toMatchObject({ times: 2, broken: [] });
}, 1_200_000);
