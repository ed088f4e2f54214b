import { z } from 'zod';
import { DomainError } from '../../src/domain/errors.ts';
import { found } from '../../src/persistence/find-by-reference.ts';
import { findConnectionByToken, receiveCallback } from '../../src/persistence/gateway-callbacks.ts';
import { clock } from '../../src/platform/clock.ts';
import { crashPoint } from '../../src/platform/crash-point.ts';
import { type Route, rawRoute } from '../route.ts';

const callback = rawRoute({
  method: 'post',
  path: '/gateways/{gateway}/callbacks/{token}',
  operationId: 'receiveGatewayCallback',
  summary: 'Receive a callback of a payment gateway',
  description:
    "For gateways only. The signature is checked over the body's raw bytes; 200 means that the callback is stored, once, however often it comes.",
  tag: 'Payments',
  auth: 'public',
  params: z.object({ gateway: z.string().max(40), token: z.string().max(200) }),
  bodyLimitBytes: 64 * 1024,
  response: {
    description: 'It is stored.',
    schema: z.object({ received: z.literal(true) }).meta({ id: 'CallbackReceived' }),
    contentType: 'application/json',
  },
  errors: ['not_found', 'callback_signature_invalid', 'gateway_unavailable'],
  async handler({ deps, params, rawBody, headers }) {
    const connection = found(
      await deps.database.asSystem('gateway callback', (tx) =>
        findConnectionByToken(tx, params.gateway, params.token),
      ),
      'callback address',
    );
    const now = clock.now();
    const open = (sealed: string) =>
      deps.vault.open(sealed, {
        tenantId: connection.tenantId,
        column: 'gateway_connections.secret',
        rowId: connection.id,
      });
    const { previousSecretSealed, previousSecretExpiresAt } = connection;
    const rotating = previousSecretExpiresAt !== null && previousSecretExpiresAt > now;
    const secrets = [
      open(connection.secretSealed),
      ...(rotating && previousSecretSealed ? [open(previousSecretSealed)] : []),
    ];
    const read = deps.gateways.parseCallback(connection.gateway, { rawBody, headers, secrets, now });
    if (read.kind === 'invalid') {
      deps.metrics.gatewayCallbacks.inc({ outcome: 'refused' });
      deps.logger.warn(
        { connectionId: connection.id, reason: read.reason },
        'a gateway callback was refused',
      );
      throw new DomainError(
        'callback_signature_invalid',
        'The signature does not fit the body, its secret or the time.',
      );
    }
    const news = { connection, eventId: read.eventId, type: read.type, gatewayRef: read.ref, now };
    const outcome = await deps.database.withTenant(connection.tenantId, async (tx) => {
      const received = await receiveCallback(tx, news);
      crashPoint('callback.beforeCommit');
      return received;
    });
    crashPoint('callback.afterCommit');
    deps.metrics.gatewayCallbacks.inc({ outcome });
    return { status: 200, contentType: 'application/json', body: JSON.stringify({ received: true }) };
  },
});

export const gatewayCallbackRoutes: Route[] = [callback];
