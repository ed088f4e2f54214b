import { spawn } from 'node:child_process';

/**
 * Cleans up behind a throw-away stack whose process is killed: a shell of its own waits on a pipe that closes with
 * our death, ends the servers whose pid files still lie in the folder, and removes the folder. After an orderly end
 * there is nothing left for it to do.
 */
export function watchOver(dir: string): void {
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'perennial-watchdog', dir], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Where there is no shell, a killed process leaves its folder behind; that is no reason to fail.
  child.once('error', () => {});
  child.unref();
  // The pipe's handle must not keep this process alive.
  const pipe: unknown = child.stdin;
  if (isReferable(pipe)) pipe.unref();
}

function isReferable(handle: unknown): handle is { unref(): void } {
  return (
    typeof handle === 'object' && handle !== null && 'unref' in handle && typeof handle.unref === 'function'
  );
}

const SCRIPT = `
cat > /dev/null
each() { for file in "$1"/*.pid; do [ -f "$file" ] && kill "$2" "$(cat "$file")" 2> /dev/null; done; }
each "$1" -INT
sleep 2
each "$1" -KILL
rm -rf "$1"
`;
