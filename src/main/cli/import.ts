import { workflowId } from '../../../workflows/messages.ts';
import { findStandingImports } from '../../persistence/find-trouble.ts';
import { clock } from '../../platform/clock.ts';
import { command } from './command.ts';
import { LIMIT, limitOf } from './limit.ts';
import { count, listing, whenSeen } from './lines.ts';

const list = command({
  does: 'names the running imports of usage of which no part was taken in for ten minutes',
  about: `What perennial_oldest_import_seconds is about, the longest waiting first. The workflow says in the Temporal UI why, under
its pending activities; when that is mended it goes on by itself with the first row that was not taken, and no row counts
twice. \`reconcile\` starts a workflow that is lost.`,
  takes: [],
  flags: { limit: LIMIT },
  async run({ desk, given }) {
    const now = clock.now();
    const standing = await desk.everywhere((tx) => findStandingImports(tx, now, limitOf(given.limit)));
    return {
      lines: listing(
        'No import of usage stands still.',
        ['import', 'of', 'since', 'left', 'workflow'],
        standing.map(({ id, tenantId, since, rowsLeft }) => [
          id,
          tenantId,
          whenSeen(since, now),
          count(rowsLeft, 'row'),
          workflowId.importUsage(id),
        ]),
      ),
      json: {
        imports: standing.map(({ id, tenantId, since, rowsLeft }) => ({
          import: id,
          tenant: tenantId,
          since,
          rows_left: rowsLeft,
          workflow: workflowId.importUsage(id),
        })),
      },
    };
  },
});

export const imports = { list };
