import { EntitySchema } from '@mikro-orm/core';
import type { Plan, PlanVersion, Price } from '../domain/plan.ts';
import {
  currency,
  flag,
  id,
  instant,
  integer,
  json,
  optionalAmount,
  optionalInstant,
  optionalInteger,
  optionalText,
  terms,
  text,
  thresholds,
} from './columns.ts';

export const PlanSchema = new EntitySchema<Plan>({
  name: 'Plan',
  tableName: 'plans',
  properties: {
    id,
    tenantId: text,
    kind: text,
    externalId: optionalText,
    name: text,
    description: optionalText,
    archivedAt: optionalInstant,
    metadata: json,
    createdAt: instant,
    updatedAt: instant,
  },
});

export const PlanVersionSchema = new EntitySchema<PlanVersion>({
  name: 'PlanVersion',
  tableName: 'plan_versions',
  properties: {
    planId: { type: 'text', primary: true },
    version: { type: 'integer', primary: true },
    tenantId: text,
    active: flag,
    trialDays: optionalInteger,
    usageThresholds: thresholds,
    invoiceGraceHours: optionalInteger,
    createdAt: instant,
  },
});

export const PriceSchema = new EntitySchema<Price>({
  name: 'Price',
  tableName: 'prices',
  properties: {
    id,
    tenantId: text,
    planId: text,
    planVersion: integer,
    subscriptionId: optionalText,
    key: text,
    name: text,
    itemId: optionalText,
    currency,
    terms,
    billing: text,
    meterId: optionalText,
    minimum: optionalAmount,
    maximum: optionalAmount,
    timing: text,
    intervalUnit: optionalText,
    intervalCount: optionalInteger,
    createdAt: instant,
  },
});
