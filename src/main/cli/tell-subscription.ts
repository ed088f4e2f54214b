import { presentSubscription } from '../../contract/present-subscription.ts';
import { formatUnitPrice } from '../../domain/money.ts';
import { unitAmountOf } from '../../domain/plan.ts';
import type { SubscriptionStory } from '../../persistence/find-story.ts';
import { LATE_MS } from '../../persistence/invariants/due.ts';
import { adviceLines, facts, instant, whenSeen } from './lines.ts';
import {
  customerName,
  invoiceReport,
  invoicesSection,
  sharedReport,
  sharedSections,
  tenantName,
} from './tell-shared.ts';
import { isGone, type WorkflowState, workflowFacts } from './workflow-state.ts';

/** The story of a subscription as a person reads it. */
export function subscriptionLines(
  story: SubscriptionStory,
  workflow: WorkflowState,
  wallNow: Date,
): string[] {
  const { subscription: row, tenant, customer, clock } = story;
  // Under a test clock only the clock's time says what is late.
  const now = clock?.now ?? wallNow;
  const at = (date: Date | null) => date && whenSeen(date, now);
  const period =
    row.currentPeriodStart && row.currentPeriodEnd
      ? `${instant(row.currentPeriodStart)} to ${instant(row.currentPeriodEnd)}`
      : null;
  return [
    `${row.id}  ${row.status}${row.blockedReason ? ', BLOCKED' : ''}`,
    ...facts([
      ['tenant', tenantName(tenant)],
      ['customer', customerName(customer)],
      ['external id', row.externalId],
      ['plan', `${row.planId}, version ${row.planVersion}: ${itemsOf(story)}`],
      ['test clock', clock && `${clock.id}, where it is ${instant(clock.now)}`],
      ['period', period],
      ['next step', nextStepOf(story, now)],
      ['failures', row.failureCount > 0 ? `${row.failureCount} of this step` : null],
      ['blocked', row.blockedReason],
      ['past due', at(row.pastDueSince)],
      ['unpaid', at(row.unpaidSince)],
      ['expires', at(row.expiresAt)],
      ['ends', row.endedAt ? null : at(row.cancelAt)],
      ['ended', at(row.endedAt)],
      ...workflowFacts(workflow),
    ]),
    ...invoicesSection(story.unfinished, now),
    ...sharedSections(story, now),
    ...adviceLines(advice(story, workflow, now)),
  ];
}

/** The same as one JSON object, in the words of the API. */
export function subscriptionReport(
  story: SubscriptionStory,
  workflow: WorkflowState,
  now: Date,
): Record<string, unknown> {
  // What a tenant keeps in metadata is his business.
  const { metadata: _metadata, ...subscription } = presentSubscription(story.subscription, story.priced);
  return {
    subscription: { ...subscription, failure_count: story.subscription.failureCount },
    ...sharedReport(story),
    unfinished_invoices: story.unfinished.map(({ invoice, next }) => invoiceReport(invoice, next)),
    workflow,
    advice: advice(story, workflow, now),
  };
}

function itemsOf({ priced }: SubscriptionStory): string {
  return priced
    .map(({ item, price, quantity }) => {
      const unitAmount = unitAmountOf(price);
      const amount = unitAmount ? formatUnitPrice(unitAmount) : `${price.terms.model} prices in`;
      const every =
        price.intervalCount === 1 ? price.intervalUnit : `${price.intervalCount} ${price.intervalUnit}s`;
      return `${item.key} × ${quantity.toFixed()} at ${amount} ${price.currency} per ${every}`;
    })
    .join(', ');
}

function nextStepOf({ subscription, clock }: SubscriptionStory, now: Date): string {
  const { nextStep, nextStepAt } = subscription;
  if (!nextStep || !nextStepAt) return 'none';
  const late = now.getTime() - nextStepAt.getTime() > LATE_MS && !clock;
  return `${nextStep} at ${whenSeen(nextStepAt, now)}${late ? '  LATE' : ''}`;
}

/** What an operator would do next; empty when all is well. */
function advice({ subscription, clock }: SubscriptionStory, workflow: WorkflowState, now: Date): string[] {
  const { id, blockedReason, nextStepAt, endedAt } = subscription;
  if (endedAt) return [];
  if (blockedReason) return [`Mend the cause, then: npm run cli -- subscription retry ${id}`];
  if (isGone(workflow))
    return [`Its workflow does not run. To start it: npm run cli -- subscription recheck ${id}`];
  const late = nextStepAt !== null && !clock && now.getTime() - nextStepAt.getTime() > LATE_MS;
  if (!late || workflow.trouble) return [];
  return [
    `Its step is late, and its workflow runs: look at its activities above and at the log of the worker, then: npm run cli -- subscription recheck ${id}`,
  ];
}
