import { simulationCreate } from '../../src/contract/simulations.ts';
import { isDomainError } from '../../src/domain/errors.ts';
import type { Body } from './catalogues.ts';
import { simulate } from './engine.ts';
import { Unplayable } from './live-actions.ts';
import { type Difference, differences, type Life, lifeOf } from './live-compare.ts';
import { type PlayedLife, playLive, tenantSettings } from './live-play.ts';
import { smallerBodies } from './live-shrink.ts';
import type { LiveStage } from './live-stage.ts';

/** One body, simulated and played for real. */
export type Tried =
  | { kind: 'same'; life: Life }
  /** Nothing to compare: it cannot be simulated, or no request can say it. */
  | { kind: 'unplayable'; why: string }
  | { kind: 'different'; body: Body; found: Difference[] };

export async function tryBody(stage: LiveStage, body: Body): Promise<Tried> {
  const read = simulationCreate.safeParse(body);
  if (!read.success) return { kind: 'unplayable', why: read.error.message };
  let simulated: Life;
  try {
    simulated = lifeOf(simulate(read.data));
  } catch (error) {
    if (!isDomainError(error)) throw error;
    return { kind: 'unplayable', why: `${error.code}: ${error.message}` };
  }
  const live = await played(stage, body);
  if (live instanceof Unplayable) return { kind: 'unplayable', why: live.message };
  const found =
    live instanceof Error
      ? [{ at: 'the real stack', live: live.message, simulated: 'lives to the end' }]
      : differences(withWords(live, simulated), simulated);
  return found.length === 0 ? { kind: 'same', life: simulated } : { kind: 'different', body, found };
}

/** The real life with its refusals in the words of the simulation, wherever those are among the codes that it was given. */
function withWords({ life, refused }: PlayedLife, simulated: Life): Life {
  const said = new Map(simulated.refused.map(({ action, code }) => [action, code]));
  const codes = [...refused].sort(([a], [b]) => a - b);
  return {
    ...life,
    refused: codes.map(([action, refusal]) => ({
      action,
      code: refusal.find((code) => code === said.get(action)) ?? String(refusal[0]),
    })),
  };
}

/** A life that cannot be played to its end is a finding as well: the simulation could. */
async function played(stage: LiveStage, body: Body): Promise<PlayedLife | Error> {
  try {
    return await playLive(stage, await stage.tenant(tenantSettings(body)), body);
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}

const AT_ONCE = 6;

/** The smallest body that still shows a difference and is found in `forMs`. */
export async function shrink(
  stage: LiveStage,
  first: Extract<Tried, { kind: 'different' }>,
  forMs: number,
): Promise<Extract<Tried, { kind: 'different' }>> {
  const endsAt = performance.now() + forMs;
  let smallest = first;
  for (let again = true; again; ) {
    again = false;
    const candidates = smallerBodies(smallest.body);
    while (candidates.length > 0 && performance.now() < endsAt && !again) {
      const tried = await Promise.all(candidates.splice(0, AT_ONCE).map((body) => tryBody(stage, body)));
      const smaller = tried.find((outcome) => outcome.kind === 'different');
      if (!smaller) continue;
      smallest = smaller;
      again = true;
    }
  }
  return smallest;
}
