import { createServer } from 'node:http';
import { type Config, urlHost } from '../platform/config.ts';
import type { Logger } from '../platform/logger.ts';

/** Runs the API in this process until it is disposed. */
export async function runApi(config: Config, logger: Logger): Promise<AsyncDisposable & { url: string }> {
  const server = createServer((_request, response) => response.end('ok\n'));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(config.http.port, config.http.host, resolve);
  });
  logger.info({ port: config.http.port }, 'the API listens');
  return {
    url: `http://${urlHost(config.http.host)}:${config.http.port}`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
