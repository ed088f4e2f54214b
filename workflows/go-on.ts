import { makeContinueAsNewFunc, type Workflow, workflowInfo } from '@temporalio/workflow';

/** Begins a new run of this workflow. A new run starts without any search attribute that is not handed to it. */
export function goOn<W extends Workflow>(...input: Parameters<W>): Promise<never> {
  const { typedSearchAttributes } = workflowInfo();
  return makeContinueAsNewFunc<W>({ typedSearchAttributes })(...input);
}
