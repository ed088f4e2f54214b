import { beforeAll, expect, test } from '@jest/globals';
import { replayToday } from '../support/replay.ts';
import { keepRuntimeQuiet } from './quiet-runtime.ts';
import { readLife } from './recorded.ts';

/**
 * Old workflow code drains because no run gets older than 101 days (`docs/changing-a-workflow.md`). A life is replayed as
 * if its run had begun earlier than it did; what is looked at is the last wait that the code asks for.
 */
beforeAll(keepRuntimeQuiet);

const DAY_MS = 86_400_000;
type Told = { events: { eventTime: string }[] };

async function lastWaitDays(scenario: string, ageDays: number): Promise<number> {
  const life = readLife(scenario, '0.2.0');
  const json = structuredClone(life.json) as Told;
  // A run counts its age from the beginning of its first workflow task.
  for (const event of json.events.slice(0, 3)) {
    event.eventTime = new Date(Date.parse(event.eventTime) - ageDays * DAY_MS).toISOString();
  }
  const [replayed] = await replayToday([{ ...life, json }]);
  const wait = replayed?.made.findLast(({ what }) => what === 'timer');
  if (!wait) throw new Error('nothing is waited for');
  return (wait.input as { ms: number }).ms / DAY_MS;
}

test('a month is waited for in less, the older the run is', async () => {
  expect(await lastWaitDays('renewal-in-real-time', 0)).toBeGreaterThan(28);
  expect(await lastWaitDays('renewal-in-real-time', 60)).toBeGreaterThan(28);
  expect(await lastWaitDays('renewal-in-real-time', 80.5)).toBe(20);
  expect(await lastWaitDays('renewal-in-real-time', 99.9)).toBe(1);
});
