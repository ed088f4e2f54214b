import { allHandlersFinished, workflowInfo } from '@temporalio/workflow';

/** A run this old ends instead of waiting once more, so that old versions of the code drain. */
const RUN_DAYS_MAX = 100;
const DAY_MS = 86_400_000;
/** Never more often: a continue-as-new costs more than a search-attribute upsert. */
const STEPS_PER_RUN = 6;
/** Under a test clock steps follow each other at once, and the server makes a new run wait until the last is a second old. */
const STEPS_PER_CLOCKED_RUN = 300;

/** Whether a workflow that is about to wait has run long enough for a new run. */
export function isLongRun(stepsRun: number, clocked: boolean): boolean {
  const stepsMax = clocked ? STEPS_PER_CLOCKED_RUN : STEPS_PER_RUN;
  return stepsRun >= stepsMax || ageDays() >= RUN_DAYS_MAX || workflowInfo().continueAsNewSuggested;
}

/**
 * How long a run may wait at most: until the hundredth day of its age, in whole days, so that it ends within 101. (Waits
 * of 100 days at any age would let a yearly subscription that is woken on day 99 go on to day 199.)
 */
export function waitMsMax(): number {
  return (RUN_DAYS_MAX - Math.min(Math.floor(ageDays()), RUN_DAYS_MAX - 1)) * DAY_MS;
}

function ageDays(): number {
  return (Date.now() - workflowInfo().runStartTime.getTime()) / DAY_MS;
}

/** The same, for a workflow that looks again when it is woken: not while an answer is still on its way. */
export function mayContinue(stepsRun: number): boolean {
  return isLongRun(stepsRun, false) && allHandlersFinished();
}

/** Milliseconds from `from` to `at` plus a delay. */
export function msUntil(at: string, delayMinutes: number, from: string): number {
  return new Date(at).getTime() + delayMinutes * 60_000 - new Date(from).getTime();
}
