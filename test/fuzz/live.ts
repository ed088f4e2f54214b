import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Body } from './catalogues.ts';
import { tellDifferences } from './live-compare.ts';
import { type LiveStage, openLiveStage } from './live-stage.ts';
import { liveTimeline } from './live-timelines.ts';
import { shrink, type Tried, tryBody } from './live-try.ts';

/** What was compared: lives whole, and of them so many invoices and refusals. `differences` counts broken promises too. */
export type LiveReport = {
  runs: number;
  played: number;
  invoices: number;
  refusals: number;
  differences: number;
  /** Everything that differed, as it was told. */
  told: string[];
};

type Options = {
  /** How many random lives. */
  runs: number;
  seed: number;
  say: (line: string) => void;
  /** Played before the random ones, by name. */
  bodies?: ReadonlyMap<string, Body>;
  /** How long each difference may be made smaller. */
  shrinkMs?: number;
};

const AT_ONCE = 8;
const PROGRESS_MS = 10_000;
const SHRINK_MS = 90_000;

/**
 * Live equals simulated: plays random lives on the real stack, each with a tenant and a test clock of its own and
 * several at a time, and compares all that became of them with what the simulation says. In the end everything the
 * engine promises has to be true of what it stored.
 */
export async function runLive({
  runs,
  seed,
  say,
  bodies,
  shrinkMs = SHRINK_MS,
}: Options): Promise<LiveReport> {
  await using stage = await openLiveStage(say);
  const random = fc.sample(liveTimeline, { seed, numRuns: runs, unbiased: true });
  const lives = [
    ...(bodies ?? []),
    ...random.map((body, n): [string, Body] => [`life ${n + 1} of seed ${seed}`, body]),
  ];
  const report: LiveReport = { runs, played: 0, invoices: 0, refusals: 0, differences: 0, told: [] };
  const tell = (lines: readonly string[]) => {
    report.told.push(...lines);
    for (const line of lines) say(line);
  };
  const total = lives.length;
  const startedMs = performance.now();
  const seconds = () => Math.round((performance.now() - startedMs) / 1000);
  const progress = setInterval(
    () => say(`… ${total - lives.length} of ${total} begun, ${seconds()} s`),
    PROGRESS_MS,
  );
  const playSome = async () => {
    for (let next = lives.shift(); next; next = lives.shift())
      note(report, tell, next[0], await smallest(stage, await tryBody(stage, next[1]), shrinkMs));
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, playSome));
  } finally {
    clearInterval(progress);
  }
  const broken = await stage.brokenPromises();
  report.differences += broken.length;
  tell(broken.map((sentence) => `A promise is broken. ${sentence}`));
  say(
    `${report.played} of ${total} lives played with ${report.invoices} invoices and ${report.refusals} refusals in ${seconds()} s: ${report.differences} differences`,
  );
  return report;
}

/** The bodies of the documentation's examples, by file name. */
export function exampleBodies(): Map<string, Body> {
  const folder = join(import.meta.dirname, '..', '..', 'docs', 'examples', 'simulations');
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return new Map(files.map((name) => [name, JSON.parse(readFileSync(join(folder, name), 'utf8')) as Body]));
}

async function smallest(stage: LiveStage, tried: Tried, shrinkMs: number): Promise<Tried> {
  return tried.kind === 'different' ? shrink(stage, tried, shrinkMs) : tried;
}

function note(
  report: LiveReport,
  tell: (lines: readonly string[]) => void,
  name: string,
  tried: Tried,
): void {
  switch (tried.kind) {
    case 'unplayable':
      return;
    case 'same':
      report.played += 1;
      report.invoices += tried.life.invoices.length;
      report.refusals += tried.life.refused.length;
      return;
    case 'different':
      report.played += 1;
      report.differences += 1;
      tell([`${name} differs:`, JSON.stringify(tried.body), ...tellDifferences(tried.found)]);
  }
}
