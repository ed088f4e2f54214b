import { z } from 'zod';
import { listOf, listQuery, pathId } from '../../src/contract/common.ts';
import { presentUsage, usageCreate, usageOut } from '../../src/contract/usage.ts';
import { assertUsageAccepted } from '../../src/domain/accept-usage.ts';
import { DomainError } from '../../src/domain/errors.ts';
import { Decimal } from '../../src/domain/money.ts';
import type { UsageRecord } from '../../src/domain/usage-record.ts';
import { findSubscriptionByReference, found } from '../../src/persistence/find-by-reference.ts';
import { noteThreshold } from '../../src/persistence/note-threshold.ts';
import {
  findUsage,
  lockForUsage,
  recordUsage,
  UsageRecordSchema,
} from '../../src/persistence/reported-usage.ts';
import { findSubscription } from '../../src/persistence/subscription-facts.ts';
import { thresholdsOf } from '../../src/persistence/thresholds.ts';
import { noteReported } from '../../src/persistence/usage-touched.ts';
import { newId } from '../../src/platform/ids.ts';
import { listRows, pageOf, presentList } from '../list.ts';
import { type Route, route } from '../route.ts';
import { invalid } from '../validate.ts';
import { timeFor, writeFor } from '../write.ts';

const report = route({
  method: 'post',
  path: '/v1/subscriptions/{id}/usage',
  operationId: 'reportUsage',
  summary: 'Report usage',
  description:
    'Adds to what the running period of an item bills. When the period comes to a usage threshold of the plan, what was used so far is billed at once. Once a record is taken it stays; a record with the same `record_key` is counted once.',
  tag: 'Subscriptions',
  auth: 'tenant',
  scope: 'subscriptions:write',
  params: pathId,
  body: usageCreate,
  response: { status: 201, description: 'The record.', schema: usageOut },
  errors: ['not_found', 'item_unknown', 'usage_not_accepted', 'usage_key_reused', 'clock_advancing'],
  kind: 'write',
  async handler(tx, call) {
    const { tenantId, params, body } = call;
    const before = found(await findSubscriptionByReference(tx, params.id), 'subscription');
    const { id } = before;
    const watched = (await thresholdsOf(tx, before)).length > 0;
    // Whoever closes the period waits for this lock, so what is taken here is billed there.
    await lockForUsage(tx, id, { watched });
    const life = found(await findSubscription(tx, id), 'subscription');
    const { at: now, wallNow } = await timeFor(tx, life.subscription);
    const at = body.timestamp === undefined ? now : new Date(body.timestamp);
    if (at > now) {
      const message = `Write an instant up to ${now.toISOString()}, or leave it out for now.`;
      throw invalid([{ path: 'timestamp', code: 'in_future', message }]);
    }
    const record: UsageRecord = {
      id: newId('use'),
      tenantId,
      subscriptionId: id,
      key: body.key,
      at,
      quantity: new Decimal(body.quantity),
      properties: body.properties,
      idempotencyKey: body.record_key ?? newId('use'),
      createdAt: wallNow,
    };
    // A record that was taken stays taken, whatever became of the subscription since.
    const known = body.record_key === undefined ? null : await findUsage(tx, id, body.record_key);
    if (known) return presentUsage(sameRecord(known, record, body.timestamp !== undefined));
    assertUsageAccepted(life, body.key, at);
    const taken = await recordUsage(tx, record);
    if (taken.isNew) await noteReported(tx, life.subscription);
    if (taken.isNew && watched) await noteThreshold(await writeFor(tx, call, life.subscription), id);
    return presentUsage(
      taken.isNew ? taken.record : sameRecord(taken.record, record, body.timestamp !== undefined),
    );
  },
});

const list = route({
  method: 'get',
  path: '/v1/subscriptions/{id}/usage',
  operationId: 'listUsage',
  summary: 'List reported usage',
  description: 'Newest report first.',
  tag: 'Subscriptions',
  auth: 'tenant',
  params: pathId,
  query: z.strictObject({ ...listQuery, key: z.string().min(1).max(40).optional() }),
  response: { description: 'A page of records.', schema: listOf(usageOut) },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { tenantId, params, query }) {
    const { id } = found(await findSubscriptionByReference(tx, params.id), 'subscription');
    const filters = { tenantId, subscriptionId: id, ...(query.key ? { key: query.key } : {}) };
    return presentList(await listRows(tx, UsageRecordSchema, filters, pageOf(query)), presentUsage);
  },
});

export const usageRoutes: Route[] = [report, list];

/** The record that had the key before, when it says the same. An instant that nobody wrote is nobody's to compare. */
function sameRecord(known: UsageRecord, asked: UsageRecord, hasInstant: boolean): UsageRecord {
  const isSame =
    known.key === asked.key &&
    known.quantity.eq(asked.quantity) &&
    (!hasInstant || known.at.getTime() === asked.at.getTime()) &&
    isSameProperties(known.properties, asked.properties);
  if (isSame) return known;
  throw new DomainError(
    'usage_key_reused',
    `The key "${asked.idempotencyKey}" stands for another record of this subscription; use a new one.`,
    { usage_record: known.id },
  );
}

function isSameProperties(a: Record<string, string>, b: Record<string, string>): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
