/** One event behind a line of an invoice, and what it is worth to the meter: a number, or of distinct values the text. */
export type LineEvent = {
  /** `removed`: it was billed before and does not count any more, which is why the line gives something back. */
  effect: 'added' | 'removed';
  key: string;
  revision: number;
  eventName: string;
  /** RFC 3339, UTC. */
  at: string;
  value: string;
  properties: Record<string, unknown>;
};
