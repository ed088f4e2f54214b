import { pino } from 'pino';
import type { Config } from './config.ts';

export type Logger = pino.Logger;

/** Wherever one of these names stands, up to two levels deep, its value never reaches a log. */
const SECRET_FIELDS = [
  'authorization',
  'cookie',
  'password',
  'secret',
  'apiKey',
  'api_key',
  'operatorKey',
  'operator_key',
  'keyPepper',
  'masterKey',
  'masterKeys',
  'webhook-signature',
];
const atDepths = (field: string): string[] => {
  const name = /^\w+$/.test(field) ? field : `["${field}"]`;
  const below = name.startsWith('[') ? name : `.${name}`;
  return [name, `*${below}`, `*.*${below}`];
};

/**
 * JSON lines with RFC 3339 times and level names. Errors go under `err`. Without `destination`, to standard output.
 */
export function createLogger(
  config: Pick<Config, 'logLevel'>,
  destination: pino.DestinationStream = pino.destination({ dest: 1, sync: true }),
): Logger {
  return pino(
    {
      level: config.logLevel,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_FIELDS.flatMap(atDepths), censor: '[redacted]' },
      serializers: { err: serializeError },
    },
    destination,
  );
}

/** A destination that appends to a file; for development, where the terminal belongs to the person. */
export function logFile(path: string): pino.DestinationStream {
  return pino.destination({ dest: path, mkdir: true, sync: true });
}

/**
 * An error without what vendors hang on it: a database driver's error carries the statement's parameters, an HTTP
 * client's the whole request with its headers.
 */
function serializeError(error: unknown): unknown {
  if (typeof error !== 'object' || error === null) return error;
  const { name, message, stack, code, cause } = error as Partial<Error> & { code?: unknown };
  return {
    type: name,
    message: withoutCredentials(message),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    stack: withoutCredentials(stack),
    ...(cause === undefined ? {} : { cause: serializeError(cause) }),
  };
}

/** Connection errors like to repeat the URL they failed with. */
function withoutCredentials(text: string | undefined): string | undefined {
  return text?.replace(/(\w+:\/\/[^:/\s@]*):[^@\s/]+@/g, '$1:[redacted]@');
}
