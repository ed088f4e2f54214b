import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

/** One callback of the gateway, as it was on its way. */
export type Letter = { path: string; body: string; signature: string; type: string; ref: string };

export type PostOffice = AsyncDisposable & {
  /** What API and worker take for the API's public address. */
  url: string;
  /** From now on callbacks are taken in and kept, and the gateway believes they arrived. */
  hold(): void;
  pass(): void;
  /** Waits for a kept callback of this type about this charge. */
  letter(ref: string, type: string): Promise<Letter>;
};

const callback = z.object({ type: z.string(), data: z.object({ ref: z.string() }) });

/** Stands between the gateway and the API, where callbacks get lost, late, twice and out of order. */
export async function openPostOffice(apiUrl: string): Promise<PostOffice> {
  const kept: Letter[] = [];
  let holding = false;
  async function take(request: IncomingMessage): Promise<number> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString('utf8');
    const { type, data } = callback.parse(JSON.parse(body));
    const signature = String(request.headers['sandbox-signature']);
    const letter = { path: request.url ?? '/', body, signature, type, ref: data.ref };
    if (!holding) return deliver(apiUrl, letter);
    kept.push(letter);
    return 200;
  }

  const server = createServer((request, response) => {
    take(request).then(
      (status) => response.writeHead(status).end(),
      () => response.writeHead(502).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hold: () => {
      holding = true;
    },
    pass: () => {
      holding = false;
    },
    async letter(ref, type) {
      for (let waitedMs = 0; waitedMs < 180_000; waitedMs += 50) {
        const found = kept.find((letter) => letter.ref === ref && letter.type === type);
        if (found) return found;
        await sleep(50);
      }
      throw new Error(`the gateway sent no ${type} about ${ref} in three minutes`);
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Hands a callback over and answers the status it was met with. */
export async function deliver(
  apiUrl: string,
  letter: Pick<Letter, 'path' | 'body' | 'signature'>,
): Promise<number> {
  const response = await fetch(apiUrl + letter.path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'sandbox-signature': letter.signature },
    body: letter.body,
  });
  await response.arrayBuffer();
  return response.status;
}
