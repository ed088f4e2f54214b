import { EntitySchema } from '@mikro-orm/core';
import type { TestClock } from '../domain/test-clock.ts';
import { id, instant, integer, json, optionalJson, text } from './columns.ts';

export const TestClockSchema = new EntitySchema<TestClock>({
  name: 'TestClock',
  tableName: 'test_clocks',
  properties: {
    id,
    tenantId: text,
    name: text,
    nowAt: instant,
    targetAt: instant,
    status: text,
    failure: optionalJson,
    entitiesTotal: integer,
    entitiesDone: integer,
    metadata: json,
    createdAt: instant,
    updatedAt: instant,
  },
});
