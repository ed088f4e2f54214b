import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { tellSimulation } from '../../src/main/simulate/tell.ts';
import { play, type SimulationInput } from '../support/simulations.ts';

const FOLDER = new URL('../../docs/examples/simulations/', import.meta.url);
const files = readdirSync(FOLDER).filter((file) => file.endsWith('.json'));

const read = (file: string): SimulationInput => JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8'));

describe('an example of docs/examples/simulations', () => {
  test.each(files)('%s is what it says: everything happens, nothing is refused', (file) => {
    const answer = play(read(file));
    expect(answer.refused).toEqual([]);
    expect(answer.invoices.length).toBeGreaterThan(1);
    for (const { lines, total } of answer.invoices) {
      const cents = lines.reduce((sum, { amount }) => sum + BigInt(amount.amount.replace('.', '')), 0n);
      expect(cents).toBe(BigInt(total.amount.replace('.', '')));
    }
  });

  test('is told with every invoice, its lines, the sentences that explain them, and the states', () => {
    const file = 'upgrade-pause-resume.json';
    const text = tellSimulation(play(read(file)), 'America/New_York').join('\n');
    expect(text).toContain('active from 2027-01-31 → paused from 2027-06-10 → active from 2027-08-05');
    expect(text).toContain('INV-000003  2027-03-15  main  subscription_update  paid');
    expect(text).toContain('Pro at 90.00 for 16 of 31 days (15 Mar – 30 Mar): 46.45');
    expect(text).toMatch(/To the balance +60\.00\n +Due +0\.00\n/);
    expect(text).toMatch(/From the balance +60\.00\n/);
    expect(text).not.toContain('Given back: Unused time');
    expect(text).toContain('next: close_period at 2028-01-31');
  });
});
