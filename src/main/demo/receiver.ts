import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

/** What a customer of Perennial would run: takes webhooks, believes only those whose signature it can verify. */
export type Receiver = AsyncDisposable & {
  url: string;
  /** The secret that was shown when the endpoint was created. */
  trust(secret: string): void;
  /** Ids of the events that arrived with a good signature. */
  verified: ReadonlySet<string>;
  /** How many arrived with a bad one. */
  refused(): number;
};

export async function startReceiver(): Promise<Receiver> {
  const verified = new Set<string>();
  let refused = 0;
  let webhook: Webhook | null = null;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      const headers = Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
      );
      try {
        webhook?.verify(body, headers);
        verified.add((JSON.parse(body) as { id: string }).id);
        response.end('ok');
      } catch {
        refused += 1;
        response.writeHead(400).end('bad signature');
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks`,
    trust: (secret) => {
      webhook = new Webhook(secret);
    },
    verified,
    refused: () => refused,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
