import { z } from 'zod';
import { isUsageProblem } from '../../src/contract/read-usage-event.ts';
import { readUsageEvents } from '../../src/contract/usage-body.ts';
import { ingestedOut, presentIngested, usageEventsIn } from '../../src/contract/usage-events.ts';
import type { IncomingUsage, IngestOutcome } from '../../src/domain/usage-event.ts';
import type { Database } from '../../src/persistence/doors.ts';
import { ingestUsage } from '../../src/persistence/ingest-usage.ts';
import { clock } from '../../src/platform/clock.ts';
import { crashPoint } from '../../src/platform/crash-point.ts';
import { decodeBody, refuseOtherThanJson } from '../parse-json.ts';
import { type Route, rawRoute } from '../route.ts';

const BODY_LIMIT_BYTES = 1024 * 1024;

const ingest = rawRoute({
  method: 'post',
  path: '/v1/events',
  operationId: 'ingestEvents',
  summary: 'Send events of use',
  description: `Each event is answered for itself: \`accepted\`, \`duplicate\` or \`rejected\` with the reason, and one that cannot be taken never keeps its neighbours out. What is accepted or a duplicate is stored for good.

The events carry their own keys, so this path takes no \`Idempotency-Key\`: when an answer is lost, or it is a 503, send the same events again. With \`dry_run=true\` the answer is the same and nothing is stored.`,
  tag: 'Usage',
  auth: 'tenant',
  scope: 'usage:write',
  query: z.strictObject({ dry_run: z.enum(['true', 'false']).default('false') }),
  body: usageEventsIn,
  bodyLimitBytes: BODY_LIMIT_BYTES,
  response: { description: 'What became of each.', schema: ingestedOut, contentType: 'application/json' },
  async handler({ deps, tenantId, query, rawBody, headers }) {
    refuseOtherThanJson(headers['content-type']);
    const read = readUsageEvents(decodeBody(rawBody));
    const events = read.filter((event): event is IncomingUsage => !isUsageProblem(event));
    const take = query.dry_run === 'true' ? rehearse : store;
    const outcomes = events.length === 0 ? [] : await take(deps.database, tenantId, events);
    crashPoint('usage.afterCommit');
    const body = JSON.stringify(presentIngested(read, outcomes));
    return { status: 200, contentType: 'application/json', body };
  },
});

export const usageEventRoutes: Route[] = [ingest];

function store(database: Database, tenantId: string, events: IncomingUsage[]): Promise<IngestOutcome[]> {
  return database.writeAsTenant(tenantId, (tx) => ingestUsage(tx, tenantId, events, clock.now()));
}

/** Does all of it and undoes it, so that the answer is the very same. */
async function rehearse(
  database: Database,
  tenantId: string,
  events: IncomingUsage[],
): Promise<IngestOutcome[]> {
  const rehearsed = new Rehearsed();
  await database
    .withTenant(tenantId, async (tx) => {
      rehearsed.outcomes = await ingestUsage(tx, tenantId, events, clock.now());
      throw rehearsed;
    })
    .catch((error: unknown) => {
      if (error !== rehearsed) throw error;
    });
  return rehearsed.outcomes;
}

class Rehearsed extends Error {
  outcomes: IngestOutcome[] = [];
}
