import { execFile, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** A server that this process started beside itself. */
export type ChildServer = {
  pid: number;
  /** Resolves with a sentence when the process is gone. */
  exited: Promise<string>;
  stop: (urgent?: AbortSignal) => Promise<void>;
};

export type ChildOptions = {
  name: string;
  command: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  /** Standard output and error are appended here: a file survives the parent, a pipe would kill the child with it. */
  logPath: string;
  /** Remembers the child so that the next start finds it if this process is killed. */
  pidPath: string;
  cwd?: string;
  uid?: number;
  gid?: number;
  /** What asks the server to finish (default SIGTERM). */
  gentleSignal?: NodeJS.Signals;
};

/**
 * Starts a server in its own process group: Ctrl-C in the terminal reaches only us, and we stop our children in the
 * right order.
 */
export async function startChild(options: ChildOptions): Promise<ChildServer> {
  await mkdir(dirname(options.logPath), { recursive: true });
  const log = openSync(options.logPath, 'a');
  const { uid, gid, cwd } = options;
  const child = spawn(options.command, options.args, {
    detached: true,
    stdio: ['ignore', log, log],
    env: options.env,
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
    ...(cwd === undefined ? {} : { cwd }),
  });
  closeSync(log);
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`${options.name} could not be started: ${error.message}`));
    child.once('exit', (code, signal) => resolve(`${options.name} ended (${signal ?? `exit code ${code}`})`));
  });
  // Our own exit must not wait for the child's handle; whoever stops it awaits `exited`.
  child.unref();
  const { pid } = child;
  if (pid === undefined) throw new Error(await exited);
  await writeFile(options.pidPath, `${pid}\n`);
  const stop = async (urgent?: AbortSignal) => {
    await endProcess(pid, options.gentleSignal ?? 'SIGTERM', urgent);
    await rm(options.pidPath, { force: true });
  };
  return { pid, exited, stop };
}

/**
 * Ends a child that an earlier, killed process of ours left running. `marks` are texts that its command line must
 * contain, all of them: a pid alone may belong to anybody by now. Answers the pid it ended, else null.
 */
export async function endOrphan(
  pidPath: string,
  marks: string[],
  gentleSignal?: NodeJS.Signals,
): Promise<number | null> {
  const pid = Number.parseInt(await readFile(pidPath, 'utf8').catch(() => ''), 10);
  if (!(pid > 1)) return null;
  const commandLine = await commandLineOf(pid);
  if (commandLine === null || !marks.every((mark) => commandLine.includes(mark))) return null;
  await endProcess(pid, gentleSignal ?? 'SIGTERM');
  return pid;
}

/** Asks a process to end, and kills it when patience ends or after 5 seconds. Resolves when it is gone. */
export async function endProcess(
  pid: number,
  gentleSignal: NodeJS.Signals,
  urgent?: AbortSignal,
): Promise<void> {
  send(pid, urgent?.aborted ? 'SIGKILL' : gentleSignal);
  const startedMs = performance.now();
  let killed = urgent?.aborted ?? false;
  while (await isAlive(pid)) {
    const waitedMs = performance.now() - startedMs;
    if (!killed && (urgent?.aborted || waitedMs > 5_000)) {
      send(pid, 'SIGKILL');
      killed = true;
    }
    if (waitedMs > 8_000) throw new Error(`process ${pid} does not end; end it by hand: kill -9 ${pid}`);
    await sleep(15);
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone already, which is what we wanted.
  }
}

async function isAlive(pid: number): Promise<boolean> {
  return (await identityOf(pid)) !== null;
}

const run = promisify(execFile);
const ps = async (pid: number, column: string): Promise<string | null> => {
  const { stdout } = await run('ps', ['-ww', '-o', `${column}=`, '-p', String(pid)]).catch(() => ({
    stdout: '',
  }));
  return stdout.trim() || null;
};

/** The command line of a running process, arguments separated by spaces; null when there is no such process. */
export async function commandLineOf(pid: number): Promise<string | null> {
  if (process.platform !== 'linux') return ps(pid, 'command');
  const raw = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return raw.replaceAll('\0', ' ').trim() || null;
}

/**
 * A text that tells this process from every other that has or will have the same pid: when it began, and in which
 * boot. Null when there is no such process (a zombie counts as gone).
 */
export async function identityOf(pid: number): Promise<string | null> {
  if (process.platform !== 'linux') {
    const state = await ps(pid, 'stat');
    return state === null || state.startsWith('Z') ? null : ps(pid, 'lstart');
  }
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name of the program, in parentheses, may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  const startedAtTicks = fields[19];
  if (startedAtTicks === undefined || state === 'Z' || state === 'X') return null;
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  return `${boot.trim()}:${startedAtTicks}`;
}
