import { parseArgs } from 'node:util';
import { run, sentences } from './harness.ts';
import { WORKLOADS } from './workloads.ts';

const USAGE = `npm run bench -- <workload> [--rounds n] [--size n] [--json]

Measures Perennial against the least that could do the same work, alternately, on servers that are started for it.

${Object.entries(WORKLOADS)
  .map(([name, { about }]) => `  ${name.padEnd(16)} ${about}`)
  .join('\n')}

  --rounds n       how often each side is measured, after one round that is not counted (default 5)
  --size n         how many things a round works on (default: the workload's own)
  --json           the last line is one JSON object
  --help           this text

Exit code: 0 everything was done right, whatever the speed; 1 it was not; 2 the command line cannot be understood.`;

type Asked = { name: string; rounds: number; size: number | null; json: boolean };

function readCommandLine(): Asked | 'help' {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '5' },
      size: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const [name, ...more] = positionals;
  if (!name || more.length > 0 || !Object.hasOwn(WORKLOADS, name))
    throw new Error(`Name one workload: ${Object.keys(WORKLOADS).join(', ')}.`);
  return {
    name,
    rounds: count('--rounds', values.rounds),
    size: values.size === undefined ? null : count('--size', values.size),
    json: values.json,
  };
}

function count(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new Error(`${flag} takes a whole number from 1.`);
}

async function measure({ name, rounds, size, json }: Asked): Promise<number> {
  const workload = await WORKLOADS[name]?.load();
  if (!workload) throw new Error(`There is no workload ${name}.`);
  const say = (line: string) => console.log(line);
  const { result, wrong } = await run(name, workload, { say, size, rounds });
  say('');
  for (const line of sentences(result, wrong)) say(line);
  if (json) say(JSON.stringify(result));
  return wrong.length === 0 ? 0 : 1;
}

// Child processes do not keep this one alive, and while one of them is waited for nothing else may be.
const alive = setInterval(() => {}, 60_000);
try {
  const asked = readCommandLine();
  if (asked === 'help') console.log(USAGE);
  else process.exitCode = await measure(asked).catch((error: unknown) => fail(error));
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  process.exitCode = 2;
} finally {
  clearInterval(alive);
}

function fail(error: unknown): number {
  console.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return 1;
}
