import { lineUp } from '../dunning.ts';
import type { Held, World } from './world.ts';

/** Puts the customer's retries in order after something happened to the dunning of an invoice (billing rule 34b). */
export function advanceLine(world: World, held: Held, at: Date, atOnce: boolean): void {
  const { timeZone } = world.ownerOf(held).life.subscription;
  for (const collection of lineUp(world.running(held.invoice.currency), timeZone, at, atOnce))
    world.saveCollection(collection);
}
