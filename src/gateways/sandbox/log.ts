import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Log = Disposable & {
  /** Everything recorded before this start, oldest first. */
  readonly records: readonly unknown[];
  /** Records one fact. When it returns, the fact survives a `kill -9` of this process. */
  append(record: object): void;
};

/**
 * The append-only file `charges.jsonl` in the folder, one JSON object a line. Writing is synchronous on purpose: a
 * request reads the state, decides and records without another one in between, which is what makes a charge single.
 */
export function openLog(folder: string): Log {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, 'charges.jsonl');
  const file = openSync(path, 'a', 0o600);
  const text = readFileSync(path, 'utf8');

  // A process killed while writing leaves half a line. It was never answered for, so it goes.
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  let size = Buffer.byteLength(whole);
  if (whole.length < text.length) ftruncateSync(file, size);

  return {
    records: whole
      .split('\n')
      .filter((line) => line !== '')
      .map((line, index) => parsed(line, `${path}:${index + 1}`)),
    append(record) {
      const line = `${JSON.stringify(record)}\n`;
      try {
        writeFileSync(file, line);
        size += Buffer.byteLength(line);
      } catch (error) {
        // On a full disk half a line may be there, and the next one would be glued to it.
        ftruncateSync(file, size);
        throw error;
      }
    },
    [Symbol.dispose]() {
      closeSync(file);
    },
  };
}

function parsed(line: string, where: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new Error(
      `The sandbox gateway's log is damaged at ${where}. Restore the file or move it away to start empty.`,
    );
  }
}
