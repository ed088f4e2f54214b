import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** How many promises there are. One that is taken back is struck out in the page, never renumbered. */
const PROMISES = 9;

/**
 * What is missing in `docs/promises.md`, one sentence each. A row of its table reads
 * `| 4 | the promise | [name of a test](../test/….test.ts) … |`; each named test has to stand in its file. A promise
 * about something that is not built says `applies with <glob>` instead, and the first file that matches ends that.
 */
export function missingProofs(root: string): string[] {
  const page = path.join(root, 'docs/promises.md');
  if (!existsSync(page)) return ['docs/promises.md is missing'];
  const rows = new Map(
    readFileSync(page, 'utf8')
      .split('\n')
      .map((line) => /^\| (\d+) \|[^|]+\|(.*)\|$/.exec(line))
      .flatMap((row) => (row ? [[Number(row[1]), row[2] ?? ''] as const] : [])),
  );
  return Array.from({ length: PROMISES }, (_, index) => index + 1).flatMap((number) => {
    const proof = rows.get(number);
    if (proof === undefined) return [`promise ${number} has no row in docs/promises.md`];
    return missingIn(root, proof).map((what) => `promise ${number}: ${what}`);
  });
}

function missingIn(root: string, proof: string): string[] {
  const later = /applies with `([^`]+)`/.exec(proof)?.[1];
  const tests = [...proof.matchAll(/\[([^\]]+)\]\(\.\.\/(test\/[^)]+\.test\.ts)\)/g)];
  if (later !== undefined) {
    const built = globSync(later, { cwd: root })[0];
    return built === undefined ? [] : [`it applies since ${built} exists; name the test that proves it`];
  }
  if (tests.length === 0) return ['no test is named'];
  return tests.flatMap(([, name = '', file = '']) => {
    if (!existsSync(path.join(root, file))) return [`${file} does not exist`];
    return readFileSync(path.join(root, file), 'utf8').includes(name)
      ? []
      : [`${file} has no test "${name}"`];
  });
}
