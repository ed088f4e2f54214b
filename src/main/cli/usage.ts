import { findUnwatchedUsage } from '../../persistence/find-trouble.ts';
import { clock } from '../../platform/clock.ts';
import { command } from './command.ts';
import { LIMIT, limitOf } from './limit.ts';
import { count, listing, whenSeen } from './lines.ts';

const list = command({
  does: 'names whose use cannot be looked at for alerts and usage thresholds, and why',
  about: `What perennial_failing_touched_usage counts, one by one, the longest waiting first. Each is tried again within five
minutes; nothing of it is lost, and it goes on by itself when the cause is mended.`,
  takes: [],
  flags: { limit: LIMIT },
  async run({ desk, given }) {
    const failing = await desk.everywhere((tx) => findUnwatchedUsage(tx, limitOf(given.limit)));
    const now = clock.now();
    return {
      lines: listing(
        'All use that somebody watches was looked at.',
        ['customer', 'of', 'meter', 'since', 'tried', 'again at', 'because'],
        failing.map((row) => [
          row.customerId,
          row.tenantId,
          row.meterId ?? 'by hand',
          whenSeen(row.since, now),
          count(row.tries, 'time'),
          whenSeen(row.nextTryAt, now),
          row.lastError ?? '',
        ]),
      ),
      json: {
        usage: failing.map(({ customerId, tenantId, meterId, tries, lastError, since, nextTryAt }) => ({
          customer: customerId,
          tenant: tenantId,
          meter: meterId,
          tries,
          last_error: lastError,
          since,
          next_try_at: nextTryAt,
        })),
      },
    };
  },
});

export const usage = { list };
