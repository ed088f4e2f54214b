import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { missingProofs } from '../../src/main/house/promises.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'perennial-promises-'));
  await plant('test/a.test.ts', `test('a period is billed once', () => {})`);
  await plant('docs/schema.sql', 'alter table periods add constraint periods_once UNIQUE (id);');
  await plant('src/persistence/invariants/periods.ts', `{ promise: 'no_period_twice' }`);
  await plant('test/faults/outages/worker.ts', `{ name: 'worker-away' }`);
});

afterEach(() => rm(root, { recursive: true }));

async function plant(file: string, text: string): Promise<void> {
  await mkdir(path.join(root, path.dirname(file)), { recursive: true });
  await writeFile(path.join(root, file), text);
}

/** A page on which every promise is proved, but for the given rows. */
function page(rows: Record<number, string> = {}): Promise<void> {
  const lines = Array.from({ length: 9 }, (_, n) => rows[n + 1] ?? row(n + 1, {}));
  const heading = ['| # | promise | constraint | query | test | fault |', '|---|---|---|---|---|---|'];
  return plant('docs/promises.md', [...heading, ...lines].join('\n'));
}

function row(
  number: number,
  {
    constraint = '`periods_once`',
    query = '`no_period_twice`',
    test = '[a period is billed once](../test/a.test.ts)',
    fault = '`worker-away`',
  },
): string {
  return `| ${number} | words | ${constraint} | ${query} | ${test} | ${fault} |`;
}

test('a page with a proof for each promise is complete', async () => {
  await page();
  expect(missingProofs(root)).toEqual([]);
});

test.each([
  ['no row', '', 'promise 4 has no row in docs/promises.md'],
  ['no test', row(4, { test: 'one day' }), 'promise 4: no test is named'],
  [
    'a file that is not there',
    row(4, { test: '[x](../test/b.test.ts)' }),
    'promise 4: test/b.test.ts does not exist',
  ],
  [
    'a test that is not there',
    row(4, { test: '[x](../test/a.test.ts)' }),
    'promise 4: test/a.test.ts has no test "x"',
  ],
  [
    'a constraint that is not there',
    row(4, { constraint: '`periods_once`, `periods_twice`' }),
    'promise 4: there is no constraint periods_twice in docs/schema.sql',
  ],
  [
    'a query that is not there',
    row(4, { query: '`no_period`' }),
    'promise 4: there is no query no_period in src/{persistence,main}/invariants/*.ts',
  ],
  [
    'a fault that is not there',
    row(4, { fault: '`worker`' }),
    'promise 4: there is no fault worker in test/faults/**/*.ts',
  ],
  [
    'words instead of a fault',
    row(4, { fault: 'some day' }),
    'promise 4: no fault is named; a dash says that there is none',
  ],
])('a promise with %s is named', async (_what, row, finding) => {
  await page({ 4: row });
  expect(missingProofs(root)).toEqual([finding]);
});

test('what is not built needs no proof until its first file is there', async () => {
  await page({ 3: row(3, { test: 'applies with `src/domain/usage*.ts`' }) });
  expect(missingProofs(root)).toEqual([]);
  await plant('src/domain/usage.ts', '');
  expect(missingProofs(root)).toEqual([
    'promise 3: it applies since src/domain/usage.ts exists; name the test that proves it',
  ]);
});

test('without the page nothing is promised', () => {
  expect(missingProofs(root)).toEqual(['docs/promises.md is missing']);
});
