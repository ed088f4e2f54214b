import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { planCreate } from '../../src/contract/plans.ts';
import { dateOf, play, type SimulationInput } from '../support/simulations.ts';
import { codeBlocks } from './code-blocks.ts';

const PAGE = 'docs/guides/usage-thresholds.md';
const page = readFileSync(new URL(`../../${PAGE}`, import.meta.url), 'utf8');
const example: SimulationInput = JSON.parse(
  readFileSync(new URL('../../docs/examples/simulations/usage-thresholds.json', import.meta.url), 'utf8'),
);

describe('Billing usage before its period ends', () => {
  test('the plan of the page is one, and it is the plan of the example', () => {
    const [command = ''] = codeBlocks(PAGE, 'sh');
    const [, body = ''] = /-d '([\s\S]*)'/.exec(command) ?? [];
    const plan = planCreate.parse(JSON.parse(body));
    const [other] = example.catalogue?.plans ?? [];
    const named = planCreate.parse({
      name: 'Compute',
      prices: other?.prices,
      usage_thresholds: other?.usage_thresholds,
    });
    expect(plan).toEqual(named);
  });

  test('the example is billed as the page shows it', () => {
    const rows = play(example).invoices.map(({ at, billing_reason, lines }) => {
      const line = lines.find(({ key }) => key === 'hours');
      return `| ${[dateOf(at), `\`${billing_reason}\``, line?.quantity, line?.amount.amount].join(' | ')} |`;
    });
    const [, table = ''] = /\| invoice \|[^\n]*\n\|[-|]*\n([\s\S]*?)\n\n/.exec(page) ?? [];
    expect(table.split('\n')).toEqual(rows);
    expect(page).toContain(play(example).invoices[2]?.lines[0]?.explanation.at(-1) ?? 'nothing');
  });
});
