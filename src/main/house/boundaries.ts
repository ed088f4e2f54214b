import { existsSync, globSync } from 'node:fs';
import path from 'node:path';
import { ADAPTERS, LIGHT_DOMAIN, RESERVED, ROOMS, type Room } from './rules.ts';
import { type Import, readSource, type Source } from './source.ts';

/**
 * Every place where the code under `root` breaks `rules.ts`, one sentence each; empty when the house is in order.
 */
export async function findViolations(root: string): Promise<string[]> {
  const files = ROOMS.flatMap((room) => globSync(`${room.folder}/**/*.ts`, { cwd: root }));
  const sources = await Promise.all(
    files.sort().map((file) => readSource(root, file.replaceAll(path.sep, '/'))),
  );
  return [
    ...sources.flatMap((source) => source.imports.flatMap((one) => importViolations(root, source.file, one))),
    ...sources.flatMap(useViolations),
    ...cycleViolations(root, sources),
  ];
}

function importViolations(root: string, file: string, { specifier, typeOnly }: Import): string[] {
  const room = roomOf(file);
  const broken = (why: string) => [`${file} imports ${specifier}: ${why}`];
  if (room === undefined) return broken('the file is in no room of src/main/house/rules.ts');

  const target = localTarget(file, specifier);
  if (target === null) return packageViolations(room, file, specifier);
  if (!existsSync(path.join(root, target))) return broken('there is no such file');

  const targetRoom = roomOf(target);
  if (targetRoom === undefined) return room.imports.includes('*') ? [] : broken('it is outside every room');
  const allowed = [...room.imports, ...(typeOnly ? (room.importsTypes ?? []) : [])];
  if (
    targetRoom !== room &&
    !allowed.some((one) => one === '*' || one === targetRoom.folder || one === target)
  ) {
    const asType = room.importsTypes?.includes(targetRoom.folder);
    return broken(
      asType
        ? `${room.folder} imports ${targetRoom.folder} as types only`
        : `${room.folder} may not import ${targetRoom.folder}`,
    );
  }
  if (!typeOnly && isLight(file) && isDomain(target) && !LIGHT_DOMAIN.includes(target)) {
    return broken('what workflows load stays light: only the files of LIGHT_DOMAIN');
  }
  return [];
}

function packageViolations(room: Room, file: string, specifier: string): string[] {
  const broken = (why: string) => [`${file} imports ${specifier}: ${why}`];
  if (specifier.startsWith('node:'))
    return room.node ? [] : broken(`${room.folder} does without Node.js modules`);

  const name = packageName(specifier);
  const owners = Object.entries(ADAPTERS).filter(([, packages]) => packages.includes(name));
  if (owners.length > 0) {
    if (owners.some(([folder]) => file.startsWith(`${folder}/`))) return [];
    return broken(`this SDK belongs to the adapter in ${owners.map(([folder]) => folder).join(', ')}`);
  }
  if (isDomain(file) && isLight(file)) return broken('what workflows load stays light: no packages');
  const allowed = room.packages.some(
    (one) => one === '*' || one === name || one === `${name.split('/')[0]}/*`,
  );
  return allowed ? [] : broken(`${name} is not among the packages of ${room.folder}`);
}

function useViolations({ file, uses }: Source): string[] {
  const room = roomOf(file);
  const reserved = RESERVED.filter(({ only }) => !only.some((pattern) => path.matchesGlob(file, pattern)));
  return [
    ...reserved.flatMap(({ uses: reservedUses, why }) =>
      reservedUses.filter((use) => uses.has(use)).map((use) => `${file} uses ${use}: ${why}`),
    ),
    ...(room?.forbids ?? [])
      .filter((use) => uses.has(use))
      .map((use) => `${file} uses ${use}: ${room?.folder} reaches nothing outside`),
  ];
}

/** Cycles of imports that are executed; types may refer to each other, as the nouns they describe do. */
function cycleViolations(root: string, sources: Source[]): string[] {
  const targets = new Map(
    sources.map(({ file, imports }) => [
      file,
      imports
        .filter((one) => !one.typeOnly)
        .map((one) => localTarget(file, one.specifier))
        .filter((target) => target !== null && existsSync(path.join(root, target))),
    ]),
  );
  const finished = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, trail: string[]): void => {
    if (finished.has(file)) return;
    const start = trail.indexOf(file);
    if (start >= 0) {
      cycles.push(`imports run in a circle: ${[...trail.slice(start), file].join(' → ')}`);
      return;
    }
    for (const target of targets.get(file) ?? []) if (target !== null) visit(target, [...trail, file]);
    finished.add(file);
  };
  for (const { file } of sources) visit(file, []);
  return cycles;
}

function roomOf(file: string): Room | undefined {
  return ROOMS.find((room) => file.startsWith(`${room.folder}/`));
}

function isDomain(file: string): boolean {
  return file.startsWith('src/domain/');
}

function isLight(file: string): boolean {
  return file.startsWith('workflows/') || LIGHT_DOMAIN.includes(file);
}

/** The imported file relative to the root, or null for a package. */
function localTarget(file: string, specifier: string): string | null {
  return specifier.startsWith('.') ? path.posix.join(path.posix.dirname(file), specifier) : null;
}

function packageName(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}
