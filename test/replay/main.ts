import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { flagLines, parseFlags } from '../../src/main/flags.ts';
import { table } from '../../src/main/table.ts';
import { bundleForReplay } from './bundle.ts';
import { keepRuntimeQuiet } from './quiet-runtime.ts';
import { recordedLives } from './recorded.ts';
import { type Replayed, replay, whatDiverged } from './replay.ts';

/** `npm run replay`: can every life that was ever recorded go on with the workflow code of today? */
const FLAGS = {
  root: ['<folder>', 'the workflows of another folder than this, for example of another branch'],
  json: 'the last line is one JSON object: lives, calls compared, what diverged',
  help: 'this text',
} as const;
const USAGE = `npm run replay -- [scenario] [--flags]

Replays the histories under test/replay/histories with the workflow code as it is, and compares kind and order of
everything it does, and every input, with what was recorded.

${flagLines(FLAGS).join('\n')}`;

const { json, only, root } = read();
keepRuntimeQuiet();
const lives = recordedLives().filter(({ name }) => only === undefined || name.split('/')[0] === only);
if (lives.length === 0) refuse(`There is no history of '${only}' under test/replay/histories.`);
const replayed = await replay(await bundleForReplay(root), lives);
const diverged = replayed.flatMap(whatDiverged);

for (const line of table(['scenario', 'version', 'events', 'inputs', 'now'], replayed.map(row), [2, 3])) {
  console.log(line);
}
for (const sentence of diverged) console.log(`\n${sentence}`);
const failed = replayed.filter((life) => whatDiverged(life).length > 0).length;
console.log(`\n${replayed.length} histories replayed, ${failed} diverged.`);
if (json) {
  const inputs = replayed.reduce((sum, { compared }) => sum + compared, 0);
  console.log(JSON.stringify({ histories: replayed.length, inputs, failed, diverged }));
}
process.exitCode = failed > 0 ? 1 : 0;

function row(life: Replayed): string[] {
  const [scenario = '', version = ''] = life.name.split('/');
  const same = whatDiverged(life).length === 0;
  return [scenario, version, String(life.events), String(life.compared), same ? 'the same' : 'DIVERGES'];
}

function read(): { json: boolean; only: string | undefined; root: URL | undefined } {
  try {
    const { given, words } = parseFlags(process.argv.slice(2), FLAGS, 1);
    if (given.help) {
      console.log(USAGE);
      process.exit(0);
    }
    const root = given.root === undefined ? undefined : pathToFileURL(`${resolve(given.root)}/`);
    return { json: given.json ?? false, only: words[0], root };
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

function refuse(sentence: string): never {
  console.error(`${sentence}\n\n${USAGE}`);
  process.exit(2);
}
