import { readFile, writeFile } from 'node:fs/promises';
import { readFlags } from './flags.ts';
import { catalogue } from './house/catalogue.ts';
import { firstDifference } from './house/first-difference.ts';
import { withFreshDatabase } from './house/fresh-database.ts';

/** Compares `docs/schema.sql` with what the migrations make of an empty database; `--write` updates the file. */
const FILE = 'docs/schema.sql';

const { write } = readFlags('schema', { write: `write ${FILE} instead of comparing it` });
const migrated = await withFreshDatabase(catalogue);
if (write) {
  await writeFile(FILE, migrated);
  console.log(`${FILE} written`);
} else {
  const difference = firstDifference(await readFile(FILE, 'utf8').catch(() => ''), migrated);
  if (difference === null) {
    console.log(`${FILE} is what the migrations make`);
  } else {
    console.error(
      `${FILE} is not what the migrations make:\n${difference}\n\nIf the migrations are right: npm run schema -- --write`,
    );
    process.exitCode = 1;
  }
}
