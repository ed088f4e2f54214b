import { z } from 'zod';
import { listOf, listQuery, oneOrMore, pathId } from '../../src/contract/common.ts';
import { eventOut, presentEvent } from '../../src/contract/events.ts';
import { EVENT_TYPES } from '../../src/domain/event.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import { eventsAfter, findEvent, latestEvents } from '../../src/persistence/events.ts';
import { found } from '../../src/persistence/find-by-reference.ts';
import { idOf, presentList } from '../list.ts';
import { type Route, route } from '../route.ts';

/** What the feed can be asked for; also at the place where it was before. */
export const feedQuery = {
  limit: listQuery.limit,
  cursor: listQuery.cursor,
  after: z
    .string()
    .regex(/^\d{1,18}$/, 'Write a position, or 0 to begin with the first event.')
    .optional()
    .meta({ description: 'A position of the feed; 0 is its beginning.' }),
  type: oneOrMore(
    z.enum(EVENT_TYPES, { error: 'Write a type of the event catalogue, such as "invoice.paid".' }),
  ),
  object_id: z.string().max(100).optional().meta({ description: 'Only events about this object.' }),
};
const feed = z.strictObject(feedQuery);

/** A page of the feed. */
export async function readFeed(tx: Tx, query: z.output<typeof feed>) {
  const filter = {
    limit: query.limit + 1,
    ...(query.type === undefined ? {} : { types: query.type }),
    ...(query.object_id === undefined ? {} : { objectId: query.object_id }),
  };
  const beyond = query.cursor === undefined ? null : await positionOf(tx, idOf(query.cursor));
  const rows =
    query.after === undefined
      ? await latestEvents(tx, beyond, filter)
      : await eventsAfter(tx, beyond ?? query.after, filter);
  return presentList({ rows: rows.slice(0, query.limit), hasMore: rows.length > query.limit }, presentEvent);
}

const list = route({
  method: 'get',
  path: '/v1/webhook_events',
  operationId: 'listEvents',
  summary: 'List events',
  description:
    'With `after` a feed: oldest first, from behind that position. Remember the position of the last event you handled and you miss nothing. Without it: newest first.',
  tag: 'Events',
  auth: 'tenant',
  query: feed,
  response: { description: 'A page of events.', schema: listOf(eventOut) },
  kind: 'read',
  handler: (tx, { query }) => readFeed(tx, query),
});

const get = route({
  method: 'get',
  path: '/v1/webhook_events/{id}',
  operationId: 'getEvent',
  summary: 'Get an event',
  tag: 'Events',
  auth: 'tenant',
  params: pathId,
  response: { description: 'The event, as it was recorded.', schema: eventOut },
  errors: ['not_found'],
  kind: 'read',
  handler: async (tx, { params }) => presentEvent(found(await findEvent(tx, params.id), 'event')),
});

/** A cursor names the last event of the page before. */
async function positionOf(tx: Tx, id: string): Promise<string | null> {
  return found(await findEvent(tx, id), 'event').position;
}

export const eventRoutes: Route[] = [list, get];
