import { setImmediate } from 'node:timers/promises';
import { runningSimulation } from '../../src/contract/run-simulation.ts';
import {
  type Offered,
  type StoredReference,
  storedReferences,
} from '../../src/contract/simulated-catalogue.ts';
import { type SimulationBody, simulationCreate, simulationOut } from '../../src/contract/simulations.ts';
import type { InParts } from '../../src/domain/simulate/simulate.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import { findTenant } from '../../src/persistence/find.ts';
import { findPlanByReference } from '../../src/persistence/find-by-reference.ts';
import { findPlanAtVersion } from '../../src/persistence/save-plans.ts';
import { type Route, route } from '../route.ts';

/** Ten thousand actions fit. */
const BODY_LIMIT_BYTES = 4 * 1024 * 1024;

const simulate = route({
  method: 'post',
  path: '/v1/simulations',
  operationId: 'simulate',
  summary: "Simulate a subscription's future",
  description:
    'Plays a dated timeline with the engine that bills and answers every invoice with its lines and how they came about, every state with its dates, the balance and what is due next. Up to ten years, 10,000 actions and 20 subscriptions of one customer. Nothing is stored.',
  tag: 'Subscriptions',
  auth: 'tenant',
  body: simulationCreate,
  bodyLimitBytes: BODY_LIMIT_BYTES,
  response: { description: 'What would happen.', schema: simulationOut },
  errors: ['simulation_too_large'],
  kind: 'read',
  async handler(tx, { tenantId, body }) {
    const [tenant, stored] = await Promise.all([findTenant(tx, tenantId), findStored(tx, body)]);
    const find = (reference: StoredReference) => stored.get(nameOf(reference)) ?? null;
    return inParts(runningSimulation(body, find, tenant));
  },
});

/** How long others wait at most while a simulation is calculated. */
const PART_MS = 20;

/** Does work in parts, and lets other requests have their turn in between. */
async function inParts<T>(work: InParts<T>): Promise<T> {
  let began = performance.now();
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
    if (performance.now() - began < PART_MS) continue;
    await setImmediate();
    began = performance.now();
  }
}

/** What the body names and does not bring along, as far as the tenant has it. */
async function findStored(tx: Tx, body: SimulationBody): Promise<ReadonlyMap<string, Offered>> {
  const found = await Promise.all(
    storedReferences(body).map(async (reference): Promise<[string, Offered][]> => {
      const offered = await findOffered(tx, reference);
      return offered ? [[nameOf(reference), offered]] : [];
    }),
  );
  return new Map(found.flat());
}

async function findOffered(tx: Tx, { kind, reference, version }: StoredReference): Promise<Offered | null> {
  const plan = await findPlanByReference(tx, reference);
  const at = plan?.kind === kind ? await findPlanAtVersion(tx, plan, version) : null;
  if (!plan || !at) return null;
  return {
    kind,
    planId: plan.id,
    version: at.version.version,
    name: plan.name,
    trialDays: at.version.trialDays,
    thresholds: at.version.usageThresholds,
    graceHours: at.version.invoiceGraceHours,
    prices: at.prices,
    archived: plan.archivedAt !== null,
  };
}

function nameOf({ kind, reference, version }: StoredReference): string {
  return `${kind} ${reference} ${version ?? ''}`;
}

export const simulationRoutes: readonly Route[] = [simulate];
