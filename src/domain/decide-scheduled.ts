import type { ScheduledChange } from './change.ts';
import { conclude } from './conclude.ts';
import { type Beside, decideChange } from './decide-change.ts';
import { decidePause, decideResume } from './decide-pause.ts';
import type { Decision } from './decision.ts';
import { isDomainError, type Obstacle } from './errors.ts';
import type { Life } from './life.ts';

/**
 * The earliest pending change takes place. What has become impossible or pointless meanwhile (the item ended, the
 * subscription is what it was to be) is dropped instead, because nobody is there to be refused anything.
 */
export function decideApplyChange(life: Life, at: Date, hasPaymentMethod: boolean): Decision {
  const due = firstDue(life.changes, at);
  if (!due) throw new RangeError(`no change of subscription ${life.subscription.id} is due`);
  const beside: Beside = {
    finished: [{ id: due.id, as: 'applied' }],
    events: ['subscription.change_applied'],
  };
  try {
    return decideAction(life, due.action, at, hasPaymentMethod, beside);
  } catch (error) {
    if (!isDomainError(error)) throw error;
    return dropDueChange(life, at, error);
  }
}

/** The change that is due does not take place, and says why not; the subscription goes on as it is. */
export function dropDueChange(life: Life, at: Date, { code, message }: Obstacle): Decision {
  const due = firstDue(life.changes, at);
  if (!due) throw new RangeError(`no change of subscription ${life.subscription.id} is due`);
  return conclude(life, {
    subscription: life.subscription,
    at,
    finished: [{ id: due.id, as: 'canceled', because: { code, message } }],
    events: ['subscription.change_canceled'],
  });
}

/** At one instant a pause comes before a change and a resume after it, so that nothing is billed for a time that rests. */
const ORDER: readonly ScheduledChange['action']['kind'][] = ['pause', 'change', 'resume'];

/** Which of the changes that are due at `at` comes first. */
export function firstDue(changes: readonly ScheduledChange[], at: Date): ScheduledChange | undefined {
  const due = changes.filter(({ effectiveAt }) => effectiveAt <= at);
  const earliest = Math.min(...due.map(({ effectiveAt }) => effectiveAt.getTime()));
  return due
    .filter(({ effectiveAt }) => effectiveAt.getTime() === earliest)
    .sort((a, b) => ORDER.indexOf(a.action.kind) - ORDER.indexOf(b.action.kind))[0];
}

/** What an action does at `at`, whether somebody asked for it now or long before. */
export function decideAction(
  life: Life,
  action: ScheduledChange['action'],
  at: Date,
  hasPaymentMethod: boolean,
  beside: Beside = {},
): Decision {
  switch (action.kind) {
    case 'change':
      return decideChange(life, action.change, at, hasPaymentMethod, beside);
    case 'pause':
      return decidePause(life, action, at, beside);
    case 'resume':
      return decideResume(life, at, beside);
  }
}
