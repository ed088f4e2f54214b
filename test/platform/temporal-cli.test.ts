import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findTemporalCli } from '../../src/platform/temporal-cli.ts';

const run = promisify(execFile);
const NOBODY = 'http://127.0.0.1:9/cli/archive';

let dir: string;
let said: string[];
const at = (...names: string[]) => join(dir, ...names);
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'perennial-cli-'));
  said = [];
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const cached = () => at('cache', 'perennial', 'bin', 'temporal');
const find = (change: { cliPath?: string; path?: string[]; downloadUrl?: string } = {}) =>
  findTemporalCli({
    env: {
      PATH: (change.path ?? [at('path')]).join(delimiter),
      XDG_CACHE_HOME: at('cache'),
      TEMPORAL_CLI_PATH: change.cliPath,
    },
    say: (line) => said.push(line),
    sdkCacheDir: at('sdk'),
    downloadUrl: change.downloadUrl ?? NOBODY,
  });

async function program(path: string, script = 'echo temporal version 1.5.1'): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

/** A Go that "installs" a working program into GOBIN after a moment, and counts how often it was asked. */
const fakeGo = (then: string) => program(at('go', 'go'), `echo "$@" >> ${at('go.log')}\nsleep 0.3\n${then}`);
const INSTALL = `printf '#!/bin/sh\\necho built\\n' > "$GOBIN/temporal"\nchmod +x "$GOBIN/temporal"`;

describe('the ladder to a Temporal server', () => {
  it('takes the first rung that holds', async () => {
    const sdk = await program(at('sdk', 'temporal-sdk-typescript-1.24.0'));
    await program(at('sdk', 'temporal-sdk-typescript-1.9.0'));
    expect(await find()).toBe(sdk);
    const inCache = await program(cached());
    expect(await find()).toBe(inCache);
    const onPath = await program(at('path', 'temporal'));
    expect(await find()).toBe(onPath);
    const named = await program(at('named', 'temporal-cli'));
    expect(await find({ cliPath: named })).toBe(named);
    expect(said).toEqual([]);
  });

  it('does not silently take another one when TEMPORAL_CLI_PATH is wrong', async () => {
    await program(at('path', 'temporal'));
    await expect(find({ cliPath: at('nowhere') })).rejects.toThrow(
      /TEMPORAL_CLI_PATH is .*nowhere.*correct it or leave/,
    );
  });

  it('passes over a folder and a file that cannot be run', async () => {
    await mkdir(at('path', 'temporal'), { recursive: true });
    await mkdir(dirname(cached()), { recursive: true });
    await writeFile(cached(), 'not a program');
    await chmod(cached(), 0o644);
    const sdk = await program(at('sdk', 'temporal-sdk-typescript-1.24.0'));
    expect(await find()).toBe(sdk);
  });

  it('downloads the official archive into the cache', async () => {
    await program(at('made', 'temporal'));
    await run('tar', ['-czf', at('temporal.tar.gz'), '-C', at('made'), 'temporal']);
    const archive = await readFile(at('temporal.tar.gz'));
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.end(archive);
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const found = await find({ downloadUrl: `http://127.0.0.1:${port}/cli/archive` });
      expect(found).toBe(cached());
      expect((await run(found, ['--version'])).stdout).toContain('1.5.1');
      expect(asked).toEqual([
        expect.stringMatching(/^\/cli\/archive\/v1\.5\.1\?platform=\w+&arch=(amd64|arm64)$/),
      ]);
      expect(said.join('\n')).toMatch(/downloading the Temporal CLI/);
    } finally {
      server.close();
    }
  });

  it('builds with Go once, however many ask at the same time', async () => {
    await fakeGo(INSTALL);
    const path = [at('go'), '/usr/bin', '/bin'];
    const found = await Promise.all([find({ path }), find({ path }), find({ path })]);
    expect(found).toEqual([cached(), cached(), cached()]);
    const asked = (await readFile(at('go.log'), 'utf8')).trim().split('\n');
    expect(asked).toEqual([
      expect.stringMatching(/^install .*github\.com\/temporalio\/cli\/cmd\/temporal@v1\.5\.1$/),
    ]);
    expect(said.some((line) => line.includes('building the Temporal CLI v1.5.1 with Go'))).toBe(true);
    expect(said.some((line) => line.includes('waiting for another process'))).toBe(true);
  });

  it('says in one message what was tried and three ways out', async () => {
    await fakeGo('echo "no network here" >&2; exit 1');
    const message = await find({ path: [at('go'), '/usr/bin', '/bin'] }).then(
      () => 'found',
      (error: Error) => error.message,
    );
    expect(message).toMatch(/^No Temporal server was found, and none could be fetched:/);
    expect(message).toContain('download of http://127.0.0.1:9');
    expect(message).toContain('no network here');
    expect(message).toMatch(/1\. install the Temporal CLI.*TEMPORAL_CLI_PATH/);
    expect(message).toMatch(/2\. install Go/);
    expect(message).toMatch(/3\. point TEMPORAL_ADDRESS/);
    await expect(find()).rejects.toThrow(/there is no Go on PATH/);
  });
});
