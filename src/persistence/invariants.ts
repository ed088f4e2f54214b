import type { Database } from './doors.ts';
import { ALERT_PROMISES } from './invariants/alerts.ts';
import { COMMAND_PROMISES } from './invariants/commands.ts';
import { CREDIT_PROMISES } from './invariants/credit.ts';
import { DUE_PROMISES } from './invariants/due.ts';
import { INVOICE_PROMISES } from './invariants/invoices.ts';
import { LEDGER_PROMISES } from './invariants/ledger.ts';
import { METERED_PROMISES } from './invariants/metered.ts';
import { PAYMENT_PROMISES } from './invariants/payments.ts';
import { PERIOD_PROMISES } from './invariants/periods.ts';
import { MIGRATION_PROMISES } from './invariants/plan-migrations.ts';
import { ask, type Broken, type Promised } from './invariants/promised.ts';
import { ROLLUP_PROMISES } from './invariants/rollups.ts';
import { SUBSCRIPTION_PROMISES } from './invariants/subscriptions.ts';
import { TENANT_PROMISES } from './invariants/tenants.ts';
import { USAGE_CORRECTION_PROMISES } from './invariants/usage-corrections.ts';
import { USAGE_EVENT_PROMISES } from './invariants/usage-events.ts';
import { WEBHOOK_PROMISES } from './invariants/webhooks.ts';

/** Everything Perennial promises of its own rows, each as a question whose answer must be empty. */
export const ROW_PROMISES: readonly Promised[] = [
  ...PERIOD_PROMISES,
  ...DUE_PROMISES,
  ...INVOICE_PROMISES,
  ...CREDIT_PROMISES,
  ...LEDGER_PROMISES,
  ...USAGE_EVENT_PROMISES,
  ...USAGE_CORRECTION_PROMISES,
  ...METERED_PROMISES,
  ...PAYMENT_PROMISES,
  ...SUBSCRIPTION_PROMISES,
  ...WEBHOOK_PROMISES,
  ...ALERT_PROMISES,
  ...COMMAND_PROMISES,
  ...MIGRATION_PROMISES,
  ...ROLLUP_PROMISES,
  ...TENANT_PROMISES,
];

/** Asks all of them, one after the other, and answers what is broken. Changes nothing; may run while everything works. */
export async function askRows(database: Database, at: Date): Promise<Broken[]> {
  const broken: Broken[] = [];
  for (const promised of ROW_PROMISES) {
    const found = await ask(database, promised, at);
    if (found) broken.push(found);
  }
  return broken;
}
