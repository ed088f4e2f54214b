import { describe, expect, test } from '@jest/globals';
import * as workflows from '../../workflows/index.ts';
import { endOf, historyJson, typeOf } from '../replay/calls.ts';
import { recordedLives, recordedScenarios } from '../replay/recorded.ts';
import { toldScenarios } from '../replay/told-scenarios.ts';

/** A life nobody recorded may be broken by the next change without anybody noticing. */
const lives = recordedLives().map(({ name, json }) => {
  const history = historyJson.parse(json);
  return { name, type: typeOf(history), end: endOf(history) };
});

test.each(Object.keys(workflows))('a life of %s is recorded', (type) => {
  expect(lives.filter((life) => life.type === type)).not.toEqual([]);
});

describe.each(['subscription', 'invoice', 'webhookEndpoint', 'testClock'])('%s', (type) => {
  test('a life that was not over is recorded, and one that was', () => {
    const ends = lives.filter((life) => life.type === type).map(({ end }) => end);
    expect(ends).toContain(null);
    expect(ends).toContain('completed');
  });
});

test('what a test can record was recorded', () => {
  const missing = [...toldScenarios().keys()].filter((scenario) => !recordedScenarios().includes(scenario));
  expect(missing).toEqual([]);
});
