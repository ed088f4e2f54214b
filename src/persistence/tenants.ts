import { EntitySchema } from '@mikro-orm/core';
import type { Account, ApiKey, Tenant } from '../domain/tenant.ts';
import {
  id,
  instant,
  integer,
  json,
  optionalInstant,
  optionalInteger,
  optionalJson,
  text,
  textList,
} from './columns.ts';

export const AccountSchema = new EntitySchema<Account>({
  name: 'Account',
  tableName: 'accounts',
  properties: { id, name: text, metadata: json, createdAt: instant, updatedAt: instant },
});

export const TenantSchema = new EntitySchema<Tenant>({
  name: 'Tenant',
  tableName: 'tenants',
  properties: {
    id,
    accountId: text,
    mode: text,
    name: text,
    timeZone: text,
    invoiceGraceHours: integer,
    dunningPolicy: optionalJson,
    trialReminderDays: optionalInteger,
    backdateDaysMax: integer,
    lateWindowDays: integer,
    usageRetentionDays: optionalInteger,
    metadata: json,
    createdAt: instant,
    updatedAt: instant,
  },
});

export const ApiKeySchema = new EntitySchema<ApiKey>({
  name: 'ApiKey',
  tableName: 'api_keys',
  properties: {
    id,
    tenantId: text,
    name: text,
    hash: { type: 'uint8array', columnType: 'bytea' },
    last4: text,
    scopes: textList,
    expiresAt: optionalInstant,
    revokedAt: optionalInstant,
    lastUsedAt: optionalInstant,
    createdAt: instant,
    updatedAt: instant,
  },
});
