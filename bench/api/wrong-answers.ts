import { isDeepStrictEqual } from 'node:util';
import pg from 'pg';
import type { Stage } from '../../test/faults/stage.ts';

/** How many invoices are compared one by one. */
const SAMPLE = 100;

/**
 * Compares what the API answers with the rows, read by a driver of our own and written out by hand here: every field of
 * a sample of invoices with their lines, and every page of the list from the first to the last.
 *
 * @returns a sentence for each invoice that is answered otherwise.
 */
export async function wrongAnswers(stage: Stage, ids: readonly string[], page: number): Promise<string[]> {
  const client = new pg.Client({ connectionString: stage.ownerUrl });
  await client.connect();
  try {
    const wrong: string[] = [];
    const each = Math.max(1, Math.floor(ids.length / SAMPLE));
    for (const id of ids.filter((_id, index) => index % each === 0)) {
      const { body } = await stage.http.send('GET', `/v1/invoices/${id}`);
      const lines = await rowsOf(client, LINES, id);
      const [invoice] = await rowsOf(client, `${INVOICE} where i.id = $1`, id);
      if (!isDeepStrictEqual(body, { ...invoice, lines })) wrong.push(`GET ${id} is not what its rows say`);
    }
    return [...wrong, ...(await wrongPages(stage, client, page))];
  } finally {
    await client.end();
  }
}

async function wrongPages(stage: Stage, client: pg.Client, limit: number): Promise<string[]> {
  const expected = await rowsOf(
    client,
    `${INVOICE} where i.tenant_id = $1 order by i.id desc`,
    stage.tenantId,
  );
  const answered: unknown[] = [];
  for (let cursor: unknown = null; ; ) {
    const more = typeof cursor === 'string' ? `&cursor=${cursor}` : '';
    const { body } = await stage.http.send('GET', `/v1/invoices?limit=${limit}${more}`);
    if (!Array.isArray(body['data'])) return [`the list was answered ${JSON.stringify(body)}`];
    answered.push(...body['data']);
    if (!body['has_more'] || answered.length > expected.length) break;
    cursor = body['next_cursor'];
  }
  const differing = expected.filter((row, index) => !isDeepStrictEqual(row, answered[index])).length;
  return answered.length === expected.length && differing === 0
    ? []
    : [`the list has ${answered.length} invoices of ${expected.length}, ${differing} not as their rows say`];
}

/** One JSON object a row, made by the database: no code of ours takes part. */
async function rowsOf(client: pg.Client, text: string, value: string): Promise<object[]> {
  const { rows } = await client.query<{ shown: object }>(text, [value]);
  return rows.map(({ shown }) => shown);
}

const instant = (column: string) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
const euros = (amount: string) =>
  `json_build_object('amount', round(${amount}, 2)::text, 'currency', i.currency)`;
const plain = (number: string) => `trim_scale(${number})::text`;

const INVOICE = `select json_build_object('object', 'invoice', 'id', i.id, 'number', i.number, 'status', i.status,
  'billing_reason', i.billing_reason, 'customer', i.customer_id, 'subscription', i.subscription_id,
  'subtotal', ${euros('i.subtotal')}, 'total', ${euros('i.total')},
  'balance_applied', ${euros('i.balance_applied')}, 'amount_credited', ${euros('i.amount_credited')},
  'amount_paid', ${euros('i.amount_paid')},
  'amount_due', ${euros('i.total - i.balance_applied - i.amount_credited - i.amount_paid')}, 'collection_method', i.collection_method,
  'period', json_build_object('start', ${instant('i.period_start')}, 'end', ${instant('i.period_end')}),
  'due_at', ${instant('i.due_at')}, 'finalize_at', ${instant('i.finalize_at')}, 'finalized_at', ${instant('i.finalized_at')},
  'overdue_since', ${instant('i.overdue_since')}, 'paid_at', ${instant('i.paid_at')}, 'paid_out_of_band', i.paid_out_of_band,
  'voided_at', ${instant('i.voided_at')}, 'marked_uncollectible_at', ${instant('i.marked_uncollectible_at')},
  'revision', i.revision, 'metadata', i.metadata, 'created_at', ${instant('i.created_at')},
  'updated_at', ${instant('i.updated_at')}) as shown from invoices i`;

const LINES = `select json_build_object('object', 'invoice_line', 'id', l.id, 'description', l.description, 'item', l.item_id,
  'price', l.price_id, 'quantity', ${plain('l.quantity')}, 'unit_amount', ${plain('l.unit_amount')},
  'amount', ${euros('l.amount')}, 'period', json_build_object('start', ${instant('l.period_start')}, 'end', ${instant('l.period_end')}),
  'proration', l.proration, 'reverses', l.reverses_line_id, 'trace', json_build_object('model', l.trace -> 'model', 'unit_amount', l.trace -> 'unitAmount',
    'quantity', l.trace -> 'quantity', 'exact', l.trace -> 'exact', 'rounded', l.trace -> 'rounded')) as shown
  from invoice_lines l join invoices i on i.id = l.invoice_id where l.invoice_id = $1 order by l.n`;
