import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { HISTORIES } from '../support/record.ts';
import { diverging } from '../support/replay.ts';

/**
 * Lives that were really lived, by every released version: workflows that wait in production today must be able to go
 * on with the code of tomorrow. A history that no longer replays is a broken promise to them, never a file to record
 * anew (workflows.md, "Changing code under running workflows").
 */

Runtime.install({ logger: new DefaultLogger('ERROR') });

const scenarios = readdirSync(HISTORIES).toSorted();
const versionsOf = (scenario: string) =>
  readdirSync(`${HISTORIES}/${scenario}`).filter((file) => file.endsWith('.json'));

describe.each(scenarios)('%s', (scenario) => {
  test.each(versionsOf(scenario))('%s', async (file) => {
    const history = historyFromJSON(JSON.parse(readFileSync(`${HISTORIES}/${scenario}/${file}`, 'utf8')));
    expect(await diverging([{ workflowId: scenario, history }])).toEqual([]);
  });
});

test('the check bites: a life that this code would not live does not replay', async () => {
  const lived = readFileSync(`${HISTORIES}/renewal-in-real-time/0.1.0.json`, 'utf8');
  const changed = lived.replace('"name": "subscription"', '"name": "invoice"');
  expect(changed).not.toBe(lived);
  expect(
    await diverging([{ workflowId: 'changed', history: historyFromJSON(JSON.parse(changed)) }]),
  ).toHaveLength(1);
});
