import { randomBytes } from 'node:crypto';
import { createVault } from '../../src/platform/vault.ts';

const at = { tenantId: 'ten_1', column: 'webhook_endpoints.secret', rowId: 'we_1' };

describe('the vault', () => {
  const vault = createVault([randomBytes(32)]);

  it('opens what it sealed, at the same place', () => {
    for (const plain of ['whsec_abc', '', 'ключ 🗝', 'x'.repeat(10_000)]) {
      expect(vault.open(vault.seal(plain, at), at)).toBe(plain);
    }
  });

  it('seals the same text differently every time and shows nothing of it', () => {
    const [one, other] = [vault.seal('whsec_abc', at), vault.seal('whsec_abc', at)];
    expect(one).not.toBe(other);
    expect(one).toMatch(/^v1\.[\w-]{8}\.[\w-]+\.[\w-]+$/);
    expect(Buffer.from(one.split('.')[3] ?? '', 'base64url').includes('whsec')).toBe(false);
  });

  it.each([
    ['another tenant', { ...at, tenantId: 'ten_2' }],
    ['another column', { ...at, column: 'webhook_endpoints.former_secret' }],
    ['another row', { ...at, rowId: 'we_2' }],
    ['a place whose parts read the same in a row', { tenantId: 'ten_1,', column: at.column, rowId: 'we_1' }],
  ])('does not open at %s', (_name, elsewhere) => {
    expect(() => vault.open(vault.seal('whsec_abc', at), elsewhere)).toThrow(
      /was changed or belongs elsewhere/,
    );
  });

  it('does not open when a single character was changed', () => {
    const sealed = vault.seal('whsec_abc', at);
    for (let position = 0; position < sealed.length; position += 1) {
      const was = sealed[position];
      const changed = `${sealed.slice(0, position)}${was === 'A' ? 'B' : 'A'}${sealed.slice(position + 1)}`;
      // The last character of a base64url text may carry bits that mean nothing.
      if (sameBytes(changed, sealed)) continue;
      expect(() => vault.open(changed, at)).toThrow(
        /not a sealed value|is not in PERENNIAL_MASTER_KEY|was changed/,
      );
    }
    expect(() => vault.open('whsec_abc', at)).toThrow('not a sealed value');
  });

  it('opens values of a former key, and says that they are outdated', () => {
    const [former, current] = [randomBytes(32), randomBytes(32)];
    const old = createVault([former]).seal('whsec_abc', at);
    const rotating = createVault([current, former]);
    expect(rotating.open(old, at)).toBe('whsec_abc');
    expect(rotating.isOutdated(old)).toBe(true);
    const renewed = rotating.seal(rotating.open(old, at), at);
    expect(rotating.isOutdated(renewed)).toBe(false);
    expect(createVault([current]).open(renewed, at)).toBe('whsec_abc');
    expect(() => createVault([current]).open(old, at)).toThrow(
      /master key [\w-]{8}, which is not in PERENNIAL_MASTER_KEY/,
    );
  });

  it('takes keys of 32 bytes only', () => {
    expect(() => createVault([randomBytes(16)])).toThrow(/32 bytes/);
  });
});

function sameBytes(one: string, other: string): boolean {
  const bytes = (sealed: string) => {
    const [version, id, ...parts] = sealed.split('.');
    return [version, id, ...parts.map((part) => Buffer.from(part, 'base64url').toString('hex'))].join('.');
  };
  return bytes(one) === bytes(other);
}
