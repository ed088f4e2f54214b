import { z } from 'zod';
import { idOut, instantOut } from './common.ts';

/** What a subscription's workflow says of itself, for diagnosis; the row, not this, is what is billed. */
export const subscriptionWorkflowOut = z
  .object({
    object: z.literal('subscription_workflow'),
    subscription: idOut('sub'),
    workflow_id: z.string(),
    run_id: z
      .string()
      .nullable()
      .meta({ description: 'Null when no workflow is known: it was never started, or ended long ago.' }),
    waiting_for: z.string().nullable(),
    until: instantOut.nullable(),
    commands_waiting: z.int(),
    state: z.record(z.string(), z.unknown()).nullable(),
    ui_url: z.string().nullable().meta({ description: 'Its page in the Temporal UI.' }),
  })
  .meta({ id: 'SubscriptionWorkflow' });
