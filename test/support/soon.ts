import type { Plan } from './stories.ts';
import type { World } from './world.ts';

/** Machines grow busy while a test runs, and a test makes more than one thing before its instant comes. */
const TIMES_AS_LONG = 8;
const AHEAD_MS_MIN = 2_000;

/**
 * So many milliseconds ahead lies an instant that has not come yet when a test has made what is to meet it, on this
 * machine, as busy as it is. Found out by making one subscription to the plan, which stays and is due in a period.
 */
export async function soonMs(world: World, plan: Plan): Promise<number> {
  const beganMs = performance.now();
  await world.subscribe(await world.customer(), plan);
  return Math.max(AHEAD_MS_MIN, TIMES_AS_LONG * (performance.now() - beganMs));
}
