import type { Customer, GatewayConnection, PaymentMethod } from '../domain/customer.ts';
import { DomainError } from '../domain/errors.ts';
import type { TestClock } from '../domain/test-clock.ts';
import { attributeUsage } from './attribute-usage.ts';
import { CustomerSchema, GatewayConnectionSchema, PaymentMethodSchema } from './customers.ts';
import type { Tx } from './doors.ts';
import { PaymentAttemptSchema } from './payments.ts';
import { findRow, findRows, insertRow, lockRow, updateRows } from './rows.ts';
import { SubscriptionSchema } from './subscriptions.ts';
import { TestClockSchema } from './test-clocks.ts';
import { isTaken } from './trouble.ts';

/** Customers and how they pay, written directly by requests. */

/** Usage that named the customer before it was there becomes its own. */
export async function insertCustomer(tx: Tx, customer: Customer): Promise<Customer> {
  await uniqueExternalId(() => insertRow(tx, CustomerSchema, customer));
  await attributeUsage(tx, customer);
  return customer;
}

export async function updateCustomer(tx: Tx, customer: Customer): Promise<Customer> {
  await uniqueExternalId(() => updateRows(tx, CustomerSchema, { id: customer.id }, customer));
  if (customer.deletedAt === null) await attributeUsage(tx, customer);
  return customer;
}

/** Whether a subscription of this customer has not ended; `charged` asks only for those that charge a method. */
export async function hasLiveSubscription(tx: Tx, customerId: string, charged = false): Promise<boolean> {
  const where = { customerId, endedAt: null };
  const row = await findRow(
    tx,
    SubscriptionSchema,
    charged ? { ...where, collectionMethod: 'charge_automatically' } : where,
  );
  return row !== null;
}

/** The methods that are attached, newest first. */
export function attachedMethods(tx: Tx, customerId: string): Promise<PaymentMethod[]> {
  return findRows(tx, PaymentMethodSchema, { customerId, detachedAt: null }, { orderBy: { id: 'desc' } });
}

export function insertPaymentMethod(tx: Tx, method: PaymentMethod): Promise<PaymentMethod> {
  return insertRow(tx, PaymentMethodSchema, method);
}

export async function updatePaymentMethod(tx: Tx, method: PaymentMethod): Promise<PaymentMethod> {
  await updateRows(tx, PaymentMethodSchema, { id: method.id }, method);
  return method;
}

/** Whether a charge with this method has no outcome yet. */
export async function isBeingCharged(tx: Tx, methodId: string): Promise<boolean> {
  const unfinished = {
    paymentMethodId: methodId,
    status: { $in: ['in_flight', 'unknown', 'pending', 'requires_action'] as const },
  };
  return (await findRow(tx, PaymentAttemptSchema, unfinished)) !== null;
}

export function findTestClock(tx: Tx, id: string): Promise<TestClock | null> {
  return findRow(tx, TestClockSchema, { id });
}

export function insertGatewayConnection(tx: Tx, connection: GatewayConnection): Promise<GatewayConnection> {
  return insertRow(tx, GatewayConnectionSchema, connection);
}

/** The secret that signs callbacks from now on; the former one is good until `previousExpiresAt`, null: no longer. */
export async function rotateCallbackSecret(
  tx: Tx,
  connection: GatewayConnection,
  { secretSealed, previousExpiresAt, at }: { secretSealed: string; previousExpiresAt: Date | null; at: Date },
): Promise<GatewayConnection> {
  const changes = {
    secretSealed,
    previousSecretSealed: previousExpiresAt ? connection.secretSealed : null,
    previousSecretExpiresAt: previousExpiresAt,
    updatedAt: at,
  };
  await updateRows(tx, GatewayConnectionSchema, { id: connection.id }, changes);
  return { ...connection, ...changes };
}

/** A tenant's account at a gateway, locked; across tenants, so it needs the system door. */
export function lockConnectionOf(
  tx: Tx,
  tenantId: string,
  gateway: string,
): Promise<GatewayConnection | null> {
  return lockRow(tx, GatewayConnectionSchema, { tenantId, gateway });
}

async function uniqueExternalId<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!isTaken(error, 'customers_external_id')) throw error;
    throw new DomainError(
      'external_id_taken',
      'Another customer has this external_id; choose one of its own, or update that customer.',
      {
        errors: [
          { path: 'external_id', code: 'taken', message: 'Another customer has it; choose one of its own.' },
        ],
      },
    );
  }
}
