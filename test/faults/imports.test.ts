import { expect, test } from '@jest/globals';
import { runImports } from './imports.ts';

const options = { say: () => {}, short: true, minutes: 0, seed: 1 };

test('the worker killed twice while a file is imported: every row once', async () => {
  const [trial] = await runImports({ ...options, only: 'the worker' });
  expect(trial).toMatchObject({ times: 2, broken: [] });
}, 1_200_000);

test('the API killed in the middle of an upload: sent again with its key, every row once', async () => {
  const [trial] = await runImports({ ...options, only: 'the API' });
  expect(trial).toMatchObject({ times: 1, broken: [] });
}, 1_200_000);
