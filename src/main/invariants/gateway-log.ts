import { Decimal } from '../../domain/money.ts';
import { fields, type ReadCharge, readCharge } from '../../gateways/sandbox/wire.ts';
import type { Database } from '../../persistence/doors.ts';
import { attemptsById, type KnownAttempt, settledAttempts } from '../../persistence/invariants/payments.ts';
import { type Broken, type BrokenRow, collect, readOnly } from '../../persistence/invariants/promised.ts';

/** What is asked of the sandbox gateway's own log of charges; an attempt's id is its idempotency key there. */
export const GATEWAY_PROMISES = {
  gateway_charged_once: 'By its own log the gateway took money at most once for each payment attempt.',
  gateway_agrees: 'The gateway settled exactly the charges that we say it did, over the same amounts.',
} as const;

const PAGE = 1_000;
const TIMEOUT_MS = 10_000;

/**
 * Compares our attempts with the gateway's log. Ours are read first, then the log, then what the log named: so money
 * that moves meanwhile is found on both sides. Null when the gateway does not answer.
 */
export async function askGatewayLog(database: Database, gatewayUrl: string): Promise<Broken[] | null> {
  const ours = await readOnly(database, (tx) => settledAttempts(tx, 'sandbox'));
  const charges = await settledCharges(gatewayUrl).catch(() => null);
  if (!charges) return null;
  const named = new Map<string, KnownAttempt>();
  const keys = [...new Set(charges.map((charge) => charge.idempotency_key))];
  for (let from = 0; from < keys.length; from += PAGE) {
    const known = await readOnly(database, (tx) => attemptsById(tx, keys.slice(from, from + PAGE)));
    for (const attempt of known) named.set(attempt.id, attempt);
  }
  const found = {
    gateway_charged_once: chargedTwice(charges),
    gateway_agrees: [...unknownToUs(charges, named), ...unknownToGateway(ours, charges)],
  };
  return answered(GATEWAY_PROMISES, found);
}

/** Only what was broken, with the sentence of each promise. */
export async function answered<Name extends string>(
  sentences: Readonly<Record<Name, string>>,
  found: Readonly<Record<Name, BrokenRow[]>>,
): Promise<Broken[]> {
  const names = Object.keys(sentences) as Name[];
  const all = await Promise.all(
    names.map(async (promise) => ({
      promise,
      sentence: sentences[promise],
      ...(await collect(found[promise])),
    })),
  );
  return all.filter(({ count }) => count > 0);
}

function chargedTwice(charges: readonly ReadCharge[]): BrokenRow[] {
  const refs = Map.groupBy(charges, (charge) => charge.idempotency_key);
  return [...refs].flatMap(([key, settled]) =>
    settled.length > 1 ? [{ attempt_id: key, gateway_refs: settled.map((charge) => charge.ref) }] : [],
  );
}

/** Money the gateway took. We may still be waiting to hear of it, but not believe that it did not. */
function unknownToUs(charges: readonly ReadCharge[], named: ReadonlyMap<string, KnownAttempt>): BrokenRow[] {
  return charges.flatMap((charge) => {
    const { idempotency_key: attempt_id, ref: gateway_ref, amount, currency } = charge;
    const attempt = named.get(attempt_id);
    if (!attempt) return [{ attempt_id, gateway_ref, amount, currency, ours: 'no such attempt' }];
    const { tenantId: tenant_id, invoiceId: invoice_id, status } = attempt;
    const same = attempt.currency === currency && new Decimal(attempt.amount).eq(amount);
    if (same && status !== 'declined') return [];
    return [
      {
        tenant_id,
        invoice_id,
        attempt_id,
        gateway_ref,
        amount,
        currency,
        ours: `${status}, ${attempt.amount} ${attempt.currency}`,
      },
    ];
  });
}

function unknownToGateway(ours: readonly KnownAttempt[], charges: readonly ReadCharge[]): BrokenRow[] {
  const settled = new Set(charges.map((charge) => charge.idempotency_key));
  return ours.flatMap(({ id: attempt_id, tenantId: tenant_id, invoiceId: invoice_id, amount, currency }) =>
    settled.has(attempt_id)
      ? []
      : [{ tenant_id, invoice_id, attempt_id, amount, currency, gateway: 'no settled charge' }],
  );
}

async function settledCharges(gatewayUrl: string): Promise<ReadCharge[]> {
  const charges: ReadCharge[] = [];
  let cursor = '';
  do {
    const url = `${gatewayUrl}/v1/charges?status=settled&limit=${PAGE}${cursor}`;
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const { data, next_cursor } = fields(await response.json());
    if (!response.ok || !Array.isArray(data)) throw new Error(`${url} answered ${response.status}`);
    for (const one of data) {
      const charge = readCharge(one);
      if (!charge) throw new Error(`${url} answered a charge that cannot be read`);
      charges.push(charge);
    }
    cursor = typeof next_cursor === 'string' ? `&cursor=${encodeURIComponent(next_cursor)}` : '';
  } while (cursor !== '');
  return charges;
}
