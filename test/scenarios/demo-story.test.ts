import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { deviations, FATES } from '../../src/main/demo/fates.ts';
import { localMinute } from '../../src/main/demo/local-time.ts';
import { ACTS, CAST, idOf } from '../../src/main/demo/story.ts';

const ROOT = join(import.meta.dirname, '..', '..');

test('everyone in the story has a fate, and its acts are in the order of time', () => {
  expect(Object.keys(FATES).toSorted()).toEqual(CAST.map(idOf).toSorted());
  const instants = ACTS.map(({ at }) => at);
  expect(instants).toEqual(instants.toSorted());
});

test('what did not come about is named', () => {
  const sentences = deviations({ subscriptions: [], invoices: [], events: [] });
  expect(sentences).toHaveLength(CAST.length);
  expect(sentences[0]).toBe('Ada has no subscription.');
});

test('local time is that of the customer', () => {
  expect(localMinute('2029-02-27T15:00:00.000Z', 'Asia/Tokyo')).toBe('2029-02-28 00:00');
  expect(localMinute('2028-02-29T05:00:00.000Z', 'America/New_York')).toBe('2028-02-29 00:00');
});

test('the demo plays to its end as the story says', async () => {
  const run = promisify(execFile)(process.execPath, [join(ROOT, 'src/main/demo.ts'), '--json'], {
    cwd: ROOT,
    env: { ...process.env, LOG_LEVEL: 'warn' },
    maxBuffer: 10_000_000,
  });
  // A run that exits with 1 rejects with everything it printed.
  const { stdout } = await run.catch((error: { stdout: string }) => Promise.reject(new Error(error.stdout)));
  const counts = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, number>;
  expect(counts).toMatchObject({ subscriptions: 11, invoices: 100, broken: 0 });
  expect(counts['webhooks_verified']).toBe(counts['events']);
});
