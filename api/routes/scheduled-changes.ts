import { z } from 'zod';
import type { CancelScheduledChangeCommand } from '../../src/contract/commands.ts';
import { listOf, listQuery, oneOrMore, pathId } from '../../src/contract/common.ts';
import { presentScheduledChange, scheduledChangeOut } from '../../src/contract/scheduled-changes.ts';
import { isId } from '../../src/domain/ids.ts';
import { SCHEDULED_CHANGE_STATUSES } from '../../src/domain/stored-change.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import { findSubscriptionByReference, found } from '../../src/persistence/find-by-reference.ts';
import { findRow } from '../../src/persistence/rows.ts';
import { ScheduledChangeSchema } from '../../src/persistence/scheduled-changes.ts';
import { lifecycle, liveAt } from '../ask-command.ts';
import { listRows, pageOf, presentList } from '../list.ts';
import { type Route, route } from '../route.ts';
import { COMMAND_ERRORS } from '../subscription-command.ts';

const path = pathId.extend({
  change: z.string().min(1).max(100).meta({ description: 'Starts with `chg_`.' }),
});

const list = route({
  method: 'get',
  path: '/v1/subscriptions/{id}/scheduled_changes',
  operationId: 'listScheduledChanges',
  summary: 'List the scheduled changes of a subscription',
  description: 'Newest first: those that wait, and those that were applied, replaced or canceled.',
  tag: 'Subscriptions',
  auth: 'tenant',
  params: pathId,
  query: z.strictObject({ ...listQuery, status: oneOrMore(z.enum(SCHEDULED_CHANGE_STATUSES)) }),
  response: { description: 'A page of scheduled changes.', schema: listOf(scheduledChangeOut) },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { tenantId, params, query }) {
    const subscription = found(await findSubscriptionByReference(tx, params.id), 'subscription');
    const filters = {
      tenantId,
      subscriptionId: subscription.id,
      ...(query.status ? { status: { $in: query.status } } : {}),
    };
    return presentList(
      await listRows(tx, ScheduledChangeSchema, filters, pageOf(query)),
      presentScheduledChange,
    );
  },
});

const get = route({
  method: 'get',
  path: '/v1/subscriptions/{id}/scheduled_changes/{change}',
  operationId: 'getScheduledChange',
  summary: 'Get a scheduled change',
  tag: 'Subscriptions',
  auth: 'tenant',
  params: path,
  response: { description: 'The scheduled change.', schema: scheduledChangeOut },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { params }) {
    const subscription = found(await findSubscriptionByReference(tx, params.id), 'subscription');
    return show(tx, subscription.id, params.change);
  },
});

const cancel = route({
  method: 'delete',
  path: '/v1/subscriptions/{id}/scheduled_changes/{change}',
  operationId: 'cancelScheduledChange',
  summary: 'Cancel a scheduled change',
  description: 'It will not take place. It stays in the list.',
  tag: 'Subscriptions',
  auth: 'tenant',
  scope: 'subscriptions:write',
  params: path,
  response: { description: 'The scheduled change, canceled.', schema: scheduledChangeOut },
  errors: [...COMMAND_ERRORS, 'scheduled_change_not_pending'],
  kind: 'command',
  async command(tx, call) {
    const { subscription, at } = await liveAt(tx, call);
    const { id } = await show(tx, subscription.id, call.params.change);
    const command: CancelScheduledChangeCommand = { scheduled_change: id };
    return lifecycle(subscription, 'cancel_scheduled_change', command, at);
  },
  answer: (tx, { params }, subscriptionId) => show(tx, subscriptionId, params.change),
});

export const scheduledChangeRoutes: Route[] = [list, get, cancel];

async function show(tx: Tx, subscriptionId: string, id: string): Promise<z.infer<typeof scheduledChangeOut>> {
  const change = isId('chg', id) ? await findRow(tx, ScheduledChangeSchema, { id, subscriptionId }) : null;
  return presentScheduledChange(found(change, 'scheduled change of this subscription'));
}
