import { styleText } from 'node:util';
import type { z } from 'zod';
import { alertFiringOut } from '../../contract/alerts.ts';
import { invoiceOut } from '../../contract/invoices.ts';
import { paymentMethodOut } from '../../contract/payment-methods.ts';
import { paymentOut } from '../../contract/payments.ts';
import { subscriptionOut } from '../../contract/subscriptions.ts';
import type { EventType } from '../../domain/event.ts';
import { localDay, localMinute } from './local-time.ts';
import type { EventSeen } from './stage.ts';

/** Who a customer id is, for the reader. */
export type Known = { name: string; timeZone: string };

/** Everything that happened to one customer at one instant. */
export type Line = {
  instant: string;
  /** The same for the customer's eyes. */
  localTime: string;
  who: string;
  happened: string;
  invoice: string;
  amount: string;
  payment: string;
  eventIds: readonly string[];
};

/** The events of a stretch of time as lines, in the order of the clock. Events of no customer (plans) have no line. */
export function linesOf(events: readonly EventSeen[], known: ReadonlyMap<string, Known>): Line[] {
  const groups = Map.groupBy(
    events.filter((event) => event.customer !== null),
    (event) => `${event.created_at} ${event.customer}`,
  );
  const sorted = [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([, group]) => lineOf(group, known));
}

function lineOf(group: readonly EventSeen[], known: ReadonlyMap<string, Known>): Line {
  const [first] = group;
  const who = known.get(first?.customer ?? '') ?? { name: first?.customer ?? '', timeZone: 'UTC' };
  const invoice = lastOf(group, 'invoice', invoiceOut);
  const payment = lastOf(group, 'payment', paymentOut);
  const money = invoice?.total ?? payment?.amount;
  return {
    instant: first?.created_at ?? '',
    localTime: localMinute(first?.created_at ?? '', who.timeZone),
    who: who.name,
    happened: happenedIn(group, who.timeZone).join(', '),
    invoice: invoice?.number ?? '',
    amount: money ? `${money.amount} ${money.currency}` : '',
    payment: payment ? paymentWords(payment) : invoice?.paid_out_of_band ? 'paid by transfer' : '',
    eventIds: group.map(({ id }) => id),
  };
}

/** What each type of event adds to a line; types that are not here show in the other columns, or in none. */
const WORDS: Partial<Record<EventType, (event: EventSeen, timeZone: string) => string | null>> = {
  'payment_method.attached': (event) => `card ${paymentMethodOut.parse(event.data.object).last4}`,
  'subscription.created': (event, timeZone) => {
    const { trial_end: trialEnd } = subscriptionOut.parse(event.data.object);
    return trialEnd ? `trial to ${localDay(trialEnd, timeZone)}` : 'subscribes';
  },
  'subscription.trial_will_end': () => 'trial ends soon',
  'subscription.activated': () => 'active',
  'subscription.renewed': (event, timeZone) => {
    const { current_period: period } = subscriptionOut.parse(event.data.object);
    return period && `renews to ${localDay(period.end, timeZone)}`;
  },
  'subscription.past_due': () => 'past due',
  'subscription.recovered': () => 'recovered, active again',
  'subscription.updated': () => 'changes',
  'subscription.paused': () => 'paused',
  'subscription.resumed': () => 'resumed',
  'subscription.cancel_scheduled': (event, timeZone) => {
    const { cancel_at: cancelAt } = subscriptionOut.parse(event.data.object);
    return cancelAt && `will end on ${localDay(cancelAt, timeZone)}`;
  },
  'subscription.uncanceled': () => 'stays after all',
  'subscription.canceled': () => 'canceled',
  'invoice.paid': (event) =>
    invoiceOut.parse(event.data.object).paid_out_of_band ? 'invoice settled' : null,
  'invoice.overdue': () => 'invoice overdue',
  'invoice.marked_uncollectible': () => 'written off',
  'alert.triggered': (event) => {
    const { name, value } = alertFiringOut.parse(event.data.object);
    return `alert: ${name.toLowerCase()}, ${value}`;
  },
  'payment.failed': (event) => retryWords(paymentOut.parse(event.data.object)),
  'payment.succeeded': (event) => retryWords(paymentOut.parse(event.data.object)),
};

function happenedIn(group: readonly EventSeen[], timeZone: string): string[] {
  return group.flatMap((event) => WORDS[event.type]?.(event, timeZone) ?? []);
}

function lastOf<T>(
  group: readonly EventSeen[],
  type: EventSeen['object_type'],
  schema: z.ZodType<T>,
): T | null {
  const event = group.findLast(({ object_type }) => object_type === type);
  return event ? schema.parse(event.data.object) : null;
}

/** The first try is part of what it pays for; the later ones are days of their own. */
function retryWords({ attempt }: z.infer<typeof paymentOut>): string | null {
  return attempt !== null && attempt > 1 ? `retry ${attempt - 1}` : null;
}

function paymentWords({ status, failure }: z.infer<typeof paymentOut>): string {
  if (status === 'succeeded') return 'paid';
  return status === 'failed' ? `declined: ${failure?.code?.replaceAll('_', ' ') ?? ''}` : status;
}

const WIDTHS = { localTime: 16, who: 5, happened: 33, invoice: 10, amount: 10, payment: 28 };

export function timelineHeading(): string {
  const { localTime, who, happened, invoice, amount, payment } = WIDTHS;
  const titles = [
    'local time'.padEnd(localTime),
    'who'.padEnd(who),
    'what happened'.padEnd(happened),
    'invoice'.padEnd(invoice),
  ];
  return [...titles, 'amount'.padStart(amount), 'payment'.padEnd(payment), 'webhooks'].join('  ');
}

/** One line of the timeline; `verified` is what the receiver has heard and believed. */
export function renderLine(line: Line, verified: ReadonlySet<string>): string {
  const heard = line.eventIds.filter((id) => verified.has(id)).length;
  const all = heard === line.eventIds.length;
  const cells = [
    line.localTime.padEnd(WIDTHS.localTime),
    line.who.padEnd(WIDTHS.who),
    tinted(line.happened, WIDTHS.happened),
    line.invoice.padEnd(WIDTHS.invoice),
    line.amount.padStart(WIDTHS.amount),
    tinted(line.payment, WIDTHS.payment),
    all ? `${heard} verified` : `${heard} of ${line.eventIds.length} verified`,
  ];
  return cells.join('  ');
}

/** Colours show only on a terminal that has them. */
function tinted(text: string, width: number): string {
  const padded = text.padEnd(width);
  if (/declined|past due|overdue/.test(text)) return styleText('yellow', padded);
  if (/canceled|written off/.test(text)) return styleText('red', padded);
  return /paid|active|settled/.test(text) ? styleText('green', padded) : padded;
}
