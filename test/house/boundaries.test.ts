import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { findViolations } from '../../src/main/house/boundaries.ts';

/** Each rule is shown to bite: a small house is planted in a temporary folder, in order but for one line. */
describe('boundaries', () => {
  let root: string;

  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'perennial-house-'));
    await plant(
      'src/domain/money.ts',
      `import { Decimal } from 'decimal.js'; export const zero = new Decimal(0);`,
    );
    await plant('src/domain/subscription.ts', `export type Status = 'active'; export const x = 1;`);
    await plant('src/platform/clock.ts', `export const clock = { now: () => new Date() };`);
    await plant(
      'src/persistence/invoices.ts',
      `import { zero } from '../domain/money.ts'; export const rows = [zero];`,
    );
    await plant('workflows/messages.ts', `export const name = 'subscription';`);
    await plant('workflows/subscription.ts', `export const loop = 1;`);
    await plant(
      'activities/billing.ts',
      `export type Activities = { close(): Promise<void> }; export const a = 1;`,
    );
    await plant(
      'src/main/api.ts',
      `import { name } from '../../workflows/messages.ts'; export const run = name;`,
    );
  });

  afterEach(() => rm(root, { recursive: true }));

  async function plant(file: string, text: string): Promise<void> {
    await mkdir(path.join(root, path.dirname(file)), { recursive: true });
    await writeFile(path.join(root, file), text);
  }

  test('a house in order has no findings', async () => {
    expect(await findViolations(root)).toEqual([]);
  });

  const broken: [what: string, file: string, code: string, finding: RegExp][] = [
    [
      'the domain imports another room',
      'src/domain/a.ts',
      `import { rows } from '../persistence/invoices.ts';`,
      /may not import src\/persistence/,
    ],
    [
      '…also when it is only a type',
      'src/domain/a.ts',
      `import type { rows } from '../persistence/invoices.ts';`,
      /may not import src\/persistence/,
    ],
    [
      '…also as an import type',
      'src/domain/a.ts',
      `export type A = import('../persistence/invoices.ts').Row;`,
      /may not import src\/persistence/,
    ],
    [
      '…also dynamically',
      'src/domain/a.ts',
      `await import('../persistence/invoices.ts');`,
      /may not import src\/persistence/,
    ],
    [
      '…also as a re-export',
      'src/domain/a.ts',
      `export * from '../persistence/invoices.ts';`,
      /may not import src\/persistence/,
    ],
    [
      '…also beside syntax newer than most tools',
      'src/domain/a.ts',
      `await using a = b; import '../persistence/invoices.ts';`,
      /may not import src\/persistence/,
    ],
    [
      'the domain uses Node.js',
      'src/domain/a.ts',
      `import { randomUUID } from 'node:crypto';`,
      /without Node\.js modules/,
    ],
    [
      'the domain uses a framework',
      'src/domain/a.ts',
      `import { z } from 'zod';`,
      /zod is not among the packages/,
    ],
    ['the domain rolls dice', 'src/domain/a.ts', `export const a = Math.random();`, /Math\.random/],
    ['the domain calls out', 'src/domain/a.ts', `await fetch('https://example.com');`, /uses fetch/],
    [
      'the contract imports persistence',
      'src/contract/a.ts',
      `import '../persistence/invoices.ts';`,
      /src\/contract may not import/,
    ],
    [
      'a gateway imports persistence',
      'src/gateways/a.ts',
      `import '../persistence/invoices.ts';`,
      /src\/gateways may not import/,
    ],
    [
      'the ORM is used outside persistence',
      'activities/a.ts',
      `import { MikroORM } from '@mikro-orm/core';`,
      /@mikro-orm\/core is not among/,
    ],
    [
      'express is used outside the API',
      'src/platform/a.ts',
      `import express from 'express';`,
      /express is not among/,
    ],
    [
      'a workflow imports the code of an activity',
      'workflows/a.ts',
      `import { a } from '../activities/billing.ts';`,
      /as types only/,
    ],
    [
      'a workflow loads money',
      'workflows/a.ts',
      `import { zero } from '../src/domain/money.ts';`,
      /stays light/,
    ],
    ['a workflow imports zod', 'workflows/a.ts', `import { z } from 'zod';`, /zod is not among/],
    [
      'a light file of the domain becomes heavy',
      'src/domain/subscription.ts',
      `import { zero } from './money.ts';`,
      /stays light/,
    ],
    [
      '…or imports a package',
      'src/domain/subscription.ts',
      `import { DateTime } from 'luxon';`,
      /stays light: no packages/,
    ],
    [
      'the API imports workflow code',
      'api/a.ts',
      `import { loop } from '../workflows/subscription.ts';`,
      /api may not import workflows/,
    ],
    [
      'the API imports activities',
      'api/a.ts',
      `import { a } from '../activities/billing.ts';`,
      /api may not import activities/,
    ],
    [
      'something imports a composition root',
      'api/a.ts',
      `import { run } from '../src/main/api.ts';`,
      /api may not import src\/main/,
    ],
    [
      'production code imports tests',
      'activities/a.ts',
      `import '../test/support/a.ts';`,
      /no such file|may not import test/,
    ],
    [
      'the environment is read elsewhere',
      'src/platform/a.ts',
      `export const url = process.env['DATABASE_URL'];`,
      /uses process\.env/,
    ],
    ['…also by destructuring', 'src/platform/a.ts', `const { env } = process;`, /uses process\.env/],
    ['the clock is read elsewhere', 'activities/a.ts', `export const at = new Date();`, /uses new Date\(\)/],
    ['…also as a number', 'api/a.ts', `export const at = Date.now();`, /uses Date\.now/],
    ['an endpoint stands beside the routes', 'api/a.ts', `app.get('/planted', answer);`, /uses app\.get/],
    ['the compiler is silenced', 'api/a.ts', `export const a = 1 as unknown as string;`, /as unknown as/],
  ];

  test.each(broken)('%s', async (_what, file, code, finding) => {
    await plant(file, code);
    const findings = await findViolations(root);
    expect(findings).toEqual([expect.stringMatching(finding)]);
    expect(findings[0]).toContain(file);
  });

  test('imports that run in a circle are named', async () => {
    await plant('src/domain/a.ts', `import { b } from './b.ts'; export const a = b;`);
    await plant('src/domain/b.ts', `import { a } from './a.ts'; export const b = a;`);
    expect(await findViolations(root)).toEqual([
      'imports run in a circle: src/domain/a.ts → src/domain/b.ts → src/domain/a.ts',
    ]);
  });

  test('what is allowed stays allowed', async () => {
    await plant(
      'workflows/a.ts',
      `import type { Activities } from '../activities/billing.ts'; import { x } from '../src/domain/subscription.ts'; export const at = new Date();`,
    );
    await plant(
      'api/a.ts',
      `import { name } from '../workflows/messages.ts'; import express from 'express'; export const d = new Date('2026-01-01');`,
    );
    expect(await findViolations(root)).toEqual([]);
  });
});
