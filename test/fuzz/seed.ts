import fc from 'fast-check';
import { simulationCreate } from '../../src/contract/simulations.ts';
import type { Body } from './catalogues.ts';
import { simulate } from './engine.ts';
import { isKnown } from './known.ts';
import { modelTimeline } from './metered-timelines.ts';
import { Unclear } from './naive-life.ts';
import { simulateNaively } from './naive-model.ts';
import { differencesOf, tellEngine, tellNaive } from './tell.ts';

/** One random life, told by both; a difference is made as small as a few seconds allow. */

export type Outcome =
  | { kind: 'same' | 'unclear' | 'known' }
  | { kind: 'different'; body: Body; naive: string[]; engine: string[] };

const SHRINKING_MS = 8_000;

export function trySeed(seed: number): Outcome {
  let deadline: number | null = null;
  let smallest: Outcome = { kind: 'same' };
  const property = fc.property(modelTimeline, (body) => {
    if (deadline !== null && performance.now() > deadline) return true;
    const outcome = compare(body);
    if (outcome.kind !== 'different') {
      if (deadline === null) smallest = outcome;
      return true;
    }
    smallest = outcome;
    deadline ??= performance.now() + SHRINKING_MS;
    return false;
  });
  fc.check(property, { seed, numRuns: 1, unbiased: true });
  return smallest;
}

/** Both answers to one body. A simulation that the engine gives up on is a difference as well. */
export function compare(body: Body): Outcome {
  const read = simulationCreate.parse(body);
  if (isKnown(read)) return { kind: 'known' };
  const naive = answerOrWhy(() => tellNaive(simulateNaively(read)));
  if (naive === 'unclear') return { kind: 'unclear' };
  const engine = answerOrWhy(() => tellEngine(simulate(read)));
  if (engine === 'unclear') return { kind: 'unclear' };
  const only = differencesOf(naive, engine);
  if (only.naive.length === 0 && only.engine.length === 0) return { kind: 'same' };
  return { kind: 'different', body, ...only };
}

function answerOrWhy(answer: () => string[]): string[] | 'unclear' {
  try {
    return answer();
  } catch (error) {
    if (error instanceof Unclear) return 'unclear';
    return [
      `failed: ${error instanceof Error ? (error.stack ?? error.message).slice(0, 600) : String(error)}`,
    ];
  }
}
