import { randomUUID } from 'node:crypto';
import { type RawBuilder, sql } from 'kysely';
import { query } from '../../../src/persistence/rows.ts';
import type { Answer } from '../http.ts';
import type { Stage } from '../stage.ts';

/** What outages need of a tenant's daily life: a plan, customers with cards, subscriptions, and a look at their rows. */

export type Payer = { id: string; methodRef: string };

export async function sellPlan(stage: Stage, unitAmount = '20'): Promise<string> {
  const interval = { unit: 'month', count: 1 };
  return make(stage, '/v1/plans', {
    name: 'Fee',
    prices: [{ key: 'fee', model: 'flat', unit_amount: unitAmount, currency: 'USD', interval }],
  });
}

/** A customer with a card that behaves as its token says. */
export async function payer(stage: Stage, token: string, more: object = {}): Promise<Payer> {
  const id = await make(stage, '/v1/customers', { name: `Payer with ${token}`, ...more });
  const methodId = await make(stage, `/v1/customers/${id}/payment_methods`, { token });
  const [row] = await look<{ gateway_ref: string }>(
    stage,
    sql`select gateway_ref from payment_methods where id = ${methodId}`,
  );
  if (!row) throw new Error(`payment method ${methodId} has no row`);
  return { id, methodRef: row.gateway_ref };
}

export function subscribe(stage: Stage, customer: string, plan: string, more: object = {}): Promise<string> {
  return make(stage, '/v1/subscriptions', { customer, plan, ...more });
}

/** The id of what a POST makes, insisting until it is made. */
export async function make(stage: Stage, path: string, body: object, key?: string): Promise<string> {
  const answer = await stage.http.insist('POST', path, body, key ? { key } : {});
  return String(wanted(answer, `POST ${path}`)['id']);
}

/** The body of an answer that has to be a success. */
export function wanted({ status, body }: Answer, what: string): Record<string, unknown> {
  if (status >= 300) throw new Error(`${what} was answered ${status}: ${JSON.stringify(body)}`);
  return body;
}

/** Rows of any tenant. */
export function look<Row extends object>(stage: Stage, statement: RawBuilder<unknown>): Promise<Row[]> {
  return stage.database.asSystem('faults', (tx) => query<Row>(tx, statement));
}

/** Another tenant in test mode, with a key that may do everything. */
export async function anotherTenant(stage: Stage): Promise<{ tenantId: string; key: string }> {
  const operator = stage.operatorKey;
  const account = await make(stage, '/v1/accounts', { name: `Example ${randomUUID()}` }, operator);
  const tenantId = await make(stage, '/v1/tenants', { account, mode: 'test', name: 'Example' }, operator);
  const path = `/v1/tenants/${tenantId}/keys`;
  const answer = await stage.http.insist('POST', path, { name: 'everything' }, { key: operator });
  return { tenantId, key: String(wanted(answer, `POST ${path}`)['key']) };
}
