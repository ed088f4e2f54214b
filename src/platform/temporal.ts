import { setTimeout as sleep } from 'node:timers/promises';
import { Connection, type ConnectionOptions } from '@temporalio/client';
import type { Config } from './config.ts';

/** What `Connection.connect` and the worker's `NativeConnection.connect` both take. */
export function connectionOptions(
  temporal: Pick<Config['temporal'], 'address' | 'tls' | 'apiKey'>,
): Pick<ConnectionOptions, 'address' | 'tls' | 'apiKey'> {
  return {
    address: temporal.address,
    ...(temporal.tls ? { tls: true } : {}),
    ...(temporal.apiKey ? { apiKey: temporal.apiKey } : {}),
  };
}

/** A client connection. Rejects with one sentence when nobody answers within 10 seconds. */
export async function connectTemporal(temporal: Config['temporal']): Promise<Connection> {
  try {
    return await Connection.connect({ ...connectionOptions(temporal), connectTimeout: 10_000 });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `No Temporal server answers at ${temporal.address} (${reason}): start it, or correct TEMPORAL_ADDRESS.`,
    );
  }
}

/**
 * What an operator can ask the Temporal UI about, and its type. At most 10 Keyword and 3 Datetime fit into one
 * namespace on PostgreSQL visibility. No personal data: these are not encrypted anywhere.
 */
export const SEARCH_ATTRIBUTES = {
  BillingTenant: 'Keyword',
  BillingCustomer: 'Keyword',
  BillingPlan: 'Keyword',
  BillingStatus: 'Keyword',
  BillingCurrency: 'Keyword',
  BillingNextStep: 'Keyword',
  BillingLastError: 'Keyword',
  BillingTestClock: 'Keyword',
  BillingNextStepAt: 'Datetime',
  BillingPastDueSince: 'Datetime',
  BillingDunningAttempt: 'Int',
} as const;

/** Numbers of `temporal.api.enums.v1.IndexedValueType`. */
const TYPE_NUMBERS = { Keyword: 2, Int: 3, Datetime: 6 } as const;
const NOT_FOUND = 5;
const ALREADY_EXISTS = 6;
const REFUSED = [7, 12];

/**
 * Makes the search attributes known to a namespace and waits until the server accepts them. Calling it again, or
 * from several processes at once, changes nothing.
 *
 * @returns the names that were new.
 */
export async function registerSearchAttributes(connection: Connection, namespace: string): Promise<string[]> {
  const missing = await missingAttributes(connection, namespace);
  if (missing.length > 0) {
    try {
      await connection.operatorService.addSearchAttributes({
        namespace,
        searchAttributes: Object.fromEntries(missing.map(([name, type]) => [name, TYPE_NUMBERS[type]])),
      });
    } catch (error) {
      const { code, message } = error as { code?: number; message: string };
      if (code !== undefined && REFUSED.includes(code)) throw new Error(byHand(namespace, missing, message));
      if (code !== ALREADY_EXISTS) throw error;
    }
  }
  await untilKnown(connection, namespace);
  return missing.map(([name]) => name);
}

type Attribute = [keyof typeof SEARCH_ATTRIBUTES, keyof typeof TYPE_NUMBERS];

async function missingAttributes(connection: Connection, namespace: string): Promise<Attribute[]> {
  const { customAttributes } = await connection.operatorService
    .listSearchAttributes({ namespace })
    .catch((error: { code?: number }) => {
      if (error.code !== NOT_FOUND) throw error;
      throw new Error(
        `The Temporal server has no namespace ${namespace}: create it (temporal operator namespace create ${namespace}), or correct TEMPORAL_NAMESPACE.`,
      );
    });
  const wanted = Object.entries(SEARCH_ATTRIBUTES) as Attribute[];
  const wrong = wanted.filter(
    ([name, type]) => customAttributes[name] && customAttributes[name] !== TYPE_NUMBERS[type],
  );
  if (wrong.length > 0) {
    const names = wrong.map(([name, type]) => `${name} (should be ${type})`).join(', ');
    throw new Error(
      `The Temporal namespace ${namespace} has search attributes of another type: ${names}. Remove them, or set TEMPORAL_NAMESPACE to a namespace of Perennial's own.`,
    );
  }
  return wanted.filter(([name]) => !customAttributes[name]);
}

function byHand(namespace: string, missing: Attribute[], reason: string): string {
  const commands = missing.map(
    ([name, type]) =>
      `  temporal operator search-attribute create --namespace ${namespace} --name ${name} --type ${type}`,
  );
  return [
    `This server does not let us register search attributes (${reason}). Let somebody who may do it run:`,
    ...commands,
  ].join('\n');
}

/** The frontend answers from a copy of the namespace that it refreshes every few seconds. */
async function untilKnown(connection: Connection, namespace: string): Promise<void> {
  const query = 'BillingDunningAttempt = 0 AND BillingTenant = "none" AND BillingPastDueSince IS NULL';
  for (let attempt = 1; ; attempt += 1) {
    try {
      await connection.workflowService.countWorkflowExecutions({ namespace, query });
      return;
    } catch (error) {
      if (attempt === 100) throw error;
      await sleep(200);
    }
  }
}
