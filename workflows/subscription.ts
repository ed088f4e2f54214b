import type { SearchAttributePair } from '@temporalio/common';
import {
  ActivityFailure,
  allHandlersFinished,
  condition,
  makeContinueAsNewFunc,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { BillingActivities } from '../activities/billing.ts';
import type { SubscriptionState } from '../src/domain/step-answer.ts';
import { isEnded, type StepName } from '../src/domain/subscription.ts';
import { chargeOnce, databaseStep } from './activities.ts';
import { type Inbox, openInbox, type WaitingCommand } from './inbox.ts';
import { type SubscriptionInput, type WaitingFor, waitingForQuery } from './messages.ts';
import { isLongRun, msUntil, waitMsMax } from './run.ts';
import { searchAttributes, showChanges, showDetails, words } from './visibility.ts';

/** The activity of each step, so that an operator reads `closePeriod` in the history and not a parameter. */
const ACTIVITY: Record<StepName, Exclude<keyof BillingActivities, 'loadSubscription'>> = {
  activate: 'activate',
  bill_threshold: 'billThreshold',
  remind_trial: 'remindTrial',
  apply_change: 'applyChange',
  end_trial: 'endTrial',
  cancel: 'cancelSubscription',
  expire: 'expire',
  close_period: 'closePeriod',
};

/** How many steps one turn of a test clock may take before the clock looks around. */
const STEPS_PER_TICK_MAX = 300;

/** One run of the workflow: what it knows of the row, what operators were shown of it, and what has arrived. */
type Run = {
  ids: { tenantId: string; subscriptionId: string };
  inbox: Inbox;
  state: SubscriptionState | null;
  shown: SubscriptionState | null;
  stepsRun: number;
};

/**
 * One subscription for its whole life: the alarm clock of its row. It knows when something is due and nothing of how
 * much; every step is one activity that makes it true in one transaction and answers what is due next.
 */
export async function subscription(input: SubscriptionInput): Promise<void> {
  const { tenantId, subscriptionId } = input;
  // Whatever an older version of this code carried can be read again from the row.
  const carried = input.state?.v === 1 ? input.state : null;
  const inbox = openInbox();
  const run: Run = { ids: { tenantId, subscriptionId }, inbox, state: carried, shown: carried, stepsRun: 0 };
  setHandler(waitingForQuery, () => waitingFor(run.state, inbox));

  run.state ??= await load(run);
  if (!run.state) {
    // Started together with its creation: the row comes with the first command, or never.
    await condition(() => inbox.commands.length > 0, '15 minutes');
    while (inbox.commands[0] && !run.state) await apply(run, inbox.commands[0], null);
  }
  while (run.state && (await goOn(run, run.state)));
  if (run.shown) showDetails(run.shown);
  await condition(allHandlersFinished);
}

/** Does the one thing that comes first: due steps in time order, then what has arrived, then waiting. False at the end. */
async function goOn(run: Run, state: SubscriptionState): Promise<boolean> {
  const { inbox } = run;
  showChanges(state, run.shown);
  run.shown = state;
  const command = inbox.commands[0];
  const tick = inbox.ticks[0];
  const until = command?.requestedAt ?? tick?.until ?? state.clockNow ?? new Date().toISOString();
  const served = command || tick ? 0 : state.jitterMinutes;
  if (state.next && !state.blockedReason && msUntil(state.next.at, served, until) <= 0) {
    await runStep(run, state, state.next);
  } else if (command) {
    await apply(run, command, state.clockId);
  } else if (inbox.takeRecheck()) {
    run.state = await load(run);
  } else if (tick) {
    inbox.finishTick({ more: false, failure: state.blockedReason });
  } else if (isEnded(state.status)) {
    return false;
  } else if (isLongRun(run.stepsRun, state.clockId !== null)) {
    await closeRun(inbox, state);
  } else {
    showDetails(state);
    await wait(inbox, state);
  }
  return true;
}

async function runStep(
  run: Run,
  state: SubscriptionState,
  next: { step: StepName; at: string },
): Promise<void> {
  const { step, at } = next;
  const stepInput = { ...run.ids, at, revision: state.revision };
  const answer = await databaseStep(ACTIVITY[step], stepInput, `${words(step)} of ${at.slice(0, 10)}`);
  run.state = answer.state;
  run.stepsRun += 1;
  const chargeAt = state.clockId ? at : null;
  const settled = answer.collect ? await collect(run, answer.collect.invoiceId, chargeAt) : !answer.waits;
  const tick = run.inbox.ticks[0];
  if (!tick) return;
  tick.steps += 1;
  // An invoice that waits for something may be due before the next step: the clock has to look again.
  if (!settled || tick.steps >= STEPS_PER_TICK_MAX) run.inbox.finishTick({ more: true, failure: null });
}

async function apply(
  run: Run,
  { commandId, requestedAt }: WaitingCommand,
  clockId: string | null,
): Promise<void> {
  const answer = await databaseStep('applyCommand', { ...run.ids, commandId }, `apply ${commandId}`);
  run.state = answer.state;
  if (answer.outcome === 'not_yet') return;
  const onClock = clockId ?? answer.state?.clockId ?? null;
  if (answer.collect) await collect(run, answer.collect.invoiceId, onClock ? requestedAt : null);
  run.inbox.finishCommand({ outcome: answer.outcome });
}

/** The first charge of an invoice, tried once. Answers whether nothing is left to do about it. */
async function collect(run: Run, invoiceId: string, at: string | null): Promise<boolean> {
  try {
    const { tenantId } = run.ids;
    const answer = await chargeOnce(invoiceId).charge({ tenantId, invoiceId, at, by: 'subscription' });
    run.state = answer.subscription ?? run.state;
    return answer.invoice.status !== 'open';
  } catch (error) {
    // The attempt's row is there; the invoice's own workflow finds out what became of it.
    if (!(error instanceof ActivityFailure)) throw error;
    run.state = await load(run);
    return false;
  }
}

function load({ ids }: Run): Promise<SubscriptionState | null> {
  return databaseStep('loadSubscription', ids, 'read the row');
}

async function wait(inbox: Inbox, state: SubscriptionState): Promise<void> {
  // Under a test clock time comes as ticks, so there is no timer to set.
  if (state.clockId) return condition(inbox.hasMail);
  const due = state.blockedReason ? null : state.next;
  const capMs = waitMsMax();
  const ms = due ? Math.min(msUntil(due.at, state.jitterMinutes, new Date().toISOString()), capMs) : capMs;
  const summary = due ? `${words(due.step)} at ${due.at}` : 'nothing is due';
  const woken = await condition(inbox.hasMail, Math.max(ms, 1), { summary });
  if (!woken) inbox.answered = false;
}

/** The task that answers an update does not also end the run; after a moment the loop looks into the inbox once more. */
async function closeRun(inbox: Inbox, state: SubscriptionState): Promise<void> {
  inbox.closing = true;
  await condition(allHandlersFinished);
  if (!inbox.answered) return continueAs(state);
  inbox.answered = false;
  return sleep(1);
}

function continueAs(state: SubscriptionState): Promise<never> {
  const { tenantId, subscriptionId } = state;
  const set = searchAttributes(state).flatMap(({ key, value }) =>
    value === null ? [] : [{ key, value } as SearchAttributePair],
  );
  return makeContinueAsNewFunc<typeof subscription>({ typedSearchAttributes: set })({
    tenantId,
    subscriptionId,
    state,
  });
}

function waitingFor(state: SubscriptionState | null, inbox: Inbox): WaitingFor {
  const { runId } = workflowInfo();
  const common = { state, commandsWaiting: inbox.commands.length, runId };
  if (!state) return { ...common, waitingFor: 'the create command', until: null };
  if (state.blockedReason)
    return { ...common, waitingFor: 'a person: the subscription is blocked', until: null };
  if (state.clockId && state.next)
    return {
      ...common,
      waitingFor: `test clock ${state.clockId}: ${words(state.next.step)}`,
      until: state.next.at,
    };
  return {
    ...common,
    waitingFor: state.next ? words(state.next.step) : 'nothing is due',
    until: state.next?.at ?? null,
  };
}
