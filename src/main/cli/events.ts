import { assertEnabled, lockLiveEndpoint } from '../../../api/change-webhook-endpoint.ts';
import { instantIn } from '../../contract/common.ts';
import { found } from '../../persistence/find-by-reference.ts';
import { databaseNow } from '../../persistence/find-commands.ts';
import {
  countReplay,
  type Replay,
  type ReplayCount,
  replayBatch,
} from '../../persistence/replay-deliveries.ts';
import { findEndpoint } from '../../persistence/webhooks.ts';
import { table } from '../table.ts';
import { command, Refused, Unusable } from './command.ts';
import type { Desk } from './desk.ts';
import { count } from './lines.ts';
import { locate } from './locate.ts';

/** More than this is asked about twice: a receiver that gets a year of events again may not be ready for it. */
const ASKED_ABOVE = 1_000;
const BATCH = 1_000;

const replay = command({
  does: 'sends the events of a stretch of time to an endpoint again: same ids, a new attempt each',
  about: `Events that the endpoint subscribes to, by the wall time at which they were recorded, from --from until before --to;
also those that arrived, unless --missed. What is being sent at this moment is left alone. Refuses more than
${count(ASKED_ABOVE, 'event')} without --yes, and a disabled endpoint (exit code 1).`,
  takes: [],
  flags: {
    endpoint: ['<id>', 'who gets them (we_…)'],
    from: ['<instant>', 'such as 2027-01-31T00:00:00Z'],
    to: ['<instant>', 'now, when absent'],
    missed: 'only what did not arrive',
    'dry-run': 'says what would be sent, and sends nothing',
    yes: `also more than ${count(ASKED_ABOVE, 'event')}`,
  },
  async run({ desk, given, say }) {
    const from = instantOf('from', given.from);
    const to = given.to === undefined ? await desk.everywhere(databaseNow) : instantOf('to', given.to);
    if (from >= to) throw new Unusable('--from must be before --to.');
    if (given.endpoint === undefined) throw new Unusable('Name the endpoint: --endpoint we_…');
    const { id, tenantId } = await locate(desk, 'webhook endpoint', given.endpoint);
    const { wanted, counts } = await desk.inTenant(tenantId, async (tx) => {
      const endpoint = found(await findEndpoint(tx, id), 'webhook endpoint');
      if (!given['dry-run']) assertEnabled(endpoint);
      const wanted: Replay = { endpoint, from, to, missedOnly: given.missed === true };
      return { wanted, counts: await countReplay(tx, wanted) };
    });
    const total = counts.reduce((sum, { events }) => sum + events, 0);
    const json = { endpoint: id, from, to, missed_only: wanted.missedOnly, by_type: counts };
    if (given['dry-run']) {
      const words = `${count(total, 'event')} would be sent to ${id} again; nothing was.`;
      return { lines: [...typeTable(counts), words], json: { ...json, events: total, sent: 0 } };
    }
    if (total > ASKED_ABOVE && !given.yes)
      throw new Refused(
        `That is ${count(total, 'event')}, more than ${ASKED_ABOVE.toLocaleString('en')}: add --yes to send them all the same, or --dry-run to see what they are.`,
      );
    const sent = await resend(desk, tenantId, wanted, (so) => {
      if (total > BATCH) say(`${count(so, 'event')} of ${total.toLocaleString('en')}`);
    });
    const words = `${count(sent, 'event')} ${sent === 1 ? 'is' : 'are'} due at ${id} again; a worker sends them.`;
    return { lines: [...typeTable(counts), words], json: { ...json, events: total, sent } };
  },
});

export const events = { replay };

/** In batches, so that the endpoint's lock is held for moments; each batch is complete or did not happen. */
async function resend(
  desk: Desk,
  tenantId: string,
  wanted: Replay,
  onBatch: (sent: number) => void,
): Promise<number> {
  let sent = 0;
  for (let after = '0'; ; ) {
    const done = await desk.inTenant(tenantId, async (tx) => {
      assertEnabled(await lockLiveEndpoint(tx, wanted.endpoint.id));
      return replayBatch(tx, wanted, { after, limit: BATCH, at: await databaseNow(tx) });
    });
    if (!done) return sent;
    sent += done.events;
    after = done.last;
    onBatch(sent);
  }
}

function instantOf(flag: string, text: string | undefined): Date {
  if (text === undefined) throw new Unusable(`Say from when: --${flag} 2027-01-31T00:00:00Z`);
  const parsed = instantIn.safeParse(text);
  if (parsed.success) return new Date(parsed.data);
  throw new Unusable(`--${flag}: ${parsed.error.issues[0]?.message ?? 'is not an instant'}`);
}

function typeTable(counts: readonly ReplayCount[]): string[] {
  if (counts.length === 0) return [];
  const rows = counts.map(({ type, events: all, arrived }) => [type, String(all), String(arrived)]);
  return [...table(['type', 'events', 'arrived before'], rows, [1, 2]), ''];
}
