import pg from 'pg';
import { countUsage } from '../src/persistence/count-usage.ts';
import { readUsage } from '../src/persistence/read-usage.ts';
import { openStage, type Stage } from '../test/faults/stage.ts';
import { type Bench, type BenchOptions, rounded, spreadOf, type Workload } from './harness.ts';
import { type Planted, plantUsage } from './usage/plant-usage.ts';

/**
 * Questions about millions of events: what a subscription has used in its month, what a tenant's customers have used by
 * day, and what all subscriptions have used when their months close. Beside each the SQL that somebody would write who
 * knows the table: its owner, past row security, without corrections and sub-totals. What counts is the single question.
 */
export const usage: Workload = { unit: 'subscription months/s', better: 'higher', goal: 0.5, open };

const EVENTS = 10_000_000;
const SUBSCRIPTIONS = 2_000;
/** Below the size so many events are left for each subscription. */
const EVENTS_EACH = EVENTS / SUBSCRIPTIONS;
/** Subscriptions asked about alone in a round. */
const SINGLES = 100;
const CLOSE_GOAL = 1.5;
const QUERY_GOAL = 2;

type Question = 'subscription_month' | 'tenant_month_by_day' | 'close_of_all';
const QUESTIONS: readonly Question[] = ['subscription_month', 'tenant_month_by_day', 'close_of_all'];
type Side = { ms: Record<Question, number[]>; answers: Record<Question, string> };
const side = (): Side => ({
  ms: { subscription_month: [], tenant_month_by_day: [], close_of_all: [] },
  answers: { subscription_month: '', tenant_month_by_day: '', close_of_all: '' },
});

type Scene = {
  stage: Stage;
  owner: pg.Client;
  planted: Planted;
  ours: Side;
  baseline: Side;
  /** The close as one statement over the whole month, which cannot know that each subscription has its own. */
  oneStatementMs: number[];
  round: number;
  say: BenchOptions['say'];
};

async function open({ size, say }: BenchOptions): Promise<Bench> {
  await using opening = new AsyncDisposableStack();
  const stage = opening.use(await openStage({ say, parts: [] }));
  const owner = new pg.Client({ connectionString: stage.ownerUrl });
  await owner.connect();
  opening.defer(() => owner.end());
  const events = size ?? EVENTS;
  const subscriptions = Math.max(1, Math.min(SUBSCRIPTIONS, Math.ceil(events / EVENTS_EACH)));
  const planted = await plantUsage(stage, { events, subscriptions, say });
  const scene: Scene = {
    stage,
    owner,
    planted,
    ours: side(),
    baseline: side(),
    oneStatementMs: [],
    round: 0,
    say,
  };
  const stack = opening.move();
  return {
    ours: () => measure(scene, scene.ours, askOurs),
    baseline: async () => {
      const perSecond = await measure(scene, scene.baseline, askPlainly);
      scene.oneStatementMs.push(await oneStatement(scene));
      return perSecond;
    },
    check: async () => wrong(scene),
    details: () => details(scene),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

type Owner = Planted['owners'][number];
type Ask = {
  /** Quantity and number of events, as text. */
  period(scene: Scene, owner: Owner): Promise<string>;
  days(scene: Scene): Promise<string>;
};

const askOurs: Ask = {
  async period({ stage, planted }, { customerId, start, end }) {
    const { quantity, eventCount } = await stage.database.withTenant(stage.tenantId, (tx) =>
      countUsage(tx, planted.rule, { customerId, subscription: null, start, end, timeZone: 'UTC' }),
    );
    return `${quantity.toFixed()} of ${eventCount}`;
  },
  async days({ stage, planted }) {
    const { points } = await stage.database.lookAsTenant(stage.tenantId, (tx) =>
      readUsage(tx, planted.rule, {
        ...planted.month,
        customerId: null,
        subscription: null,
        timeZone: 'UTC',
        granularity: 'day',
        by: [],
      }),
    );
    return points.map(({ quantity, eventCount }) => `${quantity.toFixed()} of ${eventCount}`).join('\n');
  },
};

const askPlainly: Ask = {
  async period({ owner, stage }, { customerId, start, end }) {
    const { rows } = await owner.query<{ quantity: string; events: string }>({
      name: 'period',
      text: `select trim_scale(sum((properties ->> 'bytes')::numeric))::text as quantity, count(*)::text as events from usage_events
        where tenant_id = $1 and customer_id = $2 and event_name = $3 and event_at >= $4 and event_at < $5`,
      values: [stage.tenantId, customerId, 'request', start, end],
    });
    return `${rows[0]?.quantity ?? '0'} of ${rows[0]?.events}`;
  },
  async days({ owner, stage, planted: { month } }) {
    const { rows } = await owner.query<{ quantity: string; events: string }>({
      name: 'days',
      text: `select trim_scale(sum((properties ->> 'bytes')::numeric))::text as quantity, count(*)::text as events from usage_events
        where tenant_id = $1 and event_name = $2 and event_at >= $3 and event_at < $4
        group by date_trunc('day', event_at, 'UTC') order by date_trunc('day', event_at, 'UTC')`,
      values: [stage.tenantId, 'request', month.start, month.end],
    });
    return rows.map(({ quantity, events }) => `${quantity} of ${events}`).join('\n');
  },
};

/** All three questions; what counts is how many subscriptions' months are answered in a second, one after the other. */
async function measure(scene: Scene, { ms, answers }: Side, ask: Ask): Promise<number> {
  const { planted } = scene;
  const { owners } = planted;
  scene.round += 1;
  // Both sides of a round ask about the same subscriptions, and the next round about others.
  const first = (Math.ceil(scene.round / 2) * SINGLES) % owners.length;
  const chosen = Array.from(
    { length: Math.min(SINGLES, owners.length) },
    (_, n) => owners[(first + n) % owners.length],
  );
  const timed = async (question: Question, work: () => Promise<string>) => {
    const startedMs = performance.now();
    answers[question] = await work();
    ms[question].push(performance.now() - startedMs);
  };
  const all = async (some: readonly (Owner | undefined)[]) => {
    const lines: string[] = [];
    for (const owner of some) if (owner) lines.push(await ask.period(scene, owner));
    return lines.join('\n');
  };
  await timed('subscription_month', () => all(chosen));
  await timed('tenant_month_by_day', () => ask.days(scene));
  await timed('close_of_all', () => all(owners));
  return chosen.length / ((ms.subscription_month.at(-1) ?? Number.NaN) / 1000);
}

async function oneStatement({ owner, stage, planted: { month } }: Scene): Promise<number> {
  const startedMs = performance.now();
  await owner.query({
    name: 'all',
    text: `select customer_id, sum((properties ->> 'bytes')::numeric), count(*) from usage_events
      where tenant_id = $1 and event_name = $2 and event_at >= $3 and event_at < $4 group by customer_id`,
    values: [stage.tenantId, 'request', month.start, month.end],
  });
  return performance.now() - startedMs;
}

function wrong({ ours, baseline }: Scene): string[] {
  return QUESTIONS.flatMap((question) =>
    ours.answers[question] === baseline.answers[question]
      ? []
      : [
          `${question}: ours and the baseline differ, beginning with ${firstDifference(ours.answers[question], baseline.answers[question])}`,
        ],
  );
}

function firstDifference(ours: string, baseline: string): string {
  const others = baseline.split('\n');
  const lines = ours.split('\n');
  const at = lines.findIndex((line, index) => line !== others[index]);
  return `${lines[at]} and ${others[at]}`;
}

/** Each question on its own; the first round of each side was the warm-up. */
function details({ ours, baseline, oneStatementMs, planted, say }: Scene): Record<string, unknown> {
  const questions = QUESTIONS.map((question) => {
    const [mine, theirs] = [spreadOf(ours.ms[question].slice(1)), spreadOf(baseline.ms[question].slice(1))];
    const ratio = rounded(theirs.median / mine.median);
    const goal = question === 'close_of_all' ? CLOSE_GOAL : QUERY_GOAL;
    const asked =
      question === 'subscription_month' ? ` for ${Math.min(SINGLES, planted.owners.length)} of them` : '';
    say(
      `${question}${asked}: ${mine.median} ms, plain SQL ${theirs.median} ms: ${rounded(mine.median / theirs.median)} times as long (goal: at most ${goal})`,
    );
    return [question, { ours_ms: mine, baseline_ms: theirs, ratio, goal: rounded(1 / goal) }] as const;
  });
  return {
    size: planted.events,
    subscriptions: planted.owners.length,
    roll_up_seconds: rounded(planted.rollUpSeconds),
    questions: Object.fromEntries(questions),
    one_statement_ms: spreadOf(oneStatementMs.slice(1)),
  };
}
