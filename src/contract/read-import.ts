import { DomainError, type FieldError, isDomainError } from '../domain/errors.ts';
import type { IncomingUsage } from '../domain/usage-event.ts';
import { type ImportFormat, rowKey } from '../domain/usage-import.ts';
import { readRecord, splitRecords } from './csv.ts';
import { isUsageProblem, readUsageEvent, type UsageProblem, wrong } from './read-usage-event.ts';
import { readUsageEvents } from './usage-body.ts';

/** Rows of a file, which follow each other. */
export type ImportRows = {
  importId: string;
  format: ImportFormat;
  /** Of CSV, as `readColumns` took them. */
  columns: readonly string[];
  /** The number of the first one; the first of a file is 1. */
  firstRow: number;
  text: string;
};

/** Reads rows as events, one by one: what is wrong with one keeps no other out. */
export function readImport({
  importId,
  format,
  columns,
  firstRow,
  text,
}: ImportRows): (IncomingUsage | UsageProblem)[] {
  const records = format === 'csv' ? splitRecords(text) : splitLines(text);
  return records.map((record, index) => {
    const key = rowKey(importId, firstRow + index);
    // What was no UTF-8 became this character when it was read.
    if (record.includes('\ufffd')) return wrong(null, '', 'encoding_invalid', 'The row is not valid UTF-8.');
    return format === 'csv' ? readCells(record, columns, key) : readLine(record, key);
  });
}

function splitLines(text: string): string[] {
  return text.split('\n').filter((line) => /[^ \t\r]/.test(line));
}

const PROPERTY = 'properties.';
const COLUMNS = [
  'idempotency_key',
  'event_name',
  'customer_id',
  'external_customer_id',
  'subscription_id',
  'timestamp',
];
const COLUMNS_MAX = 60;

/** The columns that the first record of a CSV file names. Throws `usage_import_unreadable` with every one that is wrong. */
export function readColumns(header: string): string[] {
  const columns = readRecord(header)?.map((name) => name.trim()) ?? [];
  if (columns.length > COLUMNS_MAX)
    throw unreadable([{ path: '', code: 'too_big', message: `There are more than ${COLUMNS_MAX} columns.` }]);
  const errors = columns.flatMap((name, index) => {
    const path = name.slice(0, 60).toWellFormed();
    const isKnown = COLUMNS.includes(name) || (name.startsWith(PROPERTY) && name.length > PROPERTY.length);
    if (!isKnown)
      return [
        { path, code: 'unknown_field', message: `Name it ${COLUMNS.join(', ')}, or properties.<name>.` },
      ];
    return columns.indexOf(name) < index
      ? [{ path, code: 'named_twice', message: 'The column is there twice; keep one.' }]
      : [];
  });
  const has = (name: string) => columns.includes(name);
  for (const name of ['event_name', 'timestamp'])
    if (!has(name)) errors.push({ path: name, code: 'required', message: 'This column is needed.' });
  if (!has('customer_id') && !has('external_customer_id'))
    errors.push({ path: 'customer_id', code: 'required', message: 'It or external_customer_id is needed.' });
  if (errors.length === 0) return columns;
  throw unreadable(errors);
}

function unreadable(errors: FieldError[]): DomainError {
  return new DomainError(
    'usage_import_unreadable',
    'The first row of the file has to name its columns as the reference says.',
    { errors },
  );
}

/** An empty cell says nothing. Properties stay texts, so no digit of a number is lost. */
function readCells(record: string, columns: readonly string[], key: string): IncomingUsage | UsageProblem {
  const cells = readRecord(record);
  if (!cells)
    return wrong(null, '', 'malformed_request', 'A quote stands in a cell that does not begin with one.');
  if (cells.length !== columns.length) {
    const message = `The row has ${cells.length} cells, and the first row names ${columns.length} columns.`;
    return wrong(null, '', 'cells_mismatch', message);
  }
  const event: Record<string, unknown> = { idempotency_key: key };
  const properties: Record<string, string> = {};
  for (const [index, name] of columns.entries()) {
    const cell = cells[index] ?? '';
    if (cell === '') continue;
    if (name.startsWith(PROPERTY)) define(properties, name.slice(PROPERTY.length), cell);
    else event[name] = cell;
  }
  return readUsageEvent({ ...event, properties });
}

/** Also `__proto__` becomes a name like any other, which is then refused. */
function define(properties: Record<string, string>, name: string, value: string): void {
  Object.defineProperty(properties, name, { value, enumerable: true, configurable: true, writable: true });
}

function readLine(line: string, key: string): IncomingUsage | UsageProblem {
  const read = readOne(line);
  const lacksKey = isUsageProblem(read) && read.path === 'idempotency_key' && read.code === 'required';
  const at = line.indexOf('{');
  if (!lacksKey || at < 0) return read;
  // Written into the text, because only the text tells whether a number is exactly what was sent.
  const keyed = readOne(`{"idempotency_key":${JSON.stringify(key)},${line.slice(at + 1)}`);
  return isUsageProblem(keyed) && keyed.code === 'malformed_request' ? read : keyed;
}

function readOne(line: string): IncomingUsage | UsageProblem {
  try {
    const [event, ...more] = readUsageEvents(line);
    if (event && more.length === 0) return event;
    return wrong(null, '', 'type_invalid', 'Write one event on each line.');
  } catch (error) {
    if (isDomainError(error)) return wrong(null, '', error.code, error.message);
    throw error;
  }
}
