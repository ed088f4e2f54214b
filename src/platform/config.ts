import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import type { CrashAt } from './crash-point.ts';

/**
 * What a process of Perennial needs to run, complete. Made in two pure steps, `readEnv` and `toConfig`; between them
 * `main/stack.ts` fills in what it started itself (database, Temporal, keys).
 */
export type Config = {
  database: {
    /** What the processes use; its role is `perennial_login`, or an owner who assumes that role. */
    url: string;
    /** For migrations only. */
    ownerUrl: string;
    /** Whether `url` is the owner's, so that connections have to become `perennial_login` first. */
    assumeLoginRole: boolean;
    poolSize: number;
  };
  temporal: {
    /** host:port of the frontend. */
    address: string;
    namespace: string;
    apiKey: string | null;
    tls: boolean;
    /** Base URL of the web UI for links, without a trailing slash; null where nobody said where it is. */
    uiUrl: string | null;
  };
  http: {
    host: string;
    port: number;
    /** How the world reaches the API, without a trailing slash. */
    publicUrl: string;
    rateLimitPerMinute: number;
  };
  /** Where a worker that runs alone shows its own metrics; null: nowhere. */
  workerMetrics: { host: string; port: number } | null;
  sandboxGateway: { url: string | null; port: number };
  secrets: {
    operatorKey: string;
    keyPepper: string;
    /** The first key (32 bytes) seals; every key opens, so that a rotation can go on while old values exist. */
    masterKeys: [Buffer, ...Buffer[]];
  };
  /** CIDR ranges to which webhooks may go by plain http and at private addresses. Empty in production. */
  webhookAllow: string[];
  /** Absolute. Where development keeps its database, its logs and its secrets. */
  dataDir: string;
  logLevel: LogLevel;
  /** A bundle of the workflow code that was made before, absolute: a worker then starts sooner. Null: it makes one. */
  workflowBundle: string | null;
  /** Where this process is to die, for fault tests; never set in production. */
  crashAt: CrashAt | null;
};

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** A setting that is missing or malformed. The message names the variable and the remedy. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

const text = z.string().trim().min(1);
const url = (protocols: string) =>
  text.refine(
    (value) => URL.canParse(value) && new RegExp(`^(${protocols}):$`).test(new URL(value).protocol),
    {
      error: `must be a URL that starts with ${protocols.replaceAll('|', ':// or ')}://`,
    },
  );
const webUrl = url('https|http').transform((value) => value.replace(/\/+$/, ''));
const port = z.coerce.number('must be a port number').int('must be a whole number').min(1).max(65_535);
const count = (min: number, max: number) =>
  z.coerce.number('must be a number').int('must be a whole number').min(min).max(max);
const base64Keys = text.transform((value, ctx) => {
  const keys = value.split(',').map((key) => Buffer.from(key.trim(), 'base64'));
  const [first, ...rest] = keys;
  if (first && keys.every((key) => key.length === 32)) return [first, ...rest] as [Buffer, ...Buffer[]];
  ctx.addIssue(
    'must be 32 bytes in base64 (make one with: openssl rand -base64 32); while rotating, several with commas, the new one first',
  );
  return z.NEVER;
});
const cidrList = text.transform((value, ctx) => {
  const ranges = value.split(',').map((range) => range.trim());
  for (const range of ranges) {
    if (!ipaddr.isValidCIDR(range)) ctx.addIssue(`"${range}" is not a CIDR range such as 127.0.0.0/8`);
  }
  return ranges;
});
const crashAt = text.transform((value, ctx): CrashAt => {
  const match = /^([a-z][A-Za-z]*\.[a-z][A-Za-z]*):([1-9]\d{0,2})$/.exec(value);
  if (match?.[1]) return { name: match[1], passage: Number(match[2]) };
  ctx.addIssue('must be the name of a crash point and the passage to die at, such as step.beforeCommit:1');
  return z.NEVER;
});

const envSchema = z.object({
  DATABASE_URL: url('postgres|postgresql').optional(),
  DATABASE_OWNER_URL: url('postgres|postgresql').optional(),
  DATABASE_POOL_SIZE: count(1, 500).default(10),
  TEMPORAL_ADDRESS: text.regex(/^[^\s/]+:\d+$/, 'must be host:port, such as localhost:7233').optional(),
  TEMPORAL_NAMESPACE: text.default('default'),
  TEMPORAL_API_KEY: text.optional(),
  TEMPORAL_TLS: z.stringbool({ error: 'must be true or false' }).optional(),
  TEMPORAL_UI_URL: webUrl.optional(),
  TEMPORAL_CLI_PATH: text.optional(),
  PERENNIAL_DATA_DIR: text.default('.perennial'),
  HOST: text.default('127.0.0.1'),
  PORT: port.optional(),
  WORKER_METRICS_HOST: text.default('127.0.0.1'),
  WORKER_METRICS_PORT: port.optional(),
  PERENNIAL_PUBLIC_URL: webUrl.optional(),
  SANDBOX_GATEWAY_URL: webUrl.optional(),
  SANDBOX_GATEWAY_PORT: port.optional(),
  PERENNIAL_OPERATOR_KEY: text.min(20, 'must have at least 20 characters').optional(),
  PERENNIAL_KEY_PEPPER: text.min(20, 'must have at least 20 characters').optional(),
  PERENNIAL_MASTER_KEY: base64Keys.optional(),
  PERENNIAL_WEBHOOK_ALLOW: cidrList.default([]),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  RATE_LIMIT_PER_MINUTE: count(1, 10_000_000).default(6_000),
  CRASH_AT: crashAt.optional(),
  WORKFLOW_BUNDLE: text.optional(),
  NODE_ENV: text.optional(),
  PATH: z.string().default(''),
  XDG_CACHE_HOME: text.optional(),
});

/** The environment, parsed and defaulted, but not yet complete: what is absent here, development starts or generates. */
export type Env = z.infer<typeof envSchema>;

/** The variables as the operating system gives them; an empty value counts as absent. */
export type Variables = Record<string, string | undefined>;

/** Step one: text to typed values. Throws one `ConfigError` that lists every malformed variable. */
export function readEnv(variables: Variables): Env {
  const given = Object.fromEntries(Object.entries(variables).filter(([, value]) => value?.trim()));
  const parsed = envSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new ConfigError(`The environment has settings that cannot be used:\n  ${lines.join('\n  ')}`);
}

const REMEDIES = {
  DATABASE_URL:
    'set it to postgres://user:password@host:5432/name, or use `npm start`, which brings its own PostgreSQL',
  TEMPORAL_ADDRESS:
    'set it to host:port, such as localhost:7233, or use `npm start`, which brings its own server',
  PERENNIAL_OPERATOR_KEY: 'set it to a long random text (openssl rand -hex 32), the same in every process',
  PERENNIAL_KEY_PEPPER:
    'set it to a long random text (openssl rand -hex 32), the same in every process, and keep it: keys die with it',
  PERENNIAL_MASTER_KEY:
    'set it to 32 random bytes (openssl rand -base64 32), the same in every process, and keep it: sealed secrets die with it',
} as const;

/** Step two: complete typed values to a `Config`. Throws one `ConfigError` that lists everything missing. */
export function toConfig(env: Env): Config {
  const {
    DATABASE_URL,
    TEMPORAL_ADDRESS,
    PERENNIAL_OPERATOR_KEY,
    PERENNIAL_KEY_PEPPER,
    PERENNIAL_MASTER_KEY,
  } = env;
  if (
    !DATABASE_URL ||
    !TEMPORAL_ADDRESS ||
    !PERENNIAL_OPERATOR_KEY ||
    !PERENNIAL_KEY_PEPPER ||
    !PERENNIAL_MASTER_KEY
  ) {
    const missing = Object.entries(REMEDIES).filter(([name]) => !env[name as keyof typeof REMEDIES]);
    throw new ConfigError(
      `Settings are missing:\n  ${missing.map(([name, remedy]) => `${name}: ${remedy}`).join('\n  ')}`,
    );
  }
  if (env.CRASH_AT && env.NODE_ENV === 'production') {
    throw new ConfigError(
      'CRASH_AT is set and NODE_ENV is production: this process would kill itself in the middle of its work, as only a fault test wants. Unset CRASH_AT.',
    );
  }
  const httpPort = env.PORT ?? DEFAULT_PORT;
  return {
    database: {
      url: DATABASE_URL,
      ownerUrl: env.DATABASE_OWNER_URL ?? DATABASE_URL,
      assumeLoginRole: (env.DATABASE_OWNER_URL ?? DATABASE_URL) === DATABASE_URL,
      poolSize: env.DATABASE_POOL_SIZE,
    },
    temporal: {
      address: TEMPORAL_ADDRESS,
      namespace: env.TEMPORAL_NAMESPACE,
      apiKey: env.TEMPORAL_API_KEY ?? null,
      // An API key never travels in the clear, so it implies TLS unless somebody says otherwise.
      tls: env.TEMPORAL_TLS ?? env.TEMPORAL_API_KEY !== undefined,
      uiUrl: env.TEMPORAL_UI_URL ?? null,
    },
    http: {
      host: env.HOST,
      port: httpPort,
      publicUrl: env.PERENNIAL_PUBLIC_URL ?? `http://${urlHost(env.HOST)}:${httpPort}`,
      rateLimitPerMinute: env.RATE_LIMIT_PER_MINUTE,
    },
    workerMetrics: env.WORKER_METRICS_PORT
      ? { host: env.WORKER_METRICS_HOST, port: env.WORKER_METRICS_PORT }
      : null,
    sandboxGateway: {
      url: env.SANDBOX_GATEWAY_URL ?? null,
      port: env.SANDBOX_GATEWAY_PORT ?? DEFAULT_GATEWAY_PORT,
    },
    secrets: {
      operatorKey: PERENNIAL_OPERATOR_KEY,
      keyPepper: PERENNIAL_KEY_PEPPER,
      masterKeys: PERENNIAL_MASTER_KEY,
    },
    webhookAllow: env.PERENNIAL_WEBHOOK_ALLOW,
    dataDir: resolve(env.PERENNIAL_DATA_DIR),
    logLevel: env.LOG_LEVEL,
    workflowBundle: env.WORKFLOW_BUNDLE ? resolve(env.WORKFLOW_BUNDLE) : null,
    crashAt: env.CRASH_AT ?? null,
  };
}

export const DEFAULT_PORT = 3000;
export const DEFAULT_GATEWAY_PORT = 3100;

/** The host as it stands in a URL that this machine can open: every-interface becomes loopback, IPv6 gets brackets. */
export function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

/** The user-level cache folder of Perennial, shared by all checkouts of this user. */
export function cacheDir(env: Pick<Env, 'XDG_CACHE_HOME'>): string {
  return join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'perennial');
}

/** Reads this process's environment and puts the process in UTC; the only place that touches `process.env`. */
export function loadEnv(): Env {
  process.env.TZ = 'UTC';
  return readEnv(process.env);
}

/** The environment for a child process: this process's, with some variables set (or, by null, taken away). */
export function childVariables(changes: Record<string, string | null>): NodeJS.ProcessEnv {
  const variables: NodeJS.ProcessEnv = { ...process.env };
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) delete variables[name];
    else variables[name] = value;
  }
  return variables;
}
