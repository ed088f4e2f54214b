import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { flagLines, parseFlags } from '../../src/main/flags.ts';
import { VERSION } from '../../src/platform/version.ts';
import { bundleFile, bundleToKeep, digest, keptBundle } from './bundle.ts';
import { historyFile } from './recorded.ts';
import { toldScenarios } from './told-scenarios.ts';

/**
 * `npm run record`: before a release, keeps the workflow code of this version and real lives of it. The lives are told by
 * tests, on real servers; what they assert makes sure that the life is the one its name says.
 */
const FLAGS = {
  list: 'which scenarios there are, and which of them this version has recorded',
  help: 'this text',
};
const USAGE = `npm run record -- [scenario] [--flags]

Records what version ${VERSION} has not recorded yet: its histories (all, or one scenario) and its workflow code, under
test/replay. Never overwrites: a history that was recorded is a promise to workflows that still run.

${flagLines(FLAGS).join('\n')}`;

const JEST = fileURLToPath(new URL('../../node_modules/jest/bin/jest.js', import.meta.url));
const { list, only } = read();
const told = toldScenarios();
const isRecorded = (scenario: string) => existsSync(historyFile(scenario, VERSION));
if (list) {
  for (const [scenario, file] of told) {
    console.log(`${isRecorded(scenario) ? 'recorded' : 'missing '}  ${scenario}  (${file})`);
  }
  process.exit(0);
}
if (only !== undefined && !told.has(only)) {
  refuse(`No test records '${only}'. There are: ${[...told.keys()].toSorted().join(', ')}.`, 2);
}
if (only !== undefined && isRecorded(only)) {
  refuse(`${VERSION} has recorded '${only}' already, and a recorded history is never made anew.`, 1);
}
const missing = [...told.keys()].filter(
  (scenario) => !isRecorded(scenario) && (only === undefined || scenario === only),
);
recordLives(missing);
if (only === undefined) await recordBundle();

function recordLives(scenarios: readonly string[]): void {
  const files = [...new Set(scenarios.flatMap((scenario) => told.get(scenario) ?? []))];
  if (files.length === 0) {
    console.log(`Every scenario is recorded for ${VERSION}.`);
    return;
  }
  console.log(`Recording ${scenarios.length} scenarios, told by ${files.length} test files.`);
  const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', JEST, ...files];
  const { status } = spawnSync(process.execPath, jest, {
    stdio: 'inherit',
    env: { ...process.env, RECORD_HISTORIES: scenarios.join(',') },
  });
  const left = scenarios.filter((scenario) => !isRecorded(scenario));
  console.log(`${scenarios.length - left.length} recorded.`);
  if (left.length > 0) refuse(`Not recorded: ${left.join(', ')}.`, 1);
  if (status !== 0)
    refuse('A test failed, so what it recorded may not be what its name says: look at it.', 1);
}

/** One per version: whoever upgrades has workflows that were run by exactly this code. */
async function recordBundle(): Promise<void> {
  const bundle = await bundleToKeep();
  const file = bundleFile(VERSION);
  if (!existsSync(file)) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bundle, { flag: 'wx' });
    console.log(`Kept the workflow code of ${VERSION}, ${Math.round(bundle.length / 1000)} kB.`);
  } else if (digest(keptBundle(VERSION)) === digest(bundle)) {
    console.log(`The workflow code of ${VERSION} is kept already.`);
  } else {
    refuse(`The workflow code of ${VERSION} was kept, and is another now: give it another version.`, 1);
  }
}

function read(): { list: boolean; only: string | undefined } {
  try {
    const { given, words } = parseFlags(process.argv.slice(2), FLAGS, 1);
    if (given.help) {
      console.log(USAGE);
      process.exit(0);
    }
    return { list: given.list ?? false, only: words[0] };
  } catch (error) {
    return refuse(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`, 2);
  }
}

function refuse(sentence: string, exitCode: number): never {
  console.error(sentence);
  process.exit(exitCode);
}
