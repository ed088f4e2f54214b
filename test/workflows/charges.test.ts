import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { ActivityDeps } from '../../activities/deps.ts';
import { createPaymentActivities } from '../../activities/payments.ts';
import type { CreateCommand } from '../../src/contract/commands.ts';
import { presenters } from '../../src/contract/presenters.ts';
import type { Gateway } from '../../src/gateways/port.ts';
import { type Gateways, gateways } from '../../src/gateways/registry.ts';
import { CommandSchema } from '../../src/persistence/commands.ts';
import { PaymentMethodSchema } from '../../src/persistence/customers.ts';
import { markUncollectible, payOutOfBand, voidInvoice } from '../../src/persistence/invoice-writes.ts';
import { InvoiceSchema } from '../../src/persistence/invoices.ts';
import { findRow, insertRow, updateRows } from '../../src/persistence/rows.ts';
import { newId } from '../../src/platform/ids.ts';
import { createVault } from '../../src/platform/vault.ts';
import { eventually, moneyOf } from '../support/money.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
let money: ReturnType<typeof moneyOf>;
let sandbox: Gateways;
beforeAll(async () => {
  world = await createWorld();
  money = moneyOf(world);
  sandbox = gateways({ sandboxUrl: world.gatewayUrl });
});
afterAll(async () => {
  await sandbox[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});
afterEach(() => money.audit());

/** The activities of a worker whose gateway is the real one but for `broken`. */
function worker(broken: Partial<Gateway> = {}) {
  const vault = createVault(world.config.secrets.masterKeys);
  const deps: ActivityDeps = {
    database: world.database,
    gateways: { get: (name) => ({ ...sandbox.get(name), ...broken }) },
    present: presenters,
    now: () => new Date(),
    openSecret: vault.open,
    publicUrl: world.config.http.publicUrl,
    log: world.logger,
  };
  return createPaymentActivities(deps);
}

/** An open invoice that nobody charges, because its first payment is left to the customer. */
async function owed(token: string | null, terms: Partial<CreateCommand> = {}) {
  const customer = await world.customer({}, token);
  const plan = await world.plan([{ unitAmount: '20' }]);
  const id = await world.subscribe(customer, plan, { payment_behavior: 'default_incomplete', ...terms });
  const [invoice] = await money.invoices(id);
  return { customer, id, invoiceId: invoice?.id ?? '' };
}

/** The same, due to be charged now. */
async function due(token: string, terms: Partial<CreateCommand> = {}) {
  const debt = await owed(token, terms);
  await world.inTenant((tx) =>
    updateRows(tx, InvoiceSchema, { id: debt.invoiceId }, { collectAt: new Date() }),
  );
  return debt;
}

const charge = (invoiceId: string, by = worker()) =>
  by.charge({ tenantId: world.tenantId, invoiceId, at: null, by: 'invoice' });
const statuses = async (customer: string) => (await money.attempts(customer)).map(({ status }) => status);

/** What the gateway itself says of all charges of a customer's methods. */
async function gatewayLog(customer: string): Promise<string[]> {
  const method = await world.inTenant((tx) =>
    findRow(tx, PaymentMethodSchema, { customerId: customer, isDefault: true }),
  );
  const response = await fetch(`${world.gatewayUrl}/v1/charges?method_ref=${method?.gatewayRef}`);
  const { data } = (await response.json()) as { data: { status: string }[] };
  return data.map(({ status }) => status);
}

const CRASH = new Error('the worker was killed');

describe('a worker that dies in the middle of a charge', () => {
  test.each<[string, (real: Gateway) => Partial<Gateway>]>([
    [
      'after the attempt was written, before the gateway heard of it',
      () => ({ prepare: () => Promise.reject(CRASH) }),
    ],
    [
      'after the gateway stored the charge, before its reference was kept',
      (real) => ({
        async prepare(request) {
          await real.prepare(request);
          throw CRASH;
        },
      }),
    ],
    ['before the confirm was sent', () => ({ confirm: () => Promise.reject(CRASH) })],
    [
      'after the money was taken, before that was written',
      (real) => ({
        async confirm(ref, options) {
          await real.confirm(ref, options);
          throw CRASH;
        },
      }),
    ],
  ])('%s: the next one goes on with the same charge', async (_where, breakage) => {
    const { customer, id, invoiceId } = await due('tok_succeeds');
    await expect(charge(invoiceId, worker(breakage(sandbox.get('sandbox'))))).rejects.toThrow(
      'the worker was killed',
    );
    expect(await statuses(customer)).toEqual(['in_flight']);
    expect(await charge(invoiceId)).toMatchObject({ invoice: { status: 'paid', next: null } });
    expect(await statuses(customer)).toEqual(['settled']);
    expect(await gatewayLog(customer)).toEqual(['settled']);
    expect(await money.subscription(id)).toMatchObject({ status: 'active' });
  });

  test.each([
    ['settled', 'tok_succeeds'],
    ['declined', 'tok_insufficient_funds'],
  ])('after a charge that %s was recorded: a repeated call charges nobody again', async (status, token) => {
    const { customer, invoiceId } = await due(token);
    await charge(invoiceId);
    await charge(invoiceId);
    expect(await statuses(customer)).toEqual([status]);
    expect(await gatewayLog(customer)).toEqual([status]);
  });

  test('a gateway that charges and never answers has charged once', async () => {
    const { customer, invoiceId } = await due('tok_succeeds');
    const deaf = worker({
      async confirm(ref, options) {
        await sandbox.get('sandbox').confirm(ref, options);
        return { kind: 'unknown', ref, reason: 'no answer' };
      },
    });
    expect(await charge(invoiceId, deaf)).toMatchObject({
      invoice: { status: 'open', next: { step: 'check_payment' } },
    });
    expect(await statuses(customer)).toEqual(['unknown']);
    await charge(invoiceId);
    expect(await statuses(customer)).toEqual(['settled']);
    expect(await gatewayLog(customer)).toEqual(['settled']);
  });

  test('a gateway that refuses to take the charge at all is a decline, not a stuck workflow', async () => {
    const { customer, invoiceId } = await due('tok_succeeds', {
      payment_behavior: 'default_active',
      collection_method: 'send_invoice',
      net_days: 3,
    });
    await charge(
      invoiceId,
      worker({ prepare: (request) => sandbox.get('sandbox').prepare({ ...request, methodRef: '' }) }),
    );
    expect(await money.attempts(customer)).toMatchObject([
      { status: 'declined', code: 'gateway_refused', hard: false },
    ]);
  });
});

describe('several at once', () => {
  test('two workers charge one invoice: one attempt, one charge', async () => {
    const { customer, invoiceId } = await due('tok_succeeds');
    await Promise.all([charge(invoiceId), charge(invoiceId), charge(invoiceId)]);
    expect(await statuses(customer)).toEqual(['settled']);
    expect(await gatewayLog(customer)).toEqual(['settled']);
  });

  test('four invoices of a customer fail in the same moment: one queue, and only the oldest has a date', async () => {
    // Trials that ended yesterday without a method: active, each with an open invoice that nobody has charged.
    const customer = await world.customer({}, null);
    const plan = await world.plan([{ unitAmount: '20' }]);
    const invoiceIds: string[] = [];
    for (let n = 0; n < 4; n += 1) {
      const requestedAt = new Date(Date.now() - 2 * 86_400_000);
      const id = await world.subscribe(customer, plan, { requestedAt, trial_days: 1 });
      const [invoice] = await eventually(
        async () => (await money.invoices(id)).length > 0 && money.invoices(id),
      );
      invoiceIds.push(invoice?.id ?? '');
    }
    await world.paymentMethod(customer, 'tok_insufficient_funds');
    await world.inTenant((tx) =>
      updateRows(tx, InvoiceSchema, { customerId: customer }, { collectAt: new Date() }),
    );
    await Promise.all(invoiceIds.toReversed().map((invoiceId) => charge(invoiceId)));
    expect(await statuses(customer)).toEqual(['declined', 'declined', 'declined', 'declined']);
    const collections = await Promise.all(invoiceIds.map((invoiceId) => money.collection(invoiceId)));
    expect(collections.map((collection) => collection?.nextAttemptAt !== null)).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
});

describe('"pay now"', () => {
  const pay = (invoiceId: string, payment_method: string | null = null) =>
    world.command(invoiceId, 'pay', { payment_method });

  test('charges the default method', async () => {
    const { customer, id, invoiceId } = await owed('tok_succeeds');
    expect(await pay(invoiceId)).toEqual({ outcome: 'applied', result: { outcome: 'settled' } });
    expect(await statuses(customer)).toEqual(['settled']);
    expect(await money.subscription(id)).toMatchObject({ status: 'active' });
    expect(await pay(invoiceId)).toMatchObject({ outcome: 'refused', result: { code: 'invoice_not_open' } });
  });

  test('charges the method that was named, and leaves the default as it is', async () => {
    const { customer, invoiceId } = await owed('tok_succeeds');
    const [good] = [
      await world.inTenant((tx) =>
        findRow(tx, PaymentMethodSchema, { customerId: customer, isDefault: true }),
      ),
    ];
    const bad = await world.paymentMethod(customer, 'tok_stolen');
    expect(await pay(invoiceId)).toMatchObject({
      outcome: 'refused',
      result: { code: 'payment_declined', details: { decline_code: 'stolen_card', hard: true } },
    });
    expect(await pay(invoiceId, good?.id)).toMatchObject({ outcome: 'applied' });
    expect(
      (await money.attempts(customer)).map(({ paymentMethodId, status }) => [paymentMethodId, status]),
    ).toEqual([
      [bad, 'declined'],
      [good?.id, 'settled'],
    ]);
  });

  test('of somebody else’s method, or of none, is refused', async () => {
    const { invoiceId } = await owed(null);
    const stranger = await world.paymentMethod(await world.customer({}, null), 'tok_succeeds');
    expect(await pay(invoiceId)).toMatchObject({
      outcome: 'refused',
      result: { code: 'payment_method_missing' },
    });
    expect(await pay(invoiceId, stranger)).toMatchObject({
      outcome: 'refused',
      result: { code: 'payment_method_missing' },
    });
  });

  test('while a charge is under way is refused, and so are voiding, writing off and paying otherwise', async () => {
    const { customer, invoiceId } = await owed('tok_requires_action');
    expect(await pay(invoiceId)).toEqual({ outcome: 'applied', result: { outcome: 'requires_action' } });
    expect(await pay(invoiceId)).toMatchObject({ outcome: 'refused', result: { code: 'payment_in_flight' } });
    for (const change of [
      voidInvoice,
      markUncollectible,
      (write: Parameters<typeof voidInvoice>[0], id: string) => payOutOfBand(write, id, null),
    ]) {
      await expect(money.change(customer, (write) => change(write, invoiceId))).rejects.toMatchObject({
        code: 'payment_in_flight',
      });
    }
    expect(await statuses(customer)).toEqual(['requires_action']);
  });

  test('of an invoice that was written off brings it back as paid', async () => {
    const { customer, invoiceId } = await owed('tok_succeeds');
    await money.change(customer, (write) => markUncollectible(write, invoiceId));
    expect(await pay(invoiceId)).toMatchObject({ outcome: 'applied' });
    expect(await money.ledger(invoiceId)).toEqual({
      receivable: '0.00',
      revenue: '-20.00',
      bad_debt: '0.00',
      cash: '20.00',
    });
  });

  test('of a voided invoice is refused', async () => {
    const { customer, invoiceId } = await owed('tok_succeeds');
    await money.change(customer, (write) => voidInvoice(write, invoiceId));
    expect(await pay(invoiceId)).toMatchObject({ outcome: 'refused', result: { code: 'invoice_not_open' } });
    expect(await statuses(customer)).toEqual([]);
  });

  test.each([
    ['applied', 'tok_succeeds'],
    ['refused', 'tok_insufficient_funds'],
  ])(
    'repeated after its worker died before it could say "%s", says it without charging again',
    async (outcome, token) => {
      const { customer, invoiceId } = await owed(token);
      const first = await pay(invoiceId);
      expect(first).toMatchObject({ outcome });
      const [attempt] = await money.attempts(customer);
      const commandId = attempt?.commandId ?? '';
      const died = { status: 'pending' as const, result: null, finishedAt: null };
      await world.inTenant((tx) => updateRows(tx, CommandSchema, { id: commandId }, died));
      expect(await worker().pay({ tenantId: world.tenantId, invoiceId, commandId })).toMatchObject({
        outcome,
      });
      const again = await world.inTenant((tx) => findRow(tx, CommandSchema, { id: commandId }));
      expect(again).toMatchObject({ status: outcome, result: first.result });
      expect(await statuses(customer)).toHaveLength(1);
    },
  );

  test('that waited longer than its time changes nothing', async () => {
    const { customer, invoiceId } = await owed('tok_succeeds');
    await pay(invoiceId);
    const other = await owed('tok_succeeds');
    const [attempt] = await money.attempts(customer);
    const command = await world.inTenant((tx) =>
      findRow(tx, CommandSchema, { id: attempt?.commandId ?? '' }),
    );
    if (!command) throw new Error('the command is gone');
    const late = {
      ...command,
      id: newId('cmd'),
      subjectId: other.invoiceId,
      status: 'pending' as const,
      result: null,
      finishedAt: null,
      expiresAt: new Date(Date.now() - 1),
    };
    await world.inTenant((tx) => insertRow(tx, CommandSchema, late));
    const answer = await worker().pay({
      tenantId: world.tenantId,
      invoiceId: other.invoiceId,
      commandId: late.id,
    });
    expect(answer).toMatchObject({ outcome: 'expired', invoice: { status: 'open' } });
    expect(await statuses(other.customer)).toEqual([]);
  });
});
