import { lifeAfter, NOT_YET } from './apply-decision.ts';
import { totalOf } from './build-invoice.ts';
import type { ChangeClass, PlannedAction } from './change.ts';
import { classOf } from './classify-change.ts';
import { askedBy, type CommandSetting, decideCommand, type SubscriptionCommand } from './decide-command.ts';
import { decideCancel } from './decide-end.ts';
import { timed } from './decide-schedule.ts';
import { decideAction } from './decide-scheduled.ts';
import type { Decision } from './decision.ts';
import { foldUntil, foldUntilCancel, foldUntilChange } from './fold.ts';
import type { Life } from './life.ts';

/** What a command would do, and when: the same function as its execution, with nothing written (billing rule 17). */
export type Preview = {
  at: Date;
  decision: Decision;
  /** Null for what is not a change. */
  class: ChangeClass | null;
  /** Pending changes that would not take place any more. */
  replaces: readonly string[];
};

/**
 * What a command that is asked for at `at` would do. What takes effect later is shown as it would be then, after the
 * periods in between; their lines are no part of it. A schedule shows its first phase. Throws what the command throws.
 */
export function decidePreview(
  life: Life,
  command: SubscriptionCommand,
  at: Date,
  setting: CommandSetting,
): Preview {
  const decision = decideCommand(life, command, at, setting);
  const replaces = decision.finished.map(({ id }) => id);
  if (command.kind === 'cancel' && command.mode !== 'now') {
    const { cancelAt } = decision.subscription;
    if (!cancelAt) return { at, decision, class: null, replaces };
    const then = foldUntilCancel(after(life, decision), cancelAt);
    const due = then.subscription.nextStepAt ?? cancelAt;
    return {
      at: due,
      decision: decideCancel(then, due, then.subscription.cancelCredit),
      class: null,
      replaces,
    };
  }
  const planned = plannedBy(life, command, at);
  if (!planned) return { at, decision, class: null, replaces };
  const { action } = planned;
  const changeClass =
    action.kind === 'change' ? classOf(life.subscription, life.priced, action.change) : null;
  if (planned.at <= at) return { at: planned.at, decision, class: changeClass, replaces };
  const [change] = decision.scheduled;
  const then = change
    ? foldUntilChange(after(life, decision), change)
    : foldUntil(after(life, decision), planned.at);
  // A change that waits for the end of a period moves with it, where something that is planned before it moves that end.
  const due = (change && then.subscription.nextStepAt) ?? planned.at;
  const later = decideAction(then, change?.action ?? action, due, setting.hasPaymentMethod, {
    finished: then.changes.flatMap(({ id, effectiveAt }) =>
      effectiveAt <= due ? [{ id, as: 'applied' as const }] : [],
    ),
  });
  return { at: due, decision: later, class: changeClass, replaces };
}

/** What is scheduled changes nothing of what was used, billed and spent until now. */
function after(life: Life, decision: Decision): Life {
  const then = lifeAfter(life, decision, NOT_YET);
  const loaded = new Map(life.priced.map((entry) => [entry.item.id, entry]));
  return {
    ...then,
    ...(life.thresholds ? { thresholds: life.thresholds } : {}),
    priced: then.priced.map((entry) => {
      const { usage, instalments, spent } = loaded.get(entry.item.id) ?? {};
      return {
        ...entry,
        ...(usage ? { usage } : {}),
        ...(instalments ? { instalments } : {}),
        ...(spent ? { spent } : {}),
      };
    }),
  };
}

function plannedBy(
  life: Life,
  command: SubscriptionCommand,
  at: Date,
): { action: PlannedAction; at: Date } | null {
  switch (command.kind) {
    case 'change':
    case 'pause':
    case 'resume':
      return timed(life, askedBy(command), at);
    case 'schedule': {
      const [first] = command.phases;
      if (!first) return null;
      const asked = {
        action: { kind: 'change' as const, change: first.change },
        effective: 'at' as const,
        at: first.at,
      };
      return timed(life, asked, at);
    }
    default:
      return null;
  }
}

/**
 * What of a preview its token stands for, as plain JSON with sorted facts and without ids that are given later: when it
 * takes place, every line, every credit, the total and what is replaced. Two previews with the same outcome bill the same.
 */
export function outcomeOf({ at, decision, class: changeClass, replaces }: Preview): Record<string, unknown> {
  const { invoice, pending, credits, subscription } = decision;
  const lines = (drafts: Decision['pending']) =>
    drafts.map(({ priceId, description, quantity, amount, period }) => [
      priceId,
      description,
      quantity.toFixed(),
      amount.toFixed(),
      period.start.toISOString(),
      period.end.toISOString(),
    ]);
  return {
    at: at.toISOString(),
    class: changeClass,
    lines: lines(invoice?.lines ?? []),
    pending: lines(pending),
    credits: credits.map(({ invoiceId, lineId, amount }) => [invoiceId, lineId, amount.toFixed()]),
    total: invoice ? totalOf(invoice).toFixed() : null,
    replaces: [...replaces].sort(),
    plan: [subscription.planId, subscription.planVersion],
    next_period_end: subscription.currentPeriodEnd?.toISOString() ?? null,
    ends: [subscription.endedAt, subscription.cancelAt].map((instant) => instant?.toISOString() ?? null),
  };
}
