import { presentInvoice } from '../../contract/invoices.ts';
import { amountDue } from '../../domain/invoice.ts';
import { findInvoiceStory, type InvoiceStory } from '../../persistence/find-story.ts';
import { findUnclearCharges } from '../../persistence/find-trouble.ts';
import { clock } from '../../platform/clock.ts';
import { command } from './command.ts';
import { LIMIT, limitOf } from './limit.ts';
import { adviceLines, type Fact, facts, instant, listing, section, whenSeen } from './lines.ts';
import { locate } from './locate.ts';
import { customerName, money, sharedReport, sharedSections, tenantName, waitsFor } from './tell-shared.ts';
import { isGone, type WorkflowState, workflowFacts, workflowState } from './workflow-state.ts';

const show = command({
  does: 'tells where an invoice stands: lines, what it waits for, charges, dunning, workflow, events',
  about: `Reads only. An invoice that waits for nothing has no workflow, and that is in order.`,
  takes: ['<id or number>'],
  flags: { tenant: ['<id>', 'whose it is, where several tenants use one number'] },
  async run({ desk, words: [reference = ''], given }) {
    const { id, tenantId } = await locate(desk, 'invoice', reference, given.tenant ?? null);
    const story = await desk.inTenant(tenantId, (tx) => findInvoiceStory(tx, id));
    const workflow = await workflowState(desk, 'invoice', id);
    return { lines: invoiceLines(story, workflow, clock.now()), json: report(story, workflow) };
  },
});

const list = command({
  does: 'names the invoices with a charge of which nobody knows yet what became of it',
  about: `What perennial_unfinished_payment_attempts counts as in_flight and unknown, one by one, oldest first. The gateway is
asked about each again and again, and nothing is charged anew meanwhile.`,
  takes: [],
  flags: { limit: LIMIT },
  async run({ desk, given }) {
    const charges = await desk.everywhere((tx) => findUnclearCharges(tx, limitOf(given.limit)));
    const now = clock.now();
    return {
      lines: listing(
        'No charge is unclear.',
        ['invoice', 'of', 'attempt', 'status', 'since', 'asked', 'asked again at'],
        charges.map((charge) => [
          charge.invoiceId,
          charge.tenantId,
          charge.attemptId,
          charge.status,
          whenSeen(charge.createdAt, now),
          `${charge.checks} times`,
          charge.nextCheckAt ? whenSeen(charge.nextCheckAt, now) : '',
        ]),
      ),
      json: {
        invoices: charges.map(({ attemptId, invoiceId, tenantId, createdAt, nextCheckAt, ...charge }) => ({
          id: invoiceId,
          tenant: tenantId,
          attempt: attemptId,
          ...charge,
          created_at: createdAt,
          next_check_at: nextCheckAt,
        })),
      },
    };
  },
});

export const invoice = { list, show };

function invoiceLines(story: InvoiceStory, workflow: WorkflowState, wallNow: Date): string[] {
  const { invoice: row, tenant, customer, lines, next } = story;
  const now = story.clock?.now ?? wallNow;
  const amount = (of: typeof row.total) => money(of, row.currency);
  return [
    `${row.id}  ${row.status}${row.number ? `  ${row.number}` : ''}`,
    ...facts([
      ['tenant', tenantName(tenant)],
      ['customer', customerName(customer)],
      ['subscription', row.subscriptionId],
      ['made by', row.billingReason],
      ['test clock', story.clock && `${story.clock.id}, where it is ${instant(story.clock.now)}`],
      ['period', `${instant(row.periodStart)} to ${instant(row.periodEnd)}`],
      ['total', amount(row.total)],
      ['paid', amount(row.amountPaid)],
      ['still due', amount(amountDue(row))],
      ['due by', row.dueAt && whenSeen(row.dueAt, now)],
      ['overdue', row.overdueSince && whenSeen(row.overdueSince, now)],
      ['waits for', waitsFor(next, now)],
      ...dunningFacts(story, now),
      ...workflowFacts(workflow),
    ]),
    ...section(
      'Lines',
      ['line', 'for', 'amount', 'from', 'to'],
      lines.map((line) => [
        line.id,
        line.description,
        amount(line.amount),
        instant(line.periodStart),
        instant(line.periodEnd),
      ]),
    ),
    ...sharedSections(story, now),
    ...adviceLines(advice(story, workflow)),
  ];
}

/** Under a test clock its workflow is started when its turn comes. */
function advice({ next, clock: testClock }: InvoiceStory, workflow: WorkflowState): string[] {
  if (!next || testClock || !isGone(workflow)) return [];
  return ['It waits for something, and its workflow does not run. To start it: npm run cli -- reconcile'];
}

function dunningFacts({ collection }: InvoiceStory, now: Date): Fact[] {
  if (!collection) return [];
  const { attempt, policy, hardDeclined, nextAttemptAt, outcome } = collection;
  const planned = `${attempt} of ${policy.retryDays.length + 1} tries failed`;
  const next = nextAttemptAt ? `next at ${whenSeen(nextAttemptAt, now)}` : 'waits for an older invoice';
  const ends = outcome ?? (hardDeclined ? `${next}, hard declined` : next);
  return [['dunning', `${planned}, ${ends}`]];
}

function report(story: InvoiceStory, workflow: WorkflowState): Record<string, unknown> {
  const { metadata: _metadata, ...invoice } = presentInvoice(story.invoice, story.lines);
  const { collection } = story;
  return {
    invoice,
    next_step: story.next,
    dunning: collection && {
      attempt: collection.attempt,
      retries: collection.policy.retryDays.length,
      hard_declined: collection.hardDeclined,
      next_attempt_at: collection.nextAttemptAt,
      outcome: collection.outcome,
    },
    ...sharedReport(story),
    workflow,
    advice: advice(story, workflow),
  };
}
