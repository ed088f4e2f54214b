import { z } from 'zod';
import type { PaymentMethod } from '../domain/customer.ts';
import {
  idOut,
  instantOut,
  metadataIn,
  metadataOut,
  metadataPatch,
  presentInstant,
  presentOptionalInstant,
} from './common.ts';

export const paymentMethodAttach = z
  .strictObject({
    gateway: z
      .string()
      .regex(/^[a-z][a-z0-9_]{0,39}$/, { error: 'Write the name of a gateway, such as "sandbox".' })
      .default('sandbox'),
    token: z.string().min(1).max(255).meta({
      description: "What the gateway's page gave the customer's browser; card numbers never come here.",
    }),
    default: z
      .boolean()
      .optional()
      .meta({ description: 'Charge this one from now on. The first method is the default anyway.' }),
    metadata: metadataIn.optional(),
  })
  .meta({ id: 'PaymentMethodAttach', examples: [{ gateway: 'sandbox', token: 'tok_succeeds' }] });

export const paymentMethodUpdate = z
  .strictObject({
    default: z.literal(true, 'Only true: to change the default, make another method the default.').optional(),
    metadata: metadataPatch.optional(),
  })
  .meta({ id: 'PaymentMethodUpdate', examples: [{ default: true }] });

export const paymentMethodOut = z
  .object({
    object: z.literal('payment_method'),
    id: idOut('pm'),
    customer: idOut('cus'),
    gateway: z.string(),
    brand: z.string(),
    last4: z.string(),
    exp_month: z.int().nullable(),
    exp_year: z.int().nullable(),
    is_default: z.boolean(),
    metadata: metadataOut,
    detached_at: instantOut.nullable(),
    created_at: instantOut,
    updated_at: instantOut,
  })
  .meta({ id: 'PaymentMethod' });

/** A payment method as the world sees it; the gateway's own reference stays inside. */
export function presentPaymentMethod(method: PaymentMethod): z.infer<typeof paymentMethodOut> {
  return {
    object: 'payment_method',
    id: method.id,
    customer: method.customerId,
    gateway: method.gateway,
    brand: method.brand,
    last4: method.last4,
    exp_month: method.expMonth,
    exp_year: method.expYear,
    is_default: method.isDefault,
    metadata: method.metadata,
    detached_at: presentOptionalInstant(method.detachedAt),
    created_at: presentInstant(method.createdAt),
    updated_at: presentInstant(method.updatedAt),
  };
}
