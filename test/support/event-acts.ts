import { setTimeout as sleep } from 'node:timers/promises';
import { idOf, MARCH, NOW, type Stage } from './every-meter.ts';
import type { Moments } from './one-number.ts';
import { oneOf, type PlantedEvent, type Roll } from './usage.ts';

/** One thing after another is done to the events of a customer; `moments` knows what they come to. */
export function writer({ ask, customer }: Stage, moments: Moments, roll: Roll) {
  const post = (path: string, body = {}) => ask('post', path, body);
  let sent = 0;
  const made = (name?: string): PlantedEvent => {
    sent += 1;
    const eventName = name ?? (roll(5) === 0 ? 'store' : 'call');
    // A few days of the month before, in which only the quarter counts; and the very edges of March.
    const from = eventName === 'store' ? Date.parse('2027-02-20T00:00:00Z') : MARCH.start.getTime();
    const at = roll(12) === 0 ? MARCH.start : new Date(from + roll(NOW.getTime() - from));
    const properties = {
      size: oneOf<unknown>(roll, [1, 2.5, '0.125', 7, 19.75, '3.3', 'many']),
      rate: oneOf<unknown>(roll, ['0.5', 3, '0.333333333333']),
      region: oneOf<unknown>(roll, ['eu', 'us', 'ap']),
      user: `user ${roll(9)}`,
      tier: String(roll(2)),
    };
    return {
      key: `event ${sent}`,
      revision: 0,
      eventName,
      customerId: customer,
      subscriptionId: null,
      at,
      properties,
    };
  };
  const bodyOf = ({ eventName, customerId, at, properties }: PlantedEvent) => ({
    event_name: eventName,
    customer_id: customerId,
    timestamp: at.toISOString(),
    properties,
  });
  const withKey = (event: PlantedEvent) => ({ idempotency_key: event.key, ...bodyOf(event) });
  const including = (events: readonly PlantedEvent[], before = moments.last) =>
    new Map([...before, ...events.map((event) => [event.key, event] as const)]);
  const any = () => [...moments.last.values()].at(roll(Math.max(moments.last.size, 1)));

  async function send() {
    const events = Array.from({ length: 1 + roll(6) }, () => made());
    const again = any();
    const batch = [...events, ...(again?.revision === 0 ? [again] : []), ...events.slice(0, 1)];
    await moments.become(including(events), () => post('events', { events: batch.map(withKey) }));
  }
  async function amend() {
    const before = any();
    if (!before) return;
    const after = { ...made(before.eventName), key: before.key, revision: before.revision + 1 };
    await moments.become(including([after]), () =>
      ask('put', `events/${encodeURIComponent(before.key)}`, bodyOf(after)),
    );
  }
  async function deprecate() {
    const before = any();
    if (!before) return;
    const after = new Map([...moments.last].filter(([one]) => one !== before.key));
    await moments.become(after, () => post(`events/${encodeURIComponent(before.key)}/deprecate`));
  }
  async function backfill() {
    const start = new Date(MARCH.start.getTime() + roll(15) * 86_400_000);
    const end = new Date(start.getTime() + (1 + roll(3)) * 86_400_000);
    const within = (event: PlantedEvent) => event.at >= start && event.at < end && event.eventName === 'call';
    const events = Array.from({ length: roll(5) }, () => ({
      ...made('call'),
      at: new Date(start.getTime() + roll(86_400_000)),
    }));
    const timeframe = { timeframe_start: start.toISOString(), timeframe_end: end.toISOString() };
    const id = idOf(await post('backfills', { customer, event_names: ['call'], ...timeframe }));
    if (events.length > 0) await post(`backfills/${id}/events`, { events: events.map(withKey) });
    const before = moments.last;
    const left = new Map([...before].filter(([, event]) => !within(event)));
    await moments.become(including(events, left), () => post(`backfills/${id}/close`));
    await sleep(roll(20));
    if (roll(3) === 0) await moments.become(before, () => post(`backfills/${id}/revert`));
  }
  const acts = [send, send, send, amend, amend, deprecate, backfill] as const;
  return { send, act: () => oneOf(roll, acts)() };
}
