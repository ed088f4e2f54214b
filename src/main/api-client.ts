import { z } from 'zod';
import { listOf } from '../contract/common.ts';

/** Perennial as a customer's program sees it: HTTP, a key, and answers read with the contract's schemas. */
export type ApiClient = {
  get<T>(path: string, schema: z.ZodType<T>): Promise<T>;
  post<T>(path: string, body: object, schema: z.ZodType<T>): Promise<T>;
  /** Every page of a list, in the order of the list. */
  all<T>(path: string, item: z.ZodType<T>): Promise<T[]>;
};

export function apiClient(url: string, key: string): ApiClient {
  const send = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${key}`, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${text}`);
    return JSON.parse(text);
  };
  const get: ApiClient['get'] = async (path, schema) => schema.parse(await send('GET', path));
  return {
    get,
    post: async (path, body, schema) => schema.parse(await send('POST', path, body)),
    async all<T>(path: string, item: z.ZodType<T>): Promise<T[]> {
      const items: T[] = [];
      const page = listOf(item);
      const separator = path.includes('?') ? '&' : '?';
      for (let cursor: string | null = ''; cursor !== null; ) {
        const from: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
        const { data, next_cursor }: z.infer<typeof page> = await get(
          `${path}${separator}limit=100${from}`,
          page,
        );
        items.push(...data);
        cursor = next_cursor;
      }
      return items;
    },
  };
}

/** Any answer of which only the id matters. */
export const withId = z.object({ id: z.string() });
