import type { SimulationAnswer } from '../../src/contract/simulations.ts';
import type { Decimal } from '../../src/domain/money.ts';
import { Decimal as Money } from '../../src/domain/money.ts';
import type { Sub } from './naive-life.ts';
import { nextAt } from './naive-model.ts';
import { isLive, type World } from './naive-world.ts';

/**
 * Both answers in the same plain sentences, one for each thing that must agree, so that comparing is comparing texts.
 * Lines of nothing are left out: whether a bill lists what costs nothing is a matter of taste.
 */

const iso = (t: number | string | null) => (t === null ? 'ever' : new Date(t).toISOString());
const plain = (amount: Decimal | string) => new Money(amount).toFixed();
const isNothing = (amount: Decimal | string) => new Money(amount).isZero();

const line = (
  at: string,
  { key, amount, start, end }: { key: string | null; amount: Decimal | string; start: string; end: string },
  counted: { events: number; version: number } | null | undefined,
) =>
  `${at} line ${key ?? 'once'} ${plain(amount)} for [${start}, ${end})${counted ? ` of ${counted.events} events by version ${counted.version}` : ''}`;
const invoice = (at: string, name: string, total: Decimal | string, balance: Decimal | string) =>
  `${at} invoice of ${name}: ${plain(total)}, of it from the balance ${plain(balance)}`;

/** States that lasted no time are nothing that anybody saw. */
function tellStates(name: string, states: readonly { status: string; from: string; to: string }[]): string[] {
  const lasting: { status: string; from: string; to: string }[] = [];
  for (const { status, from, to } of states) {
    if (from === to) continue;
    const last = lasting.at(-1);
    if (last?.status === status) last.to = to;
    else lasting.push({ status, from, to });
  }
  return lasting.map(({ status, from, to }) => `state of ${name}: ${status} from ${from} to ${to}`);
}

/** What open invoices were reduced by at each instant. */
function tellCredits(credits: readonly { at: number | string; amount: Decimal | string }[]): string[] {
  const sums = new Map<string, Decimal>();
  for (const { at, amount } of credits)
    sums.set(iso(at), (sums.get(iso(at)) ?? new Money(0)).plus(new Money(amount)));
  return [...sums].map(([at, amount]) => `${at} credited ${plain(amount)}`);
}

export function tellNaive({ books, subs, refused }: World): string[] {
  const told: string[] = refused.map((index) => `refused: action ${index}`);
  for (const { subscription, at, lines, total, balanceApplied } of books.invoices) {
    const shown = lines.filter(({ amount }) => !isNothing(amount));
    if (shown.length === 0) continue;
    told.push(invoice(iso(at), subscription, total, balanceApplied));
    for (const { key, amount, start, end, counted } of shown)
      told.push(line(iso(at), { key, amount, start: iso(start), end: iso(end) }, counted));
  }
  told.push(...tellCredits(books.credits));
  told.push(`balance ${plain(books.balance)}`);
  for (const sub of subs) told.push(...tellSub(sub));
  return told.sort();
}

function tellSub(sub: Sub): string[] {
  const { name, states } = sub;
  const told = tellStates(
    name,
    states.map(({ status, from, to }) => ({ status, from: iso(from), to: iso(to) })),
  );
  if (!isLive(sub)) return told;
  told.push(`next step of ${name} at ${iso(nextAt(sub))}`);
  for (const { at } of sub.planned) told.push(`planned for ${name} at ${iso(at)}`);
  for (const { key, quantity, end } of sub.items) {
    const runs = sub.status === 'active' || sub.status === 'past_due';
    told.push(`item ${key} of ${name}: ${plain(quantity)}${runs ? ` until ${iso(end)}` : ''}`);
  }
  for (const { line: waiting } of sub.pending)
    if (!isNothing(waiting.amount)) told.push(`waiting: ${waiting.key} ${plain(waiting.amount)}`);
  return told;
}

export function tellEngine(answer: SimulationAnswer): string[] {
  const told = answer.refused.map(({ action }) => `refused: action ${action}`);
  for (const one of answer.invoices) {
    const shown = one.lines.filter(({ amount }) => !isNothing(amount.amount));
    if (shown.length === 0) continue;
    told.push(invoice(iso(one.at), one.subscription, one.total.amount, one.balance_applied.amount));
    for (const { key, amount, period, usage } of shown) {
      const stretch = { start: iso(period.start), end: iso(period.end) };
      const counted = usage && { events: usage.events, version: usage.meter_version };
      told.push(line(iso(one.at), { key, amount: amount.amount, ...stretch }, counted));
    }
  }
  told.push(...tellCredits(answer.credit_notes.map(({ at, amount }) => ({ at, amount: amount.amount }))));
  const [balance] = answer.balances;
  told.push(`balance ${plain(balance?.amount ?? '0')}`);
  for (const sub of answer.subscriptions) told.push(...tellSubscription(sub));
  return told.sort();
}

function tellSubscription(sub: SimulationAnswer['subscriptions'][number]): string[] {
  const { name } = sub;
  const told = tellStates(
    name,
    sub.states.map(({ status, from, to }) => ({ status, from: iso(from), to: iso(to) })),
  );
  if (sub.status === 'canceled' || sub.status === 'expired') return told;
  told.push(`next step of ${name} at ${iso(sub.next?.at ?? null)}`);
  for (const { effective_at } of sub.scheduled) told.push(`planned for ${name} at ${iso(effective_at)}`);
  for (const { key, quantity, current_period } of sub.items) {
    const runs = sub.status === 'active' || sub.status === 'past_due';
    told.push(
      `item ${key} of ${name}: ${plain(quantity)}${runs ? ` until ${iso(current_period?.end ?? null)}` : ''}`,
    );
  }
  for (const { key, amount } of sub.pending)
    if (!isNothing(amount.amount)) told.push(`waiting: ${key ?? 'once'} ${plain(amount.amount)}`);
  return told;
}

/** What only one of the two says, in the order of time. */
export function differencesOf(
  naive: readonly string[],
  engine: readonly string[],
): { naive: string[]; engine: string[] } {
  const only = (these: readonly string[], those: readonly string[]) => {
    const left = [...those];
    return these.filter((text) => {
      const place = left.indexOf(text);
      if (place >= 0) left.splice(place, 1);
      return place < 0;
    });
  };
  return { naive: only(naive, engine), engine: only(engine, naive) };
}
