import { cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** A folder like this house, of which only the room of the workflows is a real copy. */
export function copyOfTheWorkflows(): string {
  const copy = mkdtempSync(join(tmpdir(), 'perennial-changed-'));
  cpSync(join(ROOT, 'workflows'), join(copy, 'workflows'), { recursive: true });
  for (const shared of ['src', 'activities', 'node_modules', 'package.json']) {
    symlinkSync(join(ROOT, shared), join(copy, shared));
  }
  return copy;
}

/** Puts `to` in the place of `from` in one file of a copy. Throws when it is not there exactly once. */
export function changeCopy(copy: string, file: string, from: string, to: string): void {
  const path = join(copy, 'workflows', file);
  const parts = readFileSync(path, 'utf8').split(from);
  if (parts.length !== 2) throw new Error(`${file} has this ${parts.length - 1} times: ${from}`);
  writeFileSync(path, parts.join(to));
}
