import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

/** The one place a sealed value belongs to. Moved to another row, column or tenant it does not open. */
export type SealedAt = { tenantId: string; column: string; rowId: string };

/** Seals secrets that are stored (webhook signing secrets, gateway credentials). */
export type Vault = {
  /** Text to `v1.<key id>.<sealed data key>.<sealed text>`, every part base64url. Different at every call. */
  seal(plain: string, at: SealedAt): string;
  /** The text again. Throws when anything was changed, when it belongs elsewhere, or when its key is not known. */
  open(sealed: string, at: SealedAt): string;
  /** Whether the value was sealed with a former key, so that re-encryption has to open and seal it again. */
  isOutdated(sealed: string): boolean;
};

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const VERSION = 'v1';

/**
 * AES-256-GCM in two layers: each value has its own random key, and that key is sealed with the master key. A master
 * key therefore never meets more than one short block per value, and its id (in clear) says which one opens it.
 *
 * @param masterKeys 32 bytes each; the first one seals, all of them open.
 */
export function createVault(masterKeys: readonly [Buffer, ...Buffer[]]): Vault {
  const keys = new Map(masterKeys.map((key) => [keyId(key), key]));
  const [currentKey] = masterKeys;
  const currentId = keyId(currentKey);
  return {
    seal(plain, at) {
      const dataKey = randomBytes(32);
      const aad = additionalData(currentId, at);
      return [
        VERSION,
        currentId,
        encrypt(currentKey, dataKey, aad).toString('base64url'),
        encrypt(dataKey, Buffer.from(plain, 'utf8'), aad).toString('base64url'),
      ].join('.');
    },
    open(sealed, at) {
      const { id, dataKey, text } = parse(sealed);
      const key = keys.get(id);
      if (!key) {
        throw new Error(
          `a value of ${at.column} was sealed with master key ${id}, which is not in PERENNIAL_MASTER_KEY: add it behind the current one`,
        );
      }
      const aad = additionalData(id, at);
      try {
        return decrypt(decrypt(key, dataKey, aad), text, aad).toString('utf8');
      } catch {
        throw new Error(`the sealed value of ${at.column} in ${at.rowId} was changed or belongs elsewhere`);
      }
    },
    isOutdated: (sealed) => parse(sealed).id !== currentId,
  };
}

/** A name for a key that tells nothing about it. */
function keyId(key: Buffer): string {
  if (key.length !== 32) throw new RangeError('a master key has 32 bytes');
  return createHash('sha256').update('perennial master key\0').update(key).digest('base64url').slice(0, 8);
}

/** JSON, because joined with any separator two different places could read the same. */
function additionalData(id: string, at: SealedAt): Buffer {
  return Buffer.from(JSON.stringify([VERSION, id, at.tenantId, at.column, at.rowId]), 'utf8');
}

function parse(sealed: string): { id: string; dataKey: Buffer; text: Buffer } {
  const [version, id, dataKey, text, ...more] = sealed.split('.');
  if (version !== VERSION || !id || !dataKey || !text || more.length > 0)
    throw new Error('not a sealed value');
  return { id, dataKey: Buffer.from(dataKey, 'base64url'), text: Buffer.from(text, 'base64url') };
}

function encrypt(key: Buffer, plain: Buffer, aad: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(aad);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Buffer, sealed: Buffer, aad: Buffer): Buffer {
  const nonce = sealed.subarray(0, NONCE_BYTES);
  const tag = sealed.subarray(sealed.length - TAG_BYTES);
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
    .setAAD(aad)
    .setAuthTag(tag);
  return Buffer.concat([
    decipher.update(sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES)),
    decipher.final(),
  ]);
}
