/** Lifecycle commands: rows first, then an update that carries only the command's id. */
export const COMMAND_KINDS = [
  'create',
  'change',
  'pause',
  'resume',
  'schedule',
  'cancel_scheduled_change',
  'cancel',
  'uncancel',
  'end_trial',
  'extend_trial',
  'pay',
] as const;
export type CommandKind = (typeof COMMAND_KINDS)[number];

/** A command not applied in time never surprises anyone later (architecture, "Two kinds of write"). */
export const COMMAND_LIFETIME_MS = 15 * 60 * 1000;

export type Command = {
  id: string;
  tenantId: string;
  /** The subscription or invoice it is for; a creation's subscription does not exist yet. */
  subjectId: string;
  kind: CommandKind;
  body: Record<string, unknown>;
  requestedAt: Date;
  expiresAt: Date;
  status: 'pending' | 'applied' | 'refused' | 'expired';
  result: Record<string, unknown> | null;
  requestId: string | null;
  createdAt: Date;
  finishedAt: Date | null;
};
