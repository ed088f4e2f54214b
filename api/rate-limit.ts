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
    windowMs: 60_000,
    limit: perMinute,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    identifier: 'requests',
    keyGenerator: (request, response) => {
      const principal: Principal | null = response.locals['principal'];
      if (principal?.kind === 'tenant') return principal.keyId;
      return principal?.kind === 'operator' ? 'operator' : ipKeyGenerator(request.ip ?? '');
    },
    handler: (_request, _response, next) => {
      next(
        new DomainError(
          'rate_limited',
          `This key may send ${perMinute} requests a minute. Wait as long as Retry-After says.`,
        ),
      );
    },
  });
}
