import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { instantOut } from '../../src/contract/common.ts';
import { DomainError } from '../../src/domain/errors.ts';
import { databaseNow } from '../../src/persistence/find-commands.ts';
import { ping as pingDatabase } from '../../src/persistence/save-tenants.ts';
import { sameSecret } from '../api-key.ts';
import { watchPollers } from '../pollers.ts';
import { type Route, rawRoute, route } from '../route.ts';
import { refreshVitalSigns } from '../vital-signs.ts';

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

const live = rawRoute({
  method: 'get',
  path: '/health/live',
  operationId: 'isLive',
  summary: 'Whether this process answers',
  tag: 'Operations',
  auth: 'public',
  response: {
    description: 'It does.',
    schema: z.object({ status: z.literal('ok') }),
    contentType: 'application/json',
  },
  handler: () =>
    Promise.resolve({ status: 200, contentType: 'application/json', body: JSON.stringify({ status: 'ok' }) }),
});

/** Whoever asks about health does not wait long, and a database that is slower than this serves nobody. */
const READY_MS_MAX = 3_000;
const silence = () => sleep(READY_MS_MAX, undefined, { ref: false });
const refuse = () => Promise.reject(new Error('the database does not answer'));

const pollerState = z.enum(['polled', 'not_polled', 'unknown']);

const ready = rawRoute({
  method: 'get',
  path: '/health/ready',
  operationId: 'isReady',
  summary: 'Whether this process can serve requests',
  description:
    'That needs PostgreSQL only. Without workers it is `degraded`: reads and direct writes work, commands are answered 503.',
  tag: 'Operations',
  auth: 'public',
  response: {
    description: 'It can; 503 when PostgreSQL is away.',
    schema: z
      .object({
        status: z.enum(['ok', 'degraded', 'unavailable']),
        database: z.enum(['ok', 'unavailable']),
        pollers: z.object({
          billing: pollerState,
          gateway: pollerState,
          webhooks: pollerState,
          bulk: pollerState,
        }),
      })
      .meta({ id: 'Readiness' }),
    contentType: 'application/json',
  },
  async handler({ deps }) {
    const [database, polled] = await Promise.all([
      Promise.race([deps.database.asSystem('readiness', pingDatabase), silence().then(refuse)]).then(
        () => 'ok' as const,
        () => 'unavailable' as const,
      ),
      watchPollers(deps),
    ]);
    const allPolled = Object.values(polled).every((state) => state === 'polled');
    const status = database !== 'ok' ? 'unavailable' : allPolled ? 'ok' : 'degraded';
    return {
      status: status === 'unavailable' ? 503 : 200,
      headers: status === 'unavailable' ? { 'Retry-After': '2' } : {},
      contentType: 'application/json',
      body: JSON.stringify({ status, database, pollers: polled }),
    };
  },
});

const LOOPBACK = /^(127\.|::1$|::ffff:127\.)/;
const FORWARDED = /^(forwarded|via|x-forwarded-.+|x-real-ip)$/;

const metrics = rawRoute({
  method: 'get',
  path: '/metrics',
  operationId: 'getMetrics',
  summary: 'Metrics of this process, and what the rows say of the installation',
  description:
    'In the text format of Prometheus; the rows are asked at most every ten seconds. From this machine without a key, from elsewhere with the operator key.',
  tag: 'Operations',
  auth: 'public',
  response: { description: 'The metrics.', contentType: 'text/plain; version=0.0.4; charset=utf-8' },
  errors: ['unauthorized'],
  async handler({ deps, headers, remoteAddress }) {
    const key = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
    // Behind a proxy on this machine every caller looks like loopback; a forwarded request has to show the key.
    const isForwarded = Object.keys(headers).some((name) => FORWARDED.test(name));
    const isLocal = LOOPBACK.test(remoteAddress ?? '') && !isForwarded;
    if (!isLocal && !sameSecret(key, deps.operatorKey))
      throw new DomainError('unauthorized', 'Send the operator key, or ask from this machine.');
    await refreshVitalSigns(deps);
    return {
      status: 200,
      contentType: deps.metrics.registry.contentType,
      body: await deps.metrics.registry.metrics(),
    };
  },
});

export const operationRoutes: Route[] = [ping, live, ready, metrics];
