import { EntitySchema } from '@mikro-orm/core';
import type { Item } from '../domain/item.ts';
import { id, instant, json, optionalInstant, optionalText, text } from './columns.ts';

export const ItemSchema = new EntitySchema<Item>({
  name: 'Item',
  tableName: 'items',
  properties: {
    id,
    tenantId: text,
    externalId: optionalText,
    name: text,
    description: optionalText,
    archivedAt: optionalInstant,
    metadata: json,
    createdAt: instant,
    updatedAt: instant,
  },
});
