import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ChildServer, startChild } from '../src/platform/child-process.ts';
import { childVariables } from '../src/platform/config.ts';

/** Clock ticks of /proc; 100 a second on every Linux that Node runs on. */
const TICK_MS = 10;

/** Milliseconds of CPU that a process and everything it started have used so far; 0 for one that is gone. Linux only. */
export function cpuMsOf(pid: number | null): number {
  if (pid === null) return 0;
  const all = statistics();
  const family = [pid];
  for (const one of family) for (const [child, { parent }] of all) if (parent === one) family.push(child);
  return family.reduce((sum, one) => sum + (all.get(one)?.ticks ?? 0), 0) * TICK_MS;
}

/** Of every process: who started it, and its ticks together with those of its children that have ended. */
function statistics(): Map<number, { parent: number; ticks: number }> {
  const found = new Map<number, { parent: number; ticks: number }>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      // The name of the program, in parentheses, may itself hold spaces and parentheses.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0);
      found.set(Number(entry), { parent: Number(fields[1]), ticks });
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

/** A program of this folder as a process of its own. Its output goes to a log in `dir`, and it ends with that folder's watchdog. */
export function startBare(script: string, dir: string, env: Record<string, string>): Promise<ChildServer> {
  const name = script.replaceAll(/[^a-z]+/g, '-');
  return startChild({
    name: `The process ${script}`,
    command: process.execPath,
    args: [fileURLToPath(new URL(script, import.meta.url))],
    env: childVariables({ NODE_OPTIONS: null, ...env }),
    logPath: `${dir}/logs/${name}.log`,
    pidPath: `${dir}/${name}.pid`,
  });
}
