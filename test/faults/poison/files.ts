import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { HOSTILE_TEXTS, POISON_VALUES, STAINS } from '../mutations/poison.ts';
import { type Attack, send } from './doors.ts';
import type { Round } from './rounds.ts';
import { parsed } from './tally.ts';

/** Files of events: poisoned rows between good ones, and files that are poison as a whole. */

const PATIENCE_MS = 300_000;
const ROW_BYTES_MAX = 200_000;
const NDJSON = '/v1/usage_imports?format=ndjson';
const CSV = '/v1/usage_imports?format=csv';
const OCTETS = { 'content-type': 'application/octet-stream' };
const HEAD =
  'idempotency_key,event_name,customer_id,timestamp,properties.bytes,properties.__proto__,properties.constructor';

const made = z.object({ id: z.string(), status: z.string() });
const shown = z.object({
  status: z.string(),
  counts: z.object({ accepted: z.int(), duplicates: z.int(), rejected: z.int() }),
  failure: z.string().nullable(),
});

/** @returns how many rows were accepted, of all files. */
export async function strikeFiles(attack: Attack, rounds: readonly Round[]): Promise<number> {
  const [lines, records] = [ndjsonOf(attack, rounds), csvOf(attack)];
  const accepted = [await importOf(attack, NDJSON, lines), await importOf(attack, CSV, records)];
  await refuseFiles(attack);
  return accepted.reduce((sum, one) => sum + one, 0);
}

type File = { bytes: Buffer; poisoned: number };

/** What has no line break of its own and is not longer than any row may be. */
function ndjsonOf(attack: Attack, rounds: readonly Round[]): File {
  const rows = rounds
    .map(({ bytes }) => bytes)
    .filter((bytes) => !bytes.includes(0x0a) && bytes.length < ROW_BYTES_MAX);
  const good = (key: string) => Buffer.from(JSON.stringify(attack.goodOf(key)));
  return { bytes: alternating(rows, (n) => good(`line-${n}`)), poisoned: rows.length };
}

/** Bytes that stand in a cell as they are. */
const RAW_CELLS = ['', ',,,,,,,,,', ',,,', 'a"b', '"a"b', '"', '\0', '\u202e', '=1+1', 'x,'.repeat(20_000)];
const NO_TEXT = [0xff, 0xc0, 0xe2, 0];

function csvOf({ goodOf }: Attack): File {
  const { event_name, customer_id, timestamp } = goodOf('');
  const start = [event_name, customer_id, timestamp].map((value) => JSON.stringify(value)).join();
  const record = (key: string, bytes: string, rest = ',') => `${key},${start},${bytes},${rest}`;
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const texts = [
    ...POISON_VALUES.map(([, value]) => (typeof value === 'string' ? value : JSON.stringify(value))),
    ...HOSTILE_TEXTS.map(([, textOf]) => textOf()),
    ...STAINS,
  ].filter((text) => text.length < ROW_BYTES_MAX);
  const rows = [
    ...texts.map((text) => record('', quoted(text))),
    ...RAW_CELLS.map((text) => record('', closed(text))),
    record('', '1', '{"a":""1},x'),
    record('', '1', `,${quoted('\n'.repeat(1_000))}`),
  ].map((row) => Buffer.from(row));
  const notText = NO_TEXT.map((byte) => Buffer.concat([Buffer.from(record('', 'x')), Buffer.from([byte])]));
  const all = [...rows, ...notText];
  const body = alternating(all, (n) => Buffer.from(record(`cell-${n}`, '5')));
  return { bytes: Buffer.concat([Buffer.from(`${HEAD}\r\n`), body]), poisoned: all.length };
}

/** A quote that stays open would take the good row behind it along, as CSV has it. */
function closed(text: string): string {
  return text.split('"').length % 2 === 0 ? `x${text}"` : text;
}

function alternating(poisoned: readonly Buffer[], goodOf: (n: number) => Buffer): Buffer {
  const end = Buffer.from('\n');
  const rows = poisoned.flatMap((row, n) => [goodOf(n), end, row, end]);
  return Buffer.concat([...rows, goodOf(poisoned.length)]);
}

/** Every good row is taken, whatever stands beside it. */
async function importOf(attack: Attack, path: string, { bytes, poisoned }: File): Promise<number> {
  const { tally } = attack;
  tally.bodies += poisoned;
  const reply = await send(attack, 'POST', path, bytes, OCTETS);
  const upload = made.safeParse(parsed(reply.text));
  if (!upload.success) {
    tally.broken.push(`${path} is answered ${reply.status} ${reply.text.slice(0, 300)}`);
    return 0;
  }
  const place = `/v1/usage_imports/${upload.data.id}`;
  const { status, counts, failure } = await untilOver(attack, place);
  const errors = await send(attack, 'GET', `${place}/errors`, null);
  const goodRows = poisoned + 1;
  const goodRejected = (errors.text.match(/,(?:line|cell)-\d+,/g) ?? []).length;
  tally.neighbours.sent += goodRows;
  tally.neighbours.accepted += goodRows - goodRejected;
  if (status !== 'completed') tally.broken.push(`${path} ends as ${status}: ${failure}`);
  if (errors.status !== 200) tally.broken.push(`its errors are answered ${errors.status}`);
  if (counts.accepted < goodRows || goodRejected > 0)
    tally.broken.push(`${path}: ${counts.accepted} rows are accepted, ${goodRejected} good ones are not`);
  return counts.accepted;
}

async function untilOver(attack: Attack, place: string): Promise<z.infer<typeof shown>> {
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += 250) {
    const { text } = await send(attack, 'GET', place, null);
    const read = shown.parse(parsed(text));
    if (['completed', 'failed', 'canceled'].includes(read.status)) return read;
    await sleep(250);
  }
  throw new Error(`${place} was not over after ${PATIENCE_MS} ms`);
}

const BIG = 10_000_000;
const WHOLE: readonly (readonly [how: string, path: string, textOf: () => string | Buffer])[] = [
  ['an empty file', CSV, () => ''],
  ['a header alone', CSV, () => `${HEAD}\n`],
  ['a cell of 10 MB', CSV, () => `${HEAD}\na,b,c,d,${'x'.repeat(BIG)},,\n`],
  ['a quote that never ends', CSV, () => `${HEAD}\na,b,c,d,"${'x,y\n'.repeat(BIG / 4)}`],
  ['a quote that the end leaves open', CSV, () => `${HEAD}\na,b,c,d,"x`],
  ['a header of 60,000 unknown columns', CSV, () => `${'x,'.repeat(60_000)}x\n1\n`],
  ['a header of 60,000 empty columns', CSV, () => `${','.repeat(60_000)}\n1\n`],
  [
    'a header of 10,000 properties',
    CSV,
    () => `${HEAD}${Array.from({ length: 10_000 }, (_, n) => `,properties.p${n}`).join('')}\n1\n`,
  ],
  ['a header of 10 MB', CSV, () => 'x'.repeat(BIG)],
  ['a header with NUL', CSV, () => `event_name,timestamp,customer_id,\0\n1,2,3,4\n`],
  ['a header with half a character', CSV, () => Buffer.from([0x65, 0xe2, 0x82, 0x0a, 0x31, 0x0a])],
  ['a column twice', CSV, () => `${HEAD},timestamp\n1\n`],
  ['UTF-16', CSV, () => Buffer.from(`${HEAD}\n1\n`, 'utf16le')],
  ['10 MB of open lists', NDJSON, () => '['.repeat(BIG)],
  ['a line of 10 MB', NDJSON, () => `{"event_name":"${'x'.repeat(BIG)}"}`],
  ['10 MB of spaces', NDJSON, () => ' '.repeat(BIG)],
  ['10 MB of line breaks', NDJSON, () => '\n'.repeat(BIG)],
  ['10 MB of NUL', NDJSON, () => Buffer.alloc(BIG)],
];

/** Files of which nothing can be taken; each is refused while it comes. */
async function refuseFiles(attack: Attack): Promise<void> {
  const { tally } = attack;
  for (const [how, path, textOf] of WHOLE) {
    tally.bodies += 1;
    const bytes = Buffer.from(textOf());
    const reply = await send(attack, 'POST', path, bytes, OCTETS).catch((error: unknown) => String(error));
    const trouble = typeof reply === 'string' ? `gets no answer: ${reply}` : tally.refusal(reply);
    if (trouble) tally.broken.push(`a file that is ${how}: ${trouble}`);
  }
}
