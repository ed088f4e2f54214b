import type { Flags, Given } from '../flags.ts';
import type { Desk } from './desk.ts';

/** What a command answers: lines for a person, and the same as one JSON object. */
export type Answer = { lines: string[]; json: Record<string, unknown> };

type Call<G> = {
  desk: Desk;
  /** The words that `takes` names, in order. */
  words: string[];
  given: G;
  /** Tells a person of something while it goes on; says nothing under `--json`. */
  say(line: string): void;
};

/** One verb of the operators' command line. */
export type Command = {
  /** In one line, for the list of commands. */
  does: string;
  /** More about it, for its own help. */
  about: string;
  /** What the words after it are; each of them must be there. */
  takes: readonly string[];
  flags: Flags;
  run(call: Call<Readonly<Record<string, unknown>>>): Promise<Answer>;
};

/** Puts a verb together, so that `run` knows which flags there are. */
export function command<const F extends Flags>(
  spec: Omit<Command, 'flags' | 'run'> & { flags: F; run(call: Call<Given<F>>): Promise<Answer> },
): Command {
  return { ...spec, run: (call) => spec.run({ ...call, given: call.given as Given<F> }) };
}

/** What was asked for is understood and not done: exit code 1. The sentence says what to do. */
export class Refused extends Error {
  override readonly name = 'Refused';
}

/** What was asked for cannot be tried: a wrong flag, an unknown id, a server that is away. Exit code 2. */
export class Unusable extends Error {
  override readonly name = 'Unusable';
}
