import type { z } from 'zod';
import { presentPreview, type previewOut } from '../src/contract/previews.ts';
import { pricesIn, readCommand, readPrivatePrice } from '../src/contract/read-command.ts';
import { DomainError } from '../src/domain/errors.ts';
import type { Subscription } from '../src/domain/subscription.ts';
import type { Tx } from '../src/persistence/doors.ts';
import { findTenant } from '../src/persistence/find.ts';
import { previewCommand } from '../src/persistence/preview-command.ts';
import { pricesOf } from '../src/persistence/prices.ts';
import type { Ask } from './ask-command.ts';
import type { Call } from './route.ts';

/** What a command would do, decided by the function that executes it, on facts that are read and not written. */
export async function previewOfAsk(
  tx: Tx,
  { tenantId }: Call,
  { subjectId, requestedAt, kind, body }: Ask,
): Promise<z.input<typeof previewOut>> {
  const { named, own: brought } = pricesIn({ kind, body });
  const own = brought.map((price) =>
    readPrivatePrice(price, { tenantId, subscriptionId: subjectId, at: requestedAt }),
  );
  const [tenant, sold] = await Promise.all([findTenant(tx, tenantId), pricesOf(tx, named)]);
  const known = new Map([...sold, ...own.map((price) => [price.id, price] as const)]);
  const { command, datedTo } = readCommand({ id: subjectId, kind, body }, known);
  const asked = { command, datedTo, own };
  const preview = await previewCommand(tx, tenant, subjectId, asked, requestedAt);
  assertUpToDate(preview.facts.subscription, requestedAt);
  return presentPreview(preview);
}

/** A command waits for the steps that are due before it; a preview cannot, and would show what never happens. */
function assertUpToDate({ nextStepAt, blockedReason }: Subscription, at: Date): void {
  if (!nextStepAt || nextStepAt > at) return;
  if (blockedReason)
    throw new DomainError(
      'step_blocked',
      `The subscription cannot go on since ${nextStepAt.toISOString()} and takes no commands until an operator has looked after it.`,
    );
  throw new DomainError(
    'engine_busy',
    `The subscription is about to take a step that is due since ${nextStepAt.toISOString()}; ask again in a moment.`,
  );
}
