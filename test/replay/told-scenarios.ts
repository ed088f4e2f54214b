import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Every scenario that a test tells and can record, with the file that tells it: `await record(world, '<scenario>', …)`. */
export function toldScenarios(): Map<string, string> {
  const files = globSync('test/**/*.test.ts', { cwd: ROOT }).toSorted();
  const told = new Map<string, string>();
  for (const file of files) {
    const text = readFileSync(`${ROOT}/${file}`, 'utf8');
    for (const [, scenario = ''] of text.matchAll(/await record\(\s*\w+,\s*'([a-z-]+)'/g)) {
      const other = told.get(scenario);
      if (other) throw new Error(`The scenario '${scenario}' is recorded by ${other} and by ${file}.`);
      told.set(scenario, file);
    }
  }
  return told;
}
