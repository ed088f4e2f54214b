import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { crashPlaces } from './crash-names.ts';
import { runCrashPoints } from './crash-points.ts';

/**
 * A worker between row and charge, after the charge, in a step, before late usage is billed; the API between its row and
 * the engine, and between what a backfill takes away and what it brings.
 */
const MATTER_MOST = [
  'attempt.afterCommit',
  'charge.answered',
  'step.beforeCommit',
  'lateUsage.beforeCommit',
  'command.afterCommit',
  'backfill.replaced',
];

test('killed where it matters most, everything ends as if nothing had happened', async () => {
  const trials = await runCrashPoints({
    say: () => {},
    short: true,
    only: MATTER_MOST.join(),
    minutes: 0,
    seed: 1,
  });
  expect(trials.flatMap(({ broken }) => broken)).toEqual([]);
  expect(trials.map(({ fault }) => fault).sort()).toEqual([...MATTER_MOST].sort());
}, 1_200_000);

describe('the crash points of the code', () => {
  let root: string;
  const plant = (file: string, line: string) => writeFile(join(root, file), line);
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'perennial-crash-'));
    for (const room of ['api', 'activities']) await mkdir(join(root, room));
  });
  afterAll(() => rm(root, { recursive: true }));

  test('are found by reading it, each in one place, in activities, API and relay', () => {
    const places = crashPlaces();
    expect(places.length).toBeGreaterThan(50);
    expect(new Set(places.map(({ name }) => name)).size).toBe(places.length);
    expect(places).toContainEqual({
      name: 'step.beforeCommit',
      file: 'activities/billing.ts',
      part: 'worker',
    });
    expect(places).toContainEqual({ name: 'callback.afterCommit', file: expect.any(String), part: 'api' });
    expect(places).toContainEqual({ name: 'nudge.sent', file: 'src/main/relay.ts', part: 'worker' });
  });

  test('must have literal names, or none could be found', async () => {
    await plant('activities/a.ts', 'crashPoint(name);');
    expect(() => crashPlaces(root)).toThrow(
      "activities/a.ts: crashPoint(name) needs a literal such as 'step.beforeCommit'",
    );
  });

  test('must not share a name, or one of them would never be tried', async () => {
    await plant('activities/a.ts', "crashPoint('a.b');");
    await plant('api/b.ts', "crashPoint('a.b');");
    expect(() => crashPlaces(root)).toThrow('the crash point a.b stands in activities/a.ts and in api/b.ts');
  });
});
