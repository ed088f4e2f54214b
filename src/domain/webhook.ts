import type { EventType } from './event.ts';
import type { Metadata } from './tenant.ts';

export type WebhookEndpoint = {
  id: string;
  tenantId: string;
  url: string;
  description: string | null;
  /** `['*']` means every type. */
  eventTypes: (EventType | '*')[];
  status: 'enabled' | 'disabled';
  disabledReason: string | null;
  disabledAt: Date | null;
  apiVersion: string;
  secretSealed: string;
  previousSecretSealed: string | null;
  previousSecretExpiresAt: Date | null;
  failingSince: Date | null;
  metadata: Metadata;
  createdAt: Date;
  updatedAt: Date;
  deletedAt: Date | null;
};

export type WebhookDelivery = {
  id: string;
  tenantId: string;
  endpointId: string;
  eventId: string;
  status: 'pending' | 'delivered' | 'dead';
  attempts: number;
  resentAt: Date | null;
  /** Attempts made before the last resend: the retry schedule counts from here. */
  scheduleBase: number;
  nextAttemptAt: Date | null;
  leaseUntil: Date | null;
  lastStatus: number | null;
  lastError: string | null;
  deliveredAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
};

export type WebhookAttempt = {
  deliveryId: string;
  n: number;
  tenantId: string;
  startedAt: Date;
  finishedAt: Date | null;
  latencyMs: number | null;
  status: number | null;
  error: string | null;
  /** The first 1 KB of the answer. */
  responseExcerpt: string | null;
};
