import { z } from 'zod';
import { listOf, presentInstant } from '../../src/contract/common.ts';
import { eventOut } from '../../src/contract/events.ts';
import {
  presentUsageEvent,
  propertiesOf,
  usageEventOut,
  usageSearchQuery,
  usageVolumeOut,
  usageVolumeQuery,
  withProperties,
} from '../../src/contract/usage-search.ts';
import type { StoredUsage } from '../../src/domain/usage-event.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import { findTenant } from '../../src/persistence/find.ts';
import { findCustomerByReference, found } from '../../src/persistence/find-by-reference.ts';
import {
  searchUsage,
  type UsageFilter,
  type UsagePlace,
  usageVolume,
} from '../../src/persistence/search-usage.ts';
import { clock } from '../../src/platform/clock.ts';
import { type Route, route } from '../route.ts';
import { invalid } from '../validate.ts';
import { feedQuery, readFeed } from './events.ts';

const DAY_MS = 86_400_000;
/** Without a customer there is no index to follow, so the time that is looked through has a limit. */
const UNOWNED_DAYS_MAX = 31;

const { limit: _limit, cursor: _cursor, ...feedOnly } = feedQuery;
const searchQuery = withProperties({ ...usageSearchQuery, ...feedOnly });

const search = route({
  method: 'get',
  path: '/v1/events',
  operationId: 'searchEvents',
  summary: 'Search events of use',
  description: `Newest first, by the instant of their use. Without a customer at most ${UNOWNED_DAYS_MAX} days are searched: those before \`timestamp[lt]\` where \`timestamp[gte]\` is absent.

With \`after\`, \`type\` or \`object_id\` this is still the feed that moved to \`GET /v1/webhook_events\`.`,
  tag: 'Usage',
  auth: 'tenant',
  query: searchQuery,
  response: { description: 'A page of events.', schema: listOf(z.union([usageEventOut, eventOut])) },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { tenantId, query }) {
    const { after, type, object_id } = query;
    const isOfFeed = after !== undefined || type !== undefined || object_id !== undefined;
    if (isOfFeed || isFeedCursor(query.cursor))
      return readFeed(tx, { limit: query.limit, cursor: query.cursor, after, type, object_id });
    const filter = bounded({
      ...(await filterOf(tx, query)),
      from: instantOf(query['timestamp[gte]']),
      until: instantOf(query['timestamp[lt]']),
      properties: propertiesOf(query),
      isVoid: query.voided === undefined ? null : query.voided === 'true',
    });
    const page = { limit: query.limit + 1, after: query.cursor === undefined ? null : placeOf(query.cursor) };
    const events = await searchUsage(tx, tenantId, filter, page);
    return pageOf(events, query.limit);
  },
});

const volume = route({
  method: 'get',
  path: '/v1/events/volume',
  operationId: 'getEventVolume',
  summary: 'Count events of use by hour or day',
  description:
    'Every hour or day that begins or lies in the time asked for, oldest first, also those without events.',
  tag: 'Usage',
  auth: 'tenant',
  query: usageVolumeQuery,
  response: { description: 'A count for each.', schema: usageVolumeOut },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { tenantId, query }) {
    const [from, until] = [new Date(query.from), new Date(query.to)];
    const daysMax = query.granularity === 'hour' ? 31 : 400;
    if (from >= until || until.getTime() - from.getTime() > daysMax * DAY_MS) {
      const message = `Write an instant after "from", at most ${daysMax} days later.`;
      throw invalid([{ path: 'to', code: 'range_invalid', message }]);
    }
    const timeZone = query.time_zone ?? (await findTenant(tx, tenantId)).timeZone;
    const filter = { ...(await filterOf(tx, query)), from, until, properties: {}, isVoid: null };
    const counts = await usageVolume(tx, tenantId, filter, { unit: query.granularity, timeZone });
    return {
      object: 'list' as const,
      granularity: query.granularity,
      time_zone: timeZone,
      data: counts.map(({ start, ...count }) => ({ start: presentInstant(start), ...count })),
    };
  },
});

export const usageSearchRoutes: Route[] = [search, volume];

type Filters = {
  customer?: string | undefined;
  external_customer_id?: string | undefined;
  subscription?: string | undefined;
  event_name?: string | undefined;
};

async function filterOf(tx: Tx, query: Filters) {
  const { customer } = query;
  return {
    customerId:
      customer === undefined ? null : found(await findCustomerByReference(tx, customer), 'customer').id,
    externalCustomerId: query.external_customer_id ?? null,
    subscriptionId: query.subscription ?? null,
    eventName: query.event_name ?? null,
  };
}

function bounded(filter: UsageFilter): UsageFilter {
  if (filter.customerId !== null) return filter;
  const spanMs = UNOWNED_DAYS_MAX * DAY_MS;
  // Events may be dated a little ahead.
  const until =
    filter.until ??
    new Date(Math.max(clock.now().getTime() + DAY_MS, (filter.from?.getTime() ?? 0) + spanMs));
  const from = filter.from ?? new Date(until.getTime() - spanMs);
  if (until.getTime() - from.getTime() <= spanMs + DAY_MS || filter.until === null)
    return { ...filter, from, until };
  const message = `Name a customer, or ask for at most ${UNOWNED_DAYS_MAX} days.`;
  throw invalid([{ path: 'timestamp[gte]', code: 'range_invalid', message }]);
}

function instantOf(text: string | undefined): Date | null {
  return text === undefined ? null : new Date(text);
}

function pageOf(events: readonly StoredUsage[], limit: number) {
  const shown = events.slice(0, limit);
  const last = shown.at(-1);
  const hasMore = events.length > limit;
  return {
    object: 'list' as const,
    data: shown.map(presentUsageEvent),
    has_more: hasMore,
    next_cursor: hasMore && last ? cursorOf(last) : null,
  };
}

function cursorOf({ at, key, revision }: UsagePlace): string {
  return Buffer.from(`u1 ${at.toISOString()} ${revision} ${key}`).toString('base64url');
}

function placeOf(cursor: string): UsagePlace {
  const match = /^u1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (\d{1,9}) ([^\0]{1,255})$/s.exec(
    textOf(cursor),
  );
  const at = new Date(match?.[1] ?? '');
  if (match?.[3] && !Number.isNaN(at.getTime())) return { at, revision: Number(match[2]), key: match[3] };
  const message = 'Send the next_cursor of the page before, unchanged.';
  throw invalid([{ path: 'cursor', code: 'cursor_invalid', message }]);
}

/** Cursors of the feed name an event of it, also those that were handed out before the feed moved. */
function isFeedCursor(cursor: string | undefined): boolean {
  return cursor !== undefined && textOf(cursor).startsWith('v1 ');
}

function textOf(cursor: string): string {
  return Buffer.from(cursor, 'base64url').toString();
}
