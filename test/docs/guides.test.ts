import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { quickstart } from '../../src/main/quickstart.ts';
import { childVariables } from '../../src/platform/config.ts';
import { freePort } from '../../src/platform/port.ts';
import { openStage, type Stage } from '../faults/stage.ts';
import { eventually } from '../support/stories.ts';
import { codeBlocks } from './code-blocks.ts';
import { typed } from './shell.ts';

/** What the guides tell people to type is typed here, and does what they say. */
const ROOT = join(import.meta.dirname, '..', '..');
const RETRYING = 'docs/guides/retrying-safely.md';
const RECEIVING = 'docs/guides/receiving-webhooks.md';

let stage: Stage;
/** Inside the project, so that a receiver finds the library that it imports. */
let folder: string;
let port: number;

beforeAll(async () => {
  const scratch = join(ROOT, 'node_modules', '.cache');
  await mkdir(scratch, { recursive: true });
  folder = await mkdtemp(join(scratch, 'perennial-guides-'));
  port = await freePort();
  stage = await openStage();
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await stage?.[Symbol.asyncDispose]();
});

const hooksUrl = () => `http://127.0.0.1:${port}/hooks`;

const type = (commands: string) =>
  typed(commands, { URL: stage.apiUrl, KEY: stage.apiKey, HOOKS: hooksUrl() }, folder);

const listed = async (path: string): Promise<Record<string, unknown>[]> => {
  const { body } = await stage.http.send('GET', path);
  return body['data'] as Record<string, unknown>[];
};

test('the lines that `npm start` prints end in a paid invoice, and may be pasted again', async () => {
  const lines = quickstart(stage.apiUrl, stage.apiKey);
  expect(lines.length).toBeLessThanOrEqual(6);
  for (const line of lines.slice(0, -1)) JSON.parse((await type(line)).output);
  const last = lines.at(-1) ?? '';
  expect(JSON.parse((await type(last)).output)).toMatchObject({ data: [{ status: 'paid' }] });
  await type(lines.join('\n'));
  expect(await listed('/v1/invoices?customer=external:ada')).toHaveLength(1);
});

describe('Retrying safely', () => {
  const [once = '', loop = '', ...others] = codeBlocks(RETRYING, 'sh');

  test('shows two things to type', () => {
    expect([once === '', loop === '', others]).toEqual([false, false, []]);
  });

  test('the same request twice is done once and answered with the same bytes', async () => {
    const [first, second] = [(await type(once)).output, (await type(once)).output];
    expect(first).toMatch(/^HTTP\/1\.1 201 /);
    expect(first).not.toMatch(/idempotent-replayed/i);
    expect(second).toMatch(/idempotent-replayed: true/i);
    const bodyOf = (answer: string) => answer.split('\r\n\r\n')[1];
    expect(bodyOf(second)).toBe(bodyOf(first));
    expect(await listed('/v1/subscriptions?customer=external:ada')).toHaveLength(2);
  });

  test('while no worker runs the loop is told 503 engine_busy and insists; then it is done, once', async () => {
    await stage.kill('worker');
    const insisting = type(loop);
    await eventually(
      async () => JSON.parse(await readFile(join(folder, 'answer.json'), 'utf8').catch(() => '{}')),
      ({ code }) => code === 'engine_busy',
    );
    const answer = JSON.parse(await readFile(join(folder, 'answer.json'), 'utf8'));
    const [shown = ''] = codeBlocks(RETRYING, 'json');
    expect(answer).toMatchObject({
      ...JSON.parse(shown),
      details: { command_id: expect.stringMatching(/^cmd_/) },
    });
    await stage.start('worker');
    const { output, said } = await insisting;
    expect(said).toMatch(/^answered 503, again in 1 s$/m);
    expect(JSON.parse(output)).toMatchObject({ object: 'subscription', status: 'active' });
    expect(await listed('/v1/subscriptions?customer=external:ada')).toHaveLength(3);
    await stage.quiet();
    expect(await listed('/v1/invoices?customer=external:ada&status=paid')).toHaveLength(3);
    expect(await stage.invariants()).toEqual([]);
  });
});

describe('Receiving webhooks', () => {
  const [create = '', feed = '', deliveries = '', ...others] = codeBlocks(RECEIVING, 'sh');
  const [receiver = '', ...noOthers] = codeBlocks(RECEIVING, 'js');
  let secret: string;
  let endpointId: string;
  let running: Running | null = null;

  afterAll(() => {
    running?.child.kill();
  });

  test('shows a receiver of at most 30 lines and three things to type', () => {
    expect([create, feed, deliveries].every((block) => block.includes('curl'))).toBe(true);
    expect([...others, ...noOthers]).toEqual([]);
    expect(receiver.trim().split('\n').length).toBeLessThanOrEqual(30);
  });

  test('an endpoint shows its secret', async () => {
    const endpoint = JSON.parse((await type(create)).output);
    expect(endpoint).toMatchObject({ url: hooksUrl(), secret: expect.stringMatching(/^whsec_/) });
    ({ secret, id: endpointId } = endpoint);
  });

  test('what comes late is stale, what comes again is a duplicate, what is forged is refused', async () => {
    const { body: customer } = await stage.http.insist('POST', '/v1/customers', { name: 'Grace' });
    // Nobody listens yet: the first two attempts fail, and the third is minutes away.
    const [late] = await eventually(
      () => listed(`/v1/deliveries?endpoint=${endpointId}&status=pending`),
      ([first]) => first?.['attempt_count'] === 2,
    );
    running = await startReceiver(receiver, secret);
    const { lines } = running;
    await stage.http.insist('PATCH', `/v1/customers/${String(customer['id'])}`, { name: 'Grace Hopper' });
    await heard(lines, 'handled customer.updated');
    await stage.http.insist('POST', `/v1/deliveries/${String(late?.['id'])}/resend`, {});
    await heard(lines, `stale customer.created ${String(late?.['event'])}`);

    const all = JSON.parse((await type(deliveries)).output) as { data: { id: string; event: string }[] };
    const handled = lines[0]?.split(' ')[2] ?? '';
    const { id } = all.data.find(({ event }) => event === handled) ?? {};
    await stage.http.insist('POST', `/v1/deliveries/${id}/resend`, {});
    await heard(lines, `duplicate customer.updated ${handled}`);

    const forged = await fetch(hooksUrl(), {
      method: 'POST',
      headers: { 'webhook-id': 'evt_1', 'webhook-timestamp': '1', 'webhook-signature': 'v1,x' },
      body: '{}',
    });
    expect(forged.status).toBe(400);
    expect(lines).toHaveLength(3);
  });

  test('the feed has everything that the receiver heard of, in its order', async () => {
    const { data } = JSON.parse((await type(feed)).output) as { data: { id: string; position: string }[] };
    const positions = data.map(({ position }) => Number(position));
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
    const known = data.map(({ id }) => id);
    expect(known).toEqual(expect.arrayContaining(running?.lines.map((line) => line.split(' ')[2]) ?? []));
  });
});

type Running = { child: ChildProcess; lines: string[] };

async function startReceiver(code: string, secret: string): Promise<Running> {
  const file = join(folder, 'receiver.mjs');
  await writeFile(file, code);
  const env = childVariables({ HOOKS: hooksUrl(), WEBHOOK_SECRET: secret });
  const child = spawn(process.execPath, [file], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  child.stdout.on('data', (chunk: Buffer) => lines.push(...chunk.toString('utf8').trim().split('\n')));
  await eventually(
    () =>
      fetch(hooksUrl()).then(
        ({ status }) => status,
        () => null,
      ),
    (status) => status !== null,
  );
  return { child, lines };
}

async function heard(lines: string[], what: string): Promise<void> {
  await eventually(
    () => Promise.resolve(lines),
    (all) => all.some((line) => line.startsWith(what)),
  );
}
