import type { Metadata } from './tenant.ts';

export type Customer = {
  id: string;
  tenantId: string;
  externalId: string | null;
  name: string;
  email: string | null;
  /** IANA name; null: the tenant's. */
  timeZone: string | null;
  currency: string | null;
  testClockId: string | null;
  metadata: Metadata;
  deletedAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
};

/** How a customer pays. `gatewayRef` is the gateway's own reference; card numbers never reach us. */
export type PaymentMethod = {
  id: string;
  tenantId: string;
  customerId: string;
  gateway: string;
  gatewayRef: string;
  brand: string;
  last4: string;
  expMonth: number | null;
  expYear: number | null;
  isDefault: boolean;
  metadata: Metadata;
  detachedAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
};

/** A tenant's account at one gateway: where its callbacks arrive and the secrets that sign them, sealed. */
export type GatewayConnection = {
  id: string;
  tenantId: string;
  gateway: string;
  callbackToken: string;
  secretSealed: string;
  previousSecretSealed: string | null;
  /** Set exactly when there is a former secret: from then on it is refused. */
  previousSecretExpiresAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
};
