import { Pool } from 'undici';
import { serve } from '../child.ts';

/**
 * The load generator: keeps so many connections busy, each with one request at a time, for so long, and counts what was
 * answered 200.
 */
export type LoadQuestion = {
  origin: string;
  paths: string[];
  authorization: string;
  connections: number;
  seconds: number;
};
export type LoadAnswer = { requests: number; seconds: number; bytes: number };

serve(async ({ origin, paths, authorization, connections, seconds }: LoadQuestion): Promise<LoadAnswer> => {
  const pool = new Pool(origin, { connections, pipelining: 1 });
  const startedMs = performance.now();
  const endsAtMs = startedMs + seconds * 1000;
  let requests = 0;
  let bytes = 0;
  let next = 0;
  const caller = async () => {
    while (performance.now() < endsAtMs) {
      const path = paths[next++ % paths.length] ?? '/';
      const { statusCode, body } = await pool.request({ path, method: 'GET', headers: { authorization } });
      const answer = await body.bytes();
      if (statusCode !== 200) throw new Error(`${path} was answered ${statusCode}`);
      requests += 1;
      bytes += answer.length;
    }
  };
  try {
    await Promise.all(Array.from({ length: connections }, caller));
    return { requests, bytes, seconds: (performance.now() - startedMs) / 1000 };
  } finally {
    await pool.close();
  }
});
