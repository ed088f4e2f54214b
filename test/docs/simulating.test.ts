import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { simulationAction } from '../../src/contract/simulation-actions.ts';
import { amountsOf, play, type SimulationInput } from '../support/simulations.ts';
import { codeBlocks } from './code-blocks.ts';

const PAGE = 'docs/guides/simulating.md';
const page = readFileSync(new URL(`../../${PAGE}`, import.meta.url), 'utf8');

describe('Simulating a subscription', () => {
  const [command = ''] = codeBlocks(PAGE, 'sh');
  const [, body = ''] = /-d '([\s\S]*)'/.exec(command) ?? [];
  const answer = play(JSON.parse(body) as SimulationInput);

  test('the question is answered, and nothing of it is refused', () => {
    expect(answer.refused).toEqual([]);
    expect(answer.subscriptions[0]?.states.map(({ status }) => status)).toEqual([
      'active',
      'paused',
      'active',
    ]);
  });

  test('the upgrade is as the page shows it', () => {
    const upgrade = answer.invoices[2];
    for (const { description, amount, explanation } of upgrade?.lines ?? [])
      expect(page).toContain(`| ${description} | ${amount.amount} | ${explanation[0]} |`);
    expect(amountsOf(upgrade)).toHaveLength(2);
  });

  test('the page names every action that there is, and no other', () => {
    const [, table = ''] = /\| action \|[^\n]*\n\|[-|]*\n([\s\S]*?)\n\n/.exec(page) ?? [];
    const named = table
      .split('\n')
      .flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, name = '']) => name));
    const there = simulationAction.options.map((option) => option.shape.action.value);
    expect(named.toSorted()).toEqual(there.toSorted());
  });
});
