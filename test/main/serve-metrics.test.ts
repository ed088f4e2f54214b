import { expect, test } from '@jest/globals';
import { serveMetrics } from '../../src/main/serve-metrics.ts';
import { createMetrics } from '../../src/platform/metrics.ts';

test('a worker shows its own numbers, and nothing else', async () => {
  const metrics = createMetrics();
  metrics.repairs.inc({ kind: 'subscription_lost' }, 2);
  await using served = await serveMetrics(metrics, { host: '127.0.0.1', port: 0 });
  const shown = await fetch(`${served.url}/metrics`);
  expect(shown.headers.get('content-type')).toMatch(/^text\/plain/);
  expect(await shown.text()).toContain('perennial_repairs_total{kind="subscription_lost"} 2');
  expect((await fetch(`${served.url}/`)).status).toBe(404);
  expect((await fetch(`${served.url}/metrics`, { method: 'POST' })).status).toBe(404);
});
