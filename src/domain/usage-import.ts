import type { Metadata } from './tenant.ts';

export const IMPORT_FORMATS = ['csv', 'ndjson'] as const;
export type ImportFormat = (typeof IMPORT_FORMATS)[number];

export const IMPORT_STATUSES = ['uploading', 'running', 'paused', 'completed', 'canceled', 'failed'] as const;

/** A file of events. It is taken apart into chunks while it arrives, and each chunk becomes true in one transaction. */
export type UsageImport = {
  id: string;
  tenantId: string;
  format: ImportFormat;
  status: (typeof IMPORT_STATUSES)[number];
  /** The names in the first row of a CSV file; empty for NDJSON. */
  columns: string[];
  /** Of the request that brought the file: with it, the same file is taken once. */
  idempotencyKey: string | null;
  /** SHA-256 of the file, in hex; null while it arrives. */
  digest: string | null;
  /** As the database writes large integers. */
  bytes: string;
  rows: number;
  chunks: number;
  /** Why it failed; null unless it did. */
  failure: string | null;
  metadata: Metadata;
  createdAt: Date;
  updatedAt: Date;
  finishedAt: Date | null;
};

/** What became of its rows. `listed`: of how many rejected rows the reason is kept. */
export type ImportCounts = {
  accepted: number;
  duplicates: number;
  rejected: number;
  pending: number;
  listed: number;
};

/** Why a row was not taken. */
export type ImportError = {
  row: number;
  key: string | null;
  code: string;
  path: string | null;
  message: string;
};

/** Rows that bring no key get one that stays the same however often their chunk is worked on. */
export function rowKey(importId: string, row: number): string {
  return `${importId}:${row}`;
}
