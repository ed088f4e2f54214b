import { z } from 'zod';
import { eventOut, presentEvent } from '../../src/contract/events.ts';
import {
  presentUsageHistory,
  readAmendment,
  usageAmend,
  usageDeprecate,
  usageHistoryOut,
} from '../../src/contract/usage-corrections.ts';
import { isId } from '../../src/domain/ids.ts';
import { usageRevisions } from '../../src/persistence/correct-usage.ts';
import { findEvent } from '../../src/persistence/events.ts';
import { found } from '../../src/persistence/find-by-reference.ts';
import { amendUsage, deprecateUsage } from '../correct-usage.ts';
import { decodeBody, refuseOtherThanJson } from '../parse-json.ts';
import { BODY_LIMIT_BYTES, type Route, rawRoute, route } from '../route.ts';
import { invalid } from '../validate.ts';

const described = { tag: 'Usage', auth: 'tenant' } as const;
const params = z.object({
  key: z
    .string()
    .min(1)
    .max(255)
    .meta({ description: 'The `idempotency_key` with which the event was sent, URL-encoded.' }),
});

const get = route({
  ...described,
  method: 'get',
  path: '/v1/events/{key}',
  operationId: 'getUsageEvent',
  summary: 'Get an event of use',
  description:
    'With all its revisions and what was said against each of them. It is found by its key as long as events of its time are taken; older ones by searching. A key that was sent again after that time names the later event.\n\nAn id of the feed (`evt_…`) is answered as by `GET /v1/webhook_events/{id}`, which took the place of this path.',
  params,
  response: { description: 'The event.', schema: z.union([usageHistoryOut, eventOut]) },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { tenantId, params: { key } }) {
    const revisions = await usageRevisions(tx, tenantId, key);
    if (revisions.length > 0) return presentUsageHistory(revisions);
    return presentEvent(found(isId('evt', key) ? await findEvent(tx, key) : null, 'event'));
  },
});

const amend = rawRoute({
  ...described,
  method: 'put',
  path: '/v1/events/{key}',
  operationId: 'amendUsageEvent',
  summary: 'Amend an event of use',
  description:
    'The event as it should have been takes the place of the one that counts, at once. The former revision stays, with who amended it and why. Periods that are closed already are corrected by the next invoice. Said again, nothing more happens.',
  scope: 'usage:write',
  params,
  body: usageAmend,
  bodyLimitBytes: BODY_LIMIT_BYTES,
  response: { description: 'The event.', schema: usageHistoryOut, contentType: 'application/json' },
  errors: ['not_found', 'usage_event_closed'],
  async handler({ deps, tenantId, keyId, params: { key }, rawBody, headers }) {
    refuseOtherThanJson(headers['content-type']);
    const read = readAmendment(key, decodeBody(rawBody));
    if ('problem' in read) {
      const { path, code, message } = read.problem;
      throw invalid([{ path, code, message }]);
    }
    const saying = { tenantId, note: read.note, by: keyId };
    const revisions = await deps.database.withTenant(tenantId, (tx) => amendUsage(tx, read.event, saying));
    const body = JSON.stringify(presentUsageHistory(revisions));
    return { status: 200, contentType: 'application/json', body };
  },
});

const deprecate = route({
  ...described,
  method: 'post',
  path: '/v1/events/{key}/deprecate',
  operationId: 'deprecateUsageEvent',
  summary: 'Stop an event of use from counting',
  description:
    'It stays, with who said so and why, and counts no more. Its key stays taken; to let it count again, amend it.',
  scope: 'usage:write',
  params,
  body: usageDeprecate,
  response: { description: 'The event.', schema: usageHistoryOut },
  errors: ['not_found', 'usage_event_closed'],
  kind: 'write',
  handler: async (tx, { tenantId, keyId, params: { key }, body }) =>
    presentUsageHistory(await deprecateUsage(tx, key, { tenantId, note: body.note ?? null, by: keyId })),
});

export const usageCorrectionRoutes: Route[] = [get, amend, deprecate];
