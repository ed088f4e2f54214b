import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { missingProofs } from '../../src/main/house/promises.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'perennial-promises-'));
  await plant('test/a.test.ts', `test('a period is billed once', () => {})`);
});

afterEach(() => rm(root, { recursive: true }));

async function plant(file: string, text: string): Promise<void> {
  await mkdir(path.join(root, path.dirname(file)), { recursive: true });
  await writeFile(path.join(root, file), text);
}

/** A page on which every promise is proved, but for the given rows. */
function page(rows: Record<number, string> = {}): Promise<void> {
  const proof = '[a period is billed once](../test/a.test.ts)';
  const lines = Array.from({ length: 9 }, (_, n) => rows[n + 1] ?? `| ${n + 1} | words | ${proof} |`);
  return plant('docs/promises.md', ['| # | promise | proof |', '|---|---|---|', ...lines].join('\n'));
}

test('a page with a proof for each promise is complete', async () => {
  await page();
  expect(missingProofs(root)).toEqual([]);
});

test.each([
  ['no row', '', 'promise 4 has no row in docs/promises.md'],
  ['no test', '| 4 | words | one day |', 'promise 4: no test is named'],
  [
    'a file that is not there',
    '| 4 | words | [x](../test/b.test.ts) |',
    'promise 4: test/b.test.ts does not exist',
  ],
  [
    'a test that is not there',
    '| 4 | words | [x](../test/a.test.ts) |',
    'promise 4: test/a.test.ts has no test "x"',
  ],
])('a promise with %s is named', async (_what, row, finding) => {
  await page({ 4: row });
  expect(missingProofs(root)).toEqual([finding]);
});

test('what is not built needs no proof until its first file is there', async () => {
  await page({ 3: '| 3 | words | applies with `src/domain/usage*.ts` |' });
  expect(missingProofs(root)).toEqual([]);
  await plant('src/domain/usage.ts', '');
  expect(missingProofs(root)).toEqual([
    'promise 3: it applies since src/domain/usage.ts exists; name the test that proves it',
  ]);
});

test('without the page nothing is promised', () => {
  expect(missingProofs(root)).toEqual(['docs/promises.md is missing']);
});
