import type { RepairKind } from '../../../activities/repairs/repair.ts';
import { type Repair, reconcile as repairs } from '../reconcile.ts';
import { table } from '../table.ts';
import { command, Unusable } from './command.ts';
import { count } from './lines.ts';

/** More are counted, and said as they come, but not kept for the JSON object. */
const LISTED_MAX = 1_000;

export const reconcile = command({
  does: 'brings workflows together with their rows: starts what is missing, wakes what is late',
  about: `What a worker does every hour and when it starts, now: after a restore, after workflows were ended by hand. The row is
the truth; harmless while everything works, and beside another one.`,
  takes: [],
  flags: { 'dry-run': 'says what would be done, and does nothing' },
  async run({ desk, say, given }) {
    const door = await desk.client();
    if ('away' in door) throw new Unusable(`${door.away} Nothing was repaired.`);
    const dryRun = given['dry-run'] === true;
    const counts = new Map<RepairKind, number>();
    const listed: Repair[] = [];
    for await (const repair of repairs({ database: desk.database, client: door.client }, { dryRun })) {
      counts.set(repair.kind, (counts.get(repair.kind) ?? 0) + 1);
      if (listed.length < LISTED_MAX) listed.push(repair);
      say(`${repair.kind} ${repair.id}: ${repair.sentence}`);
    }
    const total = [...counts.values()].reduce((sum, n) => sum + n, 0);
    return {
      lines: [...kindTable(counts), verdict(total, dryRun)],
      json: {
        dry_run: dryRun,
        total,
        by_kind: Object.fromEntries(counts),
        repairs: listed.map(({ kind, id, tenantId, sentence }) => ({ kind, id, tenant: tenantId, sentence })),
      },
    };
  },
});

function verdict(total: number, dryRun: boolean): string {
  if (total === 0) return 'Everything is in order; nothing was to be done.';
  return dryRun
    ? `${count(total, 'repair')} would be made; nothing was done.`
    : `${count(total, 'repair')} made.`;
}

function kindTable(counts: ReadonlyMap<RepairKind, number>): string[] {
  if (counts.size === 0) return [];
  const rows = [...counts].map(([kind, n]) => [kind, String(n)]);
  return ['', ...table(['repair', 'times'], rows, [1]), ''];
}
