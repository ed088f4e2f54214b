import { EntitySchema } from '@mikro-orm/core';
import type { PendingItem } from '../domain/pending-item.ts';
import {
  amount,
  flag,
  id,
  instant,
  json,
  optionalInstant,
  optionalRate,
  optionalText,
  rate,
  text,
} from './columns.ts';

export const PendingItemSchema = new EntitySchema<PendingItem>({
  name: 'PendingItem',
  tableName: 'pending_items',
  properties: {
    id,
    tenantId: text,
    subscriptionId: text,
    itemId: optionalText,
    priceId: optionalText,
    description: text,
    quantity: rate,
    unitAmount: optionalRate,
    amount,
    periodStart: instant,
    periodEnd: instant,
    proration: flag,
    trace: json,
    reversesLineId: optionalText,
    reversesPendingId: optionalText,
    invoiceLineId: optionalText,
    droppedAt: optionalInstant,
    createdAt: instant,
  },
});
