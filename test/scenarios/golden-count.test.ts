import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { allCases } from '../golden/read-cases.ts';

const ROOT = new URL('../../', import.meta.url);
const COUNTED = new URL(import.meta.url).pathname.split('/').at(-1);
const CASE = /\b[A-I]\d\d\b/g;

/** The cases that tests named golden-* tell; when one of them fails the whole run does. */
function told(): Set<string> {
  const texts = ['test/domain/', 'test/scenarios/'].flatMap((folder) =>
    readdirSync(new URL(folder, ROOT))
      .filter((file) => /^golden-.*\.test\.ts$/.test(file) && file !== COUNTED)
      .map((file) => readFileSync(new URL(folder + file, ROOT), 'utf8')),
  );
  return new Set(texts.flatMap((text) => text.match(CASE) ?? []));
}

/** The rows of the table of those that are not met, with the reason. */
function unmet(): Map<string, string> {
  const page = readFileSync(new URL('docs/golden-cases.md', ROOT), 'utf8');
  const rows = page.split('\n').flatMap((line): [string, string][] => {
    const cells = line.split('|').map((cell) => cell.trim());
    const [, id = ''] = cells;
    return /^[A-I]\d\d$/.test(id) ? [[id, cells.at(-2) ?? '']] : [];
  });
  return new Map(rows);
}

describe('the worked examples', () => {
  const cases = allCases();
  const met = told();
  const reasons = unmet();

  test('each is told by a test or stands in docs/golden-cases.md with the reason, and none in both', () => {
    const wrong = cases.filter(({ id }) => met.has(id) === reasons.has(id)).map(({ id }) => id);
    expect(wrong).toEqual([]);
    for (const [id, reason] of reasons) expect([id, reason]).toEqual([id, expect.stringMatching(/\w{3}/)]);
  });

  test('the page names only cases that there are', () => {
    expect([...reasons.keys()].filter((id) => !cases.some((example) => example.id === id))).toEqual([]);
  });

  test('the count of each area is printed', () => {
    const areas = Map.groupBy(cases, ({ area }) => area);
    const lines = [...areas].map(([area, examples]) => {
      const followed = examples.filter((example) => example.followed);
      const done = followed.filter(({ id }) => met.has(id));
      const missing = followed.filter(({ id }) => !met.has(id)).map(({ id }) => id);
      const others = examples.length - followed.length;
      return `  ${area.padEnd(45)} ${done.length} of ${followed.length} followed cases met${
        missing.length > 0 ? `, not ${missing.join(' ')}` : ''
      }${others > 0 ? ` (${others} of another convention)` : ''}`;
    });
    process.stdout.write(`Worked examples (why not: docs/golden-cases.md)\n${lines.join('\n')}\n`);
    expect(lines).toHaveLength(areas.size);
  });
});
