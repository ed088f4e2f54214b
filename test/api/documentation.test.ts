import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { createApp } from '../../api/app.ts';
import { buildOpenApi } from '../../api/openapi.ts';
import { PROBLEMS } from '../../api/problem.ts';
import { route } from '../../api/route.ts';
import { ROUTES } from '../../api/routes/index.ts';
import { startTestApi, type TestApi } from '../support/api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
});

describe('the description', () => {
  test('in the repository is what the routes say', async () => {
    const text = await readFile(new URL('../../openapi.json', import.meta.url), 'utf8');
    expect(text).toBe(`${JSON.stringify(buildOpenApi(ROUTES), null, 2)}\n`);
  });

  test('has every route, each with a name of its own', async () => {
    const { body } = await api.send('get', '/openapi.json');
    const paths = body['paths'] as Record<string, Record<string, { operationId: string }>>;
    for (const { path, method, operationId } of ROUTES)
      expect(paths[path]?.[method]?.operationId).toBe(operationId);
    const names = ROUTES.map((one) => one.operationId);
    expect(new Set(names).size).toBe(names.length);
  });

  test('names every parameter of a path', () => {
    for (const { path, params } of ROUTES) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      expect([path, Object.keys((params as z.ZodObject).shape)]).toEqual([path, named]);
    }
  });

  test('gives examples that its own schemas accept', () => {
    let count = 0;
    for (const { body, operationId } of ROUTES) {
      const { examples = [] } = body ? (z.globalRegistry.get(body) ?? {}) : {};
      for (const example of examples) {
        expect([operationId, body?.safeParse(example).success]).toEqual([operationId, true]);
        count += 1;
      }
    }
    expect(count).toBeGreaterThan(10);
  });

  test('follows a new route, so that one nobody documented cannot exist', () => {
    const extra = route({
      method: 'get',
      path: '/v1/extra',
      operationId: 'extra',
      summary: 'Extra',
      tag: 'Operations',
      auth: 'tenant',
      response: { description: 'x', schema: z.object({}) },
      kind: 'read',
      handler: () => Promise.resolve({}),
    });
    expect(JSON.stringify(buildOpenApi([...ROUTES, extra]))).not.toBe(JSON.stringify(buildOpenApi(ROUTES)));
    expect(() => createApp(api.deps, [...ROUTES, extra])).not.toThrow();
  });
});

describe('the pages', () => {
  test('bring their own scripts and styles and ask no other host', async () => {
    const page = await api.send('get', '/docs');
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
    expect(page.text).not.toMatch(/https?:\/\//);
    for (const [, source] of page.text.matchAll(/(?:src|href)="([^"]+)"/g)) {
      expect([source, (await api.send('get', String(source))).status]).toEqual([source, 200]);
    }
    expect((await api.send('get', '/docs/assets/package.json')).status).toBe(404);
    expect((await api.send('get', '/docs/assets/..%2fpackage.json')).status).toBe(404);
  });

  test('explain every code where its problem points', async () => {
    const page = await api.send('get', '/docs/errors');
    for (const code of Object.keys(PROBLEMS)) expect(page.text).toContain(`id="${code}"`);
  });
});

test('metrics are for this machine and for the operator', async () => {
  expect((await api.send('get', '/metrics')).text).toContain('perennial_http_request_seconds');
  const forwarded = { 'x-forwarded-for': '203.0.113.7' };
  expect((await api.send('get', '/metrics', { headers: forwarded })).status).toBe(401);
  expect((await api.send('get', '/metrics', { key: api.operatorKey, headers: forwarded })).status).toBe(200);
});
