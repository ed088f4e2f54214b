import type { SubscriptionCommand } from '../decide-command.ts';
import type { SubscriptionTerms } from '../decide-create.ts';
import type { DunningPolicy } from '../dunning.ts';
import type { Life } from '../life.ts';
import type { CountingRule, MeterVersion } from '../meter.ts';
import type { Decimal } from '../money.ts';
import type { Subscription } from '../subscription.ts';
import type { UsageThreshold } from '../threshold.ts';
import type { UsageProperties } from '../usage-event.ts';

/** How the simulated customer's payment method behaves; its gateway answers every charge at once. */
export type SimulatedMethod =
  | { kind: 'succeeds' }
  | { kind: 'declines'; hard: boolean; code: string }
  | { kind: 'none' };

/** Everything a simulation is told, with every reference resolved. */
export type Script = {
  settings: SimulationSettings;
  /** In the order of time; equal instants happen in the order of the list. */
  actions: readonly Action[];
  /** The last instant that is looked at, inclusive. */
  until: Date;
  /** How many steps it may take before it is given up. */
  stepsMax: number;
};

export type SimulationSettings = {
  method: SimulatedMethod;
  /** What the customer has to his credit at the start, by currency. */
  balances: ReadonlyMap<string, Decimal>;
  /** How many hours the invoice of a closed period stays a draft: the tenant's. */
  invoiceGraceHours: number;
  dunningPolicy: DunningPolicy | null;
  trialReminderDays: number | null;
  /** How long after it happened an event of use is taken. */
  lateWindowDays: number;
  /** What the meters of the simulation count, by their ids. */
  meters: ReadonlyMap<string, readonly DatedRule[]>;
  /** The usage thresholds of the plan that a subscription is on. */
  thresholdsOf: (subscription: OnPlan) => readonly UsageThreshold[];
  /** The same hours where that plan says its own; else null. */
  graceHoursOf: (subscription: OnPlan) => number | null;
};

type OnPlan = Pick<Subscription, 'planId' | 'planVersion'>;

export type DatedRule = CountingRule & Pick<MeterVersion, 'effectiveAt'>;

/** `index` is the action's place in the timeline as it was written. */
export type Action = { index: number; at: Date } & Deed;

/** What is done by hand to invoices: to one by its number, or to all open ones of a subscription (`name`) or of all. */
export type InvoiceDeed = {
  deed: 'pay' | 'charge' | 'void' | 'mark_uncollectible';
  name: string | null;
  number: string | null;
};

/** What is said of an event of use, under its idempotency key. */
export type EventDeed = { key: string } & (
  | { deed: 'send' | 'amend'; eventName: string; usedAt: Date; properties: UsageProperties }
  | { deed: 'deprecate' }
);

export type Deed =
  | { kind: 'subscribe'; name: string; terms: SubscriptionTerms }
  /** What is asked may depend on what the subscription has become by then, so it is put into words only at that instant. */
  | { kind: 'command'; name: string; ask: (life: Life) => readonly SubscriptionCommand[] }
  | {
      kind: 'use';
      name: string;
      key: string;
      quantity: Decimal;
      properties: Readonly<Record<string, string>>;
      /** When it was used, not later than it is reported. */
      usedAt: Date;
    }
  /** `name`: the subscription that the event is for; null: for whichever counts it. */
  | ({ kind: 'event'; name: string | null } & EventDeed)
  | ({ kind: 'invoices' } & InvoiceDeed)
  | { kind: 'method'; method: SimulatedMethod };
