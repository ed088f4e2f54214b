import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from '@jest/globals';

/** The operators' commands as pages and messages name them, against those there are. */
const ROOT = join(import.meta.dirname, '..', '..');
const PLACES = ['*.md', '{src,docs}/**/*.md', 'src/main/**/*.ts'];

let commands: string[];
beforeAll(async () => {
  const cli = join(ROOT, 'src', 'main', 'cli.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [cli, '--help']);
  commands = [...stdout.matchAll(/^ {2}([a-z]+(?: [a-z]+)?)(?= <| {2})/gm)].map(([, name = '']) => name);
  expect(commands.length).toBeGreaterThan(5);
});

const isCommand = (words: string) =>
  commands.some((command) => words === command || words.startsWith(`${command} `));

test('whoever is told to run a command can', () => {
  const told = globSync(PLACES, { cwd: ROOT }).flatMap((file) =>
    [...readFileSync(join(ROOT, file), 'utf8').matchAll(/npm run cli -- ([a-z]+(?: [a-z]+)?)/g)].map(
      ([, words = '']) => ({ file, words }),
    ),
  );
  expect(told.length).toBeGreaterThan(5);
  expect(told.filter(({ words }) => !isCommand(words))).toEqual([]);
});

test('the page for operators lists every command, and no other', () => {
  const page = readFileSync(join(ROOT, 'docs', 'operating.md'), 'utf8');
  const [, section = ''] = /## The command line\n([\s\S]*?)\n## /.exec(page) ?? [];
  const rows = [...section.matchAll(/^\| (`[^|]*`) \|/gm)].map(([, cell = '']) => cell);
  const named = rows.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, words = '']) => words));
  expect(named.filter((words) => !isCommand(words))).toEqual([]);
  expect(commands.filter((command) => !named.some((words) => words.startsWith(command)))).toEqual([]);
});
