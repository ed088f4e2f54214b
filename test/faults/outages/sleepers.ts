import { createCommandActivities } from '../../../activities/commands.ts';
import type { ActivityDeps } from '../../../activities/deps.ts';
import { createPaymentActivities } from '../../../activities/payments.ts';
import type { CreateCommand } from '../../../src/contract/commands.ts';
import { presenters } from '../../../src/contract/presenters.ts';
import { gateways } from '../../../src/gateways/registry.ts';
import { insertCommand } from '../../../src/persistence/find-commands.ts';
import { clock } from '../../../src/platform/clock.ts';
import { newId } from '../../../src/platform/ids.ts';
import { createVault } from '../../../src/platform/vault.ts';
import { WORKFLOWS, workflowId } from '../../../workflows/messages.ts';
import type { Stage } from '../stage.ts';

/** What a subscription was begun with, long ago. */
export type Terms = { customer: string; plan: string; priceId: string; startedAt: Date };

/**
 * Makes subscriptions that began in the past and paid their first invoice then, as a worker of that time left them:
 * its own activities run here, with the instants of that time, because no process can be started in the past. Each
 * has its workflow, and nobody works on it.
 */
export async function openSleepers(stage: Stage) {
  const charging = gateways({ sandboxUrl: stage.gatewayUrl });
  const vault = createVault(stage.config.secrets.masterKeys);
  const silent = () => {};
  const deps: ActivityDeps = {
    database: stage.database,
    gateways: charging,
    present: presenters,
    now: clock.now,
    openSecret: vault.open,
    publicUrl: stage.apiUrl,
    log: { warn: silent, error: silent },
  };
  const commands = createCommandActivities(deps);
  const payments = createPaymentActivities(deps);
  const client = await stage.client();
  const { tenantId } = stage;

  return {
    async begin(terms: Terms): Promise<string> {
      const subscriptionId = newId('sub');
      const commandId = newId('cmd');
      const now = clock.now();
      await stage.database.withTenant(tenantId, (tx) =>
        insertCommand(tx, {
          id: commandId,
          tenantId,
          subjectId: subscriptionId,
          kind: 'create',
          body: { ...bodyOf(terms) },
          requestedAt: terms.startedAt,
          expiresAt: new Date(now.getTime() + 900_000),
          status: 'pending',
          result: null,
          requestId: `req-${commandId}`,
          createdAt: now,
          finishedAt: null,
        }),
      );
      const { outcome, collect } = await commands.applyCommand({ tenantId, subscriptionId, commandId });
      if (outcome !== 'applied' || !collect) throw new Error(`a creation in the past was ${outcome}`);
      const at = terms.startedAt.toISOString();
      await payments.charge({ tenantId, invoiceId: collect.invoiceId, at, by: 'subscription' });
      await client.workflow.start(WORKFLOWS.subscription, {
        workflowId: workflowId.subscription(subscriptionId),
        taskQueue: 'billing',
        args: [{ tenantId, subscriptionId }],
      });
      return subscriptionId;
    },
    [Symbol.asyncDispose]: () => charging[Symbol.asyncDispose](),
  };
}

function bodyOf({ customer, plan, priceId }: Terms): CreateCommand {
  return {
    external_id: null,
    customer,
    plan,
    plan_version: 1,
    currency: 'USD',
    items: [{ key: 'fee', price: priceId, quantity: '1' }],
    start_at: null,
    trial_days: null,
    trial_end: null,
    billing_cycle: 'anniversary',
    billing_anchor: null,
    proration_basis: 'second',
    collection_method: 'charge_automatically',
    net_days: null,
    payment_behavior: 'allow_incomplete',
    trial_end_behavior: 'activate',
    cancel_at: null,
    metadata: {},
  };
}
