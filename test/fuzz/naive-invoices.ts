import { Decimal } from '../../src/domain/money.ts';
import { atWallTime, DAY, wallTime } from './naive-calendar.ts';
import { type Invoice, type Lines, type Sub, zero } from './naive-life.ts';

/** Invoices and the customer's balance (billing rules 13, 27, 28). */
export type Books = {
  balance: Decimal;
  invoices: Invoice[];
  credits: { at: number; amount: Decimal }[];
};

/** Lines wait for the next invoice; what reduces an open one does so at once. */
export function wait(books: Books, sub: Sub, lines: Lines, at: number): void {
  sub.pending.push(...payBack(books, lines, at));
}

/** One invoice of these lines, of all that waited, and of what came late; the `last` one also of those alone. */
export function bill(
  books: Books,
  sub: Sub,
  at: number,
  fresh: Lines,
  how: 'usual' | 'last' | 'without what is late' = 'usual',
): void {
  const takesLate = how === 'last' || (how === 'usual' && fresh.length > 0);
  const late = takesLate ? sub.late() : [];
  if (fresh.length === 0 && !(how === 'last' && sub.pending.length + late.length > 0)) return;
  const lines = [...sub.pending, ...payBack(books, [...fresh, ...late], at)];
  sub.pending = [];
  if (lines.length === 0) return;
  const total = lines.reduce((sum, { line }) => sum.plus(line.amount), zero);
  const balanceApplied = total.isNegative() ? total : Decimal.min(total, books.balance);
  books.balance = books.balance.minus(balanceApplied);
  const due = total.minus(balanceApplied);
  const invoice: Invoice = {
    subscription: sub.name,
    at,
    lines: lines.map(({ line }) => line),
    total,
    balanceApplied,
    credited: zero,
    paid: sub.netDays === null || due.lte(0),
    dueAt: sub.netDays === null ? null : atWallTime(wallTime(at, sub.zone) + sub.netDays * DAY, sub.zone),
  };
  books.invoices.push(invoice);
  for (const { line, fee } of lines) if (fee?.line === line) fee.invoice = invoice;
}

export const dueOf = ({ total, balanceApplied, credited, paid }: Invoice) =>
  paid ? zero : total.minus(balanceApplied).minus(credited);

/** What was never paid is not given back as money: it reduces the open invoice that it is on (rule 13). */
function payBack(books: Books, lines: Lines, at: number): Lines {
  return lines.flatMap(({ line, fee }) => {
    const invoice = fee?.line === line ? null : fee?.invoice;
    if (!invoice || !line.amount.isNegative()) return [{ line, fee }];
    const amount = Decimal.min(line.amount.negated(), dueOf(invoice));
    if (amount.lte(0)) return [{ line, fee }];
    invoice.credited = invoice.credited.plus(amount);
    if (dueOf(invoice).lte(0)) invoice.paid = true;
    books.credits.push({ at, amount });
    const rest = line.amount.plus(amount);
    return rest.isZero() ? [] : [{ line: { ...line, amount: rest }, fee }];
  });
}

/** Money from outside pays what is open, the oldest first; false when nothing is. */
export function pay(books: Books, name: string | undefined): boolean {
  const open = books.invoices.filter(
    ({ subscription, paid }) => !paid && (name === undefined || subscription === name),
  );
  for (const invoice of open) invoice.paid = true;
  return open.length > 0;
}

export const isOverdue = (books: Books, sub: Sub, at: number) =>
  books.invoices.some(
    (invoice) =>
      invoice.subscription === sub.name && !invoice.paid && invoice.dueAt !== null && invoice.dueAt <= at,
  );
