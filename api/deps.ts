import type { Client } from '@temporalio/client';
import type { Database } from '../src/persistence/doors.ts';
import type { Logger } from '../src/platform/logger.ts';
import type { Metrics } from '../src/platform/metrics.ts';
import type { Vault } from '../src/platform/vault.ts';

/** What the API is given to work with. Made once per process by `src/main/run-api.ts`. */
export type ApiDeps = {
  database: Database;
  /** Connects at the first use: the API starts, and answers everything but commands, while Temporal is away. */
  temporal: Client;
  taskQueuePrefix: string;
  temporalNamespace: string;
  /** Without a trailing slash; null when nobody said where the UI is. */
  temporalUiUrl: string | null;
  vault: Vault;
  logger: Logger;
  metrics: Metrics;
  /** Without a trailing slash. */
  publicUrl: string;
  operatorKey: string;
  keyPepper: string;
  rateLimitPerMinute: number;
  /** CIDR ranges to which webhooks may go by plain http and at private addresses. */
  webhookAllow: readonly string[];
  /** How long a request waits for a workflow to take its command. */
  commandDeadlineMs: number;
  /** Tests check every answer against its documented schema. */
  checkAnswers: boolean;
  gateways: GatewayPort;
};

/** The part of a payment gateway that requests need; the API does not know gateways by themselves. */
export type GatewayPort = {
  /** Turns what a customer's browser got into a stored method. Throws `gateway_unavailable`. */
  attachMethod(gateway: string, token: string): Promise<AttachedMethod>;
  /** Checks a callback's signature over its raw bytes and reads it. Throws `gateway_unavailable` for an unknown gateway. */
  parseCallback(gateway: string, callback: Callback): CallbackResult;
};

export type AttachedMethod =
  | { kind: 'attached'; methodRef: string; brand: string; last4: string; expMonth: number; expYear: number }
  | { kind: 'refused'; code: string; message: string };

export type Callback = {
  rawBody: Buffer;
  headers: Record<string, string | string[] | undefined>;
  secrets: readonly string[];
  now: Date;
};

export type CallbackResult =
  | { kind: 'verified'; eventId: string; ref: string; type: string }
  | { kind: 'invalid'; reason: string };
