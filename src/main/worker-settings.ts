import type { WorkerOptions } from '@temporalio/worker';

/** How each worker divides its machine. The benches give the same to what they compare with. */

export function billingSettings(poolSize: number): Partial<WorkerOptions> {
  return {
    // Every database step holds one connection of the pool.
    maxConcurrentLocalActivityExecutions: poolSize,
    stickyQueueScheduleToStartTimeout: '30 seconds',
  };
}

export const GATEWAY_SETTINGS: Partial<WorkerOptions> = { maxConcurrentActivityTaskExecutions: 50 };

/** Long work gives way to what people wait for. */
export const BULK_SETTINGS: Partial<WorkerOptions> = {
  maxConcurrentActivityTaskExecutions: 4,
  maxConcurrentWorkflowTaskExecutions: 4,
};
