import type { z } from 'zod';
import type { invoiceOut } from '../../contract/invoices.ts';
import type { subscriptionOut } from '../../contract/subscriptions.ts';
import type { EventType } from '../../domain/event.ts';
import type { InvoiceStatus } from '../../domain/invoice.ts';
import type { SubscriptionStatus } from '../../domain/subscription.ts';
import { localDay } from './local-time.ts';
import type { EventSeen } from './stage.ts';
import { CAST, idOf, type Person } from './story.ts';

/** How somebody's story has to end, worked out by hand from the billing rules. */
export type Fate = {
  status: SubscriptionStatus;
  /** The local first day of every period that was invoiced; of whoever pays for use the day of the invoice. */
  billedOn: readonly string[];
  /** Totals that are not the plan's amount, from the first day of a period on. */
  totals?: readonly { on: string; total: string; untilChanged?: true }[];
  /** Invoices that are not paid, by the first day of their period. */
  notPaid?: Readonly<Record<string, InvoiceStatus>>;
  /** Exactly how often; types that are not named may happen as they like. */
  happened?: Partial<Record<EventType, number>>;
};

export const FATES: Readonly<Record<string, Fate>> = {
  // 31 January, and the last day of every month that has no 31st (billing rule 6).
  ada: {
    status: 'active',
    billedOn: [
      '2028-01-31',
      '2028-02-29',
      '2028-03-31',
      '2028-04-30',
      '2028-05-31',
      '2028-06-30',
      '2028-07-31',
      '2028-08-31',
      '2028-09-30',
      '2028-10-31',
      '2028-11-30',
      '2028-12-31',
      '2029-01-31',
      '2029-02-28',
      '2029-03-31',
    ],
    happened: { 'subscription.renewed': 14, 'invoice.payment_failed': 0 },
  },
  // Nothing is billed in the trial; the anchor moves to its end (billing rule 10).
  bela: {
    status: 'active',
    billedOn: [
      '2028-02-14',
      '2028-03-14',
      '2028-04-14',
      '2028-05-14',
      '2028-06-14',
      '2028-07-14',
      '2028-08-14',
      '2028-09-14',
      '2028-10-14',
      '2028-11-14',
      '2028-12-14',
      '2029-01-14',
      '2029-02-14',
      '2029-03-14',
    ],
    happened: { 'subscription.trial_will_end': 1, 'subscription.activated': 1 },
  },
  // 29 February has no anniversary in 2029: the day before its end (billing rule 6).
  chiyo: { status: 'active', billedOn: ['2028-02-29', '2029-02-28'] },
  // Declined on the day itself and on day 1, paid on day 3 (billing rule 33).
  dora: {
    status: 'active',
    billedOn: ['2028-01-31', '2028-04-30', '2028-07-31', '2028-10-31', '2029-01-31'],
    happened: {
      'invoice.payment_failed': 2,
      'subscription.past_due': 1,
      'subscription.recovered': 1,
      'payment.succeeded': 5,
    },
  },
  // Declined on the day itself and on days 1, 3, 5 and 7; then the policy cancels and writes the invoice off.
  emil: {
    status: 'canceled',
    billedOn: ['2028-01-31', '2028-02-29', '2028-03-31', '2028-04-30'],
    notPaid: { '2028-04-30': 'uncollectible' },
    happened: {
      'invoice.payment_failed': 5,
      'subscription.past_due': 1,
      'subscription.canceled': 1,
      'payment.succeeded': 3,
    },
  },
  fay: {
    status: 'active',
    billedOn: ['2028-01-31', '2028-04-30', '2028-07-31', '2028-10-31', '2029-01-31'],
    happened: {
      'subscription.cancel_scheduled': 1,
      'subscription.uncanceled': 1,
      'subscription.canceled': 0,
    },
  },
  // The invoice of July is paid six days after it was due (billing rule 29d).
  goro: {
    status: 'active',
    billedOn: ['2028-02-01', '2028-08-01', '2029-02-01'],
    happened: {
      'invoice.overdue': 1,
      'subscription.past_due': 1,
      'subscription.recovered': 1,
      'invoice.paid': 3,
      'payment.succeeded': 3,
      'payment.failed': 0,
    },
  },
  // 16 of 31 days of March: 15.48 of 30.00 back, 46.45 of 90.00 to pay (billing rules 11, 12 and 14).
  hana: {
    status: 'active',
    billedOn: [
      '2028-01-31',
      '2028-02-29',
      '2028-03-15',
      '2028-03-31',
      '2028-04-30',
      '2028-05-31',
      '2028-06-30',
      '2028-07-31',
      '2028-08-31',
      '2028-09-30',
      '2028-10-31',
      '2028-11-30',
      '2028-12-31',
      '2029-01-31',
      '2029-02-28',
      '2029-03-31',
    ],
    totals: [
      { on: '2028-03-15', total: '30.97' },
      { on: '2028-03-31', total: '90.00', untilChanged: true },
    ],
    happened: { 'invoice.payment_failed': 0 },
  },
  // 20 of 30 days of June back, which pay for most of 26 of 31 days of August (billing rule 31b).
  ivo: {
    status: 'active',
    billedOn: [
      '2028-01-31',
      '2028-02-29',
      '2028-03-31',
      '2028-04-30',
      '2028-05-31',
      '2028-06-10',
      '2028-08-05',
      '2028-08-31',
      '2028-09-30',
      '2028-10-31',
      '2028-11-30',
      '2028-12-31',
      '2029-01-31',
      '2029-02-28',
      '2029-03-31',
    ],
    totals: [
      { on: '2028-06-10', total: '-30.00' },
      { on: '2028-08-05', total: '37.74' },
      { on: '2028-08-31', total: '45.00', untilChanged: true },
    ],
    happened: { 'subscription.paused': 1, 'subscription.resumed': 1 },
  },
  // 21 of 31 days of May: 16.94 of 25.00 back, 27.10 of 40.00 to pay.
  juna: {
    status: 'active',
    billedOn: [
      '2028-01-31',
      '2028-02-29',
      '2028-03-31',
      '2028-04-30',
      '2028-05-10',
      '2028-05-31',
      '2028-06-30',
      '2028-07-31',
      '2028-08-31',
      '2028-09-30',
      '2028-10-31',
      '2028-11-30',
      '2028-12-31',
      '2029-01-31',
      '2029-02-28',
      '2029-03-31',
    ],
    totals: [
      { on: '2028-01-31', total: '25.00', untilChanged: true },
      { on: '2028-05-10', total: '10.16' },
      { on: '2028-05-31', total: '40.00', untilChanged: true },
    ],
  },
  // Calls are billed behind their quarter; what came late for April's is on the next one (billing rule 29).
  kira: {
    status: 'active',
    billedOn: ['2028-01-31', '2028-04-30', '2028-07-31', '2028-10-31', '2029-01-31'],
    totals: [
      { on: '2028-04-30', total: '32.00' },
      { on: '2028-07-31', total: '22.50' },
    ],
    happened: { 'invoice.payment_failed': 0, 'alert.triggered': 1 },
  },
};

export type Subscription = z.infer<typeof subscriptionOut>;
export type Invoice = z.infer<typeof invoiceOut>;
export type Outcome = {
  subscriptions: readonly Subscription[];
  invoices: readonly Invoice[];
  events: readonly EventSeen[];
};

/** A sentence for everything that is not as the story says. */
export function deviations({ subscriptions, invoices, events }: Outcome): string[] {
  return CAST.flatMap((person) => {
    const fate = FATES[idOf(person)];
    const subscription = subscriptions.find(({ external_id }) => external_id === idOf(person));
    if (!fate || !subscription) return [`${person.name} has no subscription.`];
    const own = invoices.filter((invoice) => invoice.subscription === subscription.id);
    const mine = own
      .map((invoice) => ({ ...invoice, on: localDay(dayOf(person, invoice), person.timeZone) }))
      .sort((a, b) => (a.on < b.on ? -1 : 1));
    const counts = Object.entries(fate.happened ?? {}).map(([type, wanted]) => {
      const seen = events.filter(
        (event) => event.type === type && event.customer === subscription.customer,
      ).length;
      return differs(`${person.name} had ${type} ${seen} times, not ${wanted}`, seen, wanted);
    });
    const bills = mine.flatMap(({ on, number, status, total }) => [
      differs(
        `${person.name}'s invoice ${number} of ${on} is ${status}`,
        status,
        fate.notPaid?.[on] ?? 'paid',
      ),
      differs(
        `${person.name}'s invoice ${number} is over ${total.amount}, not ${totalOn(fate, on) ?? person.amount}`,
        total.amount,
        totalOn(fate, on) ?? person.amount,
      ),
    ]);
    const days = mine.map(({ on }) => on).join(' ');
    return [
      differs(
        `${person.name} is ${subscription.status}, not ${fate.status}`,
        subscription.status,
        fate.status,
      ),
      differs(
        `${person.name} was billed on ${days}, not on ${fate.billedOn.join(' ')}`,
        days,
        fate.billedOn.join(' '),
      ),
      ...counts,
      ...bills,
    ].flatMap((sentence) => sentence ?? []);
  });
}

/** Use is billed behind its period, so an invoice of it reaches back. */
function dayOf({ perCall }: Person, { period, created_at }: Outcome['invoices'][number]): string {
  return perCall ? created_at : period.start;
}

function totalOn({ totals = [] }: Fate, on: string): string | undefined {
  const exact = totals.find((one) => one.on === on);
  return (exact ?? totals.findLast((one) => one.untilChanged && one.on < on))?.total;
}

function differs(sentence: string, seen: unknown, wanted: unknown): string | null {
  return seen === wanted ? null : `${sentence}.`;
}
