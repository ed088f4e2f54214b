import type { Metadata } from './tenant.ts';

/** What prices are counted under in reports, whatever plan and version they belong to. */
export type Item = {
  id: string;
  tenantId: string;
  externalId: string | null;
  name: string;
  description: string | null;
  archivedAt: Date | null;
  metadata: Metadata;
  createdAt: Date;
  updatedAt: Date;
};
