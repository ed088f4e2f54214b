import { Client } from '@temporalio/client';
import { workflowId } from '../../../workflows/messages.ts';
import { connect } from '../../persistence/database.ts';
import type { Config } from '../../platform/config.ts';
import { connectTemporal } from '../../platform/temporal.ts';
import { checkInvariants, type Invariants } from '../invariants/ask.ts';
import type { Stack } from '../stack.ts';
import { table } from '../table.ts';
import type { Outcome } from './fates.ts';
import { localDay } from './local-time.ts';
import { CAST, idOf } from './story.ts';

export function invoiceTable({ subscriptions, invoices }: Outcome): string[] {
  const rows = invoices
    .toSorted((a, b) => ((a.number ?? '') < (b.number ?? '') ? -1 : 1))
    .map((invoice) => {
      const subscription = subscriptions.find(({ id }) => id === invoice.subscription);
      const person = CAST.find((someone) => idOf(someone) === subscription?.external_id);
      const day = (instant: string | null) => (instant ? localDay(instant, person?.timeZone ?? 'UTC') : '');
      const period = `${day(invoice.period.start)} – ${day(invoice.period.end)}`;
      const { number, total, status, paid_at } = invoice;
      return [number ?? '', person?.name ?? '', period, total.amount, total.currency, status, day(paid_at)];
    });
  return table(['invoice', 'who', 'period', 'amount', '', 'status', 'paid on'], rows, [3]);
}

/** Asks for every promise, of rows, workflows and the gateway's own log. */
export async function askPromises(config: Config): Promise<Invariants> {
  const { url, assumeLoginRole } = config.database;
  await using database = await connect({
    url,
    assumeLoginRole,
    poolSize: 2,
    applicationName: 'perennial demo',
  });
  const connection = await connectTemporal(config.temporal);
  try {
    const temporal = new Client({ connection, namespace: config.temporal.namespace });
    return await checkInvariants(database, { temporal, gatewayUrl: config.sandboxGateway.url });
  } finally {
    await connection.close();
  }
}

/** Where each subscription's life can be read in the Temporal UI. */
export function workflowLinks({ subscriptions }: Outcome, { temporalUiUrl, config }: Stack): string[] {
  return CAST.flatMap((person) => {
    const subscription = subscriptions.find(({ external_id }) => external_id === idOf(person));
    if (!subscription) return [];
    const id = encodeURIComponent(workflowId.subscription(subscription.id));
    return `${person.name.padEnd(6)} ${temporalUiUrl}/namespaces/${config.temporal.namespace}/workflows/${id}`;
  });
}
