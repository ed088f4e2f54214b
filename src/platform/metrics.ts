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
  };
}

export type Metrics = ReturnType<typeof createMetrics>;

/**
 * What the rows say when they are asked, the same in every process; made once, by the one process of a machine that asks
 * (the API). A question that was not answered has no value, never an old one and never 0.
 */
export function createVitalSigns(registry: Registry) {
  const registers = [registry];
  const gauge = (name: string, help: string) => new Gauge({ name: `perennial_${name}`, help, registers });
  const gaugeBy = <Label extends string>(label: Label, name: string, help: string) =>
    new Gauge({ name: `perennial_${name}`, help, labelNames: [label], registers });
  return {
    databaseUp: gauge('database_up', 'Whether PostgreSQL answered when it was last asked for these numbers'),
    temporalUp: gauge('temporal_up', 'Whether Temporal answered when it was last asked for its pollers'),
    queuePolled: gaugeBy('queue', 'queue_polled', 'Whether a worker asked this task queue for work lately'),
    overdueSubscriptions: gauge(
      'overdue_subscriptions',
      'Subscriptions in the present whose next step is more than 5 minutes late; blocked ones are not counted',
    ),
    blockedSubscriptions: gauge(
      'blocked_subscriptions',
      'Subscriptions that wait for a person after five failures',
    ),
    oldestUndeliveredEventSeconds: gauge(
      'oldest_undelivered_event_seconds',
      'Age of the oldest event that some endpoint did not accept yet, however often it was tried; 0 when there is none',
    ),
    webhookOldestDueSeconds: gauge(
      'webhook_oldest_due_seconds',
      'How long the oldest webhook delivery that is due has waited for a worker; 0 when none waits',
    ),
    webhookDeliveries: gaugeBy(
      'status',
      'webhook_deliveries',
      'Webhook deliveries that were not made: pending ones, and dead letters of all time',
    ),
    unfinishedPaymentAttempts: gaugeBy(
      'status',
      'unfinished_payment_attempts',
      'Charges whose outcome is not final, by what is known; unknown: the gateway did not say',
    ),
    oldestUnknownPaymentSeconds: gauge(
      'oldest_unknown_payment_seconds',
      'Age of the oldest charge whose outcome the gateway did not say; 0 when there is none',
    ),
    expiredCommands: gauge(
      'expired_commands',
      'Commands that expired within the last hour before they were applied',
    ),
    usageRollupLagSeconds: gauge(
      'usage_rollup_lag_seconds',
      'Age of the oldest usage event that the rollups have not seen; 0 when they have seen all',
    ),
    oldestTouchedUsageSeconds: gauge(
      'oldest_touched_usage_seconds',
      'How long the oldest change of use that an alert or a usage threshold watches has waited for a first look; 0 when none waits',
    ),
    failingTouchedUsage: gauge(
      'failing_touched_usage',
      'Customers and meters whose use could not be looked at for alerts and usage thresholds; tried again and again',
    ),
    oldestImportSeconds: gauge(
      'oldest_import_seconds',
      'How long the running import of usage that waits longest has had no part of it taken in; 0 when none runs',
    ),
    usageMonthsAhead: gauge(
      'usage_months_ahead',
      'Of the three months after this one, those that are prepared for usage events',
    ),
    oldestNudgeSeconds: gauge(
      'oldest_nudge_seconds',
      'How long the oldest news for a workflow has waited to be delivered; 0 when none waits',
    ),
  };
}

export type VitalSigns = ReturnType<typeof createVitalSigns>;
