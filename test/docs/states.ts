import { readFile, writeFile } from 'node:fs/promises';
import { readFlags } from '../../src/main/flags.ts';
import { firstDifference } from '../../src/main/house/first-difference.ts';
import { statesPage } from './states-table.ts';

/** Compares `docs/states-and-commands.md` with what the engine says; `--write` updates the file. */
const FILE = 'docs/states-and-commands.md';
const { write } = readFlags('states', { write: `write ${FILE} instead of comparing it` });
const page = statesPage();
const difference = firstDifference(await readFile(FILE, 'utf8').catch(() => ''), page);
if (write) {
  await writeFile(FILE, page);
  console.log(`${FILE} written`);
} else if (difference === null) {
  console.log(`${FILE} is what the engine says`);
} else {
  console.error(
    `${FILE} is not what the engine says:\n${difference}\n\nIf the engine is right: npm run states -- --write`,
  );
  process.exitCode = 1;
}
