import type { Metadata } from './tenant.ts';

export const COLLECTOR_STATUSES = ['enabled', 'disabled'] as const;

/** How a sender proves who he is: as Standard Webhooks 1.0 say, by an HMAC-SHA256 in hex of the body in a header, or not at all. */
export const SIGNATURE_SCHEMES = ['standard_webhooks', 'hmac_sha256', 'none'] as const;
export type SignatureScheme = (typeof SIGNATURE_SCHEMES)[number];

/** Where other people's webhooks become events: an address, what proves the sender, and how a body is read. */
export type Collector = {
  id: string;
  tenantId: string;
  name: string;
  status: (typeof COLLECTOR_STATUSES)[number];
  mapping: UsageMapping;
  scheme: SignatureScheme;
  /** In which header the signature of `hmac_sha256` stands, in small letters; null for the others. */
  signatureHeader: string | null;
  /** The address is a secret: only its HMAC is kept, like that of an API key. */
  tokenHash: Uint8Array;
  tokenLast4: string;
  previousTokenHash: Uint8Array | null;
  previousTokenExpiresAt: Date | null;
  /** Null exactly for `none`. */
  secretSealed: string | null;
  previousSecretSealed: string | null;
  previousSecretExpiresAt: Date | null;
  /** Events, as the database writes large integers. */
  accepted: string;
  duplicates: string;
  rejected: string;
  /** Requests of which no event was taken: unsigned, unreadable, while disabled. */
  refused: string;
  lastReceivedAt: Date | null;
  lastError: CollectorError | null;
  metadata: Metadata;
  createdAt: Date;
  updatedAt: Date;
  deletedAt: Date | null;
};

/** The last thing that went wrong; never what was sent. */
export type CollectorError = { at: string; code: string; message: string; path: string | null };

/** How a body of any shape is read as events. Names as on the wire, because it is stored as it was sent. */
export type UsageMapping = {
  /** Points at a list; each of its elements is an event, and pointers begin there. */
  each?: string | undefined;
  /** Several are joined with a colon. */
  idempotency_key: Source | Source[];
  event_name: Source;
  customer_id?: Source | undefined;
  external_customer_id?: Source | undefined;
  subscription_id?: Source | undefined;
  timestamp: Source;
  timestamp_format: TimestampFormat;
  /** One by one, or a pointer to an object whose members are taken. */
  properties: string | Record<string, Source>;
};

export const TIMESTAMP_FORMATS = ['rfc3339', 'epoch_seconds', 'epoch_milliseconds'] as const;
export type TimestampFormat = (typeof TIMESTAMP_FORMATS)[number];

/** A JSON pointer (RFC 6901); or a constant; or a header of the request; or a pointer that begins at the body; or the place in the list. */
export type Source =
  | string
  | { constant: string | number | boolean }
  | { header: string }
  | { body: string }
  | { index: true };
