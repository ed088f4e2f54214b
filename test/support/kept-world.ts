import { afterAll, beforeAll, expect } from '@jest/globals';
import { diverging, historiesOf } from './replay.ts';
import { brokenPromises, eventually } from './stories.ts';
import { createWorld, type World } from './world.ts';

/**
 * A world for a test file. When the file's stories are over it has to have kept every promise of `check-invariants`,
 * and all its workflows have to replay.
 */
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
      // What was begun by the last story may still be on its way.
      await eventually(
        () => brokenPromises(get()),
        (broken) => broken.length === 0,
      );
      expect(await diverging(historiesOf(get().client))).toEqual([]);
    } finally {
      await world?.[Symbol.asyncDispose]();
    }
  });
  return get;
}
