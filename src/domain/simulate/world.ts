import type { LineDraft } from '../build-invoice.ts';
import { type Collection, isRunning } from '../dunning.ts';
import type { Invoice, InvoiceLine } from '../invoice.ts';
import { nextInvoiceStep } from '../invoice-step.ts';
import type { Life } from '../life.ts';
import { Decimal } from '../money.ts';
import type { Price } from '../plan.ts';
import type { UsageEvent } from '../price-terms.ts';
import type { SubscriptionStatus } from '../subscription.ts';
import type { Closure } from './closures.ts';
import type { SimulatedEvent } from './events.ts';
import type { SimulatedMethod, SimulationSettings } from './script.ts';

/** An invoice of the simulation with its lines and its dunning. */
export type Held = {
  invoice: Invoice;
  lines: readonly InvoiceLine[];
  collection: Collection | null;
  attempts: readonly Attempt[];
};

/** A try to get an invoice paid: `not_tried` without a method, or while a hard decline stands. */
export type Attempt = {
  at: Date;
  outcome: 'settled' | 'declined' | 'not_tried' | 'paid_out_of_band';
  code: string | null;
};

/** What was used and is not billed yet. */
export type Used = UsageEvent & { key: string; at: Date };

/** One subscription of the simulation and what its rows would say. */
export type Lived = {
  name: string;
  life: Life;
  /** Every status it was in and since when, the last one being the present. */
  states: { status: SubscriptionStatus; from: Date }[];
  used: Used[];
  /** What was billed of metered periods. */
  closures: Closure[];
  /** Everything that its invoices billed. */
  lines: (LineDraft & { id: string; invoiceId: string })[];
};

/** A reduction of an invoice, as it was made. */
export type Noted = {
  at: Date;
  invoiceId: string;
  currency: string;
  amount: Decimal;
  lines: { lineId: string; description: string; amount: Decimal }[];
};

/**
 * Everything that is stored while a simulation runs, in memory: one customer of one tenant. It knows what there is and
 * nothing of what should become of it.
 */
export class World {
  readonly settings: SimulationSettings;
  readonly lives = new Map<string, Lived>();
  readonly invoices = new Map<string, Held>();
  readonly notes: Noted[] = [];
  readonly balances: Map<string, Decimal>;
  readonly prices = new Map<string, Price>();
  /** All revisions of the events of use that were sent. */
  readonly events: SimulatedEvent[] = [];
  method: SimulatedMethod;
  /** Drafts and open invoices, in the order in which they were made. */
  private readonly unfinished = new Map<string, Held>();
  /** When those are due that wait for something of their own. */
  private readonly dueAt = new Map<string, Date>();
  /** Those whose dunning goes on. */
  private readonly dunned = new Map<string, Collection>();
  /** What credits took off lines and pending lines, by their ids. */
  private readonly credited = new Map<string, Decimal>();
  private ids = 0;
  private numbers = 0;
  private moment = 0;

  constructor(settings: SimulationSettings) {
    this.settings = settings;
    this.method = settings.method;
    this.balances = new Map(settings.balances);
  }

  /** Ids sort in the order in which they were made, as the real ones do. */
  newId = (prefix: string): string => {
    this.ids += 1;
    return `${prefix}_${String(this.ids).padStart(9, '0')}`;
  };

  /** How many things became known of events so far. */
  get moments(): number {
    return this.moment;
  }

  nextMoment(): number {
    this.moment += 1;
    return this.moment;
  }

  nextNumber(): string {
    this.numbers += 1;
    return `INV-${String(this.numbers).padStart(6, '0')}`;
  }

  save(held: Held): Held {
    const { id, status } = held.invoice;
    this.invoices.set(id, held);
    if (status === 'draft' || status === 'open') this.unfinished.set(id, held);
    else this.unfinished.delete(id);
    const next = nextInvoiceStep(held.invoice, null, held.collection);
    if (next) this.dueAt.set(id, next.at);
    else this.dueAt.delete(id);
    if (held.collection && isRunning(held.collection)) this.dunned.set(id, held.collection);
    else this.dunned.delete(id);
    return held;
  }

  held(invoiceId: string): Held {
    const held = this.invoices.get(invoiceId);
    if (!held) throw new Error(`the simulation has no invoice ${invoiceId}`);
    return held;
  }

  /** The invoice that is due first; of several the oldest. Null when nothing is due any more. */
  earliestInvoice(): { id: string; at: Date } | null {
    let first: { id: string; at: Date } | null = null;
    for (const [id, at] of this.dueAt)
      if (!first || at < first.at || (at.getTime() === first.at.getTime() && id < first.id))
        first = { id, at };
    return first;
  }

  /** The subscription that an invoice belongs to. */
  ownerOf({ invoice }: Held): Lived {
    const owner = this.lives.get(invoice.subscriptionId ?? '');
    if (!owner) throw new Error(`invoice ${invoice.id} belongs to nobody`);
    return owner;
  }

  /** Drafts and open invoices, the oldest first; of one subscription, or of all. */
  waiting(subscriptionId: string | null = null): Held[] {
    const all = [...this.unfinished.values()];
    return subscriptionId === null
      ? all
      : all.filter(({ invoice }) => invoice.subscriptionId === subscriptionId);
  }

  /** The collections in one currency that have not ended, the oldest invoice first. */
  running(currency: string): Collection[] {
    return [...this.dunned.values()]
      .filter((collection) => collection.currency === currency)
      .sort((a, b) => (a.invoiceId < b.invoiceId ? -1 : 1));
  }

  noteAttempt(invoiceId: string, attempt: Attempt): Held {
    const held = this.held(invoiceId);
    return this.save({ ...held, attempts: [...held.attempts, attempt] });
  }

  saveCollection(collection: Collection): void {
    this.save({ ...this.held(collection.invoiceId), collection });
  }

  balanceIn(currency: string): Decimal {
    return this.balances.get(currency) ?? NOTHING;
  }

  creditedOf(lineId: string): Decimal {
    return this.credited.get(lineId) ?? NOTHING;
  }

  noteCredit(lineId: string, amount: Decimal): void {
    this.credited.set(lineId, this.creditedOf(lineId).plus(amount));
  }
}

const NOTHING = new Decimal(0);
