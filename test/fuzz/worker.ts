import { registerHooks } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { hooksOf, PLANTS, type Plant } from './plants.ts';

/** Tries one seed after another for `model.ts`; with a plant, the engine of this thread has that error. */

const { plant: name } = workerData as { plant: string | null };
const plant: Plant | undefined = PLANTS.find((one) => one.name === name);
if (plant) registerHooks(hooksOf(plant));
// Only now, so that the engine is read through the hooks.
const { trySeed } = await import('./seed.ts');
parentPort?.on('message', (seed: number) => parentPort?.postMessage({ seed, outcome: trySeed(seed) }));
