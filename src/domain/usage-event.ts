/** An event of use as a caller sends it: something of his happened once, under a key of his own. */
export type IncomingUsage = {
  /** The caller's `idempotency_key`; the event has no other name. */
  key: string;
  eventName: string;
  /** Exactly one of the two says whose it is. */
  customerId: string | null;
  externalCustomerId: string | null;
  /** Set when the event belongs to one subscription alone (billing rule 29b). */
  subscriptionId: string | null;
  at: Date;
  properties: UsageProperties;
};

export type UsageProperties = Record<string, string | number | boolean>;

/** Why an event that can be read is not taken, each with the remedy. */
export const USAGE_REFUSALS = {
  customer_not_found: {
    path: 'customer_id',
    message:
      'There is no such customer; look at the id, or send external_customer_id, which may come before the customer.',
  },
  customer_deleted: {
    path: 'customer_id',
    message: 'This customer is deleted; its usage is billed no more.',
  },
  subscription_not_found: {
    path: 'subscription_id',
    message:
      'This customer has no such subscription; leave subscription_id out unless the event belongs to one alone.',
  },
  too_old: {
    path: 'timestamp',
    message: "This is longer ago than the tenant's late_window_days; events of that time are closed.",
  },
  in_future: {
    path: 'timestamp',
    message: 'This is more than five minutes ahead of now; look at the clock of the machine that wrote it.',
  },
  idempotency_key_reused: {
    path: 'idempotency_key',
    message: 'This key stands for an event that said something else; to correct that one, amend it.',
  },
  outside_timeframe: {
    path: 'timestamp',
    message: 'This is outside of the timeframe of the backfill; an end belongs to it no more.',
  },
  other_customer: {
    path: 'customer_id',
    message:
      'The backfill is for another customer; leave the event out, or open a backfill for its customer.',
  },
  other_event_name: {
    path: 'event_name',
    message: 'The backfill is not for events of this name.',
  },
} as const;
export type UsageRefusal = keyof typeof USAGE_REFUSALS;

/** What became of one event: it counts from now on, it did already, or it does not. */
export type IngestOutcome = 'accepted' | 'duplicate' | { rejected: UsageRefusal; message: string };

/** How far ahead of now an event may be dated: clocks of honest machines differ. */
export const USAGE_AHEAD_MINUTES = 5;

/** An event as it is kept. An amended one is the same key again, one revision later. */
export type StoredUsage = IncomingUsage & {
  revision: number;
  backfillId: string | null;
  ingestedAt: Date;
  /** Why it does not count; null while it does. */
  void: UsageVoid | null;
};

export type UsageVoid = {
  reason: 'amended' | 'deprecated' | 'backfilled' | 'reverted';
  note: string | null;
  at: Date;
};
