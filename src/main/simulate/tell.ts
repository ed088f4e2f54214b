import type { SimulationAnswer } from '../../contract/simulations.ts';
import { wallTimeOf } from '../../domain/zoned-time.ts';
import { table } from '../table.ts';

type Invoice = SimulationAnswer['invoices'][number];
type Subscription = SimulationAnswer['subscriptions'][number];

/** A simulation for a person to read; instants are shown as clocks do where the customer is. */
export function tellSimulation(answer: SimulationAnswer, timeZone: string): string[] {
  const { subscriptions, invoices, credit_notes: notes, balances, refused } = answer;
  const local = (instant: string) => localText(instant, timeZone);
  const last = invoices.length > 1 ? `, ${invoices.length} invoices` : '';
  return [
    `${local(answer.from)} to ${local(answer.until)} in ${timeZone}${last}`,
    ...subscriptions.flatMap((subscription) => ['', ...tellSubscription(subscription, local)]),
    ...invoices.flatMap((invoice) => ['', ...tellInvoice(invoice, local)]),
    ...(notes.length > 0 ? ['', 'Credit notes'] : []),
    ...notes.flatMap(({ at, invoice, amount, lines }) => [
      `  ${local(at)}  ${invoice ?? 'a draft'} owes ${amount.amount} ${amount.currency} less`,
      ...lines.map((line) => `    ${line.description}: ${line.amount.amount}`),
    ]),
    ...(balances.length > 0 ? ['', 'Customer balance'] : []),
    ...balances.map(({ amount, currency }) => `  ${amount} ${currency}`),
    ...(refused.length > 0 ? ['', 'Refused'] : []),
    ...refused.map(
      ({ action, at, code, detail }) => `  timeline[${action}] at ${local(at)}: ${code}. ${detail}`,
    ),
  ];
}

function tellSubscription(subscription: Subscription, local: (instant: string) => string): string[] {
  const { name, plan, plan_version: version, states, items, next, scheduled, pending } = subscription;
  return [
    `${name}: ${plan}${version > 1 ? ` (version ${version})` : ''}, ${subscription.status}`,
    `  ${states.map(({ status, from }) => `${status} from ${local(from)}`).join(' → ')}`,
    ...items.map(({ key, quantity, current_period: period }) => {
      const units = quantity === '1' ? key : `${key} × ${quantity}`;
      return period ? `  ${units}: ${local(period.start)} – ${local(period.end)}` : `  ${units}`;
    }),
    ...scheduled.map(({ action, effective_at: at }) => `  scheduled: ${action} at ${local(at)}`),
    ...pending.map(
      ({ description, amount }) => `  waits for the next invoice: ${description}: ${amount.amount}`,
    ),
    `  ${next ? `next: ${next.step} at ${local(next.at)}` : 'nothing is due any more'}`,
  ];
}

function tellInvoice(invoice: Invoice, local: (instant: string) => string): string[] {
  const { total } = invoice;
  const head = [
    invoice.number ?? '(draft)',
    local(invoice.at),
    invoice.subscription,
    invoice.billing_reason,
    tellStatus(invoice, local),
  ];
  const rows = invoice.lines.map((line) => [
    `  ${line.description}`,
    `${local(line.period.start)} – ${local(line.period.end)}`,
    line.amount.amount,
  ]);
  const sums: [string, string][] = [[`Total ${total.currency}`, total.amount]];
  sums.push(...balanceRow(invoice.balance_applied.amount));
  if (!isZero(invoice.amount_credited.amount)) sums.push(['Credited', invoice.amount_credited.amount]);
  if (sums.length > 1 || !isZero(invoice.amount_due.amount)) sums.push(['Due', invoice.amount_due.amount]);
  const [, , ...shown] = table(
    ['', '', ''],
    [...rows, ...sums.map(([what, amount]) => [`  ${what}`, '', amount])],
    [2],
  );
  const failed = invoice.attempts.flatMap(({ at, outcome, code }) => {
    if (outcome === 'declined') return [`      declined ${local(at)} (${code})`];
    return outcome === 'not_tried'
      ? [`      not charged ${local(at)}: there was no method that could be`]
      : [];
  });
  const sentences = invoice.lines.flatMap(({ explanation }) =>
    explanation.map((sentence) => `      ${sentence}`),
  );
  return [head.join('  '), ...shown, ...sentences, ...failed];
}

/** An invoice of less than nothing gives to the balance instead of taking from it. */
function balanceRow(applied: string): [string, string][] {
  if (isZero(applied)) return [];
  return applied.startsWith('-') ? [['To the balance', applied.slice(1)]] : [['From the balance', applied]];
}

function tellStatus(invoice: Invoice, local: (instant: string) => string): string {
  const { status, paid_at: paidAt, at, voided_at: voidedAt, due_at: dueAt } = invoice;
  if (status === 'paid' && paidAt) return paidAt === at ? 'paid' : `paid ${local(paidAt)}`;
  if (status === 'void' && voidedAt) return `void since ${local(voidedAt)}`;
  return status === 'open' && dueAt ? `open, due ${local(dueAt)}` : status;
}

function isZero(amount: string): boolean {
  return !/[1-9]/.test(amount);
}

/** "2027-03-15" at local midnight, else with the time. */
function localText(instant: string, timeZone: string): string {
  const text = new Date(wallTimeOf(new Date(instant), timeZone)).toISOString();
  const time = text.slice(11, 23);
  if (time === '00:00:00.000') return text.slice(0, 10);
  return `${text.slice(0, 10)} ${time.endsWith(':00.000') ? time.slice(0, 5) : time}`;
}
