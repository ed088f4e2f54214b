import {
  subscriptionChange,
  subscriptionPause,
  subscriptionQuantity,
  subscriptionResume,
  subscriptionSchedule,
} from '../../src/contract/changes.ts';
import { pathId } from '../../src/contract/common.ts';
import { previewOut } from '../../src/contract/previews.ts';
import { subscriptionCancel } from '../../src/contract/subscriptions.ts';
import { isDomainError } from '../../src/domain/errors.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import {
  type Asking,
  askCancel,
  askChange,
  askPause,
  askQuantity,
  askResume,
  askSchedule,
} from '../ask-command.ts';
import { placedRefusal } from '../place-refusal.ts';
import { previewOfAsk } from '../preview-command.ts';
import { type Call, type Route, route } from '../route.ts';
import { CHANGE_REFUSALS } from '../subscription-command.ts';

const preview = {
  method: 'post',
  tag: 'Subscriptions',
  auth: 'tenant',
  params: pathId,
  revisioned: true,
  description:
    'Takes the body of the command and answers what it would do, to the last digit, with a token that ties the command to it. Nothing is stored.',
  response: { description: 'What it would do.', schema: previewOut },
  kind: 'read',
} as const;
const ERRORS = ['not_found', 'subscription_ended', 'clock_advancing', 'step_blocked', 'engine_busy'] as const;

const change = route({
  ...preview,
  path: '/v1/subscriptions/{id}/change/preview',
  operationId: 'previewSubscriptionChange',
  summary: 'Preview a change',
  body: subscriptionChange,
  errors: [...ERRORS, ...CHANGE_REFUSALS],
  handler: previewOf(askChange),
});

const quantity = route({
  ...preview,
  path: '/v1/subscriptions/{id}/quantity/preview',
  operationId: 'previewSubscriptionQuantity',
  summary: 'Preview a change of a quantity',
  body: subscriptionQuantity,
  errors: [...ERRORS, ...CHANGE_REFUSALS],
  handler: previewOf(askQuantity),
});

const schedule = route({
  ...preview,
  path: '/v1/subscriptions/{id}/schedule/preview',
  operationId: 'previewSubscriptionSchedule',
  summary: 'Preview the first phase of a schedule',
  body: subscriptionSchedule,
  errors: [...ERRORS, ...CHANGE_REFUSALS],
  handler: previewOf(askSchedule),
});

const pause = route({
  ...preview,
  path: '/v1/subscriptions/{id}/pause/preview',
  operationId: 'previewSubscriptionPause',
  summary: 'Preview a pause',
  body: subscriptionPause,
  errors: [...ERRORS, 'pause_not_allowed', 'payment_in_flight'],
  handler: previewOf(askPause),
});

const resume = route({
  ...preview,
  path: '/v1/subscriptions/{id}/resume/preview',
  operationId: 'previewSubscriptionResume',
  summary: 'Preview a resume',
  body: subscriptionResume,
  errors: [...ERRORS, 'resume_not_allowed'],
  handler: previewOf(askResume),
});

const cancel = route({
  ...preview,
  path: '/v1/subscriptions/{id}/cancel/preview',
  operationId: 'previewSubscriptionCancellation',
  summary: 'Preview a cancellation',
  body: subscriptionCancel,
  errors: [...ERRORS, 'cancel_at_in_past', 'change_not_allowed', 'payment_in_flight'],
  handler: previewOf(askCancel),
});

export const subscriptionPreviewRoutes: Route[] = [change, quantity, schedule, pause, resume, cancel];

/** What is asked for, looked at instead of done. */
function previewOf<B>(ask: Asking<B>) {
  return async (tx: Tx, call: Call<{ id: string }, unknown, B>) => {
    try {
      return await previewOfAsk(tx, call, await ask(tx, call));
    } catch (error) {
      throw isDomainError(error) ? placedRefusal(error, call.body) : error;
    }
  };
}
