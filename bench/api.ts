import { openStage, type Stage } from '../test/faults/stage.ts';
import type { LoadAnswer, LoadQuestion } from './api/load.ts';
import { plantInvoices } from './api/plant-invoices.ts';
import { wrongAnswers } from './api/wrong-answers.ts';
import { type Child, startChild } from './child.ts';
import { type Bench, type BenchOptions, rounded, spreadOf, type Workload } from './harness.ts';

/**
 * Reading at saturation: one invoice with its lines, and a page of fifty, each against a bare Express with the same
 * statements. A round measures both; what counts is the one that comes off worse.
 */
export const api: Workload = { unit: 'requests/s', better: 'higher', goal: 0.5, open };

/** Invoices of the tenant. */
const SIZE = 1_000;
const CONNECTIONS = 32;
const SECONDS = 4;
const PAGE = 50;

const KINDS = ['get', 'list'] as const;
type Kind = (typeof KINDS)[number];
type Side = 'ours' | 'baseline';
type Paths = Record<Kind, string[]>;

async function open({ size, say }: BenchOptions): Promise<Bench> {
  await using opening = new AsyncDisposableStack();
  const stage = opening.use(await openStage({ say, parts: ['api'] }));
  const ids = await plantInvoices(stage.database, stage.tenantId, size ?? SIZE);
  const bare = opening.use(
    await startChild('api/bare-server.ts', { DATABASE_URL: stage.ownerUrl, TENANT_ID: stage.tenantId }),
  );
  const load = opening.use(await startChild('api/load.ts', {}));
  const { port } = await bare.ask<{ port: number }>({});
  const bareUrl = `http://127.0.0.1:${port}`;
  const paths: Paths = {
    get: ids.map((id) => `/v1/invoices/${id}`),
    list: [`/v1/invoices?limit=${PAGE}`],
  };

  const measured: Record<Kind, Record<Side, number[]>> = {
    get: { ours: [], baseline: [] },
    list: { ours: [], baseline: [] },
  };
  const measure = async (side: Side) => {
    const origin = side === 'ours' ? stage.apiUrl : bareUrl;
    for (const kind of KINDS) measured[kind][side].push(await speed(load, stage, origin, paths[kind]));
    return Math.min(...KINDS.map((kind) => measured[kind][side].at(-1) ?? 0));
  };
  const stack = opening.move();
  return {
    ours: () => measure('ours'),
    baseline: () => measure('baseline'),
    check: () => wrongAnswers(stage, ids, PAGE),
    details: () => worst(measured),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function speed(load: Child, stage: Stage, origin: string, paths: string[]): Promise<number> {
  const question: LoadQuestion = {
    origin,
    paths,
    authorization: `Bearer ${stage.apiKey}`,
    connections: CONNECTIONS,
    seconds: SECONDS,
  };
  const { requests, seconds } = await load.ask<LoadAnswer>(question);
  return requests / seconds;
}

/** Both kinds, and as the result the one with the lower ratio. The first round of each side was the warm-up. */
function worst(measured: Record<Kind, Record<Side, number[]>>): Record<string, unknown> {
  const results = KINDS.map((kind) => {
    const ours = spreadOf(measured[kind].ours.slice(1));
    const baseline = spreadOf(measured[kind].baseline.slice(1));
    return { kind, ours, baseline, ratio: rounded(ours.median / baseline.median) };
  });
  const [first] = results.toSorted((a, b) => a.ratio - b.ratio);
  return { ...first, kinds: Object.fromEntries(results.map(({ kind, ...result }) => [kind, result])) };
}
