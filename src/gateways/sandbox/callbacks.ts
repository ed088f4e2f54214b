import { Agent, request } from 'undici';
import { clock } from '../../platform/clock.ts';
import { type Book, type Callback, type Charge, newRef } from './book.ts';
import { signCallback } from './signature.ts';
import type { CallbackType, WireCallback } from './wire.ts';

export type Callbacks = AsyncDisposable & {
  /** Makes a callback about the charge as it is now and begins to deliver it; resolves when it was delivered or given up. */
  announce(charge: Charge, type: CallbackType): Promise<void>;
  /** Sends the charge's latest callback once more, with the same id, as a real gateway does when it is unsure; false when it has none. */
  repeat(chargeRef: string): boolean;
  /** Goes on with what an earlier run of the server did not deliver. */
  resume(): void;
};

/**
 * Delivers signed callbacks until the receiver answers 2xx, after each of `delaysMs` in turn, and then gives up. Each
 * attempt is signed anew, so that a late one is still within the receiver's tolerance.
 */
export function callbackSender(
  book: Book,
  options: { delaysMs: readonly number[]; timeoutMs: number; onError: (error: unknown) => void },
): Callbacks {
  const agent = new Agent({ connections: 16 });
  const stopping = new AbortController();

  /** A log that cannot be written must not end the server: the callback stays due until the next start. */
  function begin(callback: Callback): Promise<void> {
    return deliver(callback).catch(options.onError);
  }

  async function deliver(made: Callback): Promise<void> {
    let callback = made;
    for (const delayMs of options.delaysMs.slice(callback.attempts)) {
      await pause(delayMs, stopping.signal);
      if (stopping.signal.aborted) return;
      const accepted = await attempt(callback);
      if (stopping.signal.aborted) return;
      callback = { ...callback, attempts: callback.attempts + 1, state: accepted ? 'delivered' : 'due' };
      book.record({ record: 'callback', value: callback });
      if (accepted) return;
    }
    book.record({ record: 'callback', value: { ...callback, state: 'given_up' } });
  }

  async function attempt(callback: Callback): Promise<boolean> {
    const charge = book.charges.get(callback.chargeRef);
    if (charge === undefined) return false;
    try {
      const response = await request(charge.callbackUrl, {
        method: 'POST',
        dispatcher: agent,
        signal: AbortSignal.any([AbortSignal.timeout(options.timeoutMs), stopping.signal]),
        headers: {
          'content-type': 'application/json',
          'sandbox-signature': signCallback(callback.body, [charge.callbackSecret], clock.now()),
        },
        body: callback.body,
      });
      await response.body.dump();
      return response.statusCode >= 200 && response.statusCode < 300;
    } catch {
      return false;
    }
  }

  return {
    async announce(charge, type) {
      const callback = newCallback(charge, type);
      book.record({ record: 'callback', value: callback });
      await begin(callback);
    },
    repeat(chargeRef) {
      const latest = book.callbacksOf(chargeRef).at(-1);
      if (latest === undefined) return false;
      void begin({ ...latest, attempts: 0, state: 'due' });
      return true;
    },
    resume() {
      for (const callback of book.callbacks.values()) {
        if (callback.state === 'due') void begin(callback);
      }
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await agent.destroy();
    },
  };
}

function newCallback(charge: Charge, type: CallbackType): Callback {
  const body: WireCallback = {
    id: newRef('gevt'),
    type,
    created_at: clock.now().toISOString(),
    data: { ref: charge.ref, idempotency_key: charge.idempotencyKey, status: charge.status },
  };
  return { ref: body.id, chargeRef: charge.ref, type, body: JSON.stringify(body), state: 'due', attempts: 0 };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (ms === 0 || signal.aborted) return resolve();
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
