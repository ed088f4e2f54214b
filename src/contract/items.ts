import { z } from 'zod';
import type { Item } from '../domain/item.ts';
import {
  externalId,
  idOut,
  instantOut,
  metadataIn,
  metadataOut,
  metadataPatch,
  nameIn,
  presentInstant,
  presentOptionalInstant,
} from './common.ts';

export const itemCreate = z
  .strictObject({
    name: nameIn,
    external_id: externalId.optional(),
    description: z.string().max(2000).optional(),
    metadata: metadataIn.optional(),
  })
  .meta({ id: 'ItemCreate', examples: [{ name: 'API calls', external_id: 'api-calls' }] });

export const itemUpdate = z
  .strictObject({
    name: nameIn.optional(),
    description: z.string().max(2000).nullable().optional(),
    external_id: externalId.nullable().optional(),
    metadata: metadataPatch.optional(),
  })
  .meta({ id: 'ItemUpdate' });

export const itemOut = z
  .object({
    object: z.literal('item'),
    id: idOut('item'),
    external_id: z.string().nullable(),
    name: z.string(),
    description: z.string().nullable(),
    archived_at: instantOut.nullable(),
    metadata: metadataOut,
    created_at: instantOut,
    updated_at: instantOut,
  })
  .meta({ id: 'Item', description: 'What prices of different plans are counted under in reports.' });

/** An item of the catalogue as the world sees it. */
export function presentItem(item: Item): z.infer<typeof itemOut> {
  return {
    object: 'item',
    id: item.id,
    external_id: item.externalId,
    name: item.name,
    description: item.description,
    archived_at: presentOptionalInstant(item.archivedAt),
    metadata: item.metadata,
    created_at: presentInstant(item.createdAt),
    updated_at: presentInstant(item.updatedAt),
  };
}
