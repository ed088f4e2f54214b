import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { Command } from './tell-commands.ts';

/**
 * What a workflow asked for: steps, timers, its next run. Once as a history tells it, once as the code of today does it;
 * the two have to be equal in every input.
 */

export type Call = {
  /** What the same call is known by in the history and in the code: `activity 4`, `timer 2`, `continue as new 1`. */
  key: string;
  /** What it asks for, in words: `charge on gateway`. */
  what: string;
  input: unknown;
};
/** A call with the event of the history that tells of it. */
export type RecordedCall = Call & { eventId: string };
export type Difference = { eventId: string; key: string; recorded: string; now: string };

/** Inputs of the local activities of a life, by their number in it: a history tells only their outcome. */
export type LocalInputs = Record<string, { activity: string; input: unknown }>;

const payload = z.object({ metadata: z.record(z.string(), z.unknown()).nullish(), data: z.unknown() });
const payloads = z.object({ payloads: z.array(payload) }).nullish();
const named = z.object({ name: z.string() });

/** An event of a history in Temporal's JSON, as far as it is looked at. */
const event = z.object({
  eventId: z.string(),
  eventType: z.string(),
  workflowExecutionStartedEventAttributes: z.object({ workflowType: named, taskQueue: named }).nullish(),
  activityTaskScheduledEventAttributes: z
    .object({ activityId: z.string(), activityType: named, taskQueue: named, input: payloads })
    .nullish(),
  timerStartedEventAttributes: z.object({ timerId: z.string(), startToFireTimeout: z.string() }).nullish(),
  markerRecordedEventAttributes: z
    .object({ markerName: z.string(), details: z.record(z.string(), payloads).nullish() })
    .nullish(),
  workflowExecutionContinuedAsNewEventAttributes: z
    .object({ workflowType: named, input: payloads })
    .nullish(),
  signalExternalWorkflowExecutionInitiatedEventAttributes: z
    .object({
      signalName: z.string(),
      input: payloads,
      workflowExecution: z.object({ workflowId: z.string() }),
    })
    .nullish(),
  startChildWorkflowExecutionInitiatedEventAttributes: z
    .object({ workflowId: z.string(), workflowType: named, input: payloads })
    .nullish(),
});
export const historyJson = z.object({ events: z.array(event) });
export type HistoryJson = z.infer<typeof historyJson>;

function beginningOf({ events }: HistoryJson) {
  const beginning = events[0]?.workflowExecutionStartedEventAttributes;
  if (!beginning) throw new Error('A history begins with the start of its workflow.');
  return beginning;
}

/** The queue that the workflow ran on. */
export const queueOf = (history: HistoryJson): string => beginningOf(history).taskQueue.name;

export const typeOf = (history: HistoryJson): string => beginningOf(history).workflowType.name;

/** How it ended (`completed`, `continued_as_new` …), and null when it goes on. */
export function endOf({ events }: HistoryJson): string | null {
  const [, end] = /^EVENT_TYPE_WORKFLOW_EXECUTION_(.*)$/.exec(events.at(-1)?.eventType ?? '') ?? [];
  return end && /^(COMPLETED|CONTINUED_AS_NEW|FAILED|TERMINATED|TIMED_OUT|CANCELED)$/.test(end)
    ? end.toLowerCase()
    : null;
}

/** The calls that a history tells of, in its order. */
export function recordedCalls({ events }: HistoryJson, locals: LocalInputs | null): RecordedCall[] {
  const number = counter();
  return events.flatMap((told) => {
    const call = recordedCall(told, locals, number);
    return call ? [{ ...call, eventId: told.eventId }] : [];
  });
}

function recordedCall(
  told: HistoryJson['events'][number],
  locals: LocalInputs | null,
  number: (kind: string) => string,
): Call | null {
  const activity = told.activityTaskScheduledEventAttributes;
  if (activity) {
    return {
      key: `activity ${activity.activityId}`,
      what: `${activity.activityType.name} on ${activity.taskQueue.name}`,
      input: inputOf(activity.input?.payloads),
    };
  }
  const timer = told.timerStartedEventAttributes;
  if (timer) {
    const ms = Math.round(Number.parseFloat(timer.startToFireTimeout) * 1000);
    return { key: `timer ${timer.timerId}`, what: 'timer', input: { ms } };
  }
  const marker = told.markerRecordedEventAttributes;
  if (marker?.markerName === 'core_local_activity') {
    const { seq, activity_type: name } = localMarker.parse(inputOf(marker.details?.['data']?.payloads)[0]);
    const known = locals?.[String(seq)];
    return { key: `local activity ${seq}`, what: name, input: known ? known.input : UNKNOWN };
  }
  const next = told.workflowExecutionContinuedAsNewEventAttributes;
  if (next) {
    return {
      key: number('continue as new'),
      what: next.workflowType.name,
      input: inputOf(next.input?.payloads),
    };
  }
  const signal = told.signalExternalWorkflowExecutionInitiatedEventAttributes;
  if (signal) {
    const what = `${signal.signalName} to ${signal.workflowExecution.workflowId}`;
    return { key: number('signal'), what, input: inputOf(signal.input?.payloads) };
  }
  const child = told.startChildWorkflowExecutionInitiatedEventAttributes;
  if (!child) return null;
  const what = `${child.workflowType.name} as ${child.workflowId}`;
  return { key: number('child workflow'), what, input: inputOf(child.input?.payloads) };
}

/** Nobody kept the input of this one; it is compared by name only. */
const UNKNOWN = Symbol('unknown');

/** A signal or a next run has no number of its own in a history: the first is the first. */
function counter(): (kind: string) => string {
  const counts = new Map<string, number>();
  return (kind) => {
    const n = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, n);
    return `${kind} ${n}`;
  };
}

const localMarker = z.object({ seq: z.number(), activity_type: z.string() });
const args = z.array(payload).nullish();
const duration = z.object({ seconds: z.coerce.number().nullish(), nanos: z.number().nullish() });
const command = z.object({
  scheduleActivity: z
    .object({ seq: z.number(), activityType: z.string(), taskQueue: z.string(), arguments: args })
    .nullish(),
  scheduleLocalActivity: z.object({ seq: z.number(), activityType: z.string(), arguments: args }).nullish(),
  startTimer: z.object({ seq: z.number(), startToFireTimeout: duration }).nullish(),
  continueAsNewWorkflowExecution: z.object({ workflowType: z.string(), arguments: args }).nullish(),
  signalExternalWorkflowExecution: z
    .object({
      signalName: z.string(),
      args,
      childWorkflowId: z.string().nullish(),
      workflowExecution: z.object({ workflowId: z.string() }).nullish(),
    })
    .nullish(),
  startChildWorkflowExecution: z
    .object({ workflowId: z.string(), workflowType: z.string(), input: args })
    .nullish(),
});

/** The calls among the commands that the code gave, in their order. */
export function madeCalls(commands: readonly Command[]): Call[] {
  const number = counter();
  return commands.flatMap((given) => madeCall(command.parse(given), number) ?? []);
}

function madeCall(given: z.infer<typeof command>, number: (kind: string) => string): Call | null {
  const activity = given.scheduleActivity;
  if (activity) {
    const what = `${activity.activityType} on ${activity.taskQueue}`;
    return { key: `activity ${activity.seq}`, what, input: inputOf(activity.arguments) };
  }
  const local = given.scheduleLocalActivity;
  if (local) {
    return {
      key: `local activity ${local.seq}`,
      what: local.activityType,
      input: inputOf(local.arguments),
    };
  }
  const timer = given.startTimer;
  if (timer) {
    const { seconds, nanos } = timer.startToFireTimeout;
    const ms = (seconds ?? 0) * 1000 + Math.round((nanos ?? 0) / 1_000_000);
    return { key: `timer ${timer.seq}`, what: 'timer', input: { ms } };
  }
  const next = given.continueAsNewWorkflowExecution;
  if (next)
    return { key: number('continue as new'), what: next.workflowType, input: inputOf(next.arguments) };
  const signal = given.signalExternalWorkflowExecution;
  if (signal) {
    const target = signal.workflowExecution?.workflowId ?? signal.childWorkflowId;
    return { key: number('signal'), what: `${signal.signalName} to ${target}`, input: inputOf(signal.args) };
  }
  const child = given.startChildWorkflowExecution;
  if (!child) return null;
  const what = `${child.workflowType} as ${child.workflowId}`;
  return { key: number('child workflow'), what, input: inputOf(child.input) };
}

/** Arguments as they were before they were sent: JSON, or base64 of it in a history that is JSON itself. */
function inputOf(list: z.infer<typeof args>): unknown[] {
  return (list ?? []).map(({ data }) => {
    const bytes = typeof data === 'string' ? Buffer.from(data, 'base64') : Buffer.from(data as Uint8Array);
    return bytes.length === 0 ? null : (JSON.parse(bytes.toString('utf8')) as unknown);
  });
}

/**
 * Every recorded call that the code does not make, or makes with another input. What the code does beyond the record
 * is not looked at: in an unfinished life it decides on, and a finished one has no place for it.
 */
export function differences(recorded: readonly RecordedCall[], made: readonly Call[]): Difference[] {
  const now = new Map(made.map((call) => [call.key, call]));
  return recorded.flatMap((was) => {
    const is = now.get(was.key);
    const same = is?.what === was.what && (was.input === UNKNOWN || isDeepStrictEqual(is.input, was.input));
    if (same) return [];
    return [{ eventId: was.eventId, key: was.key, recorded: told(was), now: is ? told(is) : 'nothing' }];
  });
}

const told = ({ what, input }: Call): string =>
  input === UNKNOWN ? what : `${what} ${JSON.stringify(input)}`;

/** What the history does not tell, to be kept beside it: the inputs of the local activities it tells of. */
export function localInputs(history: HistoryJson, made: readonly Call[]): LocalInputs {
  const now = new Map(made.map((call) => [call.key, call]));
  const locals = recordedCalls(history, null).filter(({ key }) => key.startsWith('local activity '));
  return Object.fromEntries(
    locals.map(({ key, what }) => {
      const is = now.get(key);
      if (is?.what !== what)
        throw new Error(`The code does not make ${key}, ${what}, that it was recorded with.`);
      return [key.slice('local activity '.length), { activity: what, input: is.input }];
    }),
  );
}
