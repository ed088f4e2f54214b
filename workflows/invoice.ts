import { allHandlersFinished, condition, continueAsNew, setHandler, sleep, workflowInfo } from '@temporalio/workflow';
import type { InvoiceState } from '../src/domain/step-answer.ts';
import { chargePatiently, databaseStep } from './activities.ts';
import { type Inbox, openInbox, type WaitingCommand } from './inbox.ts';
import { type InvoiceInput, waitingForQuery } from './messages.ts';
import { mayContinue, msUntil, RUN_DAYS_MAX } from './run.ts';
import { showInvoiceDetails, words } from './visibility.ts';

/**
 * An invoice for as long as it waits for something: its grace period, a charge whose outcome is not known, dunning, a
 * due date. When nothing is due it ends; a later callback or command starts it again.
 */
export async function invoice(input: InvoiceInput): Promise<void> {
  const inbox = openInbox();
  const { tenantId, invoiceId } = input;
  let state: InvoiceState | null = input.state ?? null;
  let stepsRun = 0;
  const { runId } = workflowInfo();
  setHandler(waitingForQuery, () => ({
    state,
    waitingFor: state?.next ? words(state.next.step) : 'nothing',
    until: state?.next?.at ?? null,
    commandsWaiting: inbox.commands.length,
    runId,
  }));

  const load = () => databaseStep('loadInvoice', { tenantId, invoiceId }, 'read the row');
  const pay = async ({ commandId }: WaitingCommand): Promise<void> => {
    const answer = await chargePatiently(`pay ${invoiceId}`).pay({ tenantId, invoiceId, commandId });
    state = answer.invoice;
    inbox.finishCommand({ outcome: answer.outcome });
  };

  state ??= await load();
  for (;;) {
    const current: InvoiceState | null = state;
    if (!current) break;
    const command = inbox.commands[0];
    const tick = inbox.ticks[0];
    const until = tick?.until ?? (current.clockNow ?? new Date().toISOString());
    if (command) {
      await pay(command);
    } else if (current.next && msUntil(current.next.at, 0, until) <= 0) {
      state = await runStep(current, current.next);
      stepsRun += 1;
      // Whatever an invoice does may concern its subscription, so under a test clock it takes one step at a time.
      if (tick) tick.steps += 1;
      if (tick) inbox.finishTick({ more: true, failure: null });
    } else if (tick) {
      inbox.finishTick({ more: false, failure: null });
    } else if (inbox.recheck) {
      inbox.recheck = false;
      state = await load();
    } else if (!current.next) {
      break;
    } else if (mayContinue(stepsRun)) {
      if (inbox.answered) await sleep(1);
      if (inbox.answered) inbox.answered = false;
      else await continueAsNew<typeof invoice>({ ...input, state: current });
    } else {
      showInvoiceDetails(current);
      await wait(inbox, current.next.at, current);
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
      return charge(state, later(next.at, state.clockNow), next.step === 'retry' ? `retry ${state.dunningAttempt}` : words(next.step));
  }
}

/** Under a test clock a charge happens at its due instant, or now when a callback made it due earlier. */
function later(at: string, clockNow: string | null): string | null {
  return clockNow && (clockNow > at ? clockNow : at);
}

async function charge({ tenantId, invoiceId }: InvoiceState, at: string | null, summary: string): Promise<InvoiceState> {
  const answer = await chargePatiently(summary).charge({ tenantId, invoiceId, at, by: 'invoice' });
  return answer.invoice;
}

async function wait(inbox: Inbox, at: string, state: InvoiceState): Promise<void> {
  // Under a test clock time comes as ticks, so there is no timer to set.
  if (state.clockId) return condition(inbox.hasMail);
  const ms = Math.min(msUntil(at, 0, new Date().toISOString()), RUN_DAYS_MAX * 86_400_000);
  const summary = `${words(state.next?.step ?? 'wait')} at ${at}`;
  const woken = await condition(inbox.hasMail, Math.max(ms, 1), { summary });
  if (!woken) inbox.answered = false;
}
