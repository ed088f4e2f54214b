import { rmSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { beforeAll, expect, test } from '@jest/globals';
import { bundleForReplay } from './bundle.ts';
import { changeCopy, copyOfTheWorkflows } from './copy-workflows.ts';
import { keepRuntimeQuiet } from './quiet-runtime.ts';
import { recordedLives } from './recorded.ts';
import { replay, whatDiverged } from './replay.ts';

/**
 * Changes that nobody may make to workflow code without `patched`, each made in a copy of it: replay has to fail and
 * name the scenarios. A change is wrong for lives that run already; for new ones it may be a good idea.
 */
type Change = { what: string; file: string; from: string; to: string; breaks: string; because: RegExp };

const CHANGES: Change[] = [
  {
    what: 'two activities swapped: the step that ends a trial and the one that closes a period',
    file: 'subscription.ts',
    from: "end_trial: 'endTrial',\n  cancel: 'cancelSubscription',\n  expire: 'expire',\n  close_period: 'closePeriod',",
    to: "end_trial: 'closePeriod',\n  cancel: 'cancelSubscription',\n  expire: 'expire',\n  close_period: 'endTrial',",
    breaks: 'trial-to-paid-under-a-clock',
    because: /Nondeterminism error.*'endTrial'.*'closePeriod'/,
  },
  {
    what: 'two activities swapped: the command that begins a life, and the first look at its row',
    file: 'subscription.ts',
    from: 'run.state ??= await load(run);\n  if (!run.state) {',
    to: "if (!run.state) {\n    await condition(() => inbox.commands.length > 0, '15 minutes');\n    if (inbox.commands[0]) await apply(run, inbox.commands[0], null);\n  }\n  run.state ??= await load(run);\n  if (!run.state) {",
    breaks: 'canceled-now',
    because: /event 6, local activity 1: recorded loadSubscription .*; now applyCommand/,
  },
  {
    what: 'a timer that is no longer set',
    file: 'subscription.ts',
    from: 'const woken = await condition(inbox.hasMail, Math.max(ms, 1), { summary });',
    to: 'const woken = await condition(inbox.hasMail).then(() => [ms, summary].length > 0);',
    breaks: 'renewal-in-real-time',
    because: /Nondeterminism error/,
  },
  {
    what: 'a timer that takes longer',
    file: 'subscription.ts',
    from: 'const woken = await condition(inbox.hasMail, Math.max(ms, 1), { summary });',
    to: 'const woken = await condition(inbox.hasMail, Math.max(ms, 1) + 60_000, { summary });',
    breaks: 'renewal-in-real-time',
    because: /event 9, timer 2: recorded timer {"ms":1735}; now timer {"ms":61735}/,
  },
  {
    what: 'another input of a charge',
    file: 'subscription.ts',
    from: "at, by: 'subscription' }",
    to: "at, by: 'invoice' }",
    breaks: 'canceled-now',
    because: /event 8, activity 3: recorded charge on gateway .*"by":"subscription".*; now .*"by":"invoice"/,
  },
  {
    what: 'another input of a database step, which no history tells',
    file: 'subscription.ts',
    from: 'at, revision: state.revision }',
    to: 'at, revision: state.revision + 1 }',
    breaks: 'run-that-ended-in-a-new-one',
    because: /local activity \d+: recorded closePeriod .*; now closePeriod/,
  },
  {
    what: 'another queue for the gateway’s work',
    file: 'activities.ts',
    from: "taskQueue: queue('gateway'),\n    startToCloseTimeout: '15 seconds',\n    scheduleToCloseTimeout",
    to: "startToCloseTimeout: '15 seconds',\n    scheduleToCloseTimeout",
    breaks: 'canceled-now',
    because: /activity 3: recorded charge on gateway .*; now charge on billing/,
  },
  {
    what: 'a next run that is told less',
    file: 'subscription.ts',
    from: '    subscriptionId,\n    state,\n  });',
    to: '    subscriptionId,\n  });',
    breaks: 'run-that-ended-in-a-new-one',
    because: /continue as new 1: recorded subscription .*; now subscription/,
  },
  {
    what: 'a search attribute that is no longer shown',
    file: 'visibility.ts',
    from: 'if (moved.length > 0) upsertSearchAttributes(moved);',
    to: 'if (moved.length > 99) upsertSearchAttributes(moved);',
    breaks: 'canceled-now',
    because: /Nondeterminism error/,
  },
  {
    what: 'a wait of the invoice’s workflow for what a person does',
    file: 'invoice.ts',
    from: 'state ??= await load();\n  for (;;) {',
    to: "state ??= await load();\n  await sleep('1 minute');\n  for (;;) {",
    breaks: 'invoice-in-dunning',
    because: /Nondeterminism error/,
  },
  {
    what: 'a test clock that is asked for something else',
    file: 'test-clock.ts',
    from: 'await advanceClock(input)',
    to: 'await advanceClock({ ...input, clockId: input.tenantId })',
    breaks: 'clock-deleted',
    because: /activity 1: recorded advanceClock on billing .*; now advanceClock/,
  },
];

const lives = recordedLives();
beforeAll(keepRuntimeQuiet);

test.each(CHANGES.map((change) => [change.what, change] as const))('%s', async (_what, change) => {
  const { file, from, to, breaks, because } = change;
  const copy = copyOfTheWorkflows();
  try {
    changeCopy(copy, file, from, to);
    const replayed = await replay(await bundleForReplay(pathToFileURL(`${copy}/`)), lives);
    const diverged = replayed.filter(({ name }) => name.startsWith(`${breaks}/`)).flatMap(whatDiverged);
    expect(diverged.join('\n')).toMatch(because);
    expect(diverged[0]).toMatch(new RegExp(`^${breaks}/`));
  } finally {
    rmSync(copy, { recursive: true });
  }
});

test('and a copy that was not changed goes on with every life', async () => {
  const copy = copyOfTheWorkflows();
  try {
    const replayed = await replay(await bundleForReplay(pathToFileURL(`${copy}/`)), lives);
    expect(replayed).toHaveLength(lives.length);
    expect(replayed.flatMap(whatDiverged)).toEqual([]);
  } finally {
    rmSync(copy, { recursive: true });
  }
});

test('the same wait behind `patched` goes on with every life', async () => {
  const copy = copyOfTheWorkflows();
  try {
    changeCopy(copy, 'invoice.ts', '  setHandler,\n  sleep,', '  patched,\n  setHandler,\n  sleep,');
    const guarded =
      "state ??= await load();\n  if (patched('wait-first')) await sleep('1 minute');\n  for (;;) {";
    changeCopy(copy, 'invoice.ts', 'state ??= await load();\n  for (;;) {', guarded);
    const replayed = await replay(await bundleForReplay(pathToFileURL(`${copy}/`)), lives);
    expect(replayed.flatMap(whatDiverged)).toEqual([]);
  } finally {
    rmSync(copy, { recursive: true });
  }
});
