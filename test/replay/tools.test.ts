import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { VERSION } from '../../src/platform/version.ts';
import { changeCopy, copyOfTheWorkflows } from './copy-workflows.ts';
import { historyFile, recordedLives } from './recorded.ts';

const run = promisify(execFile);
const tool = (name: 'main' | 'record', ...args: string[]) =>
  run(process.execPath, [`test/replay/${name}.ts`, ...args]);
const refusal = (name: 'main' | 'record', ...args: string[]) =>
  tool(name, ...args).then(
    () => ({ code: 0, stdout: '', stderr: '' }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );

describe('npm run replay', () => {
  const count = recordedLives().filter(({ name }) => name.startsWith('canceled-now/')).length;

  test('counts what it replayed', async () => {
    const { stdout } = await tool('main', 'canceled-now', '--json');
    const lines = stdout.trim().split('\n');
    expect(lines.at(-2)).toBe(`${count} histories replayed, 0 diverged.`);
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ histories: count, failed: 0, diverged: [] });
  });

  test('ends with 1 when a life diverges, and names scenario, event, what was recorded and what is done now', async () => {
    const copy = copyOfTheWorkflows();
    try {
      changeCopy(copy, 'subscription.ts', "at, by: 'subscription' }", "at, by: 'invoice' }");
      const { code, stdout } = await refusal('main', 'canceled-now', '--root', copy, '--json');
      expect(code).toBe(1);
      expect(stdout).toMatch(/canceled-now +0\.1\.0 +29 +5 +DIVERGES/);
      expect(stdout).toMatch(
        /canceled-now\/0\.1\.0: event 8, activity 3: recorded charge .*"by":"subscription".*; now charge .*"by":"invoice"/,
      );
      expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({
        histories: count,
        failed: count,
      });
    } finally {
      rmSync(copy, { recursive: true });
    }
  });
});

describe('npm run record', () => {
  test('never records a life anew', async () => {
    const file = historyFile('canceled-now', VERSION);
    const before = readFileSync(file, 'utf8');
    const { code, stderr } = await refusal('record', 'canceled-now');
    expect(code).toBe(1);
    expect(stderr).toMatch(/has recorded 'canceled-now' already, and a recorded history is never made anew/);
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  test('lists the scenarios', async () => {
    const { stdout } = await tool('record', '--list');
    expect(stdout).toContain('recorded  canceled-now  (test/workflows/cancel.test.ts)');
  });
});

test.each(['main', 'record'] as const)('%s refuses what it does not know, and has help', async (name) => {
  expect(await refusal(name, '--bogus')).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/Unknown option '--bogus'/),
  });
  expect((await refusal(name, 'no-such-life')).code).toBe(2);
  expect((await tool(name, '--help')).stdout).toMatch(/npm run re(play|cord) -- \[scenario\]/);
});
