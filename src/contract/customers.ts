import { z } from 'zod';
import type { Customer } from '../domain/customer.ts';
import {
  currencyIn,
  externalId,
  idIn,
  idOut,
  instantOut,
  metadataIn,
  metadataOut,
  metadataPatch,
  nameIn,
  presentInstant,
  presentOptionalInstant,
  timeZoneIn,
} from './common.ts';

const email = z.email({ error: 'Write an email address, such as "billing@acme.example".' }).max(320);

export const customerCreate = z
  .strictObject({
    name: nameIn,
    external_id: externalId.optional(),
    email: email.optional(),
    time_zone: timeZoneIn
      .optional()
      .meta({ description: 'Where its days begin and end; your own time zone when absent.' }),
    currency: currencyIn
      .optional()
      .meta({ description: 'What its subscriptions are billed in unless they say otherwise.' }),
    test_clock: idIn('clk', 'test clock')
      .optional()
      .meta({ description: 'Test mode only: the clock that is its time.' }),
    metadata: metadataIn.optional(),
  })
  .meta({
    id: 'CustomerCreate',
    examples: [{ name: 'Acme Ltd', email: 'billing@acme.example', external_id: 'acme-42' }],
  });

export const customerUpdate = z
  .strictObject({
    name: nameIn.optional(),
    external_id: externalId.nullable().optional(),
    email: email.nullable().optional(),
    time_zone: timeZoneIn
      .nullable()
      .optional()
      .meta({ description: 'Running subscriptions keep the time zone they began with.' }),
    currency: currencyIn.nullable().optional(),
    metadata: metadataPatch.optional(),
  })
  .meta({ id: 'CustomerUpdate', examples: [{ email: 'accounts@acme.example', metadata: { tier: 'gold' } }] });

export const customerOut = z
  .object({
    object: z.literal('customer'),
    id: idOut('cus'),
    external_id: z.string().nullable(),
    name: z.string(),
    email: z.string().nullable(),
    time_zone: z.string().nullable(),
    currency: z.string().nullable(),
    test_clock: z.string().nullable(),
    metadata: metadataOut,
    deleted_at: instantOut.nullable(),
    created_at: instantOut,
    updated_at: instantOut,
  })
  .meta({ id: 'Customer' });

/** A customer as the world sees it. */
export function presentCustomer(customer: Customer): z.infer<typeof customerOut> {
  return {
    object: 'customer',
    id: customer.id,
    external_id: customer.externalId,
    name: customer.name,
    email: customer.email,
    time_zone: customer.timeZone,
    currency: customer.currency,
    test_clock: customer.testClockId,
    metadata: customer.metadata,
    deleted_at: presentOptionalInstant(customer.deletedAt),
    created_at: presentInstant(customer.createdAt),
    updated_at: presentInstant(customer.updatedAt),
  };
}
