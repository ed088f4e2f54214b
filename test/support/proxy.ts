import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type Proxy = AsyncDisposable & {
  /** The given URL, by way of this proxy. */
  url: string;
  /** Cuts every connection and takes no new ones. */
  cut(): Promise<void>;
  restore(): Promise<void>;
  /** Lets connections stand and be made, but carries nothing over any of them: the server has become silent. */
  mute(): void;
  /** Carries what comes over connections made from now on. */
  unmute(): void;
};

/** Stands between a process and a server, so that a test can take the server away from it for a while. */
export async function startProxy(target: string): Promise<Proxy> {
  const to = new URL(target);
  const open = new Set<Socket>();
  let isMuted = false;
  const server = createServer((socket) => {
    const upstream = connect(Number(to.port), to.hostname);
    for (const end of [socket, upstream]) {
      open.add(end);
      end.on('error', () => end.destroy());
      end.on('close', () => {
        open.delete(end);
        socket.destroy();
        upstream.destroy();
      });
    }
    if (!isMuted) socket.pipe(upstream).pipe(socket);
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  const cut = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of open) socket.destroy();
    });
  return {
    url: url.href,
    cut,
    restore: () => listen(port),
    mute() {
      isMuted = true;
      for (const socket of open) socket.unpipe().pause();
    },
    unmute() {
      isMuted = false;
    },
    [Symbol.asyncDispose]: () => (server.listening ? cut() : Promise.resolve()),
  };
}
