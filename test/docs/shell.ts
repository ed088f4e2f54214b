import { execFile } from 'node:child_process';
import { childVariables } from '../../src/platform/config.ts';
import { startTestApi } from '../support/api.ts';

/** What pages show to be typed, typed as a reader would who has set the variables that they ask for. */
export type Json = Record<string, unknown>;

/** What the commands put out, and what they said beside it. Throws with the latter when they fail. */
export function typed(
  commands: string,
  variables: Record<string, string>,
  folder?: string,
): Promise<{ output: string; said: string }> {
  const env = childVariables(variables);
  return new Promise((resolve, reject) => {
    execFile('sh', ['-c', commands], { env, cwd: folder }, (error, output, said) => {
      if (error) reject(new Error(`${error.message}\n${said}`));
      else resolve({ output, said });
    });
  });
}

/** The one answer that the commands put out. */
export async function answered(commands: string, variables: Record<string, string>): Promise<Json> {
  return JSON.parse((await typed(commands, variables)).output) as Json;
}

/** Somebody who reads the guide to usage: he has the API, and has made the customer whom the guide names. */
export type UsageReader = AsyncDisposable & { type(commands: string): Promise<Json> };

export async function openUsageGuide(): Promise<UsageReader> {
  const api = await startTestApi();
  const { key } = await api.tenant();
  await api.send('post', '/v1/customers', { key, body: { name: 'Acme', external_id: 'acme' } });
  return {
    type: (commands) => answered(commands, { URL: api.url, KEY: key }),
    [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
  };
}
