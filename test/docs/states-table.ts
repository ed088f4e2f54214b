import { PROBLEMS } from '../../api/problem.ts';
import { decideCommand } from '../../src/domain/decide-command.ts';
import { isDomainError } from '../../src/domain/errors.ts';
import { derived } from '../../src/domain/next-step.ts';
import { COMMANDS, NOW, STATES } from '../support/states.ts';

/** `docs/states-and-commands.md`, from the lives and commands of the tests, by asking the engine about every cell. */

const SETTING = { hasPaymentMethod: true, trialReminderDays: null };

const HEAD = `# States and commands

Which command a subscription takes in which state (billing rule 31b). This page is written by the engine: \`npm run states --
--write\` asks it about every cell, \`test/docs/states-and-commands.test.ts\` fails when an answer is another one, and
\`test/domain/states-and-commands.test.ts\` says cell by cell what it has to be. The subscription of the page began on
1 January 2026; it is the 10th. "cancel scheduled" is an active one that ends on 1 February.

✓: it is done; an arrow names the state that follows at once. A number: refused with the status and code below, and nothing
changes.
`;

/** The whole page. */
export function statesPage(): string {
  const refusals = new Map<string, number>();
  const names = Object.keys(COMMANDS);
  const rows = Object.keys(STATES).map((state) => {
    const cells = names.map((name) => cellOf(state, name, refusals));
    return `| ${state} | ${cells.join(' | ')} |`;
  });
  const table = [`| | ${names.join(' | ')} |`, `|---|${names.map(() => '---|').join('')}`, ...rows].join(
    '\n',
  );
  const reasons = [...refusals].map(([reason, number]) => `${number}. ${reason}`).join('\n');
  return `${HEAD}\n${table}\n\n${reasons}\n`;
}

function cellOf(state: string, name: string, refusals: Map<string, number>): string {
  const [life, command] = [STATES[state], COMMANDS[name]];
  if (!life || !command) throw new Error(`nobody knows ${state} or ${name}`);
  try {
    const { status } = derived(decideCommand(life, command, NOW, SETTING).subscription);
    return status === life.subscription.status ? '✓' : `✓ → ${status}`;
  } catch (error) {
    if (!isDomainError(error)) throw error;
    const reason = `${PROBLEMS[error.code].status} \`${error.code}\`: ${error.message}`;
    const number = refusals.get(reason) ?? refusals.size + 1;
    refusals.set(reason, number);
    return String(number);
  }
}
