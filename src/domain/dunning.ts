/** What happens when every retry has failed (billing rule 33). */
export const DUNNING_END_ACTIONS = ['cancel', 'unpaid', 'leave_past_due'] as const;
export type DunningEndAction = (typeof DUNNING_END_ACTIONS)[number];

export type DunningPolicy = {
  /** Days after the first failure, increasing. */
  retryDays: readonly number[];
  /** The customer's local hour at which a retry is made. */
  localHour: number;
  endAction: DunningEndAction;
  /** What becomes of the invoice at the end. */
  invoice: 'uncollectible' | 'leave_open';
};

/** Billing rule 33. */
export const DEFAULT_DUNNING_POLICY: DunningPolicy = {
  retryDays: [1, 3, 5, 7],
  localHour: 9,
  endAction: 'cancel',
  invoice: 'uncollectible',
};

/** The dunning of one open invoice; the policy is the one in force at the first failure. */
export type Collection = {
  invoiceId: string;
  tenantId: string;
  customerId: string;
  currency: string;
  policy: DunningPolicy;
  firstFailedAt: Date;
  /** Failed charges so far, the first one included. */
  attempt: number;
  hardDeclined: boolean;
  /** Null while an older invoice of the same customer and currency is being retried first. */
  nextAttemptAt: Date | null;
  outcome: 'paid' | 'exhausted' | 'superseded' | 'voided' | 'uncollectible' | null;
  endedAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
};
