import { parseArgs } from 'node:util';

/**
 * The flags of a command line tool, each with what it does. A word nobody knows ends the process with exit code 2 and
 * the flags there are, before anything is done; `--help` shows them.
 */
export function readFlags<Flag extends string>(
  command: string,
  flags: Record<Flag, string>,
): Partial<Record<Flag, boolean>> {
  const known = { ...flags, help: 'this text' };
  const lines = Object.entries(known).map(([flag, does]) => `  --${flag.padEnd(8)} ${String(does)}`);
  const usage = `npm run ${command} [-- flags]\n\n${lines.join('\n')}`;
  const options = Object.fromEntries(Object.keys(known).map((flag) => [flag, { type: 'boolean' as const }]));
  try {
    const { values } = parseArgs({ options });
    if (!values['help']) return values as Partial<Record<Flag, boolean>>;
    console.log(usage);
    process.exit(0);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exit(2);
  }
}
