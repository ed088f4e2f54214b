import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identityOf } from '../../src/platform/child-process.ts';
import { openDataDir } from '../../src/platform/data-dir.ts';
import { loadDevSecrets, readDevSecrets, saveDevSecrets } from '../../src/platform/secrets.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'perennial-data-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('the data directory', () => {
  it('belongs to one process at a time, and is free again after its release', async () => {
    const held = await openDataDir(dir);
    await expect(openDataDir(dir)).rejects.toThrow(
      new RegExp(
        `^Another Perennial \\(process ${process.pid}, since .*Z\\) uses .*: stop it, or set PERENNIAL_DATA_DIR`,
      ),
    );
    await held.release();
    await using again = await openDataDir(dir);
    expect(again.at('logs', 'a.log')).toBe(join(dir, 'logs', 'a.log'));
  });

  it('is taken over at once from an owner who was killed', async () => {
    const owner = spawn('sleep', ['60']);
    const identity = await identityOf(owner.pid ?? 0);
    await writeFile(join(dir, 'owner.json'), JSON.stringify({ pid: owner.pid, identity, since: 'then' }));
    await expect(openDataDir(dir)).rejects.toThrow(/since then/);
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    await using taken = await openDataDir(dir);
    expect(taken.path).toBe(dir);
  });

  it('is taken over when the pid of the owner belongs to somebody else by now', async () => {
    const owner = { pid: process.pid, identity: 'of an earlier boot', since: 'then' };
    await writeFile(join(dir, 'owner.json'), JSON.stringify(owner));
    await using taken = await openDataDir(dir);
    expect(taken.path).toBe(dir);
  });

  it('is given to exactly one of many who ask at the same moment', async () => {
    await writeFile(join(dir, 'owner.json'), 'half a fi');
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => openDataDir(dir)));
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
  });

  it('recovers the lock of a process that was killed while it looked', async () => {
    await mkdir(join(dir, 'owner.lock'));
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(join(dir, 'owner.lock'), longAgo, longAgo);
    await using taken = await openDataDir(dir);
    expect(taken.path).toBe(dir);
  });
});

describe("development's secrets", () => {
  it('are generated once, kept, and readable by their user only', async () => {
    expect(await readDevSecrets(dir)).toBeNull();
    const made = await loadDevSecrets(dir);
    expect(await loadDevSecrets(dir)).toEqual(made);
    expect((await stat(join(dir, 'secrets.json'))).mode & 0o777).toBe(0o600);
    await saveDevSecrets(dir, { ...made, sandbox: { tenantId: 'ten_1', apiKey: 'prn_test_1' } });
    expect((await loadDevSecrets(dir)).sandbox).toEqual({ tenantId: 'ten_1', apiKey: 'prn_test_1' });
    expect((await stat(join(dir, 'secrets.json'))).mode & 0o777).toBe(0o600);
  });

  it('are never replaced when the file is damaged: what they sealed would be lost', async () => {
    await writeFile(join(dir, 'secrets.json'), '{"operatorKey": "half');
    await expect(loadDevSecrets(dir)).rejects.toThrow(/secrets\.json is damaged.*bring it back, or delete/);
    expect(await readFile(join(dir, 'secrets.json'), 'utf8')).toBe('{"operatorKey": "half');
  });
});
