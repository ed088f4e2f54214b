import { randomBytes } from 'node:crypto';
import { msToTs } from '@temporalio/common/lib/time.js';
import type { Config } from '../../src/platform/config.ts';
import { connectTemporal, registerSearchAttributes } from '../../src/platform/temporal.ts';

/**
 * A namespace of this test file's own on the test server, with the search attributes: task queues have fixed names,
 * so in a shared namespace the workers of two files would take each other's tasks.
 */
export async function createTestNamespace(): Promise<Config['temporal']> {
  const address = process.env.TEMPORAL_ADDRESS;
  if (!address) throw new Error('there is no Temporal server: run tests through npm test, which starts one');
  const namespace = `test-${randomBytes(6).toString('hex')}`;
  const temporal = { address, namespace, apiKey: null, tls: false, uiUrl: null };
  const connection = await connectTemporal(temporal);
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: msToTs('1 day'),
    });
    await registerSearchAttributes(connection, namespace);
  } finally {
    await connection.close();
  }
  return temporal;
}
