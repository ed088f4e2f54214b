import { allHandlersFinished, workflowInfo } from '@temporalio/workflow';

/** Runs end within this many days so that old versions of the code drain (and sleeps are capped by it too). */
export const RUN_DAYS_MAX = 100;
/** Never more often: a continue-as-new costs more than a search-attribute upsert. */
const STEPS_PER_RUN = 6;

/** Whether a workflow that is about to wait may begin a new run. */
export function mayContinue(stepsRun: number): boolean {
  const { runStartTime, continueAsNewSuggested } = workflowInfo();
  const ageDays = (Date.now() - runStartTime.getTime()) / 86_400_000;
  return (stepsRun >= STEPS_PER_RUN || ageDays >= RUN_DAYS_MAX || continueAsNewSuggested) && allHandlersFinished();
}

/** Milliseconds from `from` to `at` plus a delay. */
export function msUntil(at: string, delayMinutes: number, from: string): number {
  return new Date(at).getTime() + delayMinutes * 60_000 - new Date(from).getTime();
}
