import { loadEnv } from '../platform/config.ts';
import { Lifecycle, stopOnSignals } from '../platform/lifecycle.ts';
import { askPromises, invoiceTable, workflowLinks } from './demo/ending.ts';
import { deviations, type Outcome } from './demo/fates.ts';
import { play } from './demo/play.ts';
import { startReceiver } from './demo/receiver.ts';
import { setStage } from './demo/stage.ts';
import { STARTS_AT } from './demo/story.ts';
import { readFlags } from './flags.ts';
import { report } from './invariants/report.ts';
import { type Stack, startStack } from './stack.ts';
import { throwAwayEnv } from './throw-away-env.ts';

/** `npm run demo`: fourteen months of eleven subscriptions on a test clock, told as a timeline. */
const options = readFlags('demo', {
  json: 'the last line is one JSON object with what was counted',
  keep: 'everything goes on running, with links into the Temporal UI',
});
const say = (line: string) => console.log(line);
const lifecycle = new Lifecycle();
stopOnSignals(lifecycle, say);

try {
  say('Perennial starts, in a temporary folder.');
  const stack = await startStack({ env: throwAwayEnv(loadEnv()), ephemeral: true, say, lifecycle });
  const faults = await show(stack);
  if (options.keep) {
    say('\nEverything goes on running. Ctrl-C ends it and removes the folder.');
  } else {
    await lifecycle.close();
    if (options.json) say(faults.json);
    process.exit(faults.sentences.length > 0 ? 1 : 0);
  }
} catch (error) {
  if (!lifecycle.isClosing) {
    say(error instanceof Error ? error.message : String(error));
    await lifecycle.close();
    process.exit(1);
  }
}

async function show(stack: Stack): Promise<{ sentences: string[]; json: string }> {
  const startedMs = performance.now();
  const receiver = lifecycle.use('the receiver of webhooks', await startReceiver());
  const stage = await setStage(stack.apiUrl, stack.keys.operatorKey, receiver, STARTS_AT);
  say('');
  const outcome = await play(stage, receiver, say);
  say('\nInvoices\n');
  for (const line of invoiceTable(outcome)) say(line);
  const promises = await askPromises(stack.config);
  say(
    `\n${promises.broken.length === 0 ? `Of ${promises.checked} promises asked, all are kept.` : report(promises)}`,
  );
  const seconds = Number(((performance.now() - startedMs) / 1000).toFixed(1));
  const { subscriptions, invoices, events } = outcome;
  const verified = events.filter(({ id }) => receiver.verified.has(id)).length;
  say(
    `\n${subscriptions.length} subscriptions, ${invoices.length} invoices, ${events.length} events, ${verified} webhooks received and verified, in ${seconds} s.`,
  );
  if (options.keep) showLinks(outcome, stack, stage.apiKey);
  const sentences = [
    ...deviations(outcome),
    ...(verified < events.length ? [`${events.length - verified} webhooks did not arrive.`] : []),
    ...(receiver.refused() > 0
      ? [`${receiver.refused()} webhooks had a signature that could not be verified.`]
      : []),
    ...promises.broken.map(({ promise, count }) => `The promise ${promise} is broken in ${count} rows.`),
    ...(promises.skipped.length > 0 ? [`Not asked: ${promises.skipped.join(', ')}.`] : []),
  ];
  if (sentences.length > 0)
    say(`\nNot as the story says:\n${sentences.map((sentence) => `  ${sentence}`).join('\n')}`);
  const counts = { subscriptions: subscriptions.length, invoices: invoices.length, events: events.length };
  return {
    sentences,
    json: JSON.stringify({ ...counts, webhooks_verified: verified, broken: promises.broken.length, seconds }),
  };
}

function showLinks(outcome: Outcome, stack: Stack, apiKey: string): void {
  say('\nTheir lives in the Temporal UI:');
  for (const link of workflowLinks(outcome, stack)) say(`  ${link}`);
  say(`\nAPI            ${stack.apiUrl}\nAPI reference  ${stack.apiUrl}/docs\nAPI key        ${apiKey}`);
}
