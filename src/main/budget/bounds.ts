/** Events appended to histories, and actions as Temporal Cloud bills them. */
export type Cost = { events: number; actions: number };

export const SEGMENTS = [
  'paid_renewal',
  'free_renewal',
  'continue_as_new',
  'creation_with_immediate_payment',
  'cancel',
  'declined_then_recovered',
] as const;
export type Segment = (typeof SEGMENTS)[number];

/**
 * What each part of a life may cost at most. The first three are the design's (`workflows.md`, "Budget"); they are also
 * the least that these steps can cost, so one event more is a change somebody should have meant.
 */
export const BOUNDS: Record<Segment, Cost> = {
  // Timer, local close, one charge, one upsert.
  paid_renewal: { events: 13, actions: 4 },
  // The same without the charge and the workflow task it needs.
  free_renewal: { events: 7, actions: 3 },
  // On top of a free renewal: the end of the run, and the start and first task of the next.
  continue_as_new: { events: 6, actions: 1 },
  // Measured 16 and 6: start and update, look for the row, apply, charge, upsert, timer. Two events of room.
  creation_with_immediate_payment: { events: 18, actions: 6 },
  // Measured 9 and 3: update, apply, upsert. One event of room.
  cancel: { events: 10, actions: 3 },
  // Measured 40 and 13: the paid renewal, the invoice's workflow from its start over one retry to its end, and the news
  // of the recovery to the subscription. A recheck that comes alone, in a task of its own, may cost 4 and 1 more. Each
  // further retry adds 11 and 2.
  declined_then_recovered: { events: 44, actions: 14 },
};

/** A run takes at least so many due steps before it is followed by another. */
export const STEPS_PER_RUN_MIN = 6;
