import { setTimeout as sleep } from 'node:timers/promises';
import { Lifecycle } from '../../src/platform/lifecycle.ts';

describe('a lifecycle', () => {
  it('stops in reverse order, one after the other', async () => {
    const log: string[] = [];
    const lifecycle = new Lifecycle();
    for (const name of ['postgres', 'temporal', 'api']) {
      await lifecycle.start(
        name,
        async () => name,
        async (thing) => {
          log.push(`stop ${thing}`);
          await sleep(5);
          log.push(`gone ${thing}`);
        },
      );
    }
    await Promise.all([lifecycle.close(), lifecycle.close()]);
    expect(log).toEqual(['api', 'temporal', 'postgres'].flatMap((name) => [`stop ${name}`, `gone ${name}`]));
  });

  it('goes on with the others when one fails to stop, and tells', async () => {
    const stopped: string[] = [];
    const troubles: string[] = [];
    const lifecycle = new Lifecycle({
      onTrouble: (name, error) => troubles.push(`${name}: ${String(error)}`),
    });
    const record = (name: string) => async () => {
      stopped.push(name);
    };
    await lifecycle.start('first', async () => {}, record('first'));
    await lifecycle.start(
      'second',
      async () => {},
      () => Promise.reject(new Error('stuck')),
    );
    await lifecycle.start('third', async () => {}, record('third'));
    await lifecycle.close();
    expect(stopped).toEqual(['third', 'first']);
    expect(troubles).toEqual(['second: Error: stuck']);
  });

  it('loses patience with one that hangs, and tells the rest to hurry', async () => {
    const lifecycle = new Lifecycle({ patienceMs: 50 });
    let urgent = false;
    await lifecycle.start(
      'below',
      async () => {},
      async (_thing, signal) => {
        urgent = signal.aborted;
      },
    );
    await lifecycle.start(
      'hanging',
      async () => {},
      () => new Promise<void>(() => {}),
    );
    await lifecycle.close();
    expect(urgent).toBe(true);
  });

  it('hurries when told so', async () => {
    const lifecycle = new Lifecycle({ patienceMs: 60_000 });
    await lifecycle.start(
      'gentle',
      async () => {},
      (_thing, urgent) => new Promise((resolve) => urgent.addEventListener('abort', () => resolve())),
    );
    const closed = lifecycle.close();
    lifecycle.hurry();
    await closed;
  });

  it('also stops what was just starting, and starts nothing more', async () => {
    const stopped: string[] = [];
    const lifecycle = new Lifecycle();
    const starting = lifecycle.start(
      'slow',
      () => sleep(50, 'slow'),
      async (name) => {
        stopped.push(name);
      },
    );
    await lifecycle.close();
    expect(await starting).toBe('slow');
    expect(stopped).toEqual(['slow']);
    expect(lifecycle.stopping.aborted).toBe(true);
    await expect(
      lifecycle.start(
        'late',
        async () => {},
        async () => {},
      ),
    ).rejects.toThrow(/late is not started/);
  });

  it('does not stop what failed to start', async () => {
    const lifecycle = new Lifecycle();
    const stop = () => Promise.reject(new Error('must not be called'));
    await expect(lifecycle.start('broken', () => Promise.reject(new Error('no')), stop)).rejects.toThrow(
      'no',
    );
    await lifecycle.close();
  });
});
