import { expect, test } from '@jest/globals';
import { type Call, differences, historyJson, madeCalls, recordedCalls } from './calls.ts';

/** What no workflow of today does, but a later one may: signals and children are compared by their order. */

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const sent = (...values: unknown[]) => ({
  payloads: values.map((value) => ({ metadata: {}, data: json(value).toString('base64') })),
});
const given = (...values: unknown[]) =>
  values.map((value) => ({ metadata: {}, data: new Uint8Array(json(value)) }));

const history = historyJson.parse({
  events: [
    {
      eventId: '5',
      eventType: 'EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED',
      signalExternalWorkflowExecutionInitiatedEventAttributes: {
        signalName: 'recheck',
        workflowExecution: { workflowId: 'invoice/1' },
      },
    },
    {
      eventId: '9',
      eventType: 'EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED',
      startChildWorkflowExecutionInitiatedEventAttributes: {
        workflowId: 'export/1',
        workflowType: { name: 'export' },
        input: sent({ month: '2026-11' }),
      },
    },
  ],
});

const signal = (workflowId: string) => ({
  signalExternalWorkflowExecution: { signalName: 'recheck', args: [], workflowExecution: { workflowId } },
});
const child = (month: string) => ({
  startChildWorkflowExecution: {
    workflowId: 'export/1',
    workflowType: 'export',
    input: given({ month }),
  },
});
const compare = (made: Call[]) =>
  differences(recordedCalls(history, null), made).map(({ eventId, key }) => `${eventId} ${key}`);

test('the same signal and the same child are no difference', () => {
  expect(compare(madeCalls([signal('invoice/1'), child('2026-11')]))).toEqual([]);
});

test('another receiver, another input, nothing at all', () => {
  expect(compare(madeCalls([signal('invoice/2'), child('2026-11')]))).toEqual(['5 signal 1']);
  expect(compare(madeCalls([signal('invoice/1'), child('2026-12')]))).toEqual(['9 child workflow 1']);
  expect(compare([])).toEqual(['5 signal 1', '9 child workflow 1']);
});

test('what comes after the end of an unfinished life is not looked at', () => {
  expect(compare(madeCalls([signal('invoice/1'), child('2026-11'), signal('invoice/3')]))).toEqual([]);
});
