import { EntitySchema } from '@mikro-orm/core';
import type { Command } from '../domain/command.ts';
import { id, instant, json, optionalInstant, optionalJson, optionalText, text } from './columns.ts';

export const CommandSchema = new EntitySchema<Command>({
  name: 'Command',
  tableName: 'commands',
  properties: {
    id,
    tenantId: text,
    subjectId: text,
    kind: text,
    body: json,
    requestedAt: instant,
    expiresAt: instant,
    status: text,
    result: optionalJson,
    requestId: optionalText,
    createdAt: instant,
    finishedAt: optionalInstant,
  },
});
