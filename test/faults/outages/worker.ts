import { sql } from 'kysely';
import { sentences, type Trial } from '../report.ts';
import { openStage, type Stage } from '../stage.ts';
import { look, payer, sellPlan, wanted } from './customers.ts';
import type { Outage } from './outage.ts';
import { inParallel, untilBilled } from './plant.ts';
import { openSleepers } from './sleepers.ts';

const MONTHS = 14;
const AMOUNTS = ['20', '35.5'] as const;

type Sleeper = { id: string; customer: string; amount: string; startedAt: Date };
type Invoice = {
  total: string;
  status: string;
  period_start: string;
  period_end: string;
  created_at: string;
  collect_at: string | null;
};

/**
 * Nobody works for fourteen months; then a worker starts. Every period is billed, in order, at the price and instant it
 * has by contract, and no card is charged more than once a day (billing rule 31d).
 */
const absent: Outage = {
  name: 'worker-absent',
  title: `no worker for ${MONTHS} months of monthly subscriptions, then one is started`,
  async run({ short, say }): Promise<Trial> {
    await using stage = await openStage({ say, parts: ['postgres', 'temporal', 'gateway', 'api'] });
    const sleepers = await sleep(stage, short ? 6 : 60);
    say(`${sleepers.length} subscriptions slept for ${MONTHS} months`);
    await stage.start('worker');
    const ids = sleepers.map(({ id }) => id);
    const billedSeconds = await untilBilled(stage, { ids, dueAt: new Date() });
    const quietSeconds = billedSeconds + (await stage.quiet());
    const periods = sleepers.length * MONTHS;
    say(
      `${periods} periods were billed in ${billedSeconds.toFixed(1)} s, quiet after ${quietSeconds.toFixed(1)} s`,
    );
    const broken = await Promise.all(sleepers.map((sleeper) => wrongInvoices(stage, sleeper)));
    return {
      fault: `worker absent for ${MONTHS} months`,
      times: 1,
      recoverySeconds: quietSeconds,
      broken: [...broken.flat(), ...(await wrongCharges(stage)), ...sentences(await stage.invariants())],
    };
  },
};

/** Customers with one subscription each, but the first has two. Meanwhile the plans were sold at other prices. */
async function sleep(stage: Stage, count: number): Promise<Sleeper[]> {
  const plans = await Promise.all(AMOUNTS.map((amount) => planAt(stage, amount)));
  await using past = await openSleepers(stage);
  const customers = await inParallel(count - 1, () => payer(stage, 'tok_succeeds'));
  const sleepers = await inParallel(count, async (index) => {
    const plan = plans[index % plans.length];
    const customer = customers[Math.max(0, index - 1)]?.id;
    if (!plan || !customer) throw new Error('there is nobody to subscribe');
    const startedAt = monthsLater(new Date(Date.now() - (3 + (index % 20)) * 86_400_000), -MONTHS);
    const id = await past.begin({ customer, plan: plan.id, priceId: plan.priceId, startedAt });
    return { id, customer, amount: plan.amount, startedAt };
  });
  for (const { id } of plans) {
    const dearer = [{ ...PRICE, unit_amount: '99' }];
    wanted(await stage.http.insist('POST', `/v1/plans/${id}/versions`, { prices: dearer }), 'a new version');
  }
  return sleepers;
}

const PRICE = { key: 'fee', model: 'flat', currency: 'USD', interval: { unit: 'month', count: 1 } };

async function planAt(
  stage: Stage,
  amount: string,
): Promise<{ id: string; priceId: string; amount: string }> {
  const id = await sellPlan(stage, amount);
  const [price] = await look<{ id: string }>(stage, sql`select id from prices where plan_id = ${id}`);
  if (!price) throw new Error(`the plan ${id} has no price`);
  return { id, priceId: price.id, amount };
}

async function wrongInvoices(stage: Stage, { id, amount, startedAt }: Sleeper): Promise<string[]> {
  const invoices = await look<Invoice>(
    stage,
    sql`select total, status, period_start, period_end, created_at, collect_at from invoices
      where subscription_id = ${id} order by number::text collate "C", created_at`,
  );
  const made = invoices.map(
    ({ total, period_start, period_end, created_at }) =>
      `${Number(total)} for ${day(period_start)} – ${day(period_end)}, made ${day(created_at)}`,
  );
  const due = Array.from({ length: MONTHS + 1 }, (_, month) => {
    const [start, end] = [monthsLater(startedAt, month), monthsLater(startedAt, month + 1)];
    return `${Number(amount)} for ${day(start)} – ${day(end)}, made ${day(start)}`;
  });
  const wrong = due.flatMap((expected, nth) =>
    made[nth] === expected ? [] : [`${id} has "${made[nth] ?? 'no invoice'}" where "${expected}" is due`],
  );
  return made.length > due.length
    ? [...wrong, `${id} has ${made.length - due.length} invoices too many`]
    : wrong;
}

type Charges = { customer_id: string; today: number; oldest_open: string | null; last_paid: string };

/** One charge a customer today, for the oldest of his invoices; the others are to be charged on days of their own. */
async function wrongCharges(stage: Stage): Promise<string[]> {
  const charged = await look<Charges>(
    stage,
    sql`select c.id as customer_id,
        (select count(*)::int from payment_attempts a where a.customer_id = c.id and a.created_at > now() - interval '1 hour') as today,
        (select min(period_start)::text from invoices i where i.customer_id = c.id and i.status = 'open') as oldest_open,
        (select max(period_start)::text from invoices i where i.customer_id = c.id and i.status = 'paid') as last_paid
      from customers c`,
  );
  const crowded = await look<{ customer_id: string; waiting: number; days: number }>(
    stage,
    sql`select customer_id, count(*)::int as waiting, count(distinct collect_at)::int as days
      from invoices where status = 'open' group by customer_id having count(*) <> count(distinct collect_at)`,
  );
  return [
    ...charged.flatMap(({ customer_id, today, oldest_open, last_paid }) => [
      ...(today === 1 ? [] : [`${customer_id} was charged ${today} times today`]),
      ...(oldest_open && oldest_open < last_paid
        ? [`${customer_id} paid ${last_paid} before ${oldest_open}`]
        : []),
    ]),
    ...crowded.map(
      ({ customer_id, waiting, days }) =>
        `${customer_id} is to be charged for ${waiting} invoices at ${days} instants`,
    ),
  ];
}

const day = (instant: Date | string) => new Date(instant).toISOString();

/** The same time of day so many months later; on the last day of a month that has no such day. */
function monthsLater(from: Date, months: number): Date {
  const moved = new Date(from);
  moved.setUTCDate(1);
  moved.setUTCMonth(moved.getUTCMonth() + months);
  const lastDay = new Date(Date.UTC(moved.getUTCFullYear(), moved.getUTCMonth() + 1, 0)).getUTCDate();
  moved.setUTCDate(Math.min(from.getUTCDate(), lastDay));
  return moved;
}

export const WORKER_OUTAGES: readonly Outage[] = [absent];
