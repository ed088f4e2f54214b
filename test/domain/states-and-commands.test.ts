import { describe, expect, test } from '@jest/globals';
import { decideCommand } from '../../src/domain/decide-command.ts';
import { amounts } from '../support/changes.ts';
import { COMMANDS, NOW, STATES } from '../support/states.ts';

/** Billing rule 31b, cell by cell: what comes of a command in a state, or the code it is refused with. */

const SETTING = { hasPaymentMethod: true, trialReminderDays: null };
const yes = 'allowed';
const NO_CHANGE = 'change_not_allowed';
const NO_PAUSE = 'pause_not_allowed';
const NO_RESUME = 'resume_not_allowed';
const NO_TRIAL = 'not_trialing';
const NO_CANCEL = 'cancel_not_scheduled';
const OVER = 'subscription_ended';

const COLUMNS = Object.keys(COMMANDS);
// prettier-ignore
const TABLE: Record<string, string[]> = {
  scheduled: [yes, yes, yes, NO_PAUSE, NO_RESUME, yes, yes, NO_CANCEL, NO_TRIAL],
  trialing: [yes, yes, yes, yes, NO_RESUME, yes, yes, NO_CANCEL, yes],
  incomplete: [NO_CHANGE, NO_CHANGE, NO_CHANGE, NO_PAUSE, NO_RESUME, yes, yes, NO_CANCEL, NO_TRIAL],
  active: [yes, yes, yes, yes, NO_RESUME, yes, yes, NO_CANCEL, NO_TRIAL],
  past_due: [yes, yes, yes, yes, NO_RESUME, yes, yes, NO_CANCEL, NO_TRIAL],
  unpaid: [NO_CHANGE, NO_CHANGE, NO_CHANGE, NO_PAUSE, NO_RESUME, yes, yes, NO_CANCEL, NO_TRIAL],
  paused: [yes, yes, yes, NO_PAUSE, yes, yes, NO_CHANGE, NO_CANCEL, NO_TRIAL],
  'cancel scheduled': [yes, NO_CHANGE, NO_CHANGE, NO_PAUSE, NO_RESUME, yes, yes, yes, NO_TRIAL],
  canceled: [OVER, OVER, OVER, OVER, OVER, OVER, OVER, OVER, OVER],
};

describe.each(Object.entries(TABLE))('%s', (state, cells) => {
  test.each(cells.map((cell, n) => [COLUMNS[n] ?? '', cell] as const))('%s: %s', (name, expected) => {
    const [life, command] = [STATES[state], COMMANDS[name]];
    if (!life || !command) throw new Error('the table names states and commands that there are');
    const decide = () => decideCommand(life, command, NOW, SETTING);
    if (expected === yes) expect(decide().subscription.id).toBe(life.subscription.id);
    else expect(decide).toThrow(expect.objectContaining({ code: expected }));
  });
});

describe('a refusal', () => {
  test.each(['incomplete', 'unpaid', 'cancel scheduled'])(
    'in state %s names it and says what to do',
    (state) => {
      const [life, command] = [STATES[state], COMMANDS['change after the end']];
      if (!life || !command) throw new Error('the state is in the table');
      expect(() => decideCommand(life, command, NOW, SETTING)).toThrow(
        expect.objectContaining({
          details: expect.objectContaining({ state: life.subscription.status, reason: expect.any(String) }),
        }),
      );
    },
  );
});

describe('what a change comes to', () => {
  test.each<[string, string[]]>([
    ['active', ['-220.00', '264.00']],
    ['past_due', ['-220.00', '264.00']],
    ['trialing', []],
    ['paused', []],
    ['scheduled', []],
  ])('%s: ten seats become twelve on the tenth of January', (state, lines) => {
    const [life, command] = [STATES[state], COMMANDS['change now']];
    if (!life || !command) throw new Error('the state is in the table');
    const decision = decideCommand(life, command, NOW, SETTING);
    expect(amounts(decision)).toEqual(lines);
    expect(decision.segments).toMatchObject([
      { from: state === 'scheduled' ? life.subscription.startsAt : NOW, to: { quantity: expect.anything() } },
    ]);
    expect(decision.events).toContain('subscription.updated');
  });
});
