import type { Workload } from './harness.ts';

/** Every workload by its name on the command line; loaded when it is asked for. */
export const WORKLOADS: Record<string, { about: string; load: () => Promise<Workload> }> = {
  renewals: {
    about:
      '500 subscriptions renew and are charged in the same second, against bare workflows of the same shape',
    load: async () => (await import('./renewals.ts')).renewals,
  },
  'renewals-unpaid': {
    about: 'the same for subscriptions whose invoices are sent, so that nothing is charged',
    load: async () => (await import('./renewals.ts')).renewalsUnpaid,
  },
  api: {
    about:
      'GET of an invoice and a page of fifty at saturation, against a bare Express with the same statements',
    load: async () => (await import('./api.ts')).api,
  },
  commands: {
    about: 'create a subscription with its first paid invoice over HTTP, against a bare update-with-start',
    load: async () => (await import('./commands.ts')).commands,
  },
  memory: {
    about: 'worker memory per 1,000 cached open subscriptions, against empty workflows',
    load: async () => (await import('./memory.ts')).memory,
  },
  webhooks: {
    about: '20,000 events to one endpoint, against the outbox loop that fits on a page',
    load: async () => (await import('./webhooks.ts')).webhooks,
  },
  ingest: {
    about:
      '60,000 events of use in batches of 1, 100 and 1,000, against a raw COPY and against a bare Express with one unnest',
    load: async () => (await import('./ingest.ts')).ingest,
  },
  usage: {
    about:
      'ten million events of 2,000 subscriptions: a month of one, of a tenant by day, of all at their close, against plain SQL',
    load: async () => (await import('./usage.ts')).usage,
  },
  entitlements: {
    about:
      'whether a customer may go on, answered for one after the other, against one plain statement over the same tables',
    load: async () => (await import('./entitlements.ts')).entitlements,
  },
  calculation: {
    about:
      '100,000 lines over all price models with their traces, against the same formulas in bare decimal.js',
    load: async () => (await import('./calculation.ts')).calculation,
  },
  simulation: {
    about:
      'three subscriptions simulated for 36 months, against their sums in one loop; what of a real renewal is calculation',
    load: async () => (await import('./simulation.ts')).simulation,
  },
};
