import type { RequestHandler } from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';
import { DomainError } from '../src/domain/errors.ts';
import type { Principal } from './authenticate.ts';

/** Where `app.ts` leaves who asks, for the limiter to find. */
export type Locals = { requestId: string; principal: Principal | null };

/**
 * So many requests a minute per key; without a valid key, per address, which also slows down guessing. Counted by this
 * process: with several API processes a key gets as many times the limit.
 */
export function rateLimiter(perMinute: number): RequestHandler {
  return rateLimit({
    ...of(perMinute, 'requests', 'key'),
    keyGenerator: (request, response) => {
      const principal: Principal | null = response.locals['principal'];
      if (principal?.kind === 'tenant') return principal.keyId;
      return principal?.kind === 'operator' ? 'operator' : ipKeyGenerator(request.ip ?? '');
    },
  });
}

/**
 * The same per secret address, for routes that have a token in their path: a sender has many machines, and one tenant's
 * senders must not take what is there for everybody's.
 */
export function tokenRateLimiter(perMinute: number): RequestHandler {
  return rateLimit({
    ...of(perMinute, 'deliveries', 'address'),
    keyGenerator: ({ params }) => String(params['token']),
  });
}

function of(perMinute: number, identifier: string, noun: string) {
  const handler: RequestHandler = (_request, _response, next) => {
    next(
      new DomainError(
        'rate_limited',
        `This ${noun} may ${noun === 'key' ? 'send' : 'be sent'} ${perMinute} requests a minute. Wait as long as Retry-After says.`,
      ),
    );
  };
  return {
    windowMs: 60_000,
    limit: perMinute,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    identifier,
    handler,
  } as const;
}
