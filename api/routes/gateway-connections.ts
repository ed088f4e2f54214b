import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import {
  callbackSecretRotate,
  gatewayConnectionOut,
  presentGatewayConnection,
} from '../../src/contract/gateway-connections.ts';
import { found } from '../../src/persistence/find-by-reference.ts';
import { databaseNow } from '../../src/persistence/find-commands.ts';
import { lockConnectionOf, rotateCallbackSecret } from '../../src/persistence/save-customers.ts';
import { type Route, route } from '../route.ts';

const HOUR_MS = 3_600_000;

const rotate = route({
  method: 'post',
  path: '/v1/tenants/{id}/gateways/{gateway}/rotate_secret',
  operationId: 'rotateCallbackSecret',
  summary: 'Give a connection to a gateway a new callback secret',
  description:
    'New charges name the new secret to the gateway. Callbacks signed with the former one are accepted for a week, or as long as you say; then they are refused, and the charges they are about are found out by asking.',
  tag: 'Accounts',
  auth: 'operator',
  params: z.object({ id: z.string().max(400), gateway: z.string().max(40) }),
  body: callbackSecretRotate,
  response: { description: 'The connection.', schema: gatewayConnectionOut },
  errors: ['not_found'],
  kind: 'write',
  async handler(tx, { params, body, deps }) {
    const connection = found(await lockConnectionOf(tx, params.id, params.gateway), 'connection');
    const at = await databaseNow(tx);
    const overlapMs = body.previous_expires_in_hours * HOUR_MS;
    const secretSealed = deps.vault.seal(randomBytes(32).toString('base64url'), {
      tenantId: connection.tenantId,
      column: 'gateway_connections.secret',
      rowId: connection.id,
    });
    return presentGatewayConnection(
      await rotateCallbackSecret(tx, connection, {
        secretSealed,
        previousExpiresAt: overlapMs > 0 ? new Date(at.getTime() + overlapMs) : null,
        at,
      }),
    );
  },
});

export const gatewayConnectionRoutes: Route[] = [rotate];
