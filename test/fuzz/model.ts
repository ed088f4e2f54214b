import { Worker } from 'node:worker_threads';
import type { Outcome } from './seed.ts';

/** Many random lives, each told by the engine and by the naive model, in two threads. */

export type ModelRun = {
  runs: number;
  seed: number;
  plant: string | null;
  /** It ends when so many differences were found. */
  differencesMax: number;
  say: (text: string) => void;
};
export type ModelReport = { runs: number; unclear: number; known: number; differences: Difference[] };
export type Difference = { seed: number } & Extract<Outcome, { kind: 'different' }>;

const THREADS = 2;
const SAY_MS = 10_000;

export async function runModel({ runs, seed, plant, differencesMax, say }: ModelRun): Promise<ModelReport> {
  const report: ModelReport = { runs: 0, unclear: 0, known: 0, differences: [] };
  const began = performance.now();
  const progress = () =>
    say(
      `${report.runs} of ${runs} lives in ${Math.round((performance.now() - began) / 1_000)} s, ` +
        `${report.unclear} unclear, ${report.known} known, ${report.differences.length} differences`,
    );
  const saying = setInterval(progress, SAY_MS);
  let next = seed;
  const isOver = () => next >= seed + runs || report.differences.length >= differencesMax;
  const take = (answer: { seed: number; outcome: Outcome }) => {
    report.runs += 1;
    if (answer.outcome.kind === 'unclear') report.unclear += 1;
    if (answer.outcome.kind === 'known') report.known += 1;
    if (answer.outcome.kind !== 'different') return;
    const difference = { seed: answer.seed, ...answer.outcome };
    report.differences.push(difference);
    say(tellDifference(difference));
  };
  const thread = () =>
    new Promise<void>((resolve, reject) => {
      const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: { plant } });
      const go = () => {
        if (isOver()) void worker.terminate().then(() => resolve());
        else worker.postMessage(next++);
      };
      worker.on('message', (answer: { seed: number; outcome: Outcome }) => {
        take(answer);
        go();
      });
      worker.on('error', reject);
      go();
    });
  try {
    await Promise.all(Array.from({ length: THREADS }, thread));
  } finally {
    clearInterval(saying);
  }
  progress();
  return report;
}

/** What differs, and the body that shows it, as `npm run simulate` takes it. */
export function tellDifference({ seed, body, naive, engine }: Difference): string {
  const side = (name: string, texts: readonly string[]) => texts.map((text) => `  ${name}: ${text}`);
  return [
    `seed ${seed} differs:`,
    ...side('naive ', naive),
    ...side('engine', engine),
    `  body: ${JSON.stringify(body)}`,
  ].join('\n');
}
