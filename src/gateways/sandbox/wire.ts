/** The sandbox gateway's own wire format, shared by its server (which writes it) and its adapter (which distrusts it). */
export type ChargeStatus = 'prepared' | 'requires_action' | 'pending' | 'settled' | 'declined';

export type WireCharge = {
  object: 'charge';
  ref: string;
  idempotency_key: string;
  amount: string;
  currency: string;
  method_ref: string;
  description: string;
  status: ChargeStatus;
  decline: { code: string; hard: boolean; message: string } | null;
  action_url: string | null;
  confirm_count: number;
  amount_refunded: string;
  created_at: string;
  settled_at: string | null;
};

export type CallbackType = 'charge.settled' | 'charge.declined' | 'charge.requires_action';

export type WireCallback = {
  id: string;
  type: CallbackType;
  created_at: string;
  data: { ref: string; idempotency_key: string; status: ChargeStatus };
};

/** What an adapter needs of a charge, read from an untrusted answer. */
export type ReadCharge = Pick<
  WireCharge,
  'ref' | 'idempotency_key' | 'amount' | 'currency' | 'status' | 'decline' | 'action_url'
>;

/** The charge in an answer, or null when it lacks anything the adapter relies on. */
export function readCharge(body: unknown): ReadCharge | null {
  const { ref, idempotency_key, amount, currency, status, decline, action_url } = fields(body);
  if (!isRef(ref) || !isText(idempotency_key) || !isText(amount) || !isText(currency) || !isStatus(status))
    return null;
  const refusal = readDecline(decline);
  if (status === 'declined' && refusal === null) return null;
  if (status === 'requires_action' && !isText(action_url)) return null;
  return {
    ref,
    idempotency_key,
    amount,
    currency,
    status,
    decline: refusal,
    action_url: isText(action_url) ? action_url : null,
  };
}

/** The error in an answer: `{ error: { code, message } }`. */
export function readError(body: unknown): { code: string; message: string } | null {
  const { code, message } = fields(fields(body)['error']);
  return isText(code) && isText(message) ? { code, message } : null;
}

/** The members of a parsed JSON value, empty when it is no object; only its own, so `__proto__` says nothing. */
export function fields(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  return Object.fromEntries(Object.entries(value));
}

/** Whether this may be put into a path: what a gateway answers is not trusted to be harmless there. */
export function isRef(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(value);
}

export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 2048;
}

function readDecline(value: unknown): WireCharge['decline'] {
  const { code, hard, message } = fields(value);
  return isText(code) && typeof hard === 'boolean' && isText(message) ? { code, hard, message } : null;
}

function isStatus(value: unknown): value is ChargeStatus {
  return ['prepared', 'requires_action', 'pending', 'settled', 'declined'].some((status) => status === value);
}
