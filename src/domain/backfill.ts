import type { Metadata } from './tenant.ts';

export const BACKFILL_STATUSES = ['open', 'closed', 'reverted', 'canceled'] as const;

/**
 * A correction of a stretch of time. Events are collected beside the others and count for nothing until it is closed;
 * then they take the place of what was there (`replaces`) or join it, at once. Reverted, all is as before.
 */
export type Backfill = {
  id: string;
  tenantId: string;
  /** Null: of all customers. */
  customerId: string | null;
  /** Null: of all names. */
  eventNames: string[] | null;
  timeframeStart: Date;
  timeframeEnd: Date;
  replaces: boolean;
  status: (typeof BACKFILL_STATUSES)[number];
  /** Events that it stopped from counting, that it brought, and that it left out because their key counts elsewhere. */
  voided: number;
  inserted: number;
  duplicates: number;
  note: string | null;
  /** The key that made it. */
  createdBy: string | null;
  metadata: Metadata;
  createdAt: Date;
  updatedAt: Date;
  closedAt: Date | null;
  revertedAt: Date | null;
};
