import { describe, expect, test } from '@jest/globals';
import type { z } from 'zod';
import {
  subscriptionChange,
  subscriptionPause,
  subscriptionQuantity,
  subscriptionResume,
  subscriptionSchedule,
} from '../../src/contract/changes.ts';
import { simulationAction } from '../../src/contract/simulation-actions.ts';
import {
  subscriptionCancel,
  subscriptionCreate,
  subscriptionExtendTrial,
} from '../../src/contract/subscriptions.ts';

/** What a simulation cannot say, because in it there is one customer, no caller and nothing to look up later. */
const ONLY_LIVE = ['customer', 'external_id', 'metadata', 'preview_token'];
/** The instant of a cancellation has another name, because `at` says when it is asked for. */
const RENAMED: Record<string, string> = { 'cancel.at': 'cancel_at' };

const actions = new Map(
  simulationAction.options.map((option) => [option.shape.action.value, Object.keys(option.shape)]),
);

const commands: [name: string, body: { shape: Record<string, z.ZodType> }][] = [
  ['subscribe', subscriptionCreate],
  ['change', subscriptionChange],
  ['set_quantity', subscriptionQuantity],
  ['pause', subscriptionPause],
  ['resume', subscriptionResume],
  ['cancel', subscriptionCancel],
  ['extend_trial', subscriptionExtendTrial],
  ['schedule', subscriptionSchedule],
];

describe('an action of a simulation', () => {
  test.each(commands)('%s says everything that the command says', (name, body) => {
    const fields = Object.keys(body.shape)
      .filter((field) => !ONLY_LIVE.includes(field))
      .map((field) => RENAMED[`${name}.${field}`] ?? field);
    expect(actions.get(name as never)).toEqual(expect.arrayContaining(fields));
  });

  test('every example of the reference can be read', () => {
    const at = '2027-03-15T09:30';
    for (const text of [at, '2027-03-15', '2027-03-15T00:00:00-04:00', '2027-03-15T00:00:00.001Z'])
      expect(simulationAction.safeParse({ at: text, action: 'uncancel', subscription: 'main' }).success).toBe(
        true,
      );
  });
});
