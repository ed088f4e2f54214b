import { allHandlersFinished, workflowInfo } from '@temporalio/workflow';

/** Runs end within this many days so that old versions of the code drain (and sleeps are capped by it too). */
export const RUN_DAYS_MAX = 100;
/** Never more often: a continue-as-new costs more than a search-attribute upsert. */
const STEPS_PER_RUN = 6;
/** Under a test clock steps follow each other at once, and the server makes a new run wait until the last is a second old. */
const STEPS_PER_CLOCKED_RUN = 300;

/** Whether a workflow that is about to wait has run long enough for a new run. */
export function isLongRun(stepsRun: number, clocked: boolean): boolean {
  const { runStartTime, continueAsNewSuggested } = workflowInfo();
  const ageDays = (Date.now() - runStartTime.getTime()) / 86_400_000;
  const stepsMax = clocked ? STEPS_PER_CLOCKED_RUN : STEPS_PER_RUN;
  return stepsRun >= stepsMax || ageDays >= RUN_DAYS_MAX || continueAsNewSuggested;
}

/** The same, for a workflow that looks again when it is woken: not while an answer is still on its way. */
export function mayContinue(stepsRun: number): boolean {
  return isLongRun(stepsRun, false) && allHandlersFinished();
}

/** Milliseconds from `from` to `at` plus a delay. */
export function msUntil(at: string, delayMinutes: number, from: string): number {
  return new Date(at).getTime() + delayMinutes * 60_000 - new Date(from).getTime();
}
