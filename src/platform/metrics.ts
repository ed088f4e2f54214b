import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/**
 * The numbers a process shows at `/metrics`. One registry per process and no global one, so that several stacks can
 * live in one process (tests, the demo). Labels are closed sets: never an id, never anything a caller chose.
 */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    httpRequestSeconds: new Histogram({
      name: 'perennial_http_request_seconds',
      help: 'Time to answer a request, by route template',
      labelNames: ['method', 'route', 'status'] as const,
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20],
      registers,
    }),
    activitySeconds: new Histogram({
      name: 'perennial_activity_seconds',
      help: 'Time an activity took, by activity and outcome',
      labelNames: ['activity', 'outcome'] as const,
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15],
      registers,
    }),
    webhookAttempts: new Counter({
      name: 'perennial_webhook_attempts_total',
      help: 'Webhook delivery attempts, by outcome',
      labelNames: ['outcome'] as const,
      registers,
    }),
    webhookOldestDueSeconds: new Gauge({
      name: 'perennial_webhook_oldest_due_seconds',
      help: 'How long the oldest webhook delivery that is due has waited for a worker; 0 when none waits',
      registers,
    }),
    gatewayCallbacks: new Counter({
      name: 'perennial_gateway_callbacks_total',
      help: 'Callbacks of payment gateways, by what became of them; refused: the signature did not fit',
      labelNames: ['outcome'] as const,
      registers,
    }),
    repairs: new Counter({
      name: 'perennial_repairs_total',
      help: 'What reconciliation had to drive on, by kind',
      labelNames: ['kind'] as const,
      registers,
    }),
    overdueSubscriptions: new Gauge({
      name: 'perennial_overdue_subscriptions',
      help: 'Subscriptions in the present whose next step is more than 5 minutes late',
      registers,
    }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
