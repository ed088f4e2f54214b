export { importUsage } from './import-usage.ts';
export { invoice } from './invoice.ts';
export { migratePlan } from './migrate-plan.ts';
export { partitions } from './partitions.ts';
export { reconcile } from './reconcile.ts';
export { subscription } from './subscription.ts';
export { testClock } from './test-clock.ts';
export { webhookEndpoint } from './webhook-endpoint.ts';
