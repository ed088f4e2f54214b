import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { statesPage } from './states-table.ts';

test('the page of states and commands is what the engine says; otherwise: npm run states -- --write', () => {
  const path = join(import.meta.dirname, '..', '..', 'docs', 'states-and-commands.md');
  expect(readFileSync(path, 'utf8')).toBe(statesPage());
});
