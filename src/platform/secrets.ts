import { randomBytes } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Env } from './config.ts';

/**
 * What development generates once and keeps in `<data dir>/secrets.json`, readable by its user only. In production
 * these come from the environment, never from a file of ours.
 */
const secretsSchema = z.object({
  operatorKey: z.string().min(20),
  keyPepper: z.string().min(20),
  /** 32 bytes, base64. */
  masterKey: z.string().refine((text) => Buffer.from(text, 'base64').length === 32),
  postgresPassword: z.string().min(20),
  loginPassword: z.string().min(20),
  /** The sandbox tenant made at the first start. The database keeps only a hash of its key, so the key is kept here. */
  sandbox: z.object({ tenantId: z.string(), apiKey: z.string() }).nullable(),
});

export type DevSecrets = z.infer<typeof secretsSchema>;

const fileIn = (dataDir: string) => join(dataDir, 'secrets.json');

/** The secrets of this data directory, or null where none were generated yet. */
export async function readDevSecrets(dataDir: string): Promise<DevSecrets | null> {
  const path = fileIn(dataDir);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return null;
  const parsed = secretsSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new Error(
    `${path} is damaged, and without it the data beside it cannot be read: bring it back, or delete ${dataDir} to begin anew.`,
  );
}

/** The secrets of this data directory, generated at the first call. The caller holds the directory's lock. */
export async function loadDevSecrets(dataDir: string): Promise<DevSecrets> {
  const known = await readDevSecrets(dataDir);
  if (known) return known;
  const made: DevSecrets = {
    operatorKey: `prn_operator_${randomBytes(24).toString('base64url')}`,
    keyPepper: randomBytes(32).toString('base64url'),
    masterKey: randomBytes(32).toString('base64'),
    postgresPassword: randomBytes(24).toString('base64url'),
    loginPassword: randomBytes(24).toString('base64url'),
    sandbox: null,
  };
  await saveDevSecrets(dataDir, made);
  return made;
}

/** Replaces the file as a whole and on disk before it returns: half a secrets file would lock its owner out. */
export async function saveDevSecrets(dataDir: string, secrets: DevSecrets): Promise<void> {
  const path = fileIn(dataDir);
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(`${JSON.stringify(secrets, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}

/** The environment, with development's secrets where it names none of its own. */
export function withDevSecrets(env: Env, secrets: DevSecrets): Env {
  return {
    ...env,
    PERENNIAL_OPERATOR_KEY: env.PERENNIAL_OPERATOR_KEY ?? secrets.operatorKey,
    PERENNIAL_KEY_PEPPER: env.PERENNIAL_KEY_PEPPER ?? secrets.keyPepper,
    PERENNIAL_MASTER_KEY: env.PERENNIAL_MASTER_KEY ?? [Buffer.from(secrets.masterKey, 'base64')],
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
