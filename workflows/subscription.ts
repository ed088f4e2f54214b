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
import { isLongRun, msUntil, RUN_DAYS_MAX } from './run.ts';
import { searchAttributes, showChanges, showDetails, words } from './visibility.ts';

/** The activity of each step, so that an operator reads `closePeriod` in the history and not a parameter. */
const ACTIVITY: Record<StepName, Exclude<keyof BillingActivities, 'loadSubscription'>> = {
  activate: 'activate',
  remind_trial: 'remindTrial',
  end_trial: 'endTrial',
  cancel: 'cancelSubscription',
  expire: 'expire',
  close_period: 'closePeriod',
};

/** How many steps one turn of a test clock may take before the clock looks around. */
const STEPS_PER_TICK_MAX = 300;

/**
 * One subscription for its whole life: the alarm clock of its row. It knows when something is due and nothing of how
 * much; every step is one activity that makes it true in one transaction and answers what is due next.
 */
export async function subscription(input: SubscriptionInput): Promise<void> {
  const inbox = openInbox();
  const { tenantId, subscriptionId } = input;
  const ids = { tenantId, subscriptionId };
  // Whatever an older version of this code carried can be read again from the row.
  let state: SubscriptionState | null = input.state?.v === 1 ? input.state : null;
  let shown: SubscriptionState | null = state;
  let stepsRun = 0;
  setHandler(waitingForQuery, () => waitingFor(state, inbox));

  const load = () => databaseStep('loadSubscription', ids, 'read the row');
  const collect = async (invoiceId: string, at: string | null): Promise<boolean> => {
    try {
      const answer = await chargeOnce(invoiceId).charge({ tenantId, invoiceId, at, by: 'subscription' });
      state = answer.subscription ?? state;
      return answer.invoice.status !== 'open';
    } catch (error) {
      // The attempt's row is there; the invoice's own workflow finds out what became of it.
      if (!(error instanceof ActivityFailure)) throw error;
      state = await load();
      return false;
    }
  };
  const runStep = async (current: SubscriptionState, step: StepName, at: string): Promise<void> => {
    const stepInput = { ...ids, at, revision: current.revision };
    const answer = await databaseStep(ACTIVITY[step], stepInput, `${words(step)} of ${at.slice(0, 10)}`);
    state = answer.state;
    stepsRun += 1;
    const settled = answer.collect
      ? await collect(answer.collect.invoiceId, current.clockId ? at : null)
      : !answer.waits;
    const tick = inbox.ticks[0];
    if (!tick) return;
    tick.steps += 1;
    // An invoice that waits for something may be due before the next step: the clock has to look again.
    if (!settled || tick.steps >= STEPS_PER_TICK_MAX) inbox.finishTick({ more: true, failure: null });
  };
  const apply = async (command: WaitingCommand, clockId: string | null): Promise<void> => {
    const answer = await databaseStep(
      'applyCommand',
      { ...ids, commandId: command.commandId },
      `apply ${command.commandId}`,
    );
    state = answer.state;
    if (answer.outcome === 'not_yet') return;
    if (answer.collect)
      await collect(answer.collect.invoiceId, (clockId ?? state?.clockId) ? command.requestedAt : null);
    inbox.finishCommand({ outcome: answer.outcome });
  };

  state ??= await load();
  if (!state) {
    // Started together with its creation: the row comes with the first command, or never.
    await condition(() => inbox.commands.length > 0, '15 minutes');
    while (inbox.commands[0] && !state) await apply(inbox.commands[0], null);
  }
  for (;;) {
    const current: SubscriptionState | null = state;
    if (!current) break;
    showChanges(current, shown);
    shown = current;
    const command = inbox.commands[0];
    const tick = inbox.ticks[0];
    const until = command?.requestedAt ?? tick?.until ?? current.clockNow ?? new Date().toISOString();
    const served = command || tick ? 0 : current.jitterMinutes;
    if (current.next && !current.blockedReason && msUntil(current.next.at, served, until) <= 0) {
      await runStep(current, current.next.step, current.next.at);
    } else if (command) {
      await apply(command, current.clockId);
    } else if (inbox.takeRecheck()) {
      state = await load();
    } else if (tick) {
      inbox.finishTick({ more: false, failure: current.blockedReason });
    } else if (isEnded(current.status)) {
      break;
    } else if (isLongRun(stepsRun, current.clockId !== null)) {
      await closeRun(inbox, current);
    } else {
      showDetails(current);
      await wait(inbox, current);
    }
  }
  if (shown) showDetails(shown);
  await condition(allHandlersFinished);
}

async function wait(inbox: Inbox, state: SubscriptionState): Promise<void> {
  // Under a test clock time comes as ticks, so there is no timer to set.
  if (state.clockId) return condition(inbox.hasMail);
  const due = state.blockedReason ? null : state.next;
  const capMs = RUN_DAYS_MAX * 86_400_000;
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
