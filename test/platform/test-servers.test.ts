import { Client } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType, TypedSearchAttributes } from '@temporalio/common';
import { sql } from 'kysely';
import pg from 'pg';
import { connect } from '../../src/persistence/database.ts';
import { query } from '../../src/persistence/rows.ts';
import { connectTemporal } from '../../src/platform/temporal.ts';
import { createTestDatabase } from '../support/database.ts';
import { createTestNamespace } from '../support/temporal.ts';

describe('what every test file is given', () => {
  it('is a migrated database of its own, to be entered through the doors only', async () => {
    await using first = await createTestDatabase();
    await using second = await createTestDatabase();
    expect(first.url).not.toBe(second.url);
    await using database = await connect({ url: first.url, poolSize: 2, applicationName: 'test' });
    const rows = await database.asSystem('test', (tx) =>
      query(tx, sql`select count(*)::int as n from accounts`),
    );
    expect(rows).toEqual([{ n: 0 }]);

    const client = new pg.Client({ connectionString: first.url });
    await client.connect();
    await expect(client.query('select * from accounts')).rejects.toMatchObject({ code: '42501' });
    await client.end();
  });

  it('is a Temporal namespace in which a workflow with our search attributes can be started at once', async () => {
    const temporal = await createTestNamespace();
    const connection = await connectTemporal(temporal);
    const client = new Client({ connection, namespace: temporal.namespace });
    const tenant = defineSearchAttributeKey('BillingTenant', SearchAttributeType.KEYWORD);
    const handle = await client.workflow.start('nobodyRunsIt', {
      workflowId: 'first',
      taskQueue: 'nowhere',
      typedSearchAttributes: new TypedSearchAttributes([{ key: tenant, value: 'ten_1' }]),
    });
    const { typedSearchAttributes } = await handle.describe();
    expect(typedSearchAttributes.get(tenant)).toBe('ten_1');
    await handle.terminate();
    await connection.close();
  });
});
