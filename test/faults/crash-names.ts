import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Part } from './stage.ts';

/** A place at which a process can be told to die, and whose process passes it. */
export type CrashPlace = { name: string; file: string; part: Extract<Part, 'api' | 'worker'> };

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CODE = '{src,activities,api,workflows}/**/*.ts';
const DEFINITION = 'src/platform/crash-point.ts';

/**
 * Every crash point of the code, read from the code, so that none can be forgotten; sorted by file, in the order of the
 * lines. Throws when a name is not a literal, is badly formed or stands in two places: then a trial would prove less
 * than it says.
 */
export function crashPlaces(root = ROOT): CrashPlace[] {
  const files = globSync(CODE, { cwd: root }).filter((file) => file !== DEFINITION);
  const places = files.sort().flatMap((file) => placesIn(file, readFileSync(`${root}/${file}`, 'utf8')));
  for (const { name, file } of places) {
    const other = places.find((place) => place.name === name && place.file !== file);
    const here = places.filter((place) => place.name === name && place.file === file);
    if (other || here.length > 1)
      throw new Error(`the crash point ${name} stands in ${file} and in ${other?.file ?? 'it again'}`);
  }
  return places;
}

function placesIn(file: string, code: string): CrashPlace[] {
  return [...code.matchAll(/\bcrashPoint\(\s*([^)]*?)\s*\)/g)].map(([call, argument]) => {
    const name = /^'([a-z][A-Za-z]*\.[a-z][A-Za-z]*)'$/.exec(argument ?? '')?.[1];
    if (!name) throw new Error(`${file}: ${call} needs a literal such as 'step.beforeCommit'`);
    return { name, file, part: file.startsWith('api/') ? 'api' : 'worker' };
  });
}
