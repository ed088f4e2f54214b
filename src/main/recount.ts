import { unknownId } from '../persistence/recount.ts';
import { flagLines, parseFlags } from './flags.ts';
import { recount } from './recount-usage.ts';
import { messageOf, openDatabase, settings } from './settings.ts';

const FLAGS = {
  tenant: ['<id>', 'whose usage; every tenant when absent'],
  meter: ['<id>', 'one meter; all of them when absent'],
  'dry-run': 'compare and repair nothing',
  json: 'the last line of standard output is {"meters", "cells", "differences", "repaired", "rows"}',
  help: 'this text',
} as const;

const HELP = `npm run recount -- --tenant <id> [--meter <id>] [--dry-run] [--json]

Counts the events of usage anew and compares the hourly sub-totals with them, each at the moment it was made for. Where
one differs it is written anew. May run while everything works: what is asked meanwhile is answered, and right.

${flagLines(FLAGS).join('\n')}

Uses DATABASE_URL, or what \`npm start\` runs on this machine.
Exit code: 0 all is equal or repaired, 1 something differs and nothing was repaired, 2 it could not be counted.
`;

async function main(): Promise<void> {
  const { given } = parseFlags(process.argv.slice(2), FLAGS, 0);
  if (given.help) return console.log(HELP);
  await using database = await openDatabase(await settings('recount'), 'recount');
  const wanted = {
    tenantId: given.tenant ?? null,
    meterId: given.meter ?? null,
    dryRun: given['dry-run'] ?? false,
  };
  const unknown = await database.asSystem('recount', (tx) => unknownId(tx, wanted));
  if (unknown) throw new Error(`There is no ${unknown} ${given[unknown]}; look whether the id is right.`);
  const result = await recount(database, wanted, (line) => given.json || console.log(line));
  if (given.json) console.log(JSON.stringify(result));
  else {
    for (const row of result.rows)
      console.log(
        `${row.customerId} ${row.hour} ${row.group.join(' ')}: kept ${shown(row.kept)}, counted ${shown(row.counted)}`,
      );
    console.log(
      `${result.cells} cells of ${result.meters} meters; ${result.differences} differed, ${result.repaired} repaired`,
    );
  }
  if (result.differences > result.repaired) process.exitCode = 1;
}

const shown = (worth: Record<string, string> | null) => (worth ? JSON.stringify(worth) : 'nothing');

try {
  await main();
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 2;
}
