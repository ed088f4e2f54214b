import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ChildServer, startChild } from '../../src/platform/child-process.ts';
import { childVariables } from '../../src/platform/config.ts';

/** One of our own programs as a process, with exactly the settings it is given. */
export function startProgram(
  program: 'api' | 'worker' | 'sandbox-gateway',
  dir: string,
  env: Record<string, string>,
): Promise<ChildServer> {
  const script = fileURLToPath(new URL(`../../src/main/${program}.ts`, import.meta.url));
  return startChild({
    name: `The process ${program}`,
    command: process.execPath,
    args: [script],
    env: childVariables({ ...STRANGERS, ...env }),
    logPath: `${dir}/logs/${program}.log`,
    pidPath: `${dir}/${program}.pid`,
  });
}

/** What the shell of whoever runs this may hold, and would lead a process to somebody's real servers. */
const STRANGERS = {
  DATABASE_URL: null,
  DATABASE_OWNER_URL: null,
  TEMPORAL_ADDRESS: null,
  TEMPORAL_API_KEY: null,
  TEMPORAL_TLS: null,
  SANDBOX_GATEWAY_URL: null,
  SANDBOX_GATEWAY_PORT: null,
  PERENNIAL_PUBLIC_URL: null,
  NODE_OPTIONS: null,
};

/** Sends a signal to a process and everything it started; a process that is gone is no error. */
export function signalTree(pid: number, signal: NodeJS.Signals): void {
  for (const member of [pid, ...descendantsOf(pid)]) {
    try {
      process.kill(member, signal);
    } catch {
      // It ended meanwhile.
    }
  }
}

function descendantsOf(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    const parent = /^\d+$/.test(entry) ? parentOf(entry) : null;
    if (parent !== null) parents.set(Number(entry), parent);
  }
  const found: number[] = [];
  for (let wave = [pid]; wave.length > 0; ) {
    wave = [...parents].filter(([, parent]) => wave.includes(parent)).map(([child]) => child);
    found.push(...wave);
  }
  return found;
}

function parentOf(pid: string): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return null;
  }
}
