import { pricedAfter } from '../apply-decision.ts';
import { decideStep } from '../decide.ts';
import { assertAlive, decideCommand, effectiveAt, type SubscriptionCommand } from '../decide-command.ts';
import { createSubscription, type SubscriptionTerms } from '../decide-create.ts';
import { dropDueChange } from '../decide-scheduled.ts';
import { decideStart } from '../decide-start.ts';
import type { Decision } from '../decision.ts';
import { DomainError, isDomainError } from '../errors.ts';
import type { Life } from '../life.ts';
import { derived, type NextStep } from '../next-step.ts';
import { usageCountsUntil } from '../threshold.ts';
import { apply } from './apply.ts';
import { assertFreeThen, assertMetersFree, obstacleOf } from './claims.ts';
import { look, nextLook, noteLook } from './closures.ts';
import { changeMethod, charge, takeInvoiceStep } from './collect.ts';
import { countedIn } from './counts.ts';
import { takeEvent } from './events.ts';
import { lifeAt } from './facts.ts';
import type { Action, Script } from './script.ts';
import { settleByHand } from './settle-by-hand.ts';
import { noteThresholds, use } from './use.ts';
import { type Lived, World } from './world.ts';

/** An action that the engine refused, and why. */
export type Refused = { index: number; at: Date; error: DomainError };
export type Simulated = { world: World; from: Date; until: Date; refused: Refused[]; steps: number };

/**
 * Plays a script to its end: everything that becomes due happens in the order of time, an invoice before a subscription
 * at equal instants, and whatever is due at the instant of an action before the action, as under a test clock. Nothing
 * of what happens is decided here: steps, commands, payments and dunning go through the functions that bill for real.
 *
 * What is refused is noted and changes nothing. Throws `simulation_too_large` when it takes more than `stepsMax` steps.
 */
export function simulate(script: Script): Simulated {
  return finish(playing(script));
}

/** Work that pauses now and then, so that whoever does it can look after others in between. */
export type InParts<T> = Generator<undefined, T>;

/** All of it at once. */
export function finish<T>(work: InParts<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

/** The same as `simulate`, with a pause after every few steps. */
export function* playing(script: Script): InParts<Simulated> {
  const world = new World(script.settings);
  const run: Simulated = {
    world,
    from: script.actions[0]?.at ?? script.until,
    until: script.until,
    refused: [],
    steps: 0,
  };
  let now = run.from;
  for (const action of script.actions) {
    yield* goOn(run, now, action.at, script.stepsMax);
    now = action.at;
    try {
      perform(world, action);
    } catch (error) {
      if (!isDomainError(error)) throw error;
      run.refused.push({ index: action.index, at: action.at, error });
    }
  }
  yield* goOn(run, now, script.until, script.stepsMax);
  return run;
}

const STEPS_PER_PART = 50;

/** Everything that is due after `from`, until `until`, happens. */
function* goOn(run: Simulated, from: Date, until: Date, stepsMax: number): InParts<void> {
  const { world } = run;
  let now = from;
  for (let due = earliest(world, now); due && due.at <= until; due = earliest(world, now)) {
    now = due.at;
    run.steps += 1;
    if (run.steps > stepsMax) throw tooLarge(stepsMax, due.at);
    if (run.steps % STEPS_PER_PART === 0) yield;
    if (due.kind === 'invoice') takeInvoiceStep(world, due.id, due.at);
    else if (due.kind === 'late') lookForLate(world, due.lived, due.at);
    else takeStep(world, due.lived, due);
  }
}

type Due = { at: Date } & (
  | { kind: 'invoice'; id: string }
  | { kind: 'late'; lived: Lived }
  | ({ kind: 'subscription'; lived: Lived } & NextStep)
);

function earliest(world: World, now: Date): Due | null {
  let due: Due | null = null;
  const invoice = world.earliestInvoice();
  if (invoice) due = { kind: 'invoice', ...invoice };
  for (const lived of world.lives.values()) {
    const looksAt = nextLook(world, lived);
    // What came late for a day that is over is looked at now.
    const at = looksAt && (looksAt < now ? now : looksAt);
    if (at && (!due || at < due.at)) due = { kind: 'late', lived, at };
  }
  for (const lived of world.lives.values()) {
    const { nextStep: step, nextStepAt: at } = lived.life.subscription;
    if (step && at && (!due || at < due.at)) due = { kind: 'subscription', lived, step, at };
  }
  return due;
}

/** What came late for a subscription that makes no invoice any more goes on one of its own (billing rule 29). */
function lookForLate(world: World, lived: Lived, at: Date): void {
  const decision = look(world, lived, at);
  if (decision) make(world, lived, decision, at);
  noteLook(world, lived, at);
}

function takeStep(world: World, lived: Lived, next: NextStep): void {
  const known = lifeAt(world, lived, usageCountsUntil(next));
  const decision = decideStep(known, next, hasMethod(world));
  const obstacle =
    next.step === 'apply_change' ? obstacleOf(world, known, pricedAfter(known.priced, decision)) : null;
  make(world, lived, obstacle ? dropDueChange(known, next.at, obstacle) : decision, next.at);
}

/** Makes a decision true and charges its invoice at once where that is due. */
function make(world: World, lived: Lived, decision: Decision, at: Date): void {
  const held = apply(world, lived, decision, at);
  if (held) charge(world, held.invoice.id, at);
}

function perform(world: World, action: Action): void {
  const { at } = action;
  switch (action.kind) {
    case 'subscribe':
      subscribe(world, action.name, action.terms, at);
      return;
    case 'command': {
      const lived = named(world, action.name);
      // What has ended is told so first, whatever was asked of it.
      assertAlive(lived.life.subscription);
      for (const command of action.ask(lifeAt(world, lived, at))) obey(world, lived, command, at);
      return;
    }
    case 'use':
      use(world, named(world, action.name), action, at);
      return;
    case 'event': {
      const subscription = action.name === null ? null : named(world, action.name).life.subscription.id;
      noteThresholds(world, takeEvent(world, action, subscription, at), at);
      return;
    }
    case 'invoices': {
      const owner = action.name === null ? null : named(world, action.name).life.subscription.id;
      settleByHand(world, action, owner, at);
      return;
    }
    case 'method':
      changeMethod(world, action.method, at);
  }
}

/** What begins at once, or in the past, is there as it is then: nobody ever sees it scheduled. */
function subscribe(world: World, name: string, terms: SubscriptionTerms, at: Date): void {
  const ids = { tenantId: 'tenant', subscriptionId: world.newId('sub'), newId: world.newId };
  const { subscription, priced, once } = createSubscription(terms, ids, at);
  const pending = once.map((line) => ({ id: world.newId('pl'), line }));
  const life = { subscription, priced, changes: [], pending };
  assertMetersFree(world, subscription, { before: [], after: priced });
  const decision = subscription.startsAt <= at ? start(world, life, at) : null;
  const begun = decision ? derived(decision.subscription) : subscription;
  const states = [{ status: begun.status, from: at }];
  const lived: Lived = {
    name,
    life: { ...life, subscription: begun },
    states,
    used: [],
    closures: [],
    lines: [],
  };
  for (const { price } of [...priced, ...(terms.once ?? [])]) world.prices.set(price.id, price);
  world.lives.set(subscription.id, lived);
  if (decision) make(world, lived, decision, at);
}

/** Which periods have passed is known from a first decision; what was used in them is on the second. */
function start(world: World, life: Life, at: Date): Decision {
  const decision = decideStart(life, at, hasMethod(world));
  const elapsed = countedIn(world, life.subscription, life.priced, decision.coverage);
  return elapsed.size === 0 ? decision : decideStart({ ...life, elapsed }, at, hasMethod(world));
}

function obey(world: World, lived: Lived, command: SubscriptionCommand, requestedAt: Date): void {
  const at = effectiveAt(lived.life.subscription, requestedAt);
  notePrices(world, command);
  const setting = { hasPaymentMethod: hasMethod(world), trialReminderDays: world.settings.trialReminderDays };
  // A command that is dated back looks at what there was by then.
  const datedTo = isDated(command) && command.at && command.at < at ? command.at : at;
  const life = lifeAt(world, lived, datedTo);
  const decision = decideCommand(life, command, at, setting);
  assertFreeThen(world, life, decision);
  const after = pricedAfter(life.priced, decision);
  assertMetersFree(world, life.subscription, { before: life.priced, after });
  make(world, lived, decision, at);
}

/** What is charged once never becomes an item, but its line names its price all the same. */
function notePrices(world: World, command: SubscriptionCommand): void {
  const changes =
    command.kind === 'change'
      ? [command.change]
      : command.kind === 'schedule'
        ? command.phases.map(({ change }) => change)
        : [];
  for (const { price } of changes.flatMap(({ once }) => once)) world.prices.set(price.id, price);
}

function isDated(
  command: SubscriptionCommand,
): command is Extract<SubscriptionCommand, { effective: unknown }> {
  return 'effective' in command;
}

function hasMethod(world: World): boolean {
  return world.method.kind !== 'none';
}

function named(world: World, name: string): Lived {
  for (const lived of world.lives.values()) if (lived.name === name) return lived;
  throw new DomainError('not_found', `There is no subscription "${name}": its subscribe was refused.`);
}

function tooLarge(stepsMax: number, at: Date): DomainError {
  return new DomainError(
    'simulation_too_large',
    `The simulation had taken ${stepsMax} steps when it came to ${at.toISOString()}; look at less time, or at fewer subscriptions.`,
    { steps_max: stepsMax, reached: at.toISOString() },
  );
}
