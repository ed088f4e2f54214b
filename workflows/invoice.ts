import {
  ActivityFailure,
  allHandlersFinished,
  condition,
  continueAsNew,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { InvoiceState } from '../src/domain/step-answer.ts';
import { chargePatiently, databaseStep } from './activities.ts';
import { type Inbox, openInbox, type WaitingCommand } from './inbox.ts';
import { type InvoiceInput, waitingForQuery } from './messages.ts';
import { mayContinue, msUntil, waitMsMax } from './run.ts';
import { showInvoiceDetails, words } from './visibility.ts';

/**
 * An invoice for as long as it waits for something: its grace period, a charge whose outcome is not known, dunning, a
 * due date. When nothing is due it ends; a later callback or command starts it again.
 */
export async function invoice(input: InvoiceInput): Promise<void> {
  const inbox = openInbox();
  const { tenantId, invoiceId } = input;
  let state: InvoiceState | null = input.state ?? null;
  let trouble: string | null = null;
  let stepsRun = 0;
  const { runId } = workflowInfo();
  setHandler(waitingForQuery, () => ({
    state,
    waitingFor: trouble ?? (state?.next ? words(state.next.step) : 'nothing'),
    until: state?.next?.at ?? null,
    commandsWaiting: inbox.commands.length,
    runId,
  }));

  const load = () => databaseStep('loadInvoice', { tenantId, invoiceId }, 'read the row');
  const pay = async ({ commandId }: WaitingCommand): Promise<void> => {
    try {
      const answer = await chargePatiently(`pay ${invoiceId}`).pay({ tenantId, invoiceId, commandId });
      state = answer.invoice;
      inbox.finishCommand({ outcome: answer.outcome });
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error;
      // The command's row says what became of it; the other things this invoice waits for go on.
      inbox.finishCommand({ outcome: 'refused' });
      inbox.recheck = true;
    }
  };
  /** A step that cannot be made (a fault of ours, a row that contradicts itself) is tried again later, not given up. */
  const step = async (current: InvoiceState, next: NonNullable<InvoiceState['next']>): Promise<void> => {
    try {
      state = await runStep(current, next);
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error;
      trouble = error.cause?.message ?? error.message;
    }
    stepsRun += 1;
  };

  state ??= await load();
  for (;;) {
    const current: InvoiceState | null = state;
    if (!current) break;
    const command = inbox.commands[0];
    const tick = inbox.ticks[0];
    const until = tick?.until ?? current.clockNow ?? new Date().toISOString();
    if (command) {
      await pay(command);
    } else if (inbox.takeRecheck()) {
      // Before anything is done: what changed may have made something else due, and earlier.
      trouble = null;
      state = await load();
    } else if (current.next && !trouble && msUntil(current.next.at, 0, until) <= 0) {
      await step(current, current.next);
      // Whatever an invoice does may concern its subscription, so under a test clock it takes one step at a time.
      if (tick) tick.steps += 1;
      if (tick) inbox.finishTick({ more: true, failure: trouble });
    } else if (tick) {
      inbox.finishTick({ more: false, failure: trouble });
      trouble = null;
    } else if (!current.next) {
      break;
    } else if (mayContinue(stepsRun)) {
      if (inbox.answered) await sleep(1);
      if (inbox.answered) inbox.answered = false;
      else await continueAsNew<typeof invoice>({ ...input, state: current });
    } else {
      showInvoiceDetails(current);
      await wait(inbox, current, trouble ? AGAIN_AFTER_MS : 0);
      trouble = null;
    }
  }
  await condition(allHandlersFinished);
}

function runStep(state: InvoiceState, next: NonNullable<InvoiceState['next']>): Promise<InvoiceState> {
  const { tenantId, invoiceId } = state;
  const summary = `${words(next.step)} of ${next.at.slice(0, 10)}`;
  switch (next.step) {
    case 'finalize':
      return databaseStep('finalizeInvoice', { tenantId, invoiceId, at: next.at }, summary);
    case 'mark_overdue':
      return databaseStep('markOverdue', { tenantId, invoiceId, at: next.at }, summary);
    case 'collect':
    case 'retry':
    case 'check_payment':
      return charge(
        state,
        later(next.at, state.clockNow),
        next.step === 'retry' ? `retry ${state.dunningAttempt}` : words(next.step),
      );
  }
}

/** Under a test clock a charge happens at its due instant, or now when a callback made it due earlier. */
function later(at: string, clockNow: string | null): string | null {
  return clockNow && (clockNow > at ? clockNow : at);
}

async function charge(
  { tenantId, invoiceId }: InvoiceState,
  at: string | null,
  summary: string,
): Promise<InvoiceState> {
  const answer = await chargePatiently(summary).charge({ tenantId, invoiceId, at, by: 'invoice' });
  return answer.invoice;
}

/** How long after a step that could not be made it is tried again, unless news comes first. */
const AGAIN_AFTER_MS = 3_600_000;

async function wait(inbox: Inbox, { clockId, next }: InvoiceState, minMs: number): Promise<void> {
  // Under a test clock time comes as ticks, so there is no timer to set.
  if (clockId || !next) return condition(inbox.hasMail);
  const ms = Math.min(msUntil(next.at, 0, new Date().toISOString()), waitMsMax());
  const summary = `${words(next.step)} at ${next.at}`;
  const woken = await condition(inbox.hasMail, Math.max(ms, minMs, 1), { summary });
  if (!woken) inbox.answered = false;
}
