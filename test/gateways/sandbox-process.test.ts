import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Decimal } from '../../src/domain/money.ts';
import { gateways } from '../../src/gateways/registry.ts';
import type { WireCharge } from '../../src/gateways/sandbox/wire.ts';
import { freePort } from '../../src/platform/port.ts';
import { SECRET, T0 } from './stage.ts';

const MAIN = fileURLToPath(new URL('../../src/main/sandbox-gateway.ts', import.meta.url));
const running = new Set<ChildProcess>();
let dataDir: string;
let port: number;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'perennial-gateway-'));
  port = await freePort();
});
afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  await rm(dataDir, { recursive: true });
});

/** Starts the process and waits for the line in which it says where it listens. */
async function start() {
  const env = {
    ...process.env,
    PERENNIAL_DATA_DIR: dataDir,
    SANDBOX_GATEWAY_PORT: String(port),
    HOST: '127.0.0.1',
  };
  const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  const ended = once(child, 'exit').then(([code, signal]) => ({ code, signal }));
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return { child, ended, url: String(line).replace('Sandbox gateway: ', '') };
}

test('the process says where it is, and SIGTERM ends it cleanly while a request hangs', async () => {
  const { child, ended, url } = await start();
  expect(url).toBe(`http://127.0.0.1:${port}`);
  const registry = gateways({ sandboxUrl: url });
  const gateway = registry.get('sandbox');
  const method = await gateway.attachMethod('tok_hangs');
  const prepared = await gateway.prepare(
    request('hanging', method.kind === 'attached' ? method.methodRef : ''),
  );
  const hanging = gateway.confirm(prepared.kind === 'prepared' ? prepared.ref : '', { asOf: T0 });
  await new Promise((resolve) => setTimeout(resolve, 100));

  child.kill('SIGTERM');
  expect(await ended).toEqual({ code: 0, signal: null });
  expect((await hanging).kind).toBe('unknown');
  await registry[Symbol.asyncDispose]();
});

test('a taken port is said in one sentence', async () => {
  const { child, ended } = await start();
  const env = { ...process.env, PERENNIAL_DATA_DIR: dataDir, SANDBOX_GATEWAY_PORT: String(port) };
  const second = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const [line] = await once(createInterface({ input: second.stderr }), 'line');
  expect(line).toMatch(/^Port \d+ is taken\. Set SANDBOX_GATEWAY_PORT to a free one/);
  expect((await once(second, 'exit'))[0]).toBe(1);
  child.kill('SIGTERM');
  await ended;
});

test('kill -9 amid charges loses none that was answered and doubles none', async () => {
  const first = await start();
  const registry = gateways({ sandboxUrl: first.url, timeoutMs: 60_000 });
  const gateway = registry.get('sandbox');
  const method = await gateway.attachMethod('tok_succeeds');
  const methodRef = method.kind === 'attached' ? method.methodRef : '';

  const settled: string[] = [];
  const prepared = new Map<string, string>();
  const keys = Array.from({ length: 400 }, (_, n) => `kill-${n}`);
  const lanes = Array.from({ length: 8 }, async (_, lane) => {
    for (const key of keys.filter((_key, n) => n % 8 === lane)) {
      const answer = await gateway.prepare(request(key, methodRef));
      if (answer.kind !== 'prepared') return;
      prepared.set(key, answer.ref);
      const outcome = await gateway.confirm(answer.ref, { asOf: T0 });
      if (outcome.kind !== 'settled') return;
      settled.push(answer.ref);
      if (settled.length === 100) first.child.kill('SIGKILL');
    }
  });
  await Promise.all(lanes);
  expect((await first.ended).signal).toBe('SIGKILL');
  expect(settled.length).toBeGreaterThanOrEqual(100);
  expect(settled.length).toBeLessThan(400);

  const second = await start();
  for (const key of keys) {
    const again = await gateway.prepare(request(key, methodRef));
    if (again.kind !== 'prepared') throw new Error(again.reason);
    if (prepared.has(key)) expect(again.ref).toBe(prepared.get(key));
    expect((await gateway.confirm(again.ref, { asOf: T0 })).kind).toBe('settled');
  }
  const response = await fetch(`${second.url}/v1/charges?limit=1000&method_ref=${methodRef}`);
  const { data } = (await response.json()) as { data: WireCharge[] };
  expect(data).toHaveLength(400);
  expect(new Set(data.map((charge) => charge.idempotency_key)).size).toBe(400);
  expect(data.every((charge) => charge.status === 'settled')).toBe(true);
  second.child.kill('SIGTERM');
  await second.ended;
  await registry[Symbol.asyncDispose]();
});

function request(key: string, methodRef: string) {
  return {
    attemptId: key,
    idempotencyKey: key,
    amount: new Decimal('5'),
    currency: 'EUR',
    methodRef,
    callbackUrl: 'http://127.0.0.1:1/',
    callbackSecret: SECRET,
    asOf: T0,
    clock: 'test' as const,
    description: 'Invoice INV-1',
  };
}
