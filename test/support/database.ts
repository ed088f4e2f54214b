import { randomBytes } from 'node:crypto';
import { createDatabase, dropDatabase } from '../../src/platform/embedded-postgres.ts';

export const TEMPLATE_DATABASE = 'perennial_template';
export const LOGIN_PASSWORD = 'test-only-login';

export type TestDatabase = AsyncDisposable & {
  /** For the role `perennial_login`, which gets in only through the two doors. */
  url: string;
  /** For the superuser: to look at what the doors would hide, and to break promises by hand. */
  ownerUrl: string;
};

/** A migrated, empty database of this test file's own. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const adminUrl = process.env.TEST_DATABASE_ADMIN_URL;
  if (!adminUrl) throw new Error('there is no test database: run tests through npm test, which starts one');
  const name = `test_${randomBytes(6).toString('hex')}`;
  await createDatabase(adminUrl, name, TEMPLATE_DATABASE);
  const ownerUrl = new URL(adminUrl);
  ownerUrl.pathname = `/${name}`;
  const url = new URL(ownerUrl);
  url.username = 'perennial_login';
  url.password = LOGIN_PASSWORD;
  return {
    url: url.href,
    ownerUrl: ownerUrl.href,
    [Symbol.asyncDispose]: () => dropDatabase(adminUrl, name),
  };
}
