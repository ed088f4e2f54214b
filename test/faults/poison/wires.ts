import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { type Attack, send } from './doors.ts';
import { outcomesOf, type Reply } from './tally.ts';

/** A good event in a way of sending that is not the usual one: it is taken, or refused with a reason; both at once, nothing else. */
type Wire = { how: string; expect: 'taken' | 'refused'; send(attack: Attack, event: Buffer): Promise<Reply> };

const JSON_TYPE = { 'content-type': 'application/json' };
const PATIENCE_MS = 180_000;

const headers = (more: Record<string, string>, change: (event: Buffer) => Buffer = (event) => event) =>
  ((attack, event) => send(attack, 'POST', '/v1/events', change(event), more)) satisfies Wire['send'];
const typed = (type: string, expect: Wire['expect']): Wire => ({
  how: `as ${type}`,
  expect,
  send: headers({ 'content-type': type }),
});
const encoded = (encoding: string, change: (event: Buffer) => Buffer): Wire => ({
  how: `in ${encoding}`,
  expect: 'refused',
  send: headers({ ...JSON_TYPE, 'content-encoding': encoding }, change),
});

const WIRES: readonly Wire[] = [
  encoded('gzip', (event) => gzipSync(event)),
  encoded('gzip', () => gzipSync(Buffer.alloc(50_000_000, 0x20))),
  encoded('deflate', (event) => deflateSync(event)),
  encoded('br', (event) => brotliCompressSync(event)),
  encoded('zstd', (event) => zstdCompressSync(event)),
  encoded('gzip, gzip', (event) => gzipSync(gzipSync(event))),
  encoded('nonsense', (event) => event),
  { how: 'identity', expect: 'taken', send: headers({ ...JSON_TYPE, 'content-encoding': 'identity' }) },
  typed('application/json; charset=utf-8', 'taken'),
  typed('APPLICATION/JSON;charset="UTF-8"', 'taken'),
  typed('application/cloudevents+json', 'taken'),
  typed('application/json; charset=latin1', 'refused'),
  typed('application/json, application/json', 'refused'),
  typed('text/json', 'refused'),
  typed('application/x-www-form-urlencoded', 'refused'),
  typed('multipart/form-data; boundary=x', 'refused'),
  { how: 'without a type', expect: 'refused', send: headers({}) },
  {
    how: 'with a byte order mark',
    expect: 'refused',
    send: headers(JSON_TYPE, (event) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), event])),
  },
  {
    how: 'in UTF-16',
    expect: 'refused',
    send: headers(JSON_TYPE, (event) => Buffer.from(event.toString(), 'utf16le')),
  },
  {
    how: 'byte by byte, without a length',
    expect: 'taken',
    send: (attack, event) => send(attack, 'POST', '/v1/events', Readable.from(pieces(event, 1)), JSON_TYPE),
  },
  {
    how: '30 MB in chunks, without a length',
    expect: 'refused',
    send: (attack) =>
      send(
        attack,
        'POST',
        '/v1/events',
        Readable.from(pieces(Buffer.alloc(30_000_000, 0x5b), 65_536)),
        JSON_TYPE,
      ),
  },
  raw('with a length that is too short', 'refused', (event) =>
    head(`Content-Length: ${event.length - 9}`, event),
  ),
  raw('with two lengths', 'refused', (event) =>
    head(`Content-Length: ${event.length}\r\nContent-Length: 7`, event),
  ),
  raw('with a length and chunks', 'refused', (event) =>
    head(`Content-Length: ${event.length}\r\nTransfer-Encoding: chunked`, event),
  ),
  raw('with a length below zero', 'refused', (event) => head('Content-Length: -5', event)),
  raw('with a length beyond 64 bits', 'refused', (event) =>
    head('Content-Length: 18446744073709551616', event),
  ),
  raw('with a chunk of no hexadecimal length', 'refused', () =>
    head('Transfer-Encoding: chunked', Buffer.from('zz\r\n{}\r\n0\r\n\r\n')),
  ),
  raw('with a length that is too long', 'refused', (event) =>
    head(`Content-Length: ${event.length + 9}`, event),
  ),
  raw(
    'a byte a second',
    'refused',
    (event) => head(`Content-Length: ${event.length}`, Buffer.alloc(0)),
    1_000,
  ),
];

/** Sends a good event in every odd way at once; the slow ones take as long as the API gives them. */
export async function strikeWires(attack: Attack): Promise<void> {
  const { tally } = attack;
  const strikes = WIRES.map(async ({ how, expect, send: sent }, n) => {
    tally.bodies += 1;
    const key = `wire-${n}`;
    const event = Buffer.from(JSON.stringify(attack.goodOf(key)));
    const reply = await sent(attack, event).catch((error: unknown) => String(error));
    if (typeof reply === 'string') {
      tally.broken.push(`an event ${how} got no answer: ${reply}`);
      return;
    }
    const outcomes = outcomesOf(reply);
    if (outcomes) tally.acknowledged.add(key);
    else {
      const trouble = tally.refusal(reply);
      if (trouble) tally.broken.push(`an event ${how} is ${trouble}`);
    }
    const became = outcomes?.[0]?.status === 'accepted' ? 'taken' : 'refused';
    if (became !== expect)
      tally.broken.push(`an event ${how} is ${became}: ${reply.status} ${reply.text.slice(0, 200)}`);
  });
  await Promise.all(strikes);
}

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

type RawRequest = (event: Buffer) => (host: string, key: string) => Buffer;

const head =
  (lines: string, body: Buffer) =>
  (host: string, key: string): Buffer =>
    Buffer.concat([
      Buffer.from(
        `POST /v1/events HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\n${lines}\r\n\r\n`,
      ),
      body,
    ]);

/** Over a socket of our own, because no client would send it. `dribbleMs`: so long between two bytes of the body. */
function raw(how: string, expect: Wire['expect'], of: RawRequest, dribbleMs?: number): Wire {
  return {
    how,
    expect,
    send: ({ apiUrl, key }, event) => {
      const { host, hostname, port } = new URL(apiUrl);
      return exchange(
        { hostname, port: Number(port) },
        of(event)(host, key),
        dribbleMs ? { event, dribbleMs } : null,
      );
    },
  };
}

/** The first answer on a connection of its own. */
function exchange(
  { hostname, port }: { hostname: string; port: number },
  bytes: Buffer,
  slow: { event: Buffer; dribbleMs: number } | null,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port });
    let text = '';
    const timer = setTimeout(
      () => socket.destroy(new Error(`nothing within ${PATIENCE_MS} ms`)),
      PATIENCE_MS,
    );
    socket.setEncoding('utf8');
    socket.on('data', (piece: string) => {
      text += piece;
      const reply = replyIn(text);
      if (!reply) return;
      resolve(reply);
      socket.destroy();
    });
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      reject(new Error(`the connection ended after: ${text.slice(0, 200)}`));
    });
    socket.write(bytes);
    if (slow) void dribble(slow);
    async function dribble({ event, dribbleMs }: { event: Buffer; dribbleMs: number }) {
      for (const byte of event) {
        if (socket.destroyed) return;
        socket.write(Buffer.from([byte]));
        await sleep(dribbleMs);
      }
    }
  });
}

/** An answer that is there as a whole; null: not yet. */
function replyIn(text: string): Reply | null {
  const [top = '', body] = text.split('\r\n\r\n', 2);
  if (body === undefined) return null;
  const length = Number(/^content-length: (\d+)/im.exec(top)?.[1] ?? 0);
  if (Buffer.byteLength(body) < length) return null;
  const contentType = /^content-type: (.+)$/im.exec(top)?.[1] ?? '';
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(top)?.[1] ?? 0),
    contentType: contentType.trim(),
    text: body,
  };
}
