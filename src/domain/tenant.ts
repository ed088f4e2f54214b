import type { DunningPolicy } from './dunning.ts';

export type Mode = 'live' | 'test';

/** The company that uses Perennial. It owns at most one live and one test tenant. */
export type Account = {
  id: string;
  name: string;
  metadata: Metadata;
  createdAt: Date;
  updatedAt: Date;
};

/** Everything a key can see belongs to one tenant; test mode is a tenant of its own, so no other row says which mode it is. */
export type Tenant = {
  id: string;
  accountId: string;
  mode: Mode;
  name: string;
  timeZone: string;
  /** Hours a draft stays open for late usage before it is finalized (billing rule 27). */
  invoiceGraceHours: number;
  /** Null: the default policy of billing rule 33. */
  dunningPolicy: DunningPolicy | null;
  /** Days before a trial's end at which `subscription.trial_will_end` is sent; null: never. */
  trialReminderDays: number | null;
  /** How many days ago a subscription may begin (billing rule 18). */
  backdateDaysMax: number;
  /** Events older than this are refused, and closed periods are looked at no more for late ones (billing rule 29). */
  lateWindowDays: number;
  /** After how many days events are deleted; null: never. */
  usageRetentionDays: number | null;
  metadata: Metadata;
  createdAt: Date;
  updatedAt: Date;
};

export type Metadata = Record<string, string>;

/** What an API key may do. `*` stands for every scope of its tenant. */
export const SCOPES = [
  '*',
  'read',
  'customers:write',
  'catalog:write',
  'subscriptions:write',
  'usage:write',
  'invoices:write',
  'webhooks:write',
  'test_clocks:write',
  'keys:write',
] as const;
export type Scope = (typeof SCOPES)[number];

/** Only the HMAC of the key is kept; the key itself is shown once, when it is created. */
export type ApiKey = {
  id: string;
  tenantId: string;
  name: string;
  hash: Uint8Array;
  last4: string;
  scopes: Scope[];
  expiresAt: Date | null;
  revokedAt: Date | null;
  lastUsedAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
};
