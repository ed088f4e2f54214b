import type { ChargeOutcome } from '../src/domain/decide-payment.ts';
import { isDomainError } from '../src/domain/errors.ts';
import type { ChargeRequest, Gateway, Outcome, Prepared } from '../src/gateways/port.ts';
import type { ChargePlan } from '../src/persistence/begin-charge.ts';
import { saveGatewayRef } from '../src/persistence/gateway-facts.ts';
import { crashPoint } from '../src/platform/crash-point.ts';
import type { ActivityDeps } from './deps.ts';

type Charge = Extract<ChargePlan, { kind: 'charge' }>;

/**
 * Prepare once, store the reference, confirm once; after a loss ask `retrieve` before anything else (billing rule 34).
 * Never throws for what a gateway does: not knowing is an outcome. Throws `gateway_unavailable` while this installation
 * lacks the gateway the method belongs to.
 */
export async function askGateway(
  deps: ActivityDeps,
  { attempt, method, account }: Charge,
  clock: 'real' | 'test',
  asOf: Date,
): Promise<ChargeOutcome> {
  const gateway = deps.gateways.get(attempt.gateway);
  if (attempt.gatewayRef) {
    const found = await gateway.retrieve(attempt.gatewayRef, { asOf });
    if (found.kind !== 'not_confirmed') return outcomeOf(found);
    return outcomeOf(await gateway.confirm(attempt.gatewayRef, { asOf }));
  }
  const { tenantId, id } = attempt;
  if (!account)
    return {
      kind: 'declined',
      hard: false,
      code: 'gateway_not_connected',
      message: `The tenant has no connection to ${attempt.gateway}.`,
    };
  const prepared = await prepare(gateway, {
    attemptId: id,
    idempotencyKey: id,
    amount: attempt.amount,
    currency: attempt.currency,
    methodRef: method.gatewayRef,
    callbackUrl: `${deps.publicUrl}/gateways/${attempt.gateway}/callbacks/${account.callbackToken}`,
    callbackSecret: deps.openSecret(account.secretSealed, {
      tenantId,
      column: 'gateway_connections.secret',
      rowId: account.id,
    }),
    asOf,
    clock,
    description: `invoice ${attempt.invoiceId}`,
  });
  if (prepared.kind !== 'prepared') return prepared;
  crashPoint('charge.prepared');
  await deps.database.withTenant(tenantId, (tx) => saveGatewayRef(tx, id, prepared.ref));
  crashPoint('charge.refStored');
  return outcomeOf(await gateway.confirm(prepared.ref, { asOf }));
}

/** A gateway that will not have the charge at all is like a soft decline: dunning goes on, and a person can mend the cause. */
async function prepare(
  gateway: Gateway,
  request: ChargeRequest,
): Promise<Prepared | Extract<ChargeOutcome, { kind: 'declined' }>> {
  try {
    return await gateway.prepare(request);
  } catch (error) {
    if (!isDomainError(error) || error.code !== 'gateway_refused') throw error;
    return { kind: 'declined', hard: false, code: error.code, message: error.message };
  }
}

function outcomeOf(outcome: Outcome): ChargeOutcome {
  switch (outcome.kind) {
    case 'declined':
      return { kind: 'declined', hard: outcome.hard, code: outcome.code, message: outcome.message };
    case 'requires_action':
      return { kind: 'requires_action', url: outcome.url };
    case 'unknown':
      return {
        kind: 'unknown',
        reason: outcome.reason,
        ...(outcome.retryAfterMs === undefined ? {} : { retryAfterMs: outcome.retryAfterMs }),
      };
    case 'settled':
    case 'pending':
      return { kind: outcome.kind };
  }
}
