import { z } from 'zod';
import {
  IMPORT_FORMATS,
  IMPORT_STATUSES,
  type ImportCounts,
  type UsageImport,
} from '../domain/usage-import.ts';
import {
  idOut,
  instantOut,
  listQuery,
  metadataOut,
  presentInstant,
  presentOptionalInstant,
} from './common.ts';

/** Imports: files of usage events. */

export const importQuery = z.strictObject({
  format: z.enum(IMPORT_FORMATS).meta({
    description: `\`ndjson\`: one event on each line, as \`POST /v1/events\` takes them. \`csv\` (RFC 4180, UTF-8): the first row names the columns \`idempotency_key\`, \`event_name\`, \`customer_id\`, \`external_customer_id\`, \`subscription_id\`, \`timestamp\` and \`properties.<name>\`; an empty cell says nothing.`,
  }),
});

export const importListQuery = z.strictObject({
  ...listQuery,
  status: z.enum(IMPORT_STATUSES).optional(),
});

const counts = z.int().min(0);

export const usageImportOut = z
  .object({
    object: z.literal('usage_import'),
    id: idOut('imp'),
    format: z.enum(IMPORT_FORMATS),
    status: z.enum(IMPORT_STATUSES),
    bytes: counts,
    rows: counts.meta({ description: 'Without the one that names columns, and without empty ones.' }),
    counts: z.object({
      accepted: counts.meta({ description: 'These count.' }),
      duplicates: counts.meta({ description: 'These counted already.' }),
      rejected: counts.meta({ description: 'These do not; `/errors` says why.' }),
      pending: counts,
    }),
    errors_listed: counts.meta({
      description: 'Of how many rejected rows the reason is kept; of the first 50,000.',
    }),
    failure: z.string().nullable().meta({ description: 'Why the file was not taken.' }),
    metadata: metadataOut,
    created_at: instantOut,
    updated_at: instantOut,
    finished_at: instantOut.nullable(),
  })
  .meta({ id: 'UsageImport', description: 'A file of events, taken in row by row, each once.' });

/** An import with its progress. */
export function presentImport(made: UsageImport, progress: ImportCounts): z.infer<typeof usageImportOut> {
  const { accepted, duplicates, rejected, pending, listed } = progress;
  return {
    object: 'usage_import',
    id: made.id,
    format: made.format,
    status: made.status,
    bytes: Number(made.bytes),
    rows: made.rows,
    counts: { accepted, duplicates, rejected, pending },
    errors_listed: listed,
    failure: made.failure,
    metadata: made.metadata,
    created_at: presentInstant(made.createdAt),
    updated_at: presentInstant(made.updatedAt),
    finished_at: presentOptionalInstant(made.finishedAt),
  };
}
