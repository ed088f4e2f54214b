import { describe, expect, test } from '@jest/globals';
import { diverging } from '../support/replay.ts';
import { keepRuntimeQuiet } from './quiet-runtime.ts';
import { readLife, recordedLives } from './recorded.ts';

/**
 * Lives that were really lived, by every released version: workflows that wait in production today must be able to go
 * on with the code of tomorrow. A history that no longer replays is a broken promise to them, never a file to record
 * anew (workflows.md, "Changing code under running workflows").
 */

keepRuntimeQuiet();

test.each(recordedLives().map((life) => [life.name, life] as const))('%s', async (_name, life) => {
  // Without them only the names of its database steps could be compared.
  expect(life.locals).not.toBeNull();
  expect(await diverging([life])).toEqual([]);
});

describe('the check bites when the life is another than this code would live', () => {
  const lived = readLife('renewal-in-real-time', '0.1.0');
  const changed = (from: string, to: string) => {
    const text = JSON.stringify(lived);
    expect(text).toContain(from);
    return { ...(JSON.parse(text.replace(from, to)) as typeof lived), name: 'changed' };
  };

  test('another workflow', async () => {
    const other = changed('"workflowType":{"name":"subscription"}', '"workflowType":{"name":"invoice"}');
    expect((await diverging([other]))[0]).toMatch(/^changed: .*Nondeterminism error/);
  });

  test('another time to wait', async () => {
    expect(
      await diverging([changed('"startToFireTimeout":"1.735s"', '"startToFireTimeout":"2.735s"')]),
    ).toEqual(['changed: event 9, timer 2: recorded timer {"ms":2735}; now timer {"ms":1735}']);
  });

  test('another input of a database step, which Temporal itself does not keep', async () => {
    const [sentence, ...more] = await diverging([changed('"revision":2', '"revision":7')]);
    expect(sentence).toMatch(
      /^changed: event 15, local activity 3: recorded closePeriod .*"revision":7.*; now closePeriod .*"revision":2/,
    );
    expect(more).toEqual([]);
  });
});
