import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { LocalInputs } from './calls.ts';
import type { Life } from './replay.ts';

/** The lives that were kept: one folder per scenario, one file per version of Perennial that lived it. */

const HISTORIES = fileURLToPath(new URL('./histories', import.meta.url));

/** Where a history is kept, and beside it the inputs of its local activities, which Temporal does not keep. */
export const historyFile = (scenario: string, version: string): string =>
  `${HISTORIES}/${scenario}/${version}.json`;
export const inputsFile = (scenario: string, version: string): string =>
  `${HISTORIES}/${scenario}/${version}.inputs.json`;

export function recordedScenarios(): string[] {
  return readdirSync(HISTORIES).toSorted();
}

const inputs = z.record(z.string(), z.object({ activity: z.string(), input: z.unknown() }));

export function recordedLives(): Life[] {
  return recordedScenarios().flatMap((scenario) => {
    const files = readdirSync(`${HISTORIES}/${scenario}`).toSorted();
    const versions = files.flatMap((file) => /^(.+?)(?<!\.inputs)\.json$/.exec(file)?.[1] ?? []);
    return versions.map((version) => readLife(scenario, version));
  });
}

export function readLife(scenario: string, version: string): Life {
  const beside = inputsFile(scenario, version);
  const locals: LocalInputs | null = existsSync(beside) ? inputs.parse(readJson(beside)) : null;
  return { name: `${scenario}/${version}`, json: readJson(historyFile(scenario, version)), locals };
}

const readJson = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));
