import { setTimeout as sleep } from 'node:timers/promises';
import {
  isGrpcServiceError,
  ServiceError,
  WithStartWorkflowOperation,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { commandRefusal, createCommand } from '../src/contract/commands.ts';
import { COMMAND_LIFETIME_MS, type Command } from '../src/domain/command.ts';
import { DomainError, ERROR_CODES, type ErrorCode, isDomainError } from '../src/domain/errors.ts';
import type { Tx } from '../src/persistence/doors.ts';
import { databaseNow, findCommand, insertCommand } from '../src/persistence/find-commands.ts';
import { leaseCommand, releaseLease, storeAnswer } from '../src/persistence/idempotency.ts';
import { databaseTrouble } from '../src/persistence/trouble.ts';
import { isBetweenRuns } from '../src/platform/between-runs.ts';
import { clock } from '../src/platform/clock.ts';
import { crashPoint } from '../src/platform/crash-point.ts';
import { newId } from '../src/platform/ids.ts';
import { commandUpdate, taskQueue, WORKFLOWS, workflowId } from '../workflows/messages.ts';
import type { ApiDeps } from './deps.ts';
import { type Answer, assertSameRequest, claim, inTransaction, inUse, replay } from './idempotency.ts';
import { placedRefusal } from './place-refusal.ts';
import { toProblem } from './problem.ts';
import type { Call, Route } from './route.ts';

/**
 * A lifecycle command is a row first (architecture, "Two kinds of write"): one transaction keeps what was asked, an
 * update carries its id to the workflow, and the answer is read from the rows. Whatever fails in between, repeating the
 * request with the same `Idempotency-Key` drives the same command on and never starts a second one.
 */

const LEASE_MARGIN_MS = 10_000;

type Sent = {
  commandId: string;
  subjectId: string;
  workflow: 'subscription' | 'invoice';
  requestedAt: Date;
  summary: string;
};
type Begun = { kind: 'answered'; answer: Answer } | { kind: 'begun'; sent: Sent };

export async function runCommand(
  route: Route,
  call: Call,
  request: { key: string; fingerprint: Buffer },
): Promise<Answer> {
  const begun = await inTransaction(route, call, (tx) => begin(tx, route, call, request));
  if (begun.kind === 'answered') return begun.answer;
  const { sent } = begun;
  crashPoint('command.afterCommit');
  try {
    await deliver(call, sent);
    crashPoint('command.updateAnswered');
    const answer = await inTransaction(route, call, (tx) => finish(tx, route, call, request.key, sent));
    crashPoint('commandAnswer.afterCommit');
    return answer;
  } catch (error) {
    // The next attempt need not wait for the lease to run out. Where even this fails, the lease does end.
    await inTransaction(route, call, (tx) => releaseLease(tx, call.tenantId, request.key)).catch(
      () => undefined,
    );
    throw databaseTrouble(error) === null ? error : busy(sent.commandId);
  }
}

/** The first transaction: a new command's row, or what the key already stands for. */
async function begin(
  tx: Tx,
  route: Route,
  call: Call,
  { key, fingerprint }: { key: string; fingerprint: Buffer },
): Promise<Begun> {
  const { work } = route;
  if (work.kind !== 'command') throw new Error(`${route.operationId} is not a command`);
  const known = await claim(tx, call.tenantId, key, fingerprint);
  const leaseSeconds = (call.deps.commandDeadlineMs + LEASE_MARGIN_MS) / 1000;
  if (known) {
    assertSameRequest(known, fingerprint);
    if (known.status !== null) return { kind: 'answered', answer: replay(known, fingerprint) };
    if (known.leased || !known.commandId || !known.resourceId) throw inUse();
    await leaseCommand(tx, call.tenantId, key, {
      commandId: known.commandId,
      resourceId: known.resourceId,
      leaseSeconds,
    });
    const command = await findCommand(tx, known.commandId);
    if (!command) throw new Error(`command ${known.commandId} has no row`);
    return { kind: 'begun', sent: sentOf(command) };
  }

  const [asked, now] = await Promise.all([work.command(tx, call), databaseNow(tx)]);
  if (asked.workflow === null) {
    const body = JSON.stringify(await work.answer(tx, call, asked.subjectId));
    await storeAnswer(tx, call.tenantId, key, { status: route.response.status, body });
    return { kind: 'answered', answer: { status: route.response.status, body, replayed: false } };
  }
  const command: Command = {
    id: newId('cmd'),
    tenantId: call.tenantId,
    subjectId: asked.subjectId,
    kind: asked.kind,
    body: asked.body,
    requestedAt: asked.requestedAt,
    expiresAt: new Date(now.getTime() + COMMAND_LIFETIME_MS),
    status: 'pending',
    result: null,
    requestId: call.requestId,
    createdAt: now,
    finishedAt: null,
  };
  await insertCommand(tx, command);
  await leaseCommand(tx, call.tenantId, key, {
    commandId: command.id,
    resourceId: asked.subjectId,
    leaseSeconds,
  });
  crashPoint('command.beforeCommit');
  return { kind: 'begun', sent: sentOf(command) };
}

/** Only invoices are paid; every other command is for a subscription. */
function sentOf({ id, subjectId, kind, body, requestedAt }: Command): Sent {
  const workflow = kind === 'pay' ? 'invoice' : 'subscription';
  const begins = createCommand.safeParse(body);
  // What never changes, for the head of the workflow's page; the rest is in its details.
  const terms =
    kind === 'create' && begins.success ? [begins.data.customer, begins.data.currency] : [subjectId];
  const summary = [...terms, `since ${requestedAt.toISOString().slice(0, 10)}`].join(' · ');
  return { commandId: id, subjectId, workflow, requestedAt, summary };
}

/** Tells the workflow, which is started when it is not running: rows can lose their workflow, never the other way. */
async function deliver(call: Call, sent: Sent): Promise<void> {
  const { deps } = call;
  try {
    await withDeadline(deps, () => update(call, sent, BETWEEN_RUNS_TRIES));
  } catch (error) {
    // An error does not mean that it did not happen: the row knows.
    if (!isAway(error)) throw error;
    deps.logger.warn(
      { err: error, commandId: sent.commandId, requestId: call.requestId },
      'no answer to a command',
    );
  }
}

/** A workflow that is about to begin a new run takes the command a moment later. */
const BETWEEN_RUNS_TRIES = 5;
const BETWEEN_RUNS_MS = 100;

async function update(
  { deps, tenantId }: Pick<Call, 'deps' | 'tenantId'>,
  sent: Sent,
  tries: number,
): Promise<void> {
  const name = sent.workflow;
  const input =
    name === 'subscription'
      ? { tenantId, subscriptionId: sent.subjectId }
      : { tenantId, invoiceId: sent.subjectId };
  const startWorkflowOperation = new WithStartWorkflowOperation(WORKFLOWS[name], {
    workflowId: workflowId[name](sent.subjectId),
    taskQueue: taskQueue('billing', deps.taskQueuePrefix),
    workflowIdConflictPolicy: 'USE_EXISTING',
    args: [input],
    staticSummary: sent.summary,
  });
  const message = { commandId: sent.commandId, requestedAt: sent.requestedAt.toISOString() };
  try {
    await deps.temporal.workflow.executeUpdateWithStart(commandUpdate, {
      args: [message],
      updateId: sent.commandId,
      startWorkflowOperation,
    });
  } catch (error) {
    if (tries <= 1 || !isBetweenRuns(error)) throw error;
    await sleep(BETWEEN_RUNS_MS);
    await update({ deps, tenantId }, sent, tries - 1);
  }
}

/** The last transaction: what became of the command, stored for replays. */
async function finish(tx: Tx, route: Route, call: Call, key: string, sent: Sent): Promise<Answer> {
  const command = await findCommand(tx, sent.commandId);
  if (!command || command.status === 'pending') throw busy(sent.commandId);
  const answer =
    command.status === 'applied'
      ? await shown(tx, route, call, sent)
      : problemAnswer(placedRefusal(refusalOf(command), call.body), call);
  // An answer that may change when repeated (the gateway was away) is not kept.
  if (answer.status < 500) await storeAnswer(tx, call.tenantId, key, answer);
  crashPoint('commandAnswer.beforeCommit');
  return { ...answer, replayed: false };
}

/** What the route says of an applied command, which may be a refusal: a creation whose first payment failed. */
async function shown(
  tx: Tx,
  route: Route,
  call: Call,
  sent: Sent,
): Promise<{ status: number; body: string }> {
  const { work } = route;
  if (work.kind !== 'command') throw new Error(`${route.operationId} is not a command`);
  try {
    return {
      status: route.response.status,
      body: JSON.stringify(await work.answer(tx, call, sent.subjectId)),
    };
  } catch (error) {
    if (isDomainError(error)) return problemAnswer(error, call);
    throw error;
  }
}

function problemAnswer(refusal: DomainError, call: Call): { status: number; body: string } {
  const { problem } = toProblem(refusal, call.requestId, call.deps.publicUrl);
  return { status: problem.status, body: JSON.stringify(problem) };
}

/** Why a command was not applied, as the error it stands for. */
function refusalOf(command: Command): DomainError {
  if (command.status === 'expired') {
    return new DomainError(
      'command_expired',
      'The command could not be applied within 15 minutes and never will be. Send it anew with another Idempotency-Key.',
      {
        command_id: command.id,
      },
    );
  }
  const { code, message, details } = commandRefusal.parse(command.result);
  return new DomainError(isErrorCode(code) ? code : 'command_failed', message, details ?? {});
}

function isErrorCode(code: string): code is ErrorCode {
  return (ERROR_CODES as readonly string[]).includes(code);
}

function busy(commandId: string): DomainError {
  return new DomainError(
    'engine_busy',
    'The command was noted but its outcome is not known yet: it may have been applied. Repeat the request with the same Idempotency-Key.',
    { command_id: commandId },
  );
}

function withDeadline<T>(deps: ApiDeps, work: () => Promise<T>): Promise<T> {
  return deps.temporal.withDeadline(clock.now().getTime() + deps.commandDeadlineMs, work);
}

/**
 * Whether Temporal did not take the message, or did not say so in time. A refusal by the workflow's validator counts
 * too: it only refuses because too many commands wait. After any of these the row says what happened.
 */
export function isAway(error: unknown): boolean {
  return (
    error instanceof WorkflowUpdateFailedError ||
    error instanceof WorkflowUpdateRPCTimeoutOrCancelledError ||
    error instanceof ServiceError ||
    isGrpcServiceError(error)
  );
}
