import { listRows, type Page } from '../src/persistence/list-rows.ts';
import { invalid } from './validate.ts';

export { listRows };

/** What `listQuery` of the contract yields. */
export type ListQuery = {
  limit: number;
  cursor?: string | undefined;
  'created_at[gte]'?: string | undefined;
  'created_at[gt]'?: string | undefined;
  'created_at[lte]'?: string | undefined;
  'created_at[lt]'?: string | undefined;
};

/** The page a list request asks for, in the words of persistence. */
export function pageOf(query: ListQuery): Page {
  const bound = (text: string | undefined) => (text === undefined ? null : new Date(text));
  return {
    limit: query.limit,
    beforeId: query.cursor === undefined ? null : idOf(query.cursor),
    createdAt: {
      gte: bound(query['created_at[gte]']),
      gt: bound(query['created_at[gt]']),
      lte: bound(query['created_at[lte]']),
      lt: bound(query['created_at[lt]']),
    },
  };
}

/** The answer to a list request. */
export function presentList<Row extends { id: string }, Shown>(
  found: { rows: readonly Row[]; hasMore: boolean },
  present: (row: Row) => Shown,
): { object: 'list'; data: Shown[]; has_more: boolean; next_cursor: string | null } {
  const last = found.rows.at(-1);
  return {
    object: 'list',
    data: found.rows.map(present),
    has_more: found.hasMore,
    next_cursor: found.hasMore && last ? cursorOf(last.id) : null,
  };
}

/** Opaque, so that it can become something else than the last id one day. */
export function cursorOf(id: string): string {
  return Buffer.from(`v1 ${id}`).toString('base64url');
}

/** The id that a cursor names. Throws `validation_failed`. */
export function idOf(cursor: string): string {
  const match = /^v1 ([a-z]+_[0-9a-z]{26})$/.exec(Buffer.from(cursor, 'base64url').toString());
  if (match?.[1]) return match[1];
  throw invalid([
    {
      path: 'cursor',
      code: 'cursor_invalid',
      message: 'Send the next_cursor of the page before, unchanged.',
    },
  ]);
}
