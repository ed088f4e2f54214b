import type { z } from 'zod';
import type {
  ChangeIn,
  subscriptionPause,
  subscriptionQuantity,
  subscriptionResume,
  subscriptionSchedule,
} from '../src/contract/changes.ts';
import type {
  CancelCommand,
  ChangeCommand,
  PauseCommand,
  ResumeCommand,
  ScheduleCommand,
} from '../src/contract/commands.ts';
import type { subscriptionCancel } from '../src/contract/subscriptions.ts';
import type { CommandKind } from '../src/domain/command.ts';
import { DomainError, isDomainError } from '../src/domain/errors.ts';
import { phaseStarts } from '../src/domain/phase-starts.ts';
import { isEnded, type Subscription } from '../src/domain/subscription.ts';
import type { Tx } from '../src/persistence/doors.ts';
import { findSubscriptionByReference, found } from '../src/persistence/find-by-reference.ts';
import { holdingOf, resolveChange } from './resolve-change.ts';
import type { Call, CommandRequest } from './route.ts';
import { invalid } from './validate.ts';
import { assertRevision, timeFor } from './write.ts';

/**
 * What requests ask of a subscription, as commands: every reference found, every default filled in. A command and its
 * preview ask through the same function, so they cannot differ.
 */

export type Asking<B> = (tx: Tx, call: Call<{ id: string }, unknown, B>) => Promise<Ask>;
export type Ask = Exclude<CommandRequest, { workflow: null }>;

/** The subscription as it stands, and what time it is for it. What may change before the command's turn is asked there. */
export async function liveAt(
  tx: Tx,
  call: Call<{ id: string }>,
): Promise<{ subscription: Subscription; at: Date }> {
  const subscription = found(await findSubscriptionByReference(tx, call.params.id), 'subscription');
  assertRevision(call, subscription);
  if (isEnded(subscription.status)) {
    throw new DomainError(
      'subscription_ended',
      `This subscription is ${subscription.status}, and that is final; create a new one.`,
    );
  }
  return { subscription, at: (await timeFor(tx, subscription)).at };
}

export function lifecycle(
  subscription: Subscription,
  kind: CommandKind,
  body: Record<string, unknown>,
  requestedAt: Date,
): Ask {
  return { workflow: 'subscription', subjectId: subscription.id, kind, body, requestedAt };
}

/** `now`, `period_end` or an instant as command rows say it. */
function effectOf<E extends 'now' | 'period_end'>(
  effective: E | string,
): { effective: E | 'at'; at: string | null } {
  const isNamed = (text: string): text is E => text === 'now' || text === 'period_end';
  return isNamed(effective) ? { effective, at: null } : { effective: 'at', at: effective };
}

export const askChange: Asking<ChangeIn> = async (tx, call) => {
  const { subscription, at } = await liveAt(tx, call);
  const { effective, preview_token, ...fields } = call.body;
  const { change, prices } = await resolveChange(
    tx,
    subscription,
    await holdingOf(tx, subscription),
    fields,
    {
      at,
    },
  );
  const command: ChangeCommand = {
    ...(effective === undefined ? { effective: null, at: null } : effectOf<'now' | 'period_end'>(effective)),
    change,
    prices,
    preview_token: preview_token ?? null,
  };
  return lifecycle(subscription, 'change', command, at);
};

/** A change of one quantity, with fewer words; what is wrong with it is told by its own fields. */
export const askQuantity: Asking<z.output<typeof subscriptionQuantity>> = async (tx, call) => {
  const { key, quantity, ...rest } = call.body;
  const body: ChangeIn = { ...rest, items: [{ key, quantity }], trial: 'keep' };
  try {
    return await askChange(tx, { ...call, body });
  } catch (error) {
    const errors = isDomainError(error) && error.code === 'validation_failed' ? error.details.errors : null;
    if (!errors) throw error;
    throw invalid(errors.map((wrong) => ({ ...wrong, path: wrong.path.replace('items[0].', '') })));
  }
};

export const askPause: Asking<z.output<typeof subscriptionPause>> = async (tx, call) => {
  const { subscription, at } = await liveAt(tx, call);
  const { effective, credit, resume_at, preview_token } = call.body;
  const command: PauseCommand = {
    ...effectOf<'now' | 'period_end'>(effective),
    credit,
    resume_at: resume_at ?? null,
    preview_token: preview_token ?? null,
  };
  if (resume_at !== undefined && new Date(resume_at) <= (command.at ? new Date(command.at) : at)) {
    const message = 'Write an instant after the pause begins, or leave it out.';
    throw invalid([{ path: 'resume_at', code: 'in_past', message }]);
  }
  return lifecycle(subscription, 'pause', command, at);
};

export const askResume: Asking<z.output<typeof subscriptionResume>> = async (tx, call) => {
  const { subscription, at } = await liveAt(tx, call);
  const { effective, preview_token } = call.body;
  const command: ResumeCommand = {
    ...effectOf<'now'>(effective),
    preview_token: preview_token ?? null,
  };
  return lifecycle(subscription, 'resume', command, at);
};

/** Phases are thought one from the other, as if each had taken place. */
export const askSchedule: Asking<z.output<typeof subscriptionSchedule>> = async (tx, call) => {
  const { subscription, at } = await liveAt(tx, call);
  const { phases, preview_token } = call.body;
  let holding = await holdingOf(tx, subscription);
  const asked = phases.map(({ start_at: startAt, after_cycles: cycles }) => ({
    startAt: startAt === undefined ? null : new Date(startAt),
    cycles: cycles ?? null,
  }));
  const starts = phaseStarts(subscription, holding.items, asked, at);
  const command: ScheduleCommand = { phases: [], prices: [], preview_token: preview_token ?? null };
  for (const [index, { start_at: _start, after_cycles: _cycles, ...fields }] of phases.entries()) {
    const prefix = `phases[${index}].`;
    const resolved = await resolveChange(tx, subscription, holding, fields, { at, prefix });
    command.phases.push({ at: (starts[index] ?? at).toISOString(), change: resolved.change });
    command.prices.push(...resolved.prices);
    holding = resolved.after;
  }
  return lifecycle(subscription, 'schedule', command, at);
};

export const askCancel: Asking<z.output<typeof subscriptionCancel>> = async (tx, call) => {
  const { body } = call;
  const { subscription, at } = await liveAt(tx, call);
  if (body.at !== undefined && new Date(body.at) <= at) {
    const message = `Write an instant after ${at.toISOString()}, or use mode "now".`;
    throw invalid([{ path: 'at', code: 'cancel_at_in_past', message }]);
  }
  const command: CancelCommand = {
    mode: body.mode,
    at: body.at ?? null,
    reason: body.reason ?? null,
    credit: body.credit,
    preview_token: body.preview_token ?? null,
  };
  return lifecycle(subscription, 'cancel', command, at);
};
