import { z } from 'zod';
import { instantOut } from '../../src/contract/common.ts';
import { databaseNow } from '../../src/persistence/find-commands.ts';
import { type Route, route } from '../route.ts';

const ping = route({
  method: 'get',
  path: '/v1/ping',
  operationId: 'ping',
  summary: 'Try your key',
  tag: 'Operations',
  auth: 'tenant',
  response: {
    description: 'Who you are, and what time it is here.',
    schema: z
      .object({
        object: z.literal('ping'),
        tenant: z.string(),
        mode: z.enum(['live', 'test']),
        now: instantOut,
      })
      .meta({ id: 'Ping' }),
  },
  kind: 'read',
  async handler(tx, { tenantId, mode }) {
    return {
      object: 'ping' as const,
      tenant: tenantId,
      mode: mode ?? ('live' as const),
      now: (await databaseNow(tx)).toISOString(),
    };
  },
});

export const operationRoutes: Route[] = [ping];
