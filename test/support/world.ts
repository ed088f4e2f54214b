import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, isGrpcServiceError, WithStartWorkflowOperation } from '@temporalio/client';
import type { WorkflowBundleOption } from '@temporalio/worker';
import type { CreateCommand } from '../../src/contract/commands.ts';
import type { CommandKind } from '../../src/domain/command.ts';
import type { Customer } from '../../src/domain/customer.ts';
import { Decimal } from '../../src/domain/money.ts';
import type { Price } from '../../src/domain/plan.ts';
import type { UsageThreshold } from '../../src/domain/threshold.ts';
import { gateways } from '../../src/gateways/registry.ts';
import { startSandboxGateway } from '../../src/gateways/sandbox/server.ts';
import { runWorker } from '../../src/main/run-worker.ts';
import { CommandSchema } from '../../src/persistence/commands.ts';
import {
  CustomerSchema,
  GatewayConnectionSchema,
  PaymentMethodSchema,
} from '../../src/persistence/customers.ts';
import { connect } from '../../src/persistence/database.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import { PlanSchema, PlanVersionSchema, PriceSchema } from '../../src/persistence/plans.ts';
import { findRow, insertRow, updateRows } from '../../src/persistence/rows.ts';
import { TestClockSchema } from '../../src/persistence/test-clocks.ts';
import { isBetweenRuns } from '../../src/platform/between-runs.ts';
import { type Config, readEnv, toConfig } from '../../src/platform/config.ts';
import { newId } from '../../src/platform/ids.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import { connectTemporal } from '../../src/platform/temporal.ts';
import { createVault } from '../../src/platform/vault.ts';
import { commandUpdate, WORKFLOWS, workflowId } from '../../workflows/messages.ts';
import { createTestDatabase } from './database.ts';
import { createTestNamespace } from './temporal.ts';
import { seedTenant } from './tenant.ts';

export type World = Awaited<ReturnType<typeof createWorld>>;

/**
 * A tenant with its own database, Temporal namespace, sandbox gateway and worker, all real. Rows that the API would
 * write are written here directly, so that what is tested is the engine alone.
 */
export async function createWorld(
  options: { worker?: boolean; now?: Date; env?: Record<string, string>; settleAfterMs?: number } = {},
) {
  const stack = new AsyncDisposableStack();
  const testDatabase = stack.use(await createTestDatabase());
  const temporal = await createTestNamespace();
  const dataDir = await mkdtemp(join(tmpdir(), 'perennial-world-'));
  stack.defer(() => rm(dataDir, { recursive: true, force: true }));
  const gateway = stack.use(
    await startSandboxGateway({ dataDir, port: 0, settleAfterMs: options.settleAfterMs ?? 100 }),
  );
  const config = worldConfig({
    databaseUrl: testDatabase.url,
    ownerUrl: testDatabase.ownerUrl,
    gatewayUrl: gateway.url,
    temporal,
    env: options.env ?? {},
  });
  const database = stack.use(await connect({ url: testDatabase.url, poolSize: 5, applicationName: 'test' }));
  const connection = await connectTemporal(temporal);
  stack.defer(() => connection.close());
  const client = new Client({ connection, namespace: temporal.namespace });
  const logger = createLogger(config);
  let worker = options.worker === false ? null : await runWorker(config, logger);
  stack.defer(async () => worker?.[Symbol.asyncDispose]());
  const vault = createVault(config.secrets.masterKeys);
  const now = options.now ?? new Date();
  const tenantId = await seedTenant(database, now);
  await connectGateway(database, { tenantId, vault, now });
  const charging = stack.use(gateways({ sandboxUrl: gateway.url }));

  const inTenant = <T>(work: (tx: Tx) => Promise<T>) => database.withTenant(tenantId, work);
  const world = {
    database,
    ownerUrl: testDatabase.ownerUrl,
    config,
    client,
    logger,
    gatewayUrl: gateway.url,
    tenantId,
    inTenant,
    /** Nobody works until `startWorker`: what becomes due meanwhile is late. */
    async stopWorker(): Promise<void> {
      await worker?.[Symbol.asyncDispose]();
      worker = null;
    },
    async startWorker(): Promise<void> {
      worker ??= await runWorker(config, logger);
    },
    /** A worker with other workflow code, beside that of this world or instead of it. */
    extraWorker: (workflows: WorkflowBundleOption): Promise<AsyncDisposable> =>
      runWorker(config, logger, createMetrics(), workflows),
    async clock(at: string): Promise<string> {
      const id = newId('clk');
      const nowAt = new Date(at);
      await inTenant((tx) =>
        insertRow(tx, TestClockSchema, {
          id,
          tenantId,
          name: 'test',
          nowAt,
          targetAt: nowAt,
          status: 'ready',
          failure: null,
          entitiesTotal: 0,
          entitiesDone: 0,
          metadata: {},
          createdAt: now,
          updatedAt: now,
        }),
      );
      return id;
    },
    async customer(changes: Partial<Customer> = {}, token: string | null = 'tok_succeeds'): Promise<string> {
      const id = newId('cus');
      await inTenant((tx) =>
        insertRow(tx, CustomerSchema, {
          id,
          tenantId,
          externalId: null,
          name: 'Ada',
          email: null,
          timeZone: null,
          currency: null,
          testClockId: null,
          metadata: {},
          deletedAt: null,
          createdAt: now,
          updatedAt: now,
          ...changes,
        }),
      );
      if (token) await world.paymentMethod(id, token);
      return id;
    },
    async paymentMethod(customerId: string, token: string): Promise<string> {
      const attached = await charging.get('sandbox').attachMethod(token);
      if (attached.kind !== 'attached') throw new Error(attached.message);
      const id = newId('pm');
      await inTenant(async (tx) => {
        await updateRows(tx, PaymentMethodSchema, { customerId, isDefault: true }, { isDefault: false });
        const { methodRef: gatewayRef, brand, last4, expMonth, expYear } = attached;
        await insertRow(tx, PaymentMethodSchema, {
          id,
          tenantId,
          customerId,
          gateway: 'sandbox',
          gatewayRef,
          brand,
          last4,
          expMonth,
          expYear,
          isDefault: true,
          metadata: {},
          detachedAt: null,
          createdAt: now,
          updatedAt: now,
        });
      });
      return id;
    },
    async plan(
      prices: (Partial<Price> & { model?: 'flat' | 'per_unit'; unitAmount?: string })[],
      trialDays: number | null = null,
      usageThresholds: readonly UsageThreshold[] = [],
    ) {
      const planId = newId('plan');
      const rows: Price[] = prices.map(({ model = 'flat', unitAmount = '20', ...price }, index) => ({
        id: newId('price'),
        tenantId,
        planId,
        planVersion: 1,
        key: `p${index}`,
        name: 'Fee',
        currency: 'USD',
        subscriptionId: null,
        itemId: null,
        meterId: null,
        terms: { model, unitAmount: new Decimal(unitAmount) },
        billing: 'licensed',
        minimum: null,
        maximum: null,
        timing: 'in_advance',
        intervalUnit: 'month',
        intervalCount: 1,
        createdAt: now,
        ...price,
      }));
      await inTenant(async (tx) => {
        await insertRow(tx, PlanSchema, {
          id: planId,
          tenantId,
          kind: 'plan',
          externalId: null,
          name: 'Plan',
          description: null,
          archivedAt: null,
          metadata: {},
          createdAt: now,
          updatedAt: now,
        });
        await insertRow(tx, PlanVersionSchema, {
          planId,
          version: 1,
          tenantId,
          active: true,
          trialDays,
          usageThresholds,
          invoiceGraceHours: null,
          createdAt: now,
        });
        for (const row of rows) await insertRow(tx, PriceSchema, row);
      });
      return { planId, prices: rows };
    },
    async subscribe(
      customerId: string,
      plan: { planId: string; prices: Price[] },
      changes: Partial<CreateCommand> & { requestedAt?: Date } = {},
    ): Promise<string> {
      const { requestedAt, ...terms } = changes;
      const id = newId('sub');
      const body: CreateCommand = {
        external_id: null,
        customer: customerId,
        plan: plan.planId,
        plan_version: 1,
        currency: plan.prices[0]?.currency ?? 'USD',
        items: plan.prices.map((price) => ({ key: price.key, price: price.id, quantity: '1' })),
        start_at: null,
        trial_days: null,
        trial_end: null,
        billing_cycle: 'anniversary',
        billing_anchor: null,
        proration_basis: 'day',
        collection_method: 'charge_automatically',
        net_days: null,
        payment_behavior: 'allow_incomplete',
        trial_end_behavior: 'activate',
        cancel_at: null,
        metadata: {},
        ...terms,
      };
      const { outcome, result } = await world.command(id, 'create', body, requestedAt ? { requestedAt } : {});
      if (outcome !== 'applied') throw new Error(`the creation was ${outcome}: ${JSON.stringify(result)}`);
      return id;
    },
    /** Writes the command's row and waits for the workflow to have taken it, as the API does. */
    async command(subjectId: string, kind: CommandKind, body: object, opts: { requestedAt?: Date } = {}) {
      const id = newId('cmd');
      const requestedAt = opts.requestedAt ?? new Date();
      await inTenant((tx) =>
        insertRow(tx, CommandSchema, {
          id,
          tenantId,
          subjectId,
          kind,
          body: { ...body },
          requestedAt,
          expiresAt: new Date(Date.now() + 900_000),
          status: 'pending',
          result: null,
          requestId: `req-${id}`,
          createdAt: new Date(),
          finishedAt: null,
        }),
      );
      const name = kind === 'pay' ? 'invoice' : 'subscription';
      const input =
        kind === 'pay' ? { tenantId, invoiceId: subjectId } : { tenantId, subscriptionId: subjectId };
      const send = () =>
        client.workflow.executeUpdateWithStart(commandUpdate, {
          args: [{ commandId: id, requestedAt: requestedAt.toISOString() }],
          startWorkflowOperation: new WithStartWorkflowOperation(WORKFLOWS[name], {
            workflowId: workflowId[name](subjectId),
            taskQueue: 'billing',
            workflowIdConflictPolicy: 'USE_EXISTING',
            args: [input],
          }),
        });
      // A workflow between two runs takes the command a moment later; the API sends it again, too.
      const insist = (tries: number): ReturnType<typeof send> =>
        send().catch(async (error: unknown) => {
          if (tries === 0 || !(isGrpcServiceError(error) && isBetweenRuns(error))) throw error;
          await sleep(100);
          return insist(tries - 1);
        });
      const { outcome } = await insist(100);
      const row = await inTenant((tx) => findRow(tx, CommandSchema, { id }));
      return { outcome, result: row?.result ?? null };
    },
    /** Moves a test clock and waits until everything attached has caught up. */
    async advance(clockId: string, to: string) {
      await inTenant((tx) =>
        updateRows(
          tx,
          TestClockSchema,
          { id: clockId },
          { targetAt: new Date(to), status: 'advancing', failure: null },
        ),
      );
      await client.workflow.execute(WORKFLOWS.testClock, {
        workflowId: workflowId.testClock(clockId),
        taskQueue: 'billing',
        args: [{ tenantId, clockId }],
      });
      const clock = await inTenant((tx) => findRow(tx, TestClockSchema, { id: clockId }));
      if (clock?.status !== 'ready')
        throw new Error(`the clock is ${clock?.status}: ${JSON.stringify(clock?.failure)}`);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
  return world;
}

function worldConfig(world: {
  databaseUrl: string;
  ownerUrl: string;
  gatewayUrl: string;
  temporal: Config['temporal'];
  env: Record<string, string>;
}): Config {
  const env = readEnv({
    DATABASE_URL: world.databaseUrl,
    DATABASE_OWNER_URL: world.ownerUrl,
    TEMPORAL_ADDRESS: world.temporal.address,
    TEMPORAL_NAMESPACE: world.temporal.namespace,
    SANDBOX_GATEWAY_URL: world.gatewayUrl,
    PERENNIAL_OPERATOR_KEY: 'operator-key-of-this-test',
    PERENNIAL_KEY_PEPPER: 'pepper-of-this-test-only',
    PERENNIAL_MASTER_KEY: randomBytes(32).toString('base64'),
    PERENNIAL_WEBHOOK_ALLOW: '127.0.0.0/8',
    DATABASE_POOL_SIZE: '10',
    LOG_LEVEL: 'warn',
    ...world.env,
  });
  return toConfig(env);
}

/** What the world's tenant charges through. */
async function connectGateway(
  database: World['database'],
  { tenantId, vault, now }: { tenantId: string; vault: ReturnType<typeof createVault>; now: Date },
): Promise<void> {
  const id = newId('gwc');
  const place = { tenantId, column: 'gateway_connections.secret', rowId: id };
  await database.withTenant(tenantId, (tx) =>
    insertRow(tx, GatewayConnectionSchema, {
      id,
      tenantId,
      gateway: 'sandbox',
      callbackToken: newId('gwc'),
      previousSecretSealed: null,
      previousSecretExpiresAt: null,
      createdAt: now,
      updatedAt: now,
      secretSealed: vault.seal('callback-secret-of-this-test', place),
    }),
  );
}
