import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openStage, type Stage } from '../faults/stage.ts';
import { codeBlocks } from './code-blocks.ts';
import { type Json, typed } from './shell.ts';

/** What the guide "Changing a subscription" tells people to type is typed here, in its order. */
const [functions = '', setUp = '', ...rest] = codeBlocks('docs/guides/changing-a-subscription.md', 'sh');
const [evaluate = '', preview = '', execute = '', explain = '', seats = '', ...more] = rest;
const [later = '', schedule = '', usage = '', pause = '', ...others] = more;

let stage: Stage;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'perennial-changing-'));
  stage = await openStage();
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await stage?.[Symbol.asyncDispose]();
});

/** Types a block into a shell that knows the functions of the page; the answers, one per line. */
async function type(block: string): Promise<Json[]> {
  const variables = { URL: stage.apiUrl, KEY: stage.apiKey };
  return answersIn((await typed(`${functions}\n${block}`, variables, folder)).output);
}

function answersIn(output: string): Json[] {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line) => JSON.parse(line) as Json);
}

const money = (amount: string) => ({ amount, currency: 'USD' });

test('the page shows what this test types', () => {
  expect([functions, setUp, pause].every((block) => block !== '')).toBe(true);
  expect(others).toEqual([]);
});

test('a stage is set', async () => {
  const answers = await type(setUp);
  expect(answers.map(({ object }) => object)).toEqual([
    'customer',
    'payment_method',
    'plan',
    'plan',
    'subscription',
  ]);
});

test('a price that exists nowhere is asked about', async () => {
  const [answer] = await type(evaluate);
  expect(answer).toMatchObject({ object: 'evaluation', amount: money('22.00') });
});

test('a preview is what the command does', async () => {
  const [shown] = await type(preview);
  expect(shown).toMatchObject({ object: 'preview', class: 'upgrade', total: money('38.39') });
  const [after, invoices] = await type(execute);
  expect(after).toMatchObject({ object: 'subscription', status: 'active' });
  expect(invoices).toMatchObject({ data: [{ total: money('38.39'), status: 'paid' }] });
});

test('a line explains itself', async () => {
  const [explanation] = await type(explain);
  expect(explanation).toMatchObject({
    object: 'explanation',
    text: expect.stringMatching(
      /^Given back: Base fee at 50\.00 for 17 of 31 days \(15 Mar – 31 Mar\): -27\.42\. /,
    ),
  });
});

test('seats come, and the money waits', async () => {
  const [after] = await type(seats);
  expect(after).toMatchObject({
    items: expect.arrayContaining([expect.objectContaining({ quantity: '12' })]),
  });
});

test('what waits is listed and taken back', async () => {
  const [after, pending, canceled] = await type(later);
  expect(after).toMatchObject({ change_at: '2027-04-01T04:00:00.000Z' });
  expect(pending).toMatchObject({ data: [{ status: 'pending', mode: 'period_end' }] });
  expect(canceled).toMatchObject({ status: 'canceled' });
  const [phases] = await type(schedule);
  expect(phases).toMatchObject({ object: 'preview', effective_at: '2027-04-01T04:00:00.000Z' });
});

test('what was used is counted once', async () => {
  const [first, again, all] = await type(usage);
  expect(again).toEqual(first);
  expect(all).toMatchObject({ data: [first] });
});

test('it rests, and goes on', async () => {
  const [paused, balance, resumed, invoices] = await type(pause);
  expect([paused, resumed]).toMatchObject([{ status: 'paused' }, { status: 'active' }]);
  expect(balance).toMatchObject({ balances: [{ currency: 'USD' }] });
  expect(invoices?.['data']).toHaveLength(4);
  expect(await stage.invariants()).toEqual([]);
});
