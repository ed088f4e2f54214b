import { z } from 'zod';
import type { GatewayConnection } from '../domain/customer.ts';
import { idOut, instantOut, presentOptionalInstant } from './common.ts';

/** A charge that is pending was given the secret of its day, and its callback may come a week later. */
const ROTATION_HOURS = 168;
const ROTATION_HOURS_MAX = 2_160;

export const callbackSecretRotate = z
  .strictObject({
    previous_expires_in_hours: z
      .int('Write a whole number of hours.')
      .min(0, 'Write 0 to refuse the former secret at once.')
      .max(ROTATION_HOURS_MAX, `The former secret is accepted for at most ${ROTATION_HOURS_MAX} hours.`)
      .default(ROTATION_HOURS)
      .meta({ description: 'So long callbacks may be signed with either secret.' }),
  })
  .meta({ id: 'CallbackSecretRotate', examples: [{ previous_expires_in_hours: 168 }] });

export const gatewayConnectionOut = z
  .object({
    object: z.literal('gateway_connection'),
    id: idOut('gwc'),
    tenant: idOut('ten'),
    gateway: z.string(),
    previous_secret_expires_at: instantOut
      .nullable()
      .meta({ description: 'Until then callbacks may be signed with either secret.' }),
  })
  .meta({ id: 'GatewayConnection' });

/** A tenant's account at a gateway as its operator sees it; secrets and the callback address stay inside. */
export function presentGatewayConnection(
  connection: GatewayConnection,
): z.infer<typeof gatewayConnectionOut> {
  return {
    object: 'gateway_connection',
    id: connection.id,
    tenant: connection.tenantId,
    gateway: connection.gateway,
    previous_secret_expires_at: presentOptionalInstant(connection.previousSecretExpiresAt),
  };
}
