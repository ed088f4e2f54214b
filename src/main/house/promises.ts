import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** How many promises there are. One that is taken back is struck out in the page, never renumbered. */
const PROMISES = 9;

/** Where the names in a column have to stand, and as what; `{}` is the name. */
const COLUMNS = [
  {
    column: 'constraint',
    files: 'docs/schema.sql',
    written: ['CONSTRAINT {}', 'constraint {}', 'INDEX {}', 'TRIGGER {}', 'policy {}'],
  },
  {
    column: 'query',
    files: 'src/{persistence,main}/invariants/*.ts',
    written: ["promise: '{}'", '  {}: ', '{}: {'],
  },
  {
    column: 'fault',
    files: 'test/faults/**/*.ts',
    written: ["name: '{}'", "'{}': {", '  {}: {', "fault: '{}'"],
  },
] as const;

/**
 * What is missing in `docs/promises.md`, one sentence each. A row of its table reads
 * `| 4 | the promise | constraints | queries | [name of a test](../test/….test.ts) … | faults |`: constraints, queries
 * and faults as names in backticks, or a dash. Whatever is named has to exist. A promise about something that is not
 * built says `applies with <glob>` instead of tests, and the first file that matches ends that.
 */
export function missingProofs(root: string): string[] {
  const page = path.join(root, 'docs/promises.md');
  if (!existsSync(page)) return ['docs/promises.md is missing'];
  const rows = new Map(
    readFileSync(page, 'utf8')
      .split('\n')
      .map((line) => line.split('|').map((cell) => cell.trim()))
      .flatMap(([, number = '', ...cells]) => (/^\d+$/.test(number) ? [[Number(number), cells]] : [])),
  );
  return Array.from({ length: PROMISES }, (_, index) => index + 1).flatMap((number) => {
    const cells = rows.get(number);
    if (!cells) return [`promise ${number} has no row in docs/promises.md`];
    return missingIn(root, cells).map((what) => `promise ${number}: ${what}`);
  });
}

function missingIn(root: string, cells: readonly string[]): string[] {
  const [, constraint = '', query = '', tests = '', fault = ''] = cells;
  const later = /applies with `([^`]+)`/.exec(tests)?.[1];
  if (later !== undefined) {
    const built = globSync(later, { cwd: root })[0];
    return built === undefined ? [] : [`it applies since ${built} exists; name the test that proves it`];
  }
  const named = { constraint, query, fault };
  return [
    ...missingTests(root, tests),
    ...COLUMNS.flatMap(({ column, files, written }) =>
      missingNames(root, named[column], column, files, written),
    ),
  ];
}

function missingTests(root: string, cell: string): string[] {
  const tests = [...cell.matchAll(/\[([^\]]+)\]\(\.\.\/(test\/[^)]+\.test\.ts)\)/g)];
  if (tests.length === 0) return ['no test is named'];
  return tests.flatMap(([, name = '', file = '']) => {
    if (!existsSync(path.join(root, file))) return [`${file} does not exist`];
    return readFileSync(path.join(root, file), 'utf8').includes(name)
      ? []
      : [`${file} has no test "${name}"`];
  });
}

function missingNames(
  root: string,
  cell: string,
  column: string,
  files: string,
  written: readonly string[],
): string[] {
  const names = [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
  if (names.length === 0)
    return cell === '—' ? [] : [`no ${column} is named; a dash says that there is none`];
  const texts = globSync(files, { cwd: root }).map((file) => readFileSync(path.join(root, file), 'utf8'));
  const stands = (name: string) =>
    texts.some((text) => written.some((form) => text.includes(form.replace('{}', name))));
  return names.filter((name) => !stands(name)).map((name) => `there is no ${column} ${name} in ${files}`);
}
