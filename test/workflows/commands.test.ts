import { beforeAll, expect, test } from '@jest/globals';
import { CommandSchema } from '../../src/persistence/commands.ts';
import { PaymentAttemptSchema } from '../../src/persistence/payments.ts';
import { findRow, findRows } from '../../src/persistence/rows.ts';
import { newId } from '../../src/platform/ids.ts';
import { WORKFLOWS, workflowId } from '../../workflows/messages.ts';
import { keptWorld } from '../support/kept-world.ts';
import { record } from '../support/record.ts';
import {
  billsOf,
  noteCommand,
  sendCommand,
  subscriptionOf,
  toldOf,
  underClock,
  waitingForOf,
  workflowOf,
} from '../support/stories.ts';
import type { World } from '../support/world.ts';

const theWorld = keptWorld();
let world: World;
beforeAll(() => {
  world = theWorld();
});

const fee = () => world.plan([{ unitAmount: '31' }]);
const commandOf = (id: string) => world.inTenant((tx) => findRow(tx, CommandSchema, { id }));
const cancelAt = (at: string) => ({ mode: 'at', at, reason: null });
const NEXT_YEAR = new Date(Date.now() + 365 * 86_400_000).toISOString();

test('a command delivered twice has one effect, and the second is told the same', async () => {
  const id = await world.subscribe(await world.customer(), await fee());
  const command = await noteCommand(world, id, 'cancel', cancelAt(NEXT_YEAR));
  expect(await sendCommand(world, command)).toEqual({ outcome: 'applied' });
  const once = await subscriptionOf(world, id);
  expect(await sendCommand(world, command)).toEqual({ outcome: 'applied' });
  expect(await subscriptionOf(world, id)).toEqual(once);
  expect(await toldOf(world, id)).toEqual([
    'subscription.created',
    'subscription.activated',
    'subscription.cancel_scheduled',
  ]);
});

test('a creation whose first payment was declined, delivered again, charges no second time', async () => {
  const customer = await world.customer({}, 'tok_insufficient_funds');
  const id = await world.subscribe(customer, await fee());
  expect(await subscriptionOf(world, id)).toMatchObject({ status: 'incomplete' });
  const [creation] = await world.inTenant((tx) => findRows(tx, CommandSchema, { subjectId: id }));
  if (!creation) throw new Error('there is no creation');
  expect(await sendCommand(world, creation)).toEqual({ outcome: 'applied' });
  expect(
    await world.inTenant((tx) => findRows(tx, PaymentAttemptSchema, { customerId: customer })),
  ).toHaveLength(1);
  await world.command(id, 'cancel', { mode: 'now', at: null, reason: null });
});

test('a refused command stays refused, also when it would be welcome later', async () => {
  const id = await world.subscribe(await world.customer(), await fee());
  const uncancel = await noteCommand(world, id, 'uncancel');
  expect(await sendCommand(world, uncancel)).toEqual({ outcome: 'refused' });
  await world.command(id, 'cancel', cancelAt(NEXT_YEAR));
  expect(await sendCommand(world, uncancel)).toEqual({ outcome: 'refused' });
  expect(await commandOf(uncancel.id)).toMatchObject({
    status: 'refused',
    result: { code: 'cancel_not_scheduled' },
  });
  expect((await subscriptionOf(world, id)).cancelMode).toBe('at');
});

test('a command that comes after its expiry is expired and surprises nobody', async () => {
  const id = await world.subscribe(await world.customer(), await fee());
  const before = await subscriptionOf(world, id);
  const late = await noteCommand(
    world,
    id,
    'cancel',
    { mode: 'now', at: null, reason: null },
    { expiresAt: new Date(Date.now() - 1) },
  );
  expect(await sendCommand(world, late)).toEqual({ outcome: 'expired' });
  expect(await commandOf(late.id)).toMatchObject({ status: 'expired', result: null });
  expect(await subscriptionOf(world, id)).toEqual(before);
});

test('an expired creation leaves nothing behind, and its workflow ends', async () => {
  const id = newId('sub');
  const creation = await noteCommand(world, id, 'create', {}, { expiresAt: new Date(Date.now() - 1) });
  expect(await sendCommand(world, creation)).toEqual({ outcome: 'expired' });
  await expect(subscriptionOf(world, id)).rejects.toThrow('there is no subscription');
  await workflowOf(world, id).result();
});

test('a creation that is refused says why, leaves nothing behind, and its workflow ends', async () => {
  const customer = await world.customer();
  const plan = await fee();
  await expect(world.subscribe(customer, plan, { cancel_at: '2020-01-01T00:00:00.000Z' })).rejects.toThrow(
    'cancel_at_in_past',
  );
  await expect(world.subscribe(newId('cus'), plan)).rejects.toThrow('customer_deleted');
  await world.subscribe(customer, plan, { external_id: 'mine' });
  await expect(world.subscribe(customer, plan, { external_id: 'mine' })).rejects.toThrow('external_id_taken');
});

test('a command for a subscription that never was is refused', async () => {
  const id = newId('sub');
  expect(await world.command(id, 'uncancel', {})).toMatchObject({
    outcome: 'refused',
    result: { code: 'not_found' },
  });
  await workflowOf(world, id).result();
});

test('due steps run before a command, also those that came due while nobody worked', async () => {
  const ada = await underClock(world, '2026-01-10T00:00:00Z');
  const id = await ada.subscribe(await fee());
  // The request was made in April; the clock's own turn has not come yet.
  const command = await noteCommand(
    world,
    id,
    'cancel',
    { mode: 'now', at: null, reason: null },
    { requestedAt: new Date('2026-04-01T00:00:00Z') },
  );
  expect(await sendCommand(world, command)).toEqual({ outcome: 'applied' });
  expect(await subscriptionOf(world, id)).toMatchObject({ endedAt: new Date('2026-04-01T00:00:00Z') });
  expect((await billsOf(world, id)).map((bill) => bill.slice(0, 15))).toEqual([
    '2026-01-10 paid',
    '2026-02-10 paid',
    '2026-03-10 paid',
  ]);
});

test('a workflow that remembers too late a step makes the due ones first all the same', async () => {
  const ada = await underClock(world, '2026-01-10T00:00:00Z');
  const id = await ada.subscribe(await fee());
  const { state } = await waitingForOf(world, id);
  await workflowOf(world, id).terminate('a test');
  const forgetful = { ...state, next: { step: 'close_period', at: '2030-01-01T00:00:00.000Z' } };
  const ids = { tenantId: world.tenantId, subscriptionId: id };
  await world.client.workflow.start(WORKFLOWS.subscription, {
    workflowId: workflowId.subscription(id),
    taskQueue: 'billing',
    args: [{ ...ids, state: forgetful }],
  });
  const command = await noteCommand(
    world,
    id,
    'cancel',
    { mode: 'now', at: null, reason: null },
    { requestedAt: new Date('2026-03-01T00:00:00Z') },
  );
  expect(await sendCommand(world, command)).toEqual({ outcome: 'applied' });
  expect((await billsOf(world, id)).map((bill) => bill.slice(0, 15))).toEqual([
    '2026-01-10 paid',
    '2026-02-10 paid',
  ]);
});

test('a command written before a boundary and taken after it belongs to the new period', async () => {
  const ada = await underClock(world, '2026-01-10T00:00:00Z');
  const id = await ada.subscribe(
    await world.plan([{ unitAmount: '31' }, { unitAmount: '31', timing: 'in_arrears' }]),
  );
  await ada.advance('2026-02-10T00:00:00Z');
  const command = await noteCommand(
    world,
    id,
    'cancel',
    { mode: 'now', at: null, reason: null },
    { requestedAt: new Date('2026-02-09T23:59:59Z') },
  );
  expect(await sendCommand(world, command)).toEqual({ outcome: 'applied' });
  // The new period was begun and paid; nothing of it ran in arrears yet, and nothing goes back before its start.
  expect(await subscriptionOf(world, id)).toMatchObject({ endedAt: new Date('2026-02-10T00:00:00Z') });
  expect(await billsOf(world, id)).toHaveLength(2);
});

test('nine commands at once: the ninth is told to come again, and none is lost', async () => {
  const id = await world.subscribe(await world.customer(), await fee());
  await world.stopWorker();
  const commands = await Promise.all(
    Array.from({ length: 9 }, (_, n) =>
      noteCommand(world, id, 'cancel', cancelAt(new Date(Date.parse(NEXT_YEAR) + n).toISOString())),
    ),
  );
  const sent = Promise.allSettled(commands.map((command) => sendCommand(world, command)));
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  await world.startWorker();
  const answers = await sent;
  const refused = commands.filter((_, n) => answers[n]?.status === 'rejected');
  expect(refused).toHaveLength(1);
  expect(answers.find(({ status }) => status === 'rejected')).toMatchObject({
    reason: { name: 'WorkflowUpdateFailedError', cause: { type: 'engine_busy' } },
  });
  const [ninth] = refused;
  if (!ninth) throw new Error('nobody was refused');
  expect(await commandOf(ninth.id)).toMatchObject({ status: 'pending' });
  expect(await sendCommand(world, ninth)).toEqual({ outcome: 'applied' });
  for (const { id: commandId } of commands)
    expect(await commandOf(commandId)).toMatchObject({ status: 'applied' });
  expect((await toldOf(world, id)).filter((type) => type === 'subscription.cancel_scheduled')).toHaveLength(
    9,
  );
  await record(world, 'nine-commands-at-once', workflowId.subscription(id));
});
