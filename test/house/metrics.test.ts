import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { REPAIR_KINDS } from '../../activities/repairs/repair.ts';
import { createMetrics, createVitalSigns } from '../../src/platform/metrics.ts';

const page = await readFile('docs/operating.md', 'utf8');

test('every metric of ours stands in docs/operating.md, and nothing else does', async () => {
  const { registry } = createMetrics();
  createVitalSigns(registry);
  const made = (await registry.getMetricsAsJSON())
    .map(({ name }) => name)
    .filter((name) => name.startsWith('perennial_'));
  const written = [...page.matchAll(/perennial_[a-z_]+/g)].map(([name]) =>
    name.replace(/_(bucket|count|sum)$/, ''),
  );
  expect([...new Set(written)].sort()).toEqual([...made].sort());
});

test('every kind of repair stands there, too', () => {
  expect(REPAIR_KINDS.filter((kind) => !page.includes(`\`${kind}\``))).toEqual([]);
});
