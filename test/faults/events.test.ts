import { expect, test } from '@jest/globals';
import { runEvents } from './events.ts';

test('API and PostgreSQL killed in a storm of events: what is stored is what was acknowledged, once', async () => {
  const [trial] = await runEvents({ say: () => {}, short: true, only: '', minutes: 0, seed: 1 });
  expect(trial).toMatchObject({ times: 4, broken: [] });
}, 1_200_000);
