import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { z } from 'zod';
import { serve } from '../child.ts';

/** Where webhooks arrive. It answers at once and keeps everything; what it is worth is asked after the clock has stopped. */
export type ReceiverQuestion = { secret?: string };
export type ReceiverReport = {
  port: number;
  requests: number;
  /** Different events. */
  events: number;
  /** Requests whose signature the secret did not make. */
  unsigned: number;
  /** Events that arrived, for the first time, after a later one of the same object. */
  outOfOrder: number;
};

type Received = { headers: Record<string, string>; body: string };
let received: Received[] = [];

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const headers = Object.fromEntries(
      ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => [
        name,
        String(request.headers[name]),
      ]),
    );
    received.push({ headers, body: Buffer.concat(chunks).toString('utf8') });
    response.end('ok');
  });
});

const event = z.object({
  id: z.string(),
  sequence: z.number(),
  data: z.object({ object: z.object({ id: z.string() }) }),
});

/** What came since the last question, and then no longer remembered. */
function report({ secret }: ReceiverQuestion): ReceiverReport {
  const came = received;
  received = [];
  const webhook = secret === undefined ? null : new Webhook(secret);
  const seen = new Set<string>();
  const latest = new Map<string, number>();
  let unsigned = 0;
  let outOfOrder = 0;
  for (const { headers, body } of came) {
    if (!webhook || !isSigned(webhook, body, headers)) unsigned += 1;
    const { id, sequence, data } = event.parse(JSON.parse(body));
    if (seen.has(id)) continue;
    seen.add(id);
    if (sequence < (latest.get(data.object.id) ?? 0)) outOfOrder += 1;
    latest.set(data.object.id, sequence);
  }
  const { port } = server.address() as AddressInfo;
  return { port, requests: came.length, events: seen.size, unsigned, outOfOrder };
}

function isSigned(webhook: Webhook, body: string, headers: Record<string, string>): boolean {
  try {
    webhook.verify(body, headers);
    return true;
  } catch {
    return false;
  }
}

server.listen(0, '127.0.0.1', () => serve(async (question: ReceiverQuestion) => report(question)));
