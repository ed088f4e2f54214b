import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** How a program is started so that PostgreSQL, which refuses root, runs as somebody else. */
export type ServerUser = {
  /** Who owns the files; null when we are not root, and everything is ours. */
  owner: { uid: number; gid: number } | null;
  launch(program: string, args: string[]): { command: string; args: string[]; uid?: number; gid?: number };
};

/**
 * The user `postgres`, who is created where missing. In a folder that is closed to him (a private temporary one, root's
 * own) he is started with the right to read past closed folders, and no other: he can write only what is his.
 */
export async function serverUser(paths: readonly string[]): Promise<ServerUser> {
  if (process.getuid?.() !== 0) return { owner: null, launch: (command, args) => ({ command, args }) };
  const owner = await postgresUser();
  const isOpen = await Promise.all(paths.map((path) => succeeds('test', ['-r', path], owner)));
  const plain = (command: string, args: string[]) => ({ command, args, ...owner });
  if (isOpen.every(Boolean)) return { owner, launch: plain };
  const passing = [
    `--reuid=${owner.uid}`,
    `--regid=${owner.gid}`,
    '--clear-groups',
    '--inh-caps=+dac_read_search',
    '--ambient-caps=+dac_read_search',
    // Else access(2), with which PostgreSQL looks for its own files, forgets the right again.
    '--securebits=+no_setuid_fixup',
  ];
  const launch = (program: string, args: string[]) => ({
    command: 'setpriv',
    args: [...passing, program, ...args],
  });
  // Where there is no such tool (it is part of every Linux, but not of containers cut to the bone) the refusal explains.
  const canPass = await succeeds('setpriv', [...passing, 'true']);
  return { owner, launch: canPass ? launch : plain };
}

async function postgresUser(): Promise<{ uid: number; gid: number }> {
  const idOf = async (flag: string) => Number.parseInt((await run('id', [flag, 'postgres'])).stdout, 10);
  if (!(await succeeds('id', ['-u', 'postgres'])))
    await run('useradd', ['--system', '--user-group', '--no-create-home', 'postgres']);
  return { uid: await idOf('-u'), gid: await idOf('-g') };
}

async function succeeds(command: string, args: string[], as: object = {}): Promise<boolean> {
  return run(command, args, { ...as, cwd: '/' }).then(
    () => true,
    () => false,
  );
}
