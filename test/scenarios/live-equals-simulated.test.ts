import { expect, test } from '@jest/globals';
import { exampleBodies, runLive } from '../fuzz/live.ts';
import { differences } from '../fuzz/live-compare.ts';
import { smallerBodies } from '../fuzz/live-shrink.ts';

const RUNS = 25;
/** Any number is as good; that it is always the same makes a red test red again. Others: `npm run fuzz -- --live N`. */
const SEED = 5;

test('what a simulation says is what happens: examples and random lives on the real stack', async () => {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const report = await runLive({ runs: RUNS, seed: SEED, say, bodies: exampleBodies(), shrinkMs: 20_000 });
  expect(report.told).toEqual([]);
  expect(report.differences).toBe(0);
  expect(report.played).toBeGreaterThanOrEqual(RUNS);
  expect(report.invoices).toBeGreaterThan(100);
}, 1_200_000);

test('two answers that differ anywhere are told apart, with the place', () => {
  const answer = { invoices: [{ total: '9.00', paid_at: null }], balances: [] as string[] };
  expect(differences(answer, structuredClone(answer))).toEqual([]);
  expect(differences({ ...answer, invoices: [{ total: '9.01', paid_at: null }] }, answer)).toEqual([
    { at: 'invoices[0].total', live: '9.01', simulated: '9.00' },
  ]);
  expect(differences({ ...answer, balances: ['1'] }, answer)).toEqual([
    { at: 'balances[0]', live: '1', simulated: undefined },
  ]);
  expect(differences({ ...answer, invoices: [] }, answer)).toMatchObject([{ at: 'invoices[0]' }]);
});

test('a body becomes smaller by its end, its actions, its plans, its prices and its fields', () => {
  const [body] = exampleBodies().values();
  const smaller = body ? smallerBodies(body) : [];
  expect(smaller.length).toBeGreaterThan(8);
  for (const candidate of smaller)
    expect(JSON.stringify(candidate).length).toBeLessThanOrEqual(JSON.stringify(body).length + 16);
});
