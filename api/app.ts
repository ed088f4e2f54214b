import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import express, {
  type ErrorRequestHandler,
  type Express,
  type NextFunction,
  type RequestHandler,
  type Response,
} from 'express';
import helmet from 'helmet';
import { DomainError } from '../src/domain/errors.ts';
import { newId } from '../src/platform/ids.ts';
import { type Authenticator, createAuthenticator } from './authenticate.ts';
import type { ApiDeps } from './deps.ts';
import { documentationFiles } from './docs.ts';
import { toProblem } from './problem.ts';
import { type Locals, rateLimiter, tokenRateLimiter } from './rate-limit.ts';
import { TOO_SLOW } from './refuse-unreadable.ts';
import type { Route } from './route.ts';
import { type Result, runRoute } from './run-route.ts';

/**
 * The application: every request gets an id, is recognised, counted, read, validated and answered, in this order, and
 * whatever goes wrong on the way is an `application/problem+json`.
 */
export function createApp(deps: ApiDeps, routes: readonly Route[]): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  app.use(name(deps));
  app.use(headers);
  app.use(documentationFiles());
  app.use(neverCached);

  const authenticator = createAuthenticator(deps);
  const limit = rateLimiter(deps.rateLimitPerMinute);
  const limitToken = tokenRateLimiter(deps.rateLimitPerMinute);
  for (const [path, methods] of byPath(routes)) {
    const target = app.route(expressPath(path));
    for (const route of methods)
      target[route.method](
        recognise(authenticator, route),
        ...(isHealth(route) ? [] : [limit]),
        ...(path.includes('{token}') ? [limitToken] : []),
        readBody(route),
        answer(deps, authenticator, route),
      );
    target.all(refuseMethod(methods));
  }
  app.use((request, _response) => {
    throw new DomainError(
      'not_found',
      `There is no path ${request.path.slice(0, 200)}; ${deps.publicUrl}/docs lists all.`,
    );
  });
  app.use(asProblem(deps));
  return app;
}

/** The caller's request id, where it is fit to be logged, or one of ours; and one log line per request. */
function name(deps: ApiDeps): RequestHandler {
  // Its line is made of what stands below and holds no secret; to look for some would cost as much as the line.
  const logger = deps.logger.child({}, { redact: [] });
  return (request, response, next) => {
    const given = request.get('x-request-id');
    const requestId = given && /^[\w.:-]{1,128}$/.test(given) ? given : newId('req');
    response.locals['requestId'] = requestId;
    response.locals['principal'] = null;
    response.setHeader('X-Request-Id', requestId);
    const startMs = performance.now();
    response.on('finish', () => {
      const { route, principal } = response.locals;
      const ms = performance.now() - startMs;
      const template = typeof route === 'string' ? route : 'none';
      deps.metrics.httpRequestSeconds.observe(
        { method: request.method, route: template, status: response.statusCode },
        ms / 1000,
      );
      logger.info(
        {
          requestId,
          method: request.method,
          route: template,
          status: response.statusCode,
          ms: Math.round(ms),
          tenantId: principal?.tenantId,
        },
        'request',
      );
    });
    next();
  };
}

/** Behind a proxy all keyless callers share one address: junk of theirs must not make this process look ill. */
const isHealth = (route: Route): boolean => route.path.startsWith('/health/');

/** Bills and secrets belong into no cache, and neither does a refusal. */
const neverCached: RequestHandler = (_request, response, next) => {
  response.setHeader('Cache-Control', 'no-store');
  next();
};

/** Nothing here is for other sites' pages; the reference at /docs gets its own, wider policy. */
const headers = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  },
  referrerPolicy: { policy: 'no-referrer' },
});

/** Who asks. A refusal waits until the limiter has counted it. */
function recognise(authenticator: Authenticator, route: Route): RequestHandler {
  return async (request, response, next) => {
    response.locals['route'] = route.path;
    try {
      response.locals['principal'] = await authenticator.identify(request.get('authorization'), route.auth);
    } catch (error) {
      response.locals['refusal'] = error;
    }
    next();
  };
}

/** Within this time a body has to be there that is read before it is looked at. */
const BODY_TIMEOUT_MS = 30_000;

/** The body as bytes. `strict` reading comes later: first who may, then what. */
function readBody(route: Route): RequestHandler {
  const read = express.raw({ type: () => true, limit: route.bodyLimitBytes, inflate: false });
  return (request, response, next) => {
    if (response.locals['refusal']) throw response.locals['refusal'];
    if (route.method === 'get' || route.streams !== null) next();
    else read(request, response, inTime(response, next));
  };
}

/** Whoever sends half a body is told so. The server itself is more patient, because some bodies are large. */
function inTime(response: Response, next: NextFunction): NextFunction {
  let isOver = false;
  const once: NextFunction = (...result: unknown[]) => {
    clearTimeout(timer);
    if (!isOver) next(...(result as Parameters<NextFunction>));
    isOver = true;
  };
  const timer = setTimeout(() => {
    response.setHeader('Connection', 'close');
    once(new DomainError('malformed_request', TOO_SLOW));
  }, BODY_TIMEOUT_MS);
  return once;
}

function answer(deps: ApiDeps, authenticator: Authenticator, route: Route): RequestHandler {
  return async (request, response) => {
    const { requestId, principal } = response.locals as Locals;
    if (!principal) throw new Error(`${route.operationId} was reached by nobody`);
    const tell = (header: string, value: string) => response.setHeader(header, value);
    const result = await runRoute(deps, authenticator, route, request, { requestId, principal, tell });
    for (const [header, value] of Object.entries(result.headers)) response.setHeader(header, value);
    await send(response, result);
  };
}

/** Without Express's own `send`, which looks for what is never there: caches to ask, objects to turn into JSON. */
async function send(response: Response, { status, contentType, body }: Result): Promise<void> {
  if (typeof body !== 'string' && !Buffer.isBuffer(body)) {
    response.writeHead(status, { 'Content-Type': contentType });
    await pipeline(Readable.from(body), response).catch((error: unknown) => {
      // Whoever hung up does not want the rest.
      if (!(error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE'))
        throw error;
    });
    return;
  }
  const isText = typeof body === 'string' && !contentType.includes('charset=');
  response.writeHead(status, {
    'Content-Type': isText ? `${contentType}; charset=utf-8` : contentType,
    'Content-Length': Buffer.byteLength(body),
  });
  response.end(body);
}

function refuseMethod(routes: readonly Route[]): RequestHandler {
  const allow = routes.map((route) => route.method.toUpperCase()).join(', ');
  return (request) => {
    throw new DomainError('method_not_allowed', `${request.method} is not known here; use ${allow}.`, {
      allow,
    });
  };
}

function asProblem(deps: ApiDeps): ErrorRequestHandler {
  return (error, _request, response, next) => {
    const requestId = String(response.locals['requestId'] ?? '');
    const { problem, headers: extra, unexpected } = toProblem(error, requestId, deps.publicUrl);
    if (unexpected) deps.logger.error({ err: error, requestId }, 'a request failed');
    if (response.headersSent) {
      next(error);
      return;
    }
    for (const [header, value] of Object.entries(extra)) response.setHeader(header, value);
    response.status(problem.status).type('application/problem+json').send(JSON.stringify(problem));
  };
}

function byPath(routes: readonly Route[]): Map<string, Route[]> {
  const paths = new Map<string, Route[]>();
  for (const route of routes) paths.set(route.path, [...(paths.get(route.path) ?? []), route]);
  return paths;
}

/** `{id}` of OpenAPI is `:id` of Express. */
function expressPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}
