import type { Metadata } from './tenant.ts';

/** A customer's own time in a test-mode tenant. It only goes forward. */
export type TestClock = {
  id: string;
  tenantId: string;
  name: string;
  nowAt: Date;
  targetAt: Date;
  status: 'ready' | 'advancing' | 'failed' | 'deleted';
  failure: { entity: string; message: string } | null;
  entitiesTotal: number;
  entitiesDone: number;
  metadata: Metadata;
  createdAt: Date;
  updatedAt: Date;
};
