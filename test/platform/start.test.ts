import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identityOf } from '../../src/platform/child-process.ts';
import { childVariables } from '../../src/platform/config.ts';

/** `npm start` as a person would use it: real processes, real signals. */
const DEV = join(import.meta.dirname, '..', '..', 'src', 'main', 'dev.ts');

let dir: string;
const started: Start[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'perennial-start-'));
  await chmod(dir, 0o755);
});
afterEach(async () => {
  for (const start of started.splice(0)) await start.kill('SIGTERM');
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe('npm start', () => {
  it('starts everything, stops when told to, and goes on where it ended', async () => {
    const first = await begin().ready();
    // What is busy or takes long says so on a line in between.
    expect(first.output).toMatch(
      /PostgreSQL on port \d+ +[\d.]+ s\n(?: {2}(?:Port|…) .*\n)* {2}Migrations +[\d.]+ s/,
    );
    expect(first.keys()).toHaveLength(3);
    expect((await fetch(first.apiUrl())).status).toBeLessThan(500);
    await first.kill('SIGINT');
    expect(first.output).toContain('Stopping …');
    expect(first.exitCode()).toBe(0);
    expect(await first.survivors()).toEqual([]);

    const second = await begin().ready();
    expect(second.keys()).toEqual(first.keys());
  });

  it('recovers what a killed start left behind', async () => {
    const killed = await begin().ready();
    await killed.kill('SIGKILL');
    expect((await killed.survivors()).length).toBeGreaterThan(0);
    const next = await begin().ready();
    expect(next.output).toMatch(/left PostgreSQL running \(process \d+\); it was ended/);
    expect(next.output).toMatch(/left the Temporal server running/);
    expect(next.output).toMatch(/left the sandbox gateway running/);
    // What was left running held no port any more; strangers may hold some.
    expect(next.busyPorts().filter((port) => !killed.busyPorts().includes(port))).toEqual([]);
    expect(await killed.survivors()).toEqual([]);
  });

  it('ends in one sentence when another one uses the folder', async () => {
    const first = await begin().ready();
    const second = begin();
    await second.end();
    expect(second.exitCode()).toBe(1);
    expect(second.output).toMatch(
      /Another Perennial \(process \d+, since .*\) uses .*: stop it, or set PERENNIAL_DATA_DIR/,
    );
    expect((await fetch(first.apiUrl())).status).toBeLessThan(500);
  });

  it('ends in one sentence when the port that was asked for is busy', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const start = begin({ PORT: String(port) });
    await start.end();
    server.close();
    expect(start.exitCode()).toBe(1);
    expect(start.output).toContain(
      `Port ${port} is in use, so the API cannot start: end what listens there, or set PORT to another port.`,
    );
  });

  it('stops again what it had started when it is interrupted in the middle', async () => {
    const start = begin();
    await start.says(/PostgreSQL on port/);
    await start.kill('SIGINT');
    expect(await start.survivors()).toEqual([]);
    expect(start.output).not.toContain('Ready after');
  });

  it('says so and stops the rest when one of its servers dies', async () => {
    const start = await begin().ready();
    process.kill(await start.pidOf('temporal'), 'SIGKILL');
    await start.end();
    expect(start.output).toContain('The Temporal server ended (SIGKILL); stopping the rest.');
    expect(start.exitCode()).toBe(1);
    expect(await start.survivors()).toEqual([]);
  });
});

type Start = {
  output: string;
  exitCode: () => number | null;
  end: () => Promise<unknown>;
  says: (text: RegExp) => Promise<void>;
  ready: () => Promise<Start>;
  pidOf: (name: string) => Promise<number>;
  /** Sends the signal and waits for the end. */
  kill: (signal: NodeJS.Signals) => Promise<void>;
  /** Servers of this start that still run. */
  survivors: () => Promise<number[]>;
  apiUrl: () => string;
  keys: () => string[];
  /** Ports that it wanted and somebody had. */
  busyPorts: () => string[];
};

function begin(variables: Record<string, string> = {}): Start {
  const child: ChildProcess = spawn(process.execPath, [DEV], {
    env: childVariables({
      PERENNIAL_DATA_DIR: dir,
      SANDBOX_GATEWAY_PORT: null,
      PORT: null,
      TEMPORAL_ADDRESS: null,
      DATABASE_URL: null,
      LOG_LEVEL: 'warn',
      ...variables,
    }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'close');
  const beside = new Set<number>();
  const start: Start = {
    output: '',
    exitCode: () => child.exitCode,
    end: () => exited,
    async says(text) {
      while (!text.test(start.output)) {
        if (child.exitCode !== null) throw new Error(`it ended without saying ${text}:\n${start.output}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    async ready() {
      await start.says(/Ctrl-C stops everything/);
      for (const name of ['postgres', 'temporal', 'sandbox-gateway']) beside.add(await start.pidOf(name));
      return start;
    },
    pidOf: async (name) => Number.parseInt(await readFile(join(dir, `${name}.pid`), 'utf8'), 10),
    async kill(signal) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await exited;
    },
    async survivors() {
      const alive = await Promise.all([...beside].map(async (pid) => ((await identityOf(pid)) ? [pid] : [])));
      return alive.flat();
    },
    apiUrl: () => /API +(http:\S+)/.exec(start.output)?.[1] ?? '',
    busyPorts: () => start.output.match(/(?<=Port )\d+(?= is in use)/g) ?? [],
    keys: () => start.output.match(/(?<=(Operator key|Sandbox tenant|API key) +)\S.*/g) ?? [],
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      start.output += chunk.toString('utf8');
    });
  }
  started.push(start);
  return start;
}
