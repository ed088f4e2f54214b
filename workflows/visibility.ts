import { defineSearchAttributeKey, type SearchAttributeUpdatePair } from '@temporalio/common';
import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import type { InvoiceState, SubscriptionState } from '../src/domain/step-answer.ts';

const { KEYWORD, DATETIME, INT } = { KEYWORD: 'KEYWORD', DATETIME: 'DATETIME', INT: 'INT' } as const;

const tenant = defineSearchAttributeKey('BillingTenant', KEYWORD);
const customer = defineSearchAttributeKey('BillingCustomer', KEYWORD);
const plan = defineSearchAttributeKey('BillingPlan', KEYWORD);
const status = defineSearchAttributeKey('BillingStatus', KEYWORD);
const currency = defineSearchAttributeKey('BillingCurrency', KEYWORD);
const nextStep = defineSearchAttributeKey('BillingNextStep', KEYWORD);
const lastError = defineSearchAttributeKey('BillingLastError', KEYWORD);
const testClock = defineSearchAttributeKey('BillingTestClock', KEYWORD);
const nextStepAt = defineSearchAttributeKey('BillingNextStepAt', DATETIME);
const pastDueSince = defineSearchAttributeKey('BillingPastDueSince', DATETIME);
const dunningAttempt = defineSearchAttributeKey('BillingDunningAttempt', INT);

/** The one set of search attributes of a subscription: always whole, because continue-as-new replaces the whole set. */
export function searchAttributes(state: SubscriptionState): SearchAttributeUpdatePair[] {
  return [
    { key: tenant, value: state.tenantId },
    { key: customer, value: state.customerId },
    { key: plan, value: state.planId },
    { key: status, value: state.status },
    { key: currency, value: state.currency },
    { key: nextStep, value: state.next?.step ?? null },
    { key: lastError, value: state.blockedReason?.slice(0, 200) ?? null },
    { key: testClock, value: state.clockId },
    { key: nextStepAt, value: state.next ? new Date(state.next.at) : null },
    { key: pastDueSince, value: state.pastDueSince ? new Date(state.pastDueSince) : null },
    { key: dunningAttempt, value: state.dunningAttempt > 0 ? state.dunningAttempt : null },
  ];
}

/** One upsert for everything that moved since `shown`; nothing when nothing did. */
export function showChanges(state: SubscriptionState, shown: SubscriptionState | null): void {
  const before = shown ? searchAttributes(shown).map(({ value }) => JSON.stringify(value)) : [];
  const moved = searchAttributes(state).filter(
    ({ value }, index) => JSON.stringify(value) !== (before[index] ?? 'null'),
  );
  if (moved.length > 0) upsertSearchAttributes(moved);
}

/** What an operator reads on the workflow's page. */
export function showDetails(state: SubscriptionState): void {
  const lines = [
    `**${state.status}**${state.period ? ` · period ${state.period.start.slice(0, 10)} – ${state.period.end.slice(0, 10)}` : ''}`,
    state.next ? `next: **${words(state.next.step)}** at ${state.next.at}` : 'nothing is due',
    state.openInvoiceId ? `open invoice: ${state.openInvoiceId}` : null,
    state.dunningAttempt > 0
      ? `dunning: ${state.dunningAttempt} failed charges, past due since ${state.pastDueSince}`
      : null,
    state.clockId ? `test clock: ${state.clockId}` : null,
    state.blockedReason
      ? `**blocked**: ${state.blockedReason} — mend the cause, then retry the subscription`
      : null,
  ];
  setCurrentDetails(lines.filter((line) => line !== null).join('\n\n'));
}

/** `close_period` as an operator says it. */
export function words(step: string): string {
  return step.replaceAll('_', ' ');
}

export function showInvoiceDetails(state: InvoiceState): void {
  const lines = [
    `**${state.status}**`,
    state.next ? `next: **${words(state.next.step)}** at ${state.next.at}` : 'nothing is due',
    state.dunningAttempt > 0 ? `dunning: ${state.dunningAttempt} failed charges` : null,
    state.subscriptionId ? `subscription: ${state.subscriptionId}` : null,
  ];
  setCurrentDetails(lines.filter((line) => line !== null).join('\n\n'));
}
