import type { WebhookEndpoint } from '../src/domain/webhook.ts';
import type { FinishedAttempt } from '../src/persistence/delivery-attempts.ts';
import {
  type ClaimedDelivery,
  claimDeliveries,
  releaseDeliveries,
} from '../src/persistence/drain-deliveries.ts';
import { findEndpoint } from '../src/persistence/webhooks.ts';
import { crashPoint } from '../src/platform/crash-point.ts';
import type { Vault } from '../src/platform/vault.ts';
import { webhookSecretPlace } from '../src/platform/webhook-signature.ts';
import { type AttemptBook, openAttemptBook } from './attempt-book.ts';
import { DeliveryLanes } from './delivery-lanes.ts';
import { sendWebhook, type Target, type WebhookDeps } from './send-webhook.ts';

const CLAIM_MAX = 200;
/** With fewer than this many left to begin, more are claimed meanwhile, so that no sender waits for a claim. */
const CLAIM_BELOW = 100;
const PARALLEL_MAX = 20;
const LEASE_MS = 90_000;

export type DrainOptions = {
  tenantId: string;
  endpointId: string;
  now: () => Date;
  /** Whether another attempt may begin. */
  mayBegin: () => boolean;
  stopping: AbortSignal;
};

type Item = { delivery: ClaimedDelivery; target: Target };

/** Sends what is due at one endpoint, 20 at a time, until nothing is left or no more may begin. */
export class Drain {
  readonly #deps: WebhookDeps;
  readonly #options: DrainOptions;
  readonly #book: AttemptBook;
  readonly #lanes = new DeliveryLanes<Item>();
  readonly #done = Promise.withResolvers<void>();
  #senders = 0;
  #isClaiming = false;
  /** The last claim found nothing. */
  #isDry = false;
  #closing: 'disabled' | 'deleted' | null = null;
  #trouble: { error: unknown } | null = null;

  constructor(deps: WebhookDeps, options: DrainOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#book = openAttemptBook(deps.database, options);
  }

  /** @returns why the endpoint gets nothing more, or null while it is enabled. */
  async run(): Promise<'disabled' | 'deleted' | null> {
    this.#go();
    await this.#done.promise;
    const left = this.#lanes.clear().map(({ delivery }) => delivery);
    if (this.#trouble) throw this.#trouble.error;
    const { tenantId, now } = this.#options;
    if (left.length > 0)
      await this.#deps.database.withTenant(tenantId, (tx) => releaseDeliveries(tx, left, now()));
    return this.#closing;
  }

  /** Starts what can be started. Called whenever something has changed. */
  #go(): void {
    while (this.#senders < PARALLEL_MAX) {
      const item = this.#next(null);
      if (!item) break;
      this.#senders += 1;
      void this.#watch(this.#send(item)).then(() => {
        this.#senders -= 1;
        this.#go();
      });
    }
    if (this.#senders === 0 && !this.#isClaiming) this.#done.resolve();
  }

  /** The next to send for whoever has just sent `done`; null when there is none, or no more may begin. */
  #next(done: Item | null): Item | null {
    if (this.#trouble || !this.#options.mayBegin()) return null;
    const item = this.#lanes.next(done);
    if (this.#lanes.waiting < CLAIM_BELOW && !this.#isDry && !this.#isClaiming) {
      this.#isClaiming = true;
      void this.#watch(this.#claim()).then(() => {
        this.#isClaiming = false;
        this.#go();
      });
    }
    return item;
  }

  /** One after the other: the end of an attempt is written down together with the beginning of the next. */
  async #send(first: Item): Promise<void> {
    const { now, stopping } = this.#options;
    let item: Item | null = first;
    let ended: FinishedAttempt | null = null;
    while (item || ended) {
      const begun = await this.#book.write(ended, item?.delivery ?? null);
      ended = item && begun && (await sendWebhook(this.#deps, now, { ...item, begun, stopping }));
      item = item && this.#next(item);
    }
  }

  async #claim(): Promise<void> {
    const { tenantId, endpointId, now } = this.#options;
    const at = now();
    const leaseUntil = new Date(at.getTime() + LEASE_MS);
    const { endpoint, claimed } = await this.#deps.database.withTenant(tenantId, async (tx) => {
      const found = await findEndpoint(tx, endpointId);
      if (found?.status !== 'enabled') return { endpoint: found, claimed: [] };
      return {
        endpoint: found,
        claimed: await claimDeliveries(tx, { endpointId, at, leaseUntil, limit: CLAIM_MAX }),
      };
    });
    this.#isDry = claimed.length === 0;
    if (endpoint?.status !== 'enabled') this.#closing = endpoint ? 'disabled' : 'deleted';
    if (!endpoint || claimed.length === 0) return;
    crashPoint('delivery.claimed');
    const target = { endpoint, secrets: secretsOf(this.#deps.vault, endpoint, at) };
    this.#lanes.add(claimed.map((delivery) => ({ delivery, target })));
  }

  /** The first trouble ends the drain: nothing more begins, and what is under way comes to its end. */
  #watch(work: Promise<void>): Promise<void> {
    return work.catch((error: unknown) => {
      this.#trouble ??= { error };
    });
  }
}

/** The current secret and, while a rotation lasts, the former one. */
function secretsOf(vault: Vault, endpoint: WebhookEndpoint, at: Date): string[] {
  const place = webhookSecretPlace(endpoint);
  const rotating = endpoint.previousSecretExpiresAt !== null && endpoint.previousSecretExpiresAt > at;
  return [
    vault.open(endpoint.secretSealed, place),
    ...(rotating && endpoint.previousSecretSealed ? [vault.open(endpoint.previousSecretSealed, place)] : []),
  ];
}
