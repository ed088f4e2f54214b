import { z } from 'zod';
import type { LineEvent } from '../domain/line-event.ts';
import { writeRecord } from './csv.ts';

export const lineEventsQuery = z.strictObject({
  format: z.enum(['json', 'csv']).default('json').meta({ description: 'How the events are written.' }),
});

export const lineEventsOut = z
  .object({
    object: z.literal('list'),
    data: z.array(
      z.object({
        object: z.literal('line_event'),
        effect: z.enum(['added', 'removed']).meta({
          description: '`removed`: billed before, and does not count any more.',
        }),
        idempotency_key: z.string(),
        revision: z.int().meta({ description: 'Above 0 for an event that was amended.' }),
        event_name: z.string(),
        timestamp: z.string(),
        value: z.string().meta({ description: 'What it is worth to the meter.' }),
        properties: z.record(z.string(), z.unknown()),
      }),
    ),
  })
  .meta({ id: 'LineEvents' });

function present(event: LineEvent): z.infer<typeof lineEventsOut>['data'][number] {
  const { effect, key, revision, eventName, at, value, properties } = event;
  return {
    object: 'line_event',
    effect,
    idempotency_key: key,
    revision,
    event_name: eventName,
    timestamp: at,
    value,
    properties,
  };
}

/** `LineEvents` as it arrives, piece by piece. */
export async function* asJson(batches: AsyncIterable<readonly LineEvent[]>): AsyncGenerator<string> {
  let separator = '';
  yield '{"object":"list","data":[';
  for await (const batch of batches) {
    yield separator + batch.map((event) => JSON.stringify(present(event))).join(',');
    separator = ',';
  }
  yield ']}';
}

/** The same as CSV; properties are one cell of JSON. Cells are safe to open in a spreadsheet. */
export async function* asCsv(batches: AsyncIterable<readonly LineEvent[]>): AsyncGenerator<string> {
  yield writeRecord([
    'effect',
    'idempotency_key',
    'revision',
    'event_name',
    'timestamp',
    'value',
    'properties',
  ]);
  for await (const batch of batches)
    yield batch
      .map(({ effect, key, revision, eventName, at, value, properties }) =>
        writeRecord([effect, key, revision, eventName, at, value, JSON.stringify(properties)]),
      )
      .join('');
}
