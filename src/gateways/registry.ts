import { DomainError } from '../domain/errors.ts';
import type { Gateway } from './port.ts';
import { sandboxGateway } from './sandbox/adapter.ts';

export type Gateways = AsyncDisposable & {
  /** The gateway of that name; throws `DomainError('gateway_unavailable')` when this installation has none. */
  get(name: string): Gateway;
};

/**
 * The gateways of this installation. `sandboxUrl` null leaves the sandbox out; `timeoutMs` bounds each single call,
 * connect to last byte (default 10 s).
 */
export function gateways(options: { sandboxUrl: string | null; timeoutMs?: number }): Gateways {
  const known = new Map<string, Gateway & AsyncDisposable>();
  if (options.sandboxUrl !== null) {
    const sandbox = sandboxGateway({ url: options.sandboxUrl, timeoutMs: options.timeoutMs ?? 10_000 });
    known.set(sandbox.name, sandbox);
  }
  return {
    get(name) {
      const gateway = known.get(name);
      if (gateway === undefined) {
        throw new DomainError(
          'gateway_unavailable',
          `No payment gateway named "${name}" is configured here.`,
          {
            gateway: name,
            configured: [...known.keys()],
          },
        );
      }
      return gateway;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...known.values()].map((gateway) => gateway[Symbol.asyncDispose]()));
    },
  };
}
