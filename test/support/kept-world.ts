import { afterAll, beforeAll, expect } from '@jest/globals';
import { brokenPromises } from './stories.ts';
import { createWorld, type World } from './world.ts';

/** A world for a test file, which has to have kept every promise of `check-invariants` when the file's stories are over. */
export function keptWorld(options: Parameters<typeof createWorld>[0] = {}): () => World {
  let world: World | null = null;
  const get = () => {
    if (!world) throw new Error('there is no world before the first test');
    return world;
  };
  beforeAll(async () => {
    world = await createWorld(options);
  });
  afterAll(async () => {
    try {
      expect(await brokenPromises(get())).toEqual([]);
    } finally {
      await world?.[Symbol.asyncDispose]();
    }
  });
  return get;
}
