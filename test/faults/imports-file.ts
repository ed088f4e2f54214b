/** Every so many-th row has no key of its own, says nothing that can be read, or is the row before again. */
const KEYLESS_EVERY = 3;
const BAD_EVERY = 1_000;
const TWICE_EVERY = 1_001;
const ROWS_AT_ONCE = 1_000;

/** A file that is written while it is sent: nobody has to hold it. */
export type SentFile = {
  format: 'csv' | 'ndjson';
  rows: number;
  /** What its import has to count. */
  expected: { accepted: number; duplicates: number; rejected: number };
  /** The sum of `n` of all that is to be accepted. */
  sum: string;
  /** The whole file, each time it is asked for. */
  pieces(): Generator<Buffer>;
};

/** Short rows of CSV; `customer` is the customer's external id. */
export function csvFile(rows: number, customer: string): SentFile {
  const at = new Date(Date.now() - 60_000).toISOString();
  const head = 'idempotency_key,event_name,external_customer_id,timestamp,properties.n\n';
  const line = (n: number) => {
    const { key, worth, isBad } = rowOf(n);
    return `${key},call,${customer},${isBad ? 'never' : at},${worth}\n`;
  };
  return { format: 'csv', rows, ...expectedOf(rows), pieces: () => piecesOf(head, rows, line) };
}

/** Rows of NDJSON that are as long as those of people who send all they know: about `rowBytes` each. */
export function ndjsonFile(rows: number, rowBytes: number, customer: string): SentFile {
  const at = new Date(Date.now() - 60_000).toISOString();
  const words = JSON.stringify('a quote " and a line\nbreak, '.repeat(10));
  const notes = Array.from(
    { length: Math.floor((rowBytes - 180) / (words.length + 12)) },
    (_, i) => `"note_${i}":${words}`,
  );
  const line = (n: number) => {
    const { key, worth, isBad } = rowOf(n);
    const keyed = key === '' ? '' : `"idempotency_key":"${key}",`;
    return `{${keyed}"event_name":"call","external_customer_id":"${customer}","timestamp":"${isBad ? 'never' : at}","properties":{"n":${worth},${notes.join()}}}\n`;
  };
  return { format: 'ndjson', rows, ...expectedOf(rows), pieces: () => piecesOf('', rows, line) };
}

function* piecesOf(head: string, rows: number, line: (n: number) => string): Generator<Buffer> {
  let text = head;
  for (let n = 1; n <= rows; n += 1) {
    text += line(n);
    if (n % ROWS_AT_ONCE !== 0 && n !== rows) continue;
    yield Buffer.from(text);
    text = '';
  }
}

type Row = { key: string; worth: number; isBad: boolean; isTwice: boolean };

function rowOf(n: number): Row {
  const isTwice = n % TWICE_EVERY === 0;
  const worth = isTwice ? n - 1 : n;
  const key = n % KEYLESS_EVERY === 0 && !isTwice ? '' : `row-${worth}`;
  return { key, worth, isBad: n % BAD_EVERY === 0, isTwice };
}

function expectedOf(rows: number): Pick<SentFile, 'expected' | 'sum'> {
  const expected = { accepted: 0, duplicates: 0, rejected: 0 };
  let sum = 0n;
  for (let n = 1; n <= rows; n += 1) {
    const { isBad, isTwice, worth } = rowOf(n);
    if (isBad) expected.rejected += 1;
    else if (isTwice && keyedBefore(n)) expected.duplicates += 1;
    else {
      expected.accepted += 1;
      sum += BigInt(worth);
    }
  }
  return { expected, sum: String(sum) };
}

/** Whether the row before was taken under the key that is repeated. */
function keyedBefore(n: number): boolean {
  const before = rowOf(n - 1);
  return before.key !== '' && !before.isBad;
}
