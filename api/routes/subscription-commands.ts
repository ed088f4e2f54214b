import type { BareCommand, ExtendTrialCommand, PayCommand } from '../../src/contract/commands.ts';
import { emptyBody, subscriptionCancel, subscriptionExtendTrial } from '../../src/contract/subscriptions.ts';
import { DomainError } from '../../src/domain/errors.ts';
import { findSubscriptionByReference, found } from '../../src/persistence/find-by-reference.ts';
import { openInvoicesOf } from '../../src/persistence/invoice-facts.ts';
import { askCancel, lifecycle, liveAt } from '../ask-command.ts';
import { type Route, route } from '../route.ts';
import { showSubscription } from '../show-subscriptions.ts';
import { COMMAND_ERRORS, subscriptionCommand } from '../subscription-command.ts';
import { invalid } from '../validate.ts';
import { assertRevision, timeFor } from '../write.ts';

const cancel = route({
  ...subscriptionCommand,
  path: '/v1/subscriptions/{id}/cancel',
  operationId: 'cancelSubscription',
  summary: 'Cancel a subscription',
  description:
    'Now, at the end of the running period (unless said otherwise), or at an instant. Until then it can be taken back. What was paid ahead is only given back with `credit` and mode "now".',
  body: subscriptionCancel,
  errors: [
    ...COMMAND_ERRORS,
    'cancel_at_in_past',
    'change_not_allowed',
    'payment_in_flight',
    'preview_outdated',
  ],
  command: askCancel,
});

const uncancel = route({
  ...subscriptionCommand,
  path: '/v1/subscriptions/{id}/uncancel',
  operationId: 'uncancelSubscription',
  summary: 'Take a scheduled cancellation back',
  body: emptyBody,
  errors: [...COMMAND_ERRORS, 'cancel_not_scheduled'],
  async command(tx, call) {
    const { subscription, at } = await liveAt(tx, call);
    return lifecycle(subscription, 'uncancel', {} satisfies BareCommand, at);
  },
});

const endTrial = route({
  ...subscriptionCommand,
  path: '/v1/subscriptions/{id}/end_trial',
  operationId: 'endTrial',
  summary: 'End the trial now',
  description: 'The first period begins, and the first charge is tried, before this answers.',
  body: emptyBody,
  errors: [...COMMAND_ERRORS, 'not_trialing'],
  async command(tx, call) {
    const { subscription, at } = await liveAt(tx, call);
    return lifecycle(subscription, 'end_trial', {} satisfies BareCommand, at);
  },
});

const extendTrial = route({
  ...subscriptionCommand,
  path: '/v1/subscriptions/{id}/extend_trial',
  operationId: 'extendTrial',
  summary: 'Extend the trial',
  body: subscriptionExtendTrial,
  errors: [...COMMAND_ERRORS, 'not_trialing', 'trial_too_long'],
  async command(tx, call) {
    const { body } = call;
    const { subscription, at } = await liveAt(tx, call);
    if (new Date(body.trial_end) <= at) {
      throw invalid([
        {
          path: 'trial_end',
          code: 'in_past',
          message: `Write an instant after ${at.toISOString()}, or end the trial now.`,
        },
      ]);
    }
    const command: ExtendTrialCommand = { trial_end: body.trial_end };
    return lifecycle(subscription, 'extend_trial', command, at);
  },
});

const pay = route({
  ...subscriptionCommand,
  path: '/v1/subscriptions/{id}/pay',
  operationId: 'paySubscription',
  summary: 'Charge the open invoice of a subscription now',
  description:
    'The latest one that is open, to the default payment method. To pay another one, or otherwise, pay that invoice.',
  body: emptyBody,
  errors: [
    'not_found',
    'nothing_to_pay',
    'payment_method_missing',
    'payment_in_flight',
    'payment_declined',
    'clock_advancing',
    'command_expired',
    'engine_busy',
  ],
  async command(tx, call) {
    const subscription = found(await findSubscriptionByReference(tx, call.params.id), 'subscription');
    assertRevision(call, subscription);
    const invoice = (await openInvoicesOf(tx, { subscriptionId: subscription.id }))
      .filter(({ status }) => status === 'open')
      .at(-1);
    if (!invoice) throw new DomainError('nothing_to_pay', 'This subscription has no open invoice.');
    const { at } = await timeFor(tx, subscription);
    const command: PayCommand = { payment_method: null };
    return { workflow: 'invoice', subjectId: invoice.id, kind: 'pay', body: command, requestedAt: at };
  },
  answer: (tx, { params }) => showSubscription(tx, params.id),
});

export const subscriptionCommandRoutes: Route[] = [cancel, uncancel, endTrial, extendTrial, pay];
