import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { VERSION } from '../../src/platform/version.ts';
import type { World } from './world.ts';

/** One folder per scenario, one file per version of Perennial that wrote such a history. */
export const HISTORIES = fileURLToPath(new URL('../replay/histories', import.meta.url));

/** What tells of the machine and nothing to a replay: who worked (`<process>@<host>`), and where an error was thrown. */
function scrubbed(key: string, value: unknown): unknown {
  if (key === 'stackTrace') return '';
  return typeof value === 'string' ? value.replace(/\d+@[\w.]+/g, 'worker') : value;
}

/**
 * Keeps the history of a workflow as it is now, finished or not, for `test/replay`. Only when asked for
 * (`RECORD_HISTORIES=yes npm test -- test/workflows`), and never over one that is there: what was recorded once was real.
 */
export async function record(
  world: World,
  scenario: string,
  workflowId: string,
  runId?: string,
): Promise<void> {
  const file = `${HISTORIES}/${scenario}/${VERSION}.json`;
  if (process.env.RECORD_HISTORIES !== 'yes' || existsSync(file)) return;
  const history = await world.client.workflow.getHandle(workflowId, runId).fetchHistory();
  const told: unknown = JSON.parse(historyToJSON(history), scrubbed);
  await mkdir(`${HISTORIES}/${scenario}`, { recursive: true });
  await writeFile(file, `${JSON.stringify(told, null, 1)}\n`);
}
