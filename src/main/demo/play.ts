import { clearLine, cursorTo } from 'node:readline';
import type { z } from 'zod';
import { customerOut } from '../../contract/customers.ts';
import { invoiceOut } from '../../contract/invoices.ts';
import { subscriptionOut } from '../../contract/subscriptions.ts';
import type { Say } from '../progress.ts';
import type { Outcome } from './fates.ts';
import type { Receiver } from './receiver.ts';
import type { ClockSeen, EventSeen, Stage } from './stage.ts';
import { ACTS, STARTS_AT } from './story.ts';
import { type Known, linesOf, renderLine, timelineHeading } from './timeline.ts';

/** Plays all acts, telling the timeline as it goes. */
export async function play(stage: Stage, receiver: Receiver, say: Say): Promise<Outcome> {
  const events: EventSeen[] = [];
  const known = new Map<string, Known>();
  const heading = timelineHeading();
  say(heading);
  say('─'.repeat(heading.length));
  for (const [at, acts] of Map.groupBy(ACTS, (act) => act.at)) {
    if (at !== STARTS_AT) await stage.advance(at, showProgress);
    for (const act of acts) await act.happens(stage);
    const news = await stage.news();
    hideProgress();
    events.push(...news);
    for (const { type, object_id, data } of news)
      if (type === 'customer.created') known.set(object_id, knownOf(data.object));
    const lines = linesOf(news, known);
    for (const line of lines.filter(({ instant }) => instant < at)) say(renderLine(line, receiver.verified));
    for (const { tells } of acts) if (tells) say(`${' '.repeat(18)}» ${tells}`);
    for (const line of lines.filter(({ instant }) => instant >= at)) say(renderLine(line, receiver.verified));
  }
  const subscriptions = await stage.api.all('/v1/subscriptions', subscriptionOut);
  const invoices = await stage.api.all('/v1/invoices', invoiceOut);
  return { subscriptions, invoices: invoices.toReversed(), events };
}

function knownOf(object: Record<string, unknown>): Known {
  const { name, time_zone }: z.infer<typeof customerOut> = customerOut.parse(object);
  return { name, timeZone: time_zone ?? 'UTC' };
}

/** On a terminal one line says where the clock is; in a file the timeline itself is progress enough. */
function showProgress({ now, progress }: ClockSeen): void {
  if (!process.stdout.isTTY) return;
  hideProgress();
  const { subscriptions_done: done, subscriptions_total: all } = progress;
  const counts = all > 0 ? `, ${done} of ${all} have nothing left to do` : '';
  process.stdout.write(`… the clock is at ${now.slice(0, 10)}${counts}`);
}

function hideProgress(): void {
  if (!process.stdout.isTTY) return;
  clearLine(process.stdout, 0);
  cursorTo(process.stdout, 0);
}
