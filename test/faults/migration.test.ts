import { expect, test } from '@jest/globals';
import { runMigration } from './migration.ts';

test('the worker killed twice while subscribers move: each is moved, told of and billed exactly once', async () => {
  const [trial] = await runMigration({ say: () => {}, short: true, only: '', minutes: 0, seed: 1 });
  expect(trial).toMatchObject({ times: 2, broken: [] });
}, 1_200_000);
