import type { z } from 'zod';
import type { collectorTest, collectorTestOut } from '../src/contract/collectors.ts';
import { isUsageProblem, readUsageEvent, type UsageProblem } from '../src/contract/read-usage-event.ts';
import { USAGE_EVENTS_MAX } from '../src/contract/usage-body.ts';
import type { UsageMapping } from '../src/domain/collector.ts';
import { DomainError } from '../src/domain/errors.ts';
import { type Delivered, isProblem, mapUsage } from '../src/domain/map-usage.ts';
import type { IncomingUsage } from '../src/domain/usage-event.ts';
import { invalid } from './validate.ts';

/** What a mapping makes of a body, event by event: as it would be sent, and as it is read or what is wrong with it. */
export type Reading = { sent: Record<string, unknown> | null; read: IncomingUsage | UsageProblem };

/** Throws `validation_failed` when there are no events to look at, or more than one request may bring. */
export function readDelivery(mapping: UsageMapping, delivered: Delivered): Reading[] {
  const mapped = mapUsage(mapping, delivered);
  if (mapped === null) {
    const message = `There is no list at ${mapping.each}; the mapping expects one.`;
    throw invalid([{ path: mapping.each ?? '', code: 'type_invalid', message }]);
  }
  if (mapped.length > USAGE_EVENTS_MAX)
    throw new DomainError('validation_failed', `Send at most ${USAGE_EVENTS_MAX} events at once.`);
  return mapped.map((event) => {
    if (!isProblem(event)) return { sent: event, read: readUsageEvent(event) };
    const { problem } = event;
    return { sent: null, read: { problem: true, key: null, ...problem } };
  });
}

/** The answer to a test of a mapping. */
export function tryMapping(asked: z.output<typeof collectorTest>): z.infer<typeof collectorTestOut> {
  const { mapping, body, headers } = asked;
  const small = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  const data = readDelivery(mapping, { body, headers: Object.fromEntries(small) }).map(({ sent, read }) => {
    if (!isUsageProblem(read)) return { event: sent, problem: null };
    const { path, code, message } = read;
    return { event: sent, problem: { path, code, message } };
  });
  const problems = data.filter(({ problem }) => problem !== null).length;
  return { object: 'collector_test', data, readable: data.length - problems, problems };
}
