import { Client } from '@temporalio/client';
import { loadEnv } from '../platform/config.ts';
import { Lifecycle, stopOnSignals } from '../platform/lifecycle.ts';
import { connectTemporal } from '../platform/temporal.ts';
import { apiClient } from './api-client.ts';
import { type Cost, SEGMENTS, type Segment } from './budget/bounds.ts';
import { type Measured, measureAll } from './budget/lives.ts';
import { budgetTable, passedBounds, type Report } from './budget/report.ts';
import { readFlags } from './flags.ts';
import { step } from './progress.ts';
import { type Stack, startStack } from './stack.ts';
import { throwAwayEnv } from './throw-away-env.ts';

/** `npm run budget`: what the parts of a subscription's life cost, counted in the histories of a real server. */
const say = (line: string) => console.log(line);
const { json } = readFlags('budget', {
  json: 'the last line is one JSON object: events and actions by part',
});
const lifecycle = new Lifecycle();
stopOnSignals(lifecycle, say);

try {
  say('Starting a stack to count on.');
  const stack = await startStack({ env: throwAwayEnv(loadEnv()), ephemeral: true, say, lifecycle });
  const { measured, stepsPerRun } = await step(say, 'Subscriptions live on real timers', () => live(stack));
  const report: Report = { costs: costsOf(measured), stepsPerRun };
  say('\nCounted in the histories:\n');
  for (const line of budgetTable(report)) say(`  ${line}`);
  say(`\n  A run took ${stepsPerRun} due steps before the next one began.`);
  const passed = passedBounds(report);
  for (const sentence of passed) say(`\n${sentence}`);
  if (passed.length > 0) explain(measured);
  await lifecycle.close();
  if (json) say(JSON.stringify(report.costs));
  process.exit(passed.length > 0 ? 1 : 0);
} catch (error) {
  if (!lifecycle.isClosing) {
    say(error instanceof Error ? error.message : String(error));
    await lifecycle.close();
    process.exit(1);
  }
}

async function live(stack: Stack): Promise<{ measured: Measured[]; stepsPerRun: number }> {
  const connection = await connectTemporal(stack.config.temporal);
  try {
    const client = new Client({ connection, namespace: stack.config.temporal.namespace });
    return await measureAll({
      api: apiClient(stack.apiUrl, stack.keys.apiKey),
      client,
      ownerUrl: stack.ownerUrl,
    });
  } finally {
    await connection.close();
  }
}

/** A continue-as-new is what its renewal cost beyond a renewal without one. */
function costsOf(measured: readonly Measured[]): Record<Segment, Cost> {
  const found = Object.fromEntries(
    measured.map(({ segment, events, actions }) => [segment, { events, actions }]),
  );
  const costs = Object.fromEntries(SEGMENTS.map((segment) => [segment, found[segment]])) as Record<
    Segment,
    Cost
  >;
  const { continue_as_new: both, free_renewal: renewal } = costs;
  return {
    ...costs,
    continue_as_new: { events: both.events - renewal.events, actions: both.actions - renewal.actions },
  };
}

/** Which events were counted, for whoever has to find the one too many. */
function explain(measured: readonly Measured[]): void {
  say('\nWhat was counted:');
  for (const { segment, parts } of measured) {
    say(`  ${segment}`);
    for (const part of parts)
      say(`    ${part.map(({ type, activity }) => (activity ? `${type}(${activity})` : type)).join(' ')}`);
  }
}
