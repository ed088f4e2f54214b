import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { json, messageOf, report, type Trial } from './report.ts';
import { SUITES, type SuiteOptions } from './suites.ts';

/**
 * `npm run faults -- <suite>`: attacks real processes with real signals and says what survived. Exit code 0: every
 * promise was kept; 1: one was broken; 2: the attack itself could not be made.
 */
const HELP = `npm run faults -- <${Object.keys(SUITES).join('|')}> [flags]

${Object.entries(SUITES)
  .map(([name, { does }]) => `  ${name.padEnd(14)} ${does}`)
  .join('\n')}

  --only <text>    only the faults whose name contains this
  --minutes <n>    how long random goes on (default 3)
  --seed <n>       makes the same random choices again
  --short          seconds instead of minutes, fewer subscriptions: what npm test runs
  --json           the last line is {"faults","trials","broken"}
  --help           this text
`;

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        only: { type: 'string' },
        minutes: { type: 'string' },
        seed: { type: 'string' },
        short: { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    });
  } catch (error) {
    return fail(messageOf(error));
  }
}

function fail(sentence: string): never {
  console.error(`${sentence}\n\n${HELP}`);
  process.exit(2);
}

function numberOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  return Number.isFinite(value) && value > 0 ? value : fail(`--${flag} must be a number above 0`);
}

const { values, positionals } = readArguments();
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const [name = '', ...surplus] = positionals;
const suite = SUITES[name];
if (!suite || surplus.length > 0) fail(`there is no suite "${positionals.join(' ')}"`);

const options: SuiteOptions = {
  say: (line) => console.log(line),
  short: values.short ?? false,
  only: values.only ?? '',
  minutes: numberOf('minutes', values.minutes) ?? 3,
  seed: numberOf('seed', values.seed) ?? randomInt(1, 2 ** 31),
};
try {
  const trials: Trial[] = await suite.run(options);
  console.log(`\n${report(trials).join('\n')}`);
  if (trials.length === 0) fail(`no fault of ${name} has "${options.only}" in its name`);
  if (values.json) console.log(json(trials));
  process.exit(trials.some(({ broken }) => broken.length > 0) ? 1 : 0);
} catch (error) {
  console.error(error);
  process.exit(2);
}
