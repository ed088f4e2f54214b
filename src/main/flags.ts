import { parseArgs } from 'node:util';

/** A flag's name → what it does; a flag that takes a value names it first: `from: ['<instant>', 'the first …']`. */
export type Flags = Record<string, string | readonly [value: string, does: string]>;

/** What was given: true for a switch, the text of a value. */
export type Given<F extends Flags> = { [Name in keyof F]?: F[Name] extends string ? true : string };

/**
 * The flags of a command line tool, each with what it does. A word nobody knows ends the process with exit code 2 and
 * the flags there are, before anything is done; `--help` shows them.
 */
export function readFlags<Flag extends string>(
  command: string,
  flags: Record<Flag, string>,
): Partial<Record<Flag, boolean>> {
  const known = { ...flags, help: 'this text' };
  const usage = `npm run ${command} [-- flags]\n\n${flagLines(known).join('\n')}`;
  try {
    const { given } = parseFlags(process.argv.slice(2), known, 0);
    if (!given['help']) return given as Partial<Record<Flag, boolean>>;
    console.log(usage);
    process.exit(0);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exit(2);
  }
}

/** One line per flag, for a help text. */
export function flagLines(flags: Flags): string[] {
  const rows = Object.entries(flags).map(([name, flag]) =>
    typeof flag === 'string' ? ([name, flag] as const) : ([`${name} ${flag[0]}`, flag[1]] as const),
  );
  const width = Math.max(8, ...rows.map(([head]) => head.length));
  return rows.map(([head, does]) => `  --${head.padEnd(width)} ${does}`);
}

/**
 * Reads arguments against the flags there are. Throws a sentence for what nobody knows, for a value that is missing and
 * for more than `wordsMax` words beside the flags.
 */
export function parseFlags<F extends Flags>(
  args: readonly string[],
  flags: F,
  wordsMax: number,
): { given: Given<F>; words: string[] } {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, flag]) => [
      name,
      { type: typeof flag === 'string' ? ('boolean' as const) : ('string' as const) },
    ]),
  );
  const { values, positionals } = parseArgs({
    args: [...args],
    options,
    allowPositionals: wordsMax > 0,
  });
  const surplus = positionals[wordsMax];
  if (surplus !== undefined) throw new Error(`Unexpected argument '${surplus}'.`);
  return { given: values as Given<F>, words: positionals };
}
