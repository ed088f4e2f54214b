import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RowSplitter, type Rows } from '../../api/split-rows.ts';
import { readRecord, splitRecords, writeRecord } from '../../src/contract/csv.ts';
import { readColumns, readImport } from '../../src/contract/read-import.ts';
import { isUsageProblem } from '../../src/contract/read-usage-event.ts';
import type { ImportFormat } from '../../src/domain/usage-import.ts';

const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', 'ä', '😀'), maxLength: 6 });

/** All rows of a file that arrives in pieces of these lengths. */
function split(format: ImportFormat, file: Buffer, lengths: readonly number[]): Rows[] {
  const splitter = new RowSplitter(format);
  const taken: Rows[] = [];
  let at = 0;
  for (const length of lengths) {
    taken.push(...splitter.push(file.subarray(at, at + length)));
    at += length;
  }
  return [...taken, ...splitter.push(file.subarray(at)), ...splitter.end()];
}

describe('a file of rows', () => {
  test('is the same rows, however it arrives, and what was written is what is read', () => {
    const rows = fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(rows, fc.array(fc.integer({ min: 0, max: 40 })), (written, lengths) => {
        const quoted = written.map((cells) =>
          cells.map((text) => `"${text.replaceAll('"', '""')}"`).join(','),
        );
        const file = Buffer.from(['h', ...quoted].join('\r\n'));
        const [header, ...taken] = split('csv', file, lengths);
        expect(header).toMatchObject({ firstRow: 0, rows: 1 });
        const records = taken.flatMap(({ content }) => splitRecords(content.toString()));
        expect(taken.reduce((sum, { rows }) => sum + rows, 0)).toBe(records.length);
        expect(records.map(readRecord)).toEqual(written);
      }),
    );
  });

  test('is taken apart into parts that are numbered without a gap, and empty rows are none', () => {
    const lines = Array.from({ length: 12_000 }, (_, n) => `{"n":${n}}${n % 3 === 0 ? '\r\n\n \n' : '\n'}`);
    const taken = split('ndjson', Buffer.from(lines.join('')), [10, 70_000, 1]);
    let next = 1;
    for (const { firstRow, rows, content } of taken) {
      expect(firstRow).toBe(next);
      const read = readImport({
        importId: 'imp',
        format: 'ndjson',
        columns: [],
        firstRow,
        text: content.toString(),
      });
      expect(read).toHaveLength(rows);
      next += rows;
    }
    expect(next).toBe(12_001);
    expect(taken.length).toBeGreaterThan(2);
  });

  test('whose row never ends is refused with its number', () => {
    const file = Buffer.from(`event_name,timestamp\n"a","b"\n"c,${'x'.repeat(300_000)}`);
    expect(() => split('csv', file, [])).toThrow(
      'Row 2 has no end within 256 KB. Look whether a quote is missing.',
    );
  });

  test('names its columns, or is told all that is wrong with them', () => {
    expect(readColumns('event_name, timestamp,customer_id,properties.n')).toHaveLength(4);
    const wrong = () => readColumns('event_name,event_name,colour,customer_id');
    expect(wrong).toThrow(
      expect.objectContaining({
        code: 'usage_import_unreadable',
        details: {
          errors: [
            expect.objectContaining({ path: 'event_name', code: 'named_twice' }),
            expect.objectContaining({ path: 'colour', code: 'unknown_field' }),
            expect.objectContaining({ path: 'timestamp', code: 'required' }),
          ],
        },
      }),
    );
    // However many there are, the answer is short.
    const many = () => readColumns('colour,'.repeat(40_000));
    expect(many).toThrow(
      expect.objectContaining({ details: { errors: [expect.objectContaining({ code: 'too_big' })] } }),
    );
  });
});

describe('rows', () => {
  const read = (format: ImportFormat, text: string, columns: string[] = []) =>
    readImport({ importId: 'imp_1', format, columns, firstRow: 7, text }).map((event) =>
      isUsageProblem(event) ? [event.path, event.code] : event,
    );
  const columns = ['idempotency_key', 'event_name', 'external_customer_id', 'timestamp', 'properties.n'];

  test('of CSV keep numbers as they are written, and get a key where they bring none', () => {
    const at = '2027-01-01T00:00:00Z';
    expect(read('csv', `,call,acme,${at},0.123456789012\nk,call,acme,${at},\n`, columns)).toEqual([
      expect.objectContaining({ key: 'imp_1:7', properties: { n: '0.123456789012' } }),
      expect.objectContaining({ key: 'k', properties: {} }),
    ]);
    expect(read('csv', `k,call,acme\nk,call,acme,never,1\nk,ca"ll,acme,${at},"\n`, columns)).toEqual([
      ['', 'cells_mismatch'],
      ['timestamp', 'instant_invalid'],
      ['', 'malformed_request'],
    ]);
    expect(read('csv', `k,call,acme,${at},1`, [...columns.slice(0, 4), 'properties.__proto__'])).toEqual([
      ['properties.__proto__', 'key_invalid'],
    ]);
  });

  test('of NDJSON are judged one by one', () => {
    const event = '"event_name":"call","external_customer_id":"acme","timestamp":"2027-01-01T00:00:00Z"';
    const lines = [
      `{${event}}`,
      `{"idempotency_key":"k",${event},"properties":{"n":12345678901234567.5}}`,
      `{"idempotency_key":"k",${event},"properties":{"n":1,"n":2}}`,
      '{}',
      '[1,2]',
      'null',
      '{"a":',
      `{${event},"properties":{"t":"\ufffd"}}`,
    ];
    expect(read('ndjson', lines.join('\n'))).toEqual([
      expect.objectContaining({ key: 'imp_1:7' }),
      ['properties.n', expect.any(String)],
      ['properties.n', expect.any(String)],
      ['idempotency_key', 'required'],
      ['', 'type_invalid'],
      ['', 'type_invalid'],
      ['', 'malformed_request'],
      ['', 'encoding_invalid'],
    ]);
  });
});

test('a cell that a spreadsheet would take for a formula is none any more', () => {
  expect(writeRecord(['=1+1', '@x', 'a,b', 'say "hi"', 3, null])).toBe(`'=1+1,'@x,"a,b","say ""hi""",3,\r\n`);
});
