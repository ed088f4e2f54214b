import type { SubscriptionCommand } from '../../src/domain/decide-command.ts';
import { decidePause } from '../../src/domain/decide-pause.ts';
import type { Life } from '../../src/domain/life.ts';
import { derived } from '../../src/domain/next-step.ts';
import type { Subscription } from '../../src/domain/subscription.ts';
import { aChange, target } from './changes.ts';
import { after, conceive, live, utc } from './lives.ts';

/** A life in every state that a command can find it in, all begun on 1 January 2026 and looked at on the 10th. */

export const NOW = utc('2026-01-10');

const seats = target('seats', { model: 'per_unit', unitAmount: '31' }, '10');
const begun = (terms: Parameters<typeof conceive>[0] = {}): Life =>
  live(conceive({ items: [seats], ...terms }, '2026-01-01'), '2026-01-01').life;
const facing = (life: Life, facts: Partial<Subscription>): Life => ({
  ...life,
  subscription: derived({ ...life.subscription, ...facts }),
});
const active = begun();

export const STATES: Record<string, Life> = {
  scheduled: conceive({ items: [seats], startAt: utc('2026-02-01') }, '2026-01-01'),
  trialing: begun({ trialDays: 30 }),
  incomplete: begun({ paymentBehavior: 'allow_incomplete' }),
  active,
  past_due: facing(active, { overdueCount: 1, pastDueSince: utc('2026-01-02') }),
  unpaid: facing(active, {
    overdueCount: 1,
    pastDueSince: utc('2026-01-02'),
    unpaidSince: utc('2026-01-05'),
  }),
  paused: after(active, decidePause(active, { credit: true, resumeAt: null }, utc('2026-01-05'))),
  'cancel scheduled': facing(active, { cancelAt: utc('2026-02-01'), cancelMode: 'period_end' }),
  canceled: live(conceive({ items: [seats], cancelAt: utc('2026-01-05') }, '2026-01-01'), '2026-01-05').life,
};

const more = aChange({ set: [{ ...seats, quantity: seats.quantity.plus(2) }] });
const now = { effective: 'now', at: null } as const;

export const COMMANDS: Record<string, SubscriptionCommand> = {
  'change now': { kind: 'change', change: more, ...now },
  'change at period end': { kind: 'change', change: more, effective: 'period_end', at: null },
  'change after the end': { kind: 'change', change: more, effective: 'at', at: utc('2026-03-01') },
  pause: { kind: 'pause', credit: true, resumeAt: null, ...now },
  resume: { kind: 'resume', ...now },
  'cancel now': { kind: 'cancel', mode: 'now', at: null, reason: null },
  'cancel at period end': { kind: 'cancel', mode: 'period_end', at: null, reason: null },
  uncancel: { kind: 'uncancel' },
  'end trial': { kind: 'end_trial' },
};
