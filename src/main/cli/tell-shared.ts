import { presentMoney } from '../../contract/common.ts';
import type { Command } from '../../domain/command.ts';
import type { Customer } from '../../domain/customer.ts';
import { amountDue, type Invoice } from '../../domain/invoice.ts';
import type { NextInvoiceStep } from '../../domain/invoice-step.ts';
import { type Decimal, formatAmount } from '../../domain/money.ts';
import type { Tenant } from '../../domain/tenant.ts';
import type { InvoiceStory, SubscriptionStory } from '../../persistence/find-story.ts';
import { facts, instant, section, whenSeen } from './lines.ts';

/** What stories of subscriptions and of invoices have in common. */
type Story = Omit<SubscriptionStory, 'subscription' | 'priced' | 'unfinished'> | InvoiceStory;

export function tenantName({ id, name, mode }: Tenant): string {
  return `${id} (${name}, ${mode} mode)`;
}

/** Never by name: that is personal. */
export function customerName({ id, externalId }: Customer): string {
  return externalId === null ? id : `${id} (external:${externalId})`;
}

export function money(amount: Decimal, currency: string): string {
  return `${formatAmount(amount, currency)} ${currency}`;
}

export function waitsFor(next: NextInvoiceStep | null, now: Date): string {
  return next ? `${next.step} at ${whenSeen(next.at, now)}` : 'nothing';
}

export function invoicesSection(unfinished: SubscriptionStory['unfinished'], now: Date): string[] {
  return section(
    'Invoices that are not finished',
    ['invoice', 'number', 'status', 'total', 'due', 'waits for'],
    unfinished.map(({ invoice, next }) => [
      invoice.id,
      invoice.number ?? '',
      invoice.status,
      money(invoice.total, invoice.currency),
      money(amountDue(invoice), invoice.currency),
      waitsFor(next, now),
    ]),
  );
}

/** Charges, commands, news on the way, events. */
export function sharedSections({ attempts, commands, events, nudge }: Story, now: Date): string[] {
  return [
    ...section(
      'Latest charges',
      ['attempt', 'of', 'try', 'status', 'amount', 'at', 'said'],
      attempts.map((attempt) => [
        attempt.id,
        attempt.invoiceId,
        String(attempt.n),
        attempt.status,
        money(attempt.amount, attempt.currency),
        instant(attempt.createdAt),
        [attempt.code, attempt.nextCheckAt && `asked again at ${whenSeen(attempt.nextCheckAt, now)}`]
          .filter((said) => said !== null)
          .join(', '),
      ]),
    ),
    ...section(
      'Latest commands',
      ['command', 'kind', 'status', 'requested', 'refused because'],
      commands.map((command) => [
        command.id,
        command.kind,
        command.status,
        instant(command.requestedAt),
        refusalOf(command) ?? '',
      ]),
    ),
    ...section(
      'Latest events',
      ['event', 'type', 'of', 'at'],
      events.map((event) => [event.id, event.type, event.objectId, instant(event.createdAt)]),
    ),
    ...(nudge
      ? [
          '',
          'The workflow has still to be told that something changed',
          ...facts([
            ['since', instant(nudge.since)],
            ['tried', `${nudge.attempts} times`],
            ['last error', nudge.lastError],
          ]),
        ]
      : []),
  ];
}

export function sharedReport({ tenant, customer, clock, ...story }: Story): Record<string, unknown> {
  return {
    tenant: { id: tenant.id, name: tenant.name, mode: tenant.mode },
    customer: { id: customer.id, external_id: customer.externalId },
    test_clock: clock && { id: clock.id, now: clock.now },
    attempts: story.attempts.map(({ id, invoiceId, n, status, amount, currency, ...attempt }) => ({
      id,
      invoice: invoiceId,
      attempt: n,
      status,
      amount: presentMoney(amount, currency),
      code: attempt.code,
      next_check_at: attempt.nextCheckAt,
      created_at: attempt.createdAt,
    })),
    commands: story.commands.map((command) => ({
      id: command.id,
      kind: command.kind,
      status: command.status,
      requested_at: command.requestedAt,
      expires_at: command.expiresAt,
      refused_because: refusalOf(command),
    })),
    events: story.events.map(({ id, type, objectId, sequence, createdAt }) => ({
      id,
      type,
      object_id: objectId,
      sequence,
      created_at: createdAt,
    })),
    nudge: story.nudge && {
      since: story.nudge.since,
      attempts: story.nudge.attempts,
      last_error: story.nudge.lastError,
    },
  };
}

export function invoiceReport(invoice: Invoice, next: NextInvoiceStep | null): Record<string, unknown> {
  const { id, number, status, total, currency } = invoice;
  return {
    id,
    number,
    status,
    total: presentMoney(total, currency),
    amount_due: presentMoney(amountDue(invoice), currency),
    next_step: next,
  };
}

/** The code of a refusal; the rest of a command's result is the tenant's. */
function refusalOf({ status, result }: Command): string | null {
  const code = result?.['code'];
  return status === 'refused' && typeof code === 'string' ? code : null;
}
