import {
  endedButCharging,
  type InvoiceCursor,
  type WaitingInvoice,
  waitingInvoice,
  waitingInvoicesAfter,
} from '../../src/persistence/repairs/waiting-invoices.ts';
import type { Looked } from '../engine.ts';
import {
  asSystem,
  before,
  eachSuspect,
  PAGE,
  type Pass,
  type Repair,
  type RepairDeps,
  type RepairKind,
  type RepairRun,
} from './repair.ts';

const FIRST: InvoiceCursor = { tenantId: '', customerId: '', id: '' };

/** Every invoice that waits for something has its workflow, and nothing of it is late. */
export const waitingInvoices: Pass = async function* (deps, run) {
  let after: InvoiceCursor | null = run.after === null ? FIRST : (JSON.parse(run.after) as InvoiceCursor);
  while (after) {
    const from: InvoiceCursor = after;
    const page = await asSystem(deps, (tx) => waitingInvoicesAfter(tx, from, PAGE));
    yield* repairInvoices(deps, run, page.invoices);
    after = page.last;
    run.beat(after && JSON.stringify(after));
  }
};

/** A charge whose outcome is not known is asked about, whatever became of its invoice. */
export const chargesOfEndedInvoices: Pass = async function* (deps, run) {
  for (let after: string | null = run.after ?? ''; after !== null; ) {
    const from: string = after;
    const page = await asSystem(deps, (tx) => endedButCharging(tx, from, PAGE));
    yield* repairInvoices(deps, run, page);
    after = page.length === PAGE ? (page.at(-1)?.id ?? null) : null;
    run.beat(after);
  }
};

async function* repairInvoices(
  deps: RepairDeps,
  run: RepairRun,
  invoices: readonly WaitingInvoice[],
): AsyncGenerator<Repair> {
  const ids = invoices.map(({ id }) => id);
  const running = await deps.engine.running('invoice', ids);
  const suspects = invoices.filter((invoice) => {
    const workflow = running.get(invoice.id);
    return verdict(deps, invoice, workflow ? { ...workflow, busy: false, failures: 0 } : null) !== null;
  });
  yield* eachSuspect(suspects, ({ id }) => lookAt(deps, run, id));
}

async function lookAt(deps: RepairDeps, { dryRun }: RepairRun, id: string): Promise<Repair | null> {
  const workflow = await deps.engine.look('invoice', id);
  const invoice = await asSystem(deps, (tx) => waitingInvoice(tx, id));
  const kind = invoice && verdict(deps, invoice, workflow);
  if (!invoice || !kind) return null;
  const { tenantId, next } = invoice;
  const entity = { kind: 'invoice', tenantId, id } as const;
  if (!dryRun) {
    if (kind !== 'invoice_lost') await deps.engine.recheck(entity, true);
    else if (!(await deps.engine.start(entity))) return null;
  }
  return { kind, id, tenantId, sentence: SENTENCES[kind](next) };
}

type InvoiceKind = Extract<RepairKind, `invoice_${string}` | 'payment_unknown'>;

/** While a nudge is owed, its workflow is about to be told or started. */
function verdict(deps: RepairDeps, invoice: WaitingInvoice, workflow: Looked | null): InvoiceKind | null {
  const { nudged, next } = invoice;
  if (nudged || workflow?.busy) return null;
  if (!workflow) return 'invoice_lost';
  if (next.at > before(deps)) return null;
  return next.step === 'check_payment' ? 'payment_unknown' : 'invoice_overdue';
}

const SENTENCES: Record<InvoiceKind, (next: WaitingInvoice['next']) => string> = {
  invoice_lost: (next) => `It waits for ${due(next)}, and no workflow runs for it: its workflow is started.`,
  invoice_overdue: (next) => `Its ${due(next)} is late: its workflow looks at it again.`,
  payment_unknown: (next) =>
    `The outcome of its charge was to be asked for at ${next.at.toISOString()}: its workflow asks the gateway.`,
};

function due({ step, at }: WaitingInvoice['next']): string {
  return `${step.replaceAll('_', ' ')} at ${at.toISOString()}`;
}
