import { isAway } from '../../api/send-command.ts';
import { isDomainError } from '../domain/errors.ts';
import { databaseTrouble } from '../persistence/trouble.ts';
import { type Answer, type Command, Refused, Unusable } from './cli/command.ts';
import { delivery } from './cli/delivery.ts';
import { openDesk } from './cli/desk.ts';
import { events } from './cli/events.ts';
import { imports } from './cli/import.ts';
import { invoice } from './cli/invoice.ts';
import { key } from './cli/key.ts';
import { reconcile } from './cli/reconcile.ts';
import { subscription } from './cli/subscription.ts';
import { tenant } from './cli/tenant.ts';
import { usage } from './cli/usage.ts';
import { flagLines, parseFlags } from './flags.ts';
import { messageOf, settings } from './settings.ts';

/** `npm run cli -- …`: what an operator does, on the database itself and therefore also while the API is away. */
const COMMANDS: Readonly<Record<string, Command>> = {
  'subscription list': subscription.list,
  'subscription show': subscription.show,
  'subscription retry': subscription.retry,
  'subscription recheck': subscription.recheck,
  'invoice list': invoice.list,
  'invoice show': invoice.show,
  'delivery list': delivery.list,
  'delivery retry': delivery.retry,
  'events replay': events.replay,
  'usage list': usage.list,
  'import list': imports.list,
  reconcile,
  'tenant create': tenant.create,
  'key create': key.create,
};

const ALWAYS = {
  json: 'the last line of standard output is one JSON object; after an error {"error": {"kind", "message"}}',
  help: 'this text',
} as const;
const FOOT = `Uses DATABASE_URL and TEMPORAL_ADDRESS, or what \`npm start\` runs on this machine.
Exit code: 0 done; 1 refused, and the sentence says what to do; 2 it could not be tried (a wrong flag, an unknown
id, a server that is away).`;

type Failure = { kind: 'refused' | 'unusable' | 'failed'; message: string };

const args = process.argv.slice(2);
const asJson = args.includes('--json');
try {
  process.exitCode = await main();
} catch (error) {
  const failure = failureOf(error);
  console.error(failure.message);
  // A person gets the help below the sentence, a program the sentence.
  const [message = ''] = failure.message.split('\n\n');
  if (asJson) console.log(JSON.stringify({ error: { ...failure, message } }));
  process.exitCode = failure.kind === 'refused' ? 1 : 2;
}

async function main(): Promise<number> {
  const called = [args.slice(0, 2).join(' '), args[0] ?? ''].find((name) => Object.hasOwn(COMMANDS, name));
  const found = called === undefined ? undefined : COMMANDS[called];
  if (!called || !found) return withoutCommand();
  const { given, words } = read(called, found);
  if (given.help) {
    console.log(helpOf(called, found));
    return 0;
  }
  const missing = found.takes[words.length];
  if (missing) throw new Unusable(`${missing} is missing.\n\n${helpOf(called, found)}`);
  const answer = await run(called, found, words, given);
  if (asJson) console.log(JSON.stringify(answer.json));
  else for (const line of answer.lines) console.log(line);
  return 0;
}

function read(called: string, { flags, takes, ...found }: Command) {
  try {
    return parseFlags(args.slice(called.split(' ').length), { ...flags, ...ALWAYS }, takes.length);
  } catch (error) {
    throw new Unusable(`${messageOf(error)}\n\n${helpOf(called, { flags, takes, ...found })}`);
  }
}

async function run(
  called: string,
  found: Command,
  words: string[],
  given: Readonly<Record<string, unknown>>,
): Promise<Answer> {
  const env = await settings('work with').catch((error: unknown) => {
    throw new Unusable(messageOf(error));
  });
  await using desk = await openDesk(env, called);
  const say = (line: string) => {
    if (!asJson) console.log(line);
  };
  return await found.run({ desk, words, given, say });
}

function withoutCommand(): number {
  const wanted = args.filter((word) => !word.startsWith('-')).join(' ');
  if (wanted === '' && args.includes('--help')) {
    console.log(list());
    return 0;
  }
  throw new Unusable(
    `${wanted === '' ? 'Say what to do.' : `There is no command "${wanted}".`}\n\n${list()}`,
  );
}

function list(): string {
  const rows = Object.entries(COMMANDS).map(
    ([name, { takes, does }]) => [[name, ...takes].join(' '), does] as const,
  );
  const width = Math.max(...rows.map(([usage]) => usage.length));
  const lines = rows.map(([usage, does]) => `  ${usage.padEnd(width)}  ${does}`);
  return `npm run cli -- <command> [flags]\n\n${lines.join('\n')}\n\nEach has --help and --json. ${FOOT}`;
}

function helpOf(called: string, { takes, does, about, flags }: Command): string {
  const usage = `npm run cli -- ${[called, ...takes].join(' ')} [flags]`;
  const sentence = `${does.charAt(0).toUpperCase()}${does.slice(1)}.`;
  return [usage, sentence, about, flagLines({ ...flags, ...ALWAYS }).join('\n'), FOOT].join('\n\n');
}

function failureOf(error: unknown): Failure {
  if (error instanceof Refused) return { kind: 'refused', message: error.message };
  if (error instanceof Unusable) return { kind: 'unusable', message: error.message };
  if (isDomainError(error)) {
    const fields = (error.details.errors ?? []).map(({ path, message }) => `\n  ${path}: ${message}`);
    return { kind: 'refused', message: `${error.message}${fields.join('')}` };
  }
  const trouble = databaseTrouble(error);
  if (trouble === 'away')
    return { kind: 'unusable', message: `The database went away (${messageOf(error)}); nothing was done.` };
  if (trouble !== null)
    return {
      kind: 'unusable',
      message: `The database is busy (${messageOf(error)}); nothing was done, try again.`,
    };
  if (isAway(error))
    return {
      kind: 'unusable',
      message: `Temporal does not answer (${messageOf(error)}); what was done stays done, try again.`,
    };
  return { kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
