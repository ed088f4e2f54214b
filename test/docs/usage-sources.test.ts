import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '../support/stories.ts';
import { openWorldApi, type WorldApi } from '../support/world-api.ts';
import { codeBlocksUnder } from './code-blocks.ts';
import { typed } from './shell.ts';

/** What the guide tells people to type about collectors, imports and corrections is typed here, and does what it says. */
const GUIDE = 'docs/guides/usage.md';
const [tryOut = '', make = '', deliver = ''] = codeBlocksUnder(
  GUIDE,
  "Other people's webhooks: collectors",
  'sh',
);
const [upload = '', follow = '', errors = ''] = codeBlocksUnder(GUIDE, 'Files: imports', 'sh');
const [correct = '', backfill = ''] = codeBlocksUnder(GUIDE, 'Corrections', 'sh');

let api: WorldApi;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'perennial-usage-guide-'));
  api = await openWorldApi();
  await api.make('/v1/customers', { name: 'Acme', external_id: 'acme' });
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const type = async (commands: string) =>
  (await typed(commands, { URL: api.url, KEY: api.key }, folder)).output;

/** Answers that stand behind each other. */
const answers = (output: string): unknown[] =>
  JSON.parse(`[${output.replaceAll('}{"object"', '},{"object"')}]`);

test('a mapping is tried, a collector made, and a sender delivers to it, once', async () => {
  expect(answers(await type(tryOut))).toMatchObject([
    {
      readable: 1,
      problems: 0,
      data: [{ event: { event_name: 'completion', properties: { tokens: 812 } } }],
    },
  ]);
  expect(answers(await type(make))).toMatchObject([
    { object: 'collector', secret: 'what the sender signs with' },
  ]);
  expect(answers(await type(deliver))).toMatchObject([{ accepted: 1 }]);
}, 60_000);

test('a file is imported, followed, and says which of its rows were not taken', async () => {
  const [made] = answers(await type(upload));
  expect(made).toMatchObject({ object: 'usage_import', rows: 4 });
  const [again] = answers(await type(upload.slice(upload.indexOf('curl'))));
  expect(again).toMatchObject({ id: (made as { id: string }).id });
  const [followed] = await eventually(
    async () => answers(await type(follow)) as [{ data: { status: string }[] }],
    ([{ data }]) => data[0]?.status === 'completed',
  );
  expect(followed).toMatchObject({ data: [{ counts: { accepted: 3, rejected: 1 } }] });
  expect(await type(errors)).toMatch(
    /^row,idempotency_key,code,path,message\r\n4,imp_\w+:4,instant_invalid,/,
  );
}, 120_000);

test('an event is amended and deprecated, a backfill filled, closed and reverted', async () => {
  expect(answers(await type(correct))).toMatchObject([
    { accepted: 1 },
    { revision: 1, properties: { n: 7 }, voided: null },
    { revision: 1, voided: { reason: 'deprecated', note: 'was a test' } },
    { revisions: [{ revision: 1 }, { revision: 0, voided: { reason: 'amended' } }] },
  ]);
  expect(answers(await type(backfill))).toMatchObject([
    { accepted: 1 },
    { status: 'closed', counts: { inserted: 1 } },
    { status: 'reverted' },
  ]);
}, 60_000);
