import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Receivers that are not well: addresses that are gone for good, and one that stumbles over each event once. */
export type OddReceiver = AsyncDisposable & { goneUrl(n: number): string; stumblingUrl: string };

export async function startOddReceiver(): Promise<OddReceiver> {
  const stumbled = new Set<string>();
  const server = createServer((request, response) => {
    request.on('error', () => {});
    request.resume();
    request.on('end', () => {
      const id = String(request.headers['webhook-id']);
      const isFirst = request.url === '/stumbling' && !stumbled.has(id);
      stumbled.add(id);
      response.writeHead(request.url?.startsWith('/gone') ? 410 : isFirst ? 500 : 200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    goneUrl: (n) => `${url}/gone/${n}`,
    stumblingUrl: `${url}/stumbling`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
