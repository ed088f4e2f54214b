import { migrate } from '../persistence/migrate.ts';
import { loadEnv } from '../platform/config.ts';
import { connectTemporal, registerSearchAttributes } from '../platform/temporal.ts';

/** `npm run migrate`: brings the database of DATABASE_OWNER_URL (or DATABASE_URL) and the Temporal namespace up to date. */
const env = loadEnv();
const ownerUrl = env.DATABASE_OWNER_URL ?? env.DATABASE_URL;
if (!ownerUrl) {
  console.error(
    'Set DATABASE_OWNER_URL (or DATABASE_URL) to the database to migrate: postgres://user:password@host:5432/name',
  );
  process.exit(1);
}
try {
  const done = await migrate(ownerUrl);
  console.log(done.length === 0 ? 'The database is up to date.' : `Applied:\n  ${done.join('\n  ')}`);
  if (env.TEMPORAL_ADDRESS) {
    const { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace } = env;
    const apiKey = env.TEMPORAL_API_KEY ?? null;
    const connection = await connectTemporal({
      address,
      namespace,
      apiKey,
      tls: env.TEMPORAL_TLS ?? apiKey !== null,
      uiUrl: null,
    });
    const added = await registerSearchAttributes(connection, namespace);
    console.log(
      added.length === 0
        ? 'The search attributes are there.'
        : `Search attributes added: ${added.join(', ')}`,
    );
    await connection.close();
  } else {
    console.log('TEMPORAL_ADDRESS is not set, so no search attributes were registered.');
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
