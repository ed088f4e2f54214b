import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Client } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { VERSION } from '../../src/platform/version.ts';
import { historyJson, localInputs } from '../replay/calls.ts';
import { historyFile, inputsFile } from '../replay/recorded.ts';
import { whatDiverged } from '../replay/replay.ts';
import { replayToday } from './replay.ts';

/** What tells of the machine and nothing to a replay: who worked (`<process>@<host>`), and where an error was thrown. */
function scrubbed(key: string, value: unknown): unknown {
  if (key === 'stackTrace') return '';
  return typeof value === 'string' ? value.replace(/\d+@[\w.-]+/g, 'worker') : value;
}

/**
 * Keeps the history of a workflow as it is now, finished or not, for `npm run replay`. Only under `npm run record`, and
 * never over one that is there: what was recorded once was real.
 */
export async function record(
  { client }: { client: Client },
  scenario: string,
  workflowId: string,
  runId?: string,
): Promise<void> {
  const file = historyFile(scenario, VERSION);
  const wanted = process.env.RECORD_HISTORIES?.split(',') ?? [];
  if (!wanted.includes(scenario) || existsSync(file)) return;
  const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  const json: unknown = JSON.parse(historyToJSON(history), scrubbed);
  // Lived again by the code that has just lived it, it tells the inputs that Temporal does not keep.
  const [replayed] = await replayToday([{ name: scenario, json, locals: null }]);
  if (!replayed || whatDiverged(replayed).length > 0) throw new Error(`${scenario} does not replay`);
  await mkdir(dirname(file), { recursive: true });
  await keep(inputsFile(scenario, VERSION), localInputs(historyJson.parse(json), replayed.made));
  await keep(file, json);
}

const keep = (file: string, told: unknown) =>
  writeFile(file, `${JSON.stringify(told, null, 1)}\n`, { flag: 'wx' });
