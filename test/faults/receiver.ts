import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { z } from 'zod';

const delivered = z.object({ id: z.string(), type: z.string() });

/** An event as it arrived: how often, and when first (milliseconds of `performance.now()`). */
export type Received = { type: string; times: number; firstAtMs: number };

/** A customer's webhook receiver: believes only what one of its secrets signed, and remembers what came. */
export type Receiver = AsyncDisposable & {
  url: string;
  /** Adds the secret that was shown when an endpoint with this URL was created. */
  trust(secret: string): void;
  /** Everything that arrived with a good signature, by the id of the event. */
  seen(): ReadonlyMap<string, Received>;
  /** How many requests had a signature that none of the secrets made. */
  refused(): number;
};

export async function startReceiver(): Promise<Receiver> {
  const seen = new Map<string, Received>();
  const webhooks: Webhook[] = [];
  let refused = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    // A sender that is killed in the middle is expected here.
    request.on('error', () => {});
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      const headers = Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
      );
      if (!webhooks.some((webhook) => isSigned(webhook, body, headers))) {
        refused += 1;
        response.writeHead(400).end('bad signature');
        return;
      }
      const { id, type } = delivered.parse(JSON.parse(body));
      const known = seen.get(id) ?? { type, times: 0, firstAtMs: performance.now() };
      seen.set(id, { ...known, times: known.times + 1 });
      response.end('ok');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks`,
    trust: (secret) => webhooks.push(new Webhook(secret)),
    seen: () => seen,
    refused: () => refused,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function isSigned(webhook: Webhook, body: string, headers: Record<string, string>): boolean {
  try {
    webhook.verify(body, headers);
    return true;
  } catch {
    return false;
  }
}
