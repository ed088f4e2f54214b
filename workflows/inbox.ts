import { ApplicationFailure, condition, setHandler } from '@temporalio/workflow';
import {
  type CommandMessage,
  type CommandOutcome,
  commandUpdate,
  recheckSignal,
  type TickMessage,
  type TickOutcome,
  tickUpdate,
} from './messages.ts';

/** Temporal refuses an eleventh update under way; the ninth command is told so in words before that. */
const COMMANDS_MAX = 8;

export type WaitingCommand = CommandMessage & { outcome: CommandOutcome | null };
export type WaitingTick = TickMessage & { steps: number; looked: boolean; outcome: TickOutcome | null };

/** What has arrived and waits for the loop. Handlers only put things here; the loop does the work, one thing at a time. */
export type Inbox = {
  commands: WaitingCommand[];
  ticks: WaitingTick[];
  recheck: boolean;
  /** Whether an update was answered since the last timer: such a task must not continue as new. */
  answered: boolean;
  /** The run is about to end. A test clock, which never tires, has to try again with the next one. */
  closing: boolean;
  hasMail(): boolean;
  /**
   * Whether the row is to be read again: it changed, or a test clock sees something due in it that we do not. Asking
   * takes the wish off the list.
   */
  takeRecheck(): boolean;
  finishCommand(outcome: CommandOutcome): void;
  finishTick(outcome: Omit<TickOutcome, 'steps'>): void;
};

export function openInbox(): Inbox {
  const inbox: Inbox = {
    commands: [],
    ticks: [],
    recheck: false,
    answered: false,
    closing: false,
    hasMail: () => inbox.commands.length > 0 || inbox.ticks.length > 0 || inbox.recheck,
    takeRecheck() {
      const [tick] = inbox.ticks;
      const puzzled = tick !== undefined && tick.steps === 0 && !tick.looked;
      if (!inbox.recheck && !puzzled) return false;
      inbox.recheck = false;
      if (tick) tick.looked = true;
      return true;
    },
    finishCommand(outcome) {
      const command = inbox.commands.shift();
      if (command) command.outcome = outcome;
      inbox.answered = true;
    },
    finishTick({ more, failure }) {
      const tick = inbox.ticks.shift();
      if (tick) tick.outcome = { more, failure, steps: tick.steps };
      inbox.answered = true;
    },
  };
  setHandler(
    commandUpdate,
    async (message: CommandMessage): Promise<CommandOutcome> => {
      const waiting: WaitingCommand = { ...message, outcome: null };
      inbox.commands.push(waiting);
      await condition(() => waiting.outcome !== null);
      return waiting.outcome ?? { outcome: 'refused' };
    },
    { validator: (_message) => assertRoom(inbox) },
  );
  setHandler(
    tickUpdate,
    async (message: TickMessage): Promise<TickOutcome> => {
      const waiting: WaitingTick = { ...message, steps: 0, looked: false, outcome: null };
      inbox.ticks.push(waiting);
      await condition(() => waiting.outcome !== null);
      return waiting.outcome ?? { more: true, steps: 0, failure: null };
    },
    { validator: (_message) => assertRoom(inbox, inbox.closing) },
  );
  setHandler(recheckSignal, () => {
    inbox.recheck = true;
  });
  return inbox;
}

/** Validators are sync and throw ApplicationFailure: anything else would fail the workflow task and loop for ever. */
function assertRoom(inbox: Inbox, closed = false): void {
  if (!closed && inbox.commands.length + inbox.ticks.length < COMMANDS_MAX) return;
  throw ApplicationFailure.nonRetryable(
    'Too many commands are waiting for this object; repeat in a moment.',
    'engine_busy',
  );
}
