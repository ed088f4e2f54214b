import { writeFileSync } from 'node:fs';
import { BroadcastChannel, isMainThread } from 'node:worker_threads';

/**
 * Loaded into every thread of a worker process (`--import`, with `--expose-gc`): at SIGUSR2 each thread collects its
 * garbage and says how much heap is left, and the process writes the sum to a file. Workflows live in threads of their
 * own, where the main thread's numbers do not reach.
 */
const channel = new BroadcastChannel('perennial-bench-memory');
const heapUsed = () => {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
};

if (isMainThread) {
  let sum = 0;
  channel.onmessage = (event) => {
    const { data } = event as { data: { heapUsed?: number } };
    sum += data.heapUsed ?? 0;
  };
  const write = () => {
    const path = process.env['BENCH_MEMORY_FILE'];
    const memory = { heap: sum + heapUsed(), resident: process.memoryUsage().rss };
    if (path) writeFileSync(path, JSON.stringify(memory));
  };
  process.on('SIGUSR2', () => {
    sum = 0;
    channel.postMessage('measure');
    // The threads answer when they come to it; a collection takes some hundred milliseconds on a busy machine.
    setTimeout(write, 3_000);
  });
} else {
  channel.onmessage = (event) => {
    if ((event as { data: unknown }).data === 'measure') channel.postMessage({ heapUsed: heapUsed() });
  };
}
channel.unref();
