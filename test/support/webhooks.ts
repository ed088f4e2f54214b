import { randomBytes } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { API_VERSION, type EventType } from '../../src/domain/event.ts';
import type { WebhookEndpoint } from '../../src/domain/webhook.ts';
import type { Database } from '../../src/persistence/doors.ts';
import { recordEvents } from '../../src/persistence/events.ts';
import { insertEndpoint } from '../../src/persistence/webhooks.ts';
import { newId } from '../../src/platform/ids.ts';
import { createVault } from '../../src/platform/vault.ts';
import { newWebhookSecret, webhookSecretPlace } from '../../src/platform/webhook-signature.ts';

/** The master key of tests about webhooks. */
export const vault = createVault([randomBytes(32)]);

export async function seedEndpoint(
  database: Database,
  tenantId: string,
  url: string,
  changes: Partial<WebhookEndpoint> = {},
): Promise<WebhookEndpoint & { secret: string }> {
  const at = new Date();
  const id = newId('we');
  const secret = newWebhookSecret();
  const endpoint: WebhookEndpoint = {
    id,
    tenantId,
    url,
    description: null,
    eventTypes: ['*'],
    status: 'enabled',
    disabledReason: null,
    disabledAt: null,
    apiVersion: API_VERSION,
    secretSealed: vault.seal(secret, webhookSecretPlace({ tenantId, id })),
    previousSecretSealed: null,
    previousSecretExpiresAt: null,
    failingSince: null,
    metadata: {},
    createdAt: at,
    updatedAt: at,
    deletedAt: null,
    ...changes,
  };
  await database.withTenant(tenantId, (tx) => insertEndpoint(tx, endpoint));
  return { ...endpoint, secret };
}

/** Records events about one customer each in a transaction of its own, as facts come. */
export async function seedEvents(
  database: Database,
  tenantId: string,
  count: number,
  about: { type?: EventType; objectId?: string; createdAt?: Date } = {},
): Promise<string> {
  const { type = 'customer.updated', objectId = newId('cus'), createdAt = new Date() } = about;
  for (let n = 1; n <= count; n += 1) {
    await database.withTenant(tenantId, (tx) =>
      recordEvents(tx, tenantId, { correlationId: 'req_1', causationId: null }, [
        { type, objectType: 'customer', objectId, data: { object: { object: 'customer', n } }, createdAt },
      ]),
    );
  }
  return objectId;
}

export type Received = { body: string; headers: IncomingHttpHeaders };
/** What the body of a webhook says, as far as tests look. */
export type Said = { id: string; type: string; sequence: number; data: { object: Record<string, unknown> } };

/** A receiver of webhooks on loopback, as a customer would write one. */
export class Receiver implements AsyncDisposable {
  readonly received: Received[] = [];
  answer: (response: ServerResponse, received: Received) => void = (response) => response.end('ok');
  readonly #server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const received = { body: Buffer.concat(chunks).toString('utf8'), headers: request.headers };
      this.received.push(received);
      this.answer(response, received);
    });
  });

  static async start(): Promise<Receiver> {
    const receiver = new Receiver();
    await new Promise<void>((done) => receiver.#server.listen(0, '127.0.0.1', done));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/webhooks`;
  }

  get said(): Said[] {
    return this.received.map(({ body }) => JSON.parse(body) as Said);
  }

  status(status: number, headers: Record<string, string> = {}): void {
    this.answer = (response) => response.writeHead(status, headers).end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }
}

/** Throws unless this secret signed what was received. */
export function verify(secret: string, { body, headers }: Received): unknown {
  return new Webhook(secret).verify(body, headers as Record<string, string>);
}
