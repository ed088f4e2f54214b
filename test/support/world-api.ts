import { expect } from '@jest/globals';
import { runApi } from '../../src/main/run-api.ts';
import { freePort } from '../../src/platform/port.ts';
import { sender, type TestApi } from './api.ts';
import { brokenPromises } from './stories.ts';
import { createWorld, type World } from './world.ts';

export type WorldApi = AsyncDisposable & {
  world: World;
  url: string;
  /** May do everything in the world's tenant. */
  key: string;
  send: TestApi['send'];
  /** Makes something and answers its id. Throws unless it was made. */
  make(path: string, body: object): Promise<string>;
  /** What stands at a path. */
  look(path: string): Promise<Record<string, unknown>>;
};

/** A world, and before it the API as it runs in production. */
export async function openWorldApi(env: Record<string, string> = {}): Promise<WorldApi> {
  await using opening = new AsyncDisposableStack();
  const world = opening.use(await createWorld({ env: { PORT: String(await freePort()), ...env } }));
  const { url } = opening.use(await runApi(world.config, world.logger));
  const send = sender(url);
  const { operatorKey } = world.config.secrets;
  const made = await send('post', `/v1/tenants/${world.tenantId}/keys`, {
    key: operatorKey,
    body: { name: 'all' },
  });
  if (made.status !== 201) throw new Error(`no key: ${made.text}`);
  const key = String(made.body['key']);
  const open = opening.move();
  return {
    world,
    url,
    key,
    send,
    async make(path, body) {
      const reply = await send('post', path, { key, body });
      if (reply.status !== 201) throw new Error(`${path}: ${reply.text}`);
      return String(reply.body['id']);
    },
    look: async (path) => (await send('get', path, { key })).body,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** Closes it, by when every promise of `check-invariants` has to be kept. */
export async function closeKept(api: WorldApi | undefined): Promise<void> {
  await using closing = api;
  if (closing) expect(await brokenPromises(closing.world)).toEqual([]);
}
