import {
  subscriptionChange,
  subscriptionPause,
  subscriptionQuantity,
  subscriptionResume,
  subscriptionSchedule,
} from '../../src/contract/changes.ts';
import { askChange, askPause, askQuantity, askResume, askSchedule } from '../ask-command.ts';
import { type Route, route } from '../route.ts';
import { CHANGE_ERRORS, COMMAND_ERRORS, subscriptionCommand } from '../subscription-command.ts';

const change = route({
  ...subscriptionCommand,
  path: '/v1/subscriptions/{id}/change',
  operationId: 'changeSubscription',
  summary: 'Change a subscription',
  description:
    'Its plan, quantities, add-ons or prices: now, at the end of the period, or at an instant. What was paid ahead is credited and the rest of the period charged, unless `proration` says otherwise. A change that is scheduled takes the place of one that waits already.',
  body: subscriptionChange,
  errors: CHANGE_ERRORS,
  command: askChange,
});

const quantity = route({
  ...subscriptionCommand,
  path: '/v1/subscriptions/{id}/quantity',
  operationId: 'changeSubscriptionQuantity',
  summary: 'Change a quantity of a subscription',
  description: 'A change of one item, with fewer words.',
  body: subscriptionQuantity,
  errors: CHANGE_ERRORS,
  command: askQuantity,
});

const schedule = route({
  ...subscriptionCommand,
  path: '/v1/subscriptions/{id}/schedule',
  operationId: 'scheduleSubscription',
  summary: 'Schedule phases of a subscription',
  description:
    'Changes at instants that lie ahead, one after the other. Together they take the place of everything that is scheduled.',
  body: subscriptionSchedule,
  errors: CHANGE_ERRORS,
  command: askSchedule,
});

const pause = route({
  ...subscriptionCommand,
  path: '/v1/subscriptions/{id}/pause',
  operationId: 'pauseSubscription',
  summary: 'Pause a subscription',
  description:
    'Nothing is billed while it is paused. What was paid ahead is given back unless `credit` is false; what runs in arrears is billed.',
  body: subscriptionPause,
  errors: [...COMMAND_ERRORS, 'pause_not_allowed', 'preview_outdated', 'payment_in_flight'],
  command: askPause,
});

const resume = route({
  ...subscriptionCommand,
  path: '/v1/subscriptions/{id}/resume',
  operationId: 'resumeSubscription',
  summary: 'Resume a paused subscription',
  description: 'It is billed from then on to its next boundary; the anchor stays.',
  body: subscriptionResume,
  errors: [...COMMAND_ERRORS, 'resume_not_allowed', 'preview_outdated'],
  command: askResume,
});

export const subscriptionChangeRoutes: Route[] = [change, quantity, schedule, pause, resume];
