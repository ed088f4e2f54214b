import type { AddressInfo } from 'node:net';
import express from 'express';
import pg from 'pg';
import { serve } from '../child.ts';

/**
 * What somebody would write in an hour to show the same rows: Express, a pool of connections, a statement, and the rows
 * as JSON. No keys, no tenants' walls, no limits, no log: everything beyond this is what Perennial costs.
 */
const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 10 });
const tenantId = process.env['TENANT_ID'];

const INVOICE = `id, tenant_id, customer_id, subscription_id, origin_key, number, status, billing_reason, currency, subtotal,
  total, balance_applied, amount_credited, amount_paid, collection_method, net_days, due_at, finalize_at, finalized_at, collect_at, overdue_since, paid_at,
  paid_out_of_band, voided_at, marked_uncollectible_at, period_start, period_end, revision, metadata, created_at, updated_at`;
const LINE = `id, tenant_id, invoice_id, n, item_id, price_id, description, quantity, unit_amount, amount, period_start,
  period_end, proration, trace, reverses_line_id`;

const app = express();
app.get('/v1/invoices/:id', async (request, response) => {
  const invoice = await pool.query(`select ${INVOICE} from invoices where tenant_id = $1 and id = $2`, [
    tenantId,
    request.params.id,
  ]);
  if (!invoice.rows[0]) return void response.status(404).json({ error: 'not found' });
  const lines = await pool.query(`select ${LINE} from invoice_lines where invoice_id = $1 order by n`, [
    request.params.id,
  ]);
  response.json({ ...invoice.rows[0], lines: lines.rows });
});
app.get('/v1/invoices', async (request, response) => {
  const limit = Number(request.query['limit'] ?? 20);
  const cursor = request.query['cursor'] ?? null;
  const { rows } = await pool.query(
    `select ${INVOICE} from invoices where tenant_id = $1 and ($2::text is null or id < $2) order by id desc limit $3`,
    [tenantId, cursor, limit + 1],
  );
  response.json({ object: 'list', data: rows.slice(0, limit), has_more: rows.length > limit });
});

const server = app.listen(0, '127.0.0.1', () => {
  serve(() => Promise.resolve({ port: (server.address() as AddressInfo).port }));
});
