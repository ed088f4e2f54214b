import type { Decimal } from './money.ts';

export const ATTEMPT_STATUSES = [
  'in_flight',
  'unknown',
  'pending',
  'requires_action',
  'settled',
  'declined',
] as const;
export type AttemptStatus = (typeof ATTEMPT_STATUSES)[number];

/** One try to charge one invoice. At most one per invoice is unfinished (constraint). */
export type PaymentAttempt = {
  id: string;
  tenantId: string;
  invoiceId: string;
  customerId: string;
  n: number;
  /** The "pay now" of a person that asked for it; null when it was due. */
  commandId: string | null;
  paymentMethodId: string;
  gateway: string;
  gatewayRef: string | null;
  amount: Decimal;
  currency: string;
  status: AttemptStatus;
  hard: boolean | null;
  code: string | null;
  message: string | null;
  actionUrl: string | null;
  nextCheckAt: Date | null;
  checkCount: number;
  createdAt: Date;
  updatedAt: Date;
  finishedAt: Date | null;
};

/** Money received: by a gateway (`attemptId`) or outside any (`reference` says how). */
export type Payment = {
  id: string;
  tenantId: string;
  customerId: string;
  attemptId: string | null;
  gateway: string | null;
  gatewayRef: string | null;
  amount: Decimal;
  currency: string;
  reference: string | null;
  paidAt: Date;
  createdAt: Date;
};

export type PaymentAllocation = {
  paymentId: string;
  invoiceId: string;
  tenantId: string;
  amount: Decimal;
  createdAt: Date;
};

export function isFinished(status: AttemptStatus): boolean {
  return status === 'settled' || status === 'declined';
}
