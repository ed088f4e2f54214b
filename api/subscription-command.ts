import { pathId } from '../src/contract/common.ts';
import { subscriptionOut } from '../src/contract/subscriptions.ts';
import type { ErrorCode } from '../src/domain/errors.ts';
import type { Tx } from '../src/persistence/doors.ts';
import type { Call } from './route.ts';
import { showSubscription } from './show-subscriptions.ts';

/** What the routes of all lifecycle commands have in common. */
export const subscriptionCommand = {
  method: 'post',
  tag: 'Subscriptions',
  auth: 'tenant',
  scope: 'subscriptions:write',
  params: pathId,
  revisioned: true,
  response: { description: 'The subscription afterwards.', schema: subscriptionOut },
  kind: 'command',
  answer: (tx: Tx, _call: Call, id: string) => showSubscription(tx, id),
} as const;

export const COMMAND_ERRORS = [
  'not_found',
  'subscription_ended',
  'clock_advancing',
  'command_expired',
  'engine_busy',
] as const satisfies ErrorCode[];

/** Why a change, previewed or made, may be refused. */
export const CHANGE_REFUSALS = [
  'change_not_allowed',
  'change_without_effect',
  'change_too_early',
  'plan_currency_mismatch',
  'item_unknown',
  'item_key_taken',
  'proration_needed',
  'payment_in_flight',
] as const satisfies ErrorCode[];

export const CHANGE_ERRORS = [
  ...COMMAND_ERRORS,
  ...CHANGE_REFUSALS,
  'preview_outdated',
] as const satisfies ErrorCode[];
