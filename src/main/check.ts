import { spawn } from 'node:child_process';
import path from 'node:path';
import { findViolations } from './house/boundaries.ts';
import { brokenLinks } from './house/links.ts';
import { missingProofs } from './house/promises.ts';

/**
 * `npm run check`: everything about the code that can be said without running its tests. One line per step; what a
 * failed step printed comes at the end. `npm run check -- lint boundaries` runs only the named steps.
 */
type Outcome = { ok: boolean; output: string };
type Step = { name: string; run: () => Promise<Outcome> };

const ROOT = path.resolve(import.meta.dirname, '../..');
const CODE = ['src', 'workflows', 'activities', 'api', 'migrations', 'test', 'bench'];

/** The slow ones first, because two run at a time. */
const STEPS: readonly Step[] = [
  { name: 'schema', run: () => node('src/main/schema.ts') },
  { name: 'types', run: () => tool('tsc', '-p', 'tsconfig.json') },
  { name: 'lint by type', run: () => tool('oxlint', '--type-aware', ...CODE) },
  { name: 'openapi', run: () => node('src/main/openapi.ts', '--check') },
  { name: 'unused', run: () => tool('knip', '--no-progress') },
  { name: 'format', run: () => tool('biome', 'format', '.') },
  {
    name: 'lint',
    run: () =>
      tool(
        'biome',
        'check',
        '--formatter-enabled=false',
        '--error-on-warnings',
        '--max-diagnostics=none',
        '.',
      ),
  },
  { name: 'boundaries', run: async () => findings(await findViolations(ROOT)) },
  { name: 'links', run: async () => findings(brokenLinks(ROOT)) },
  { name: 'promises', run: async () => findings(missingProofs(ROOT)) },
];
const AT_ONCE = 2;

const wanted = process.argv.slice(2);
const steps = STEPS.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
const unknown = wanted.filter((name) => !STEPS.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(
    `no such step: ${unknown.join(', ')}; there are ${STEPS.map(({ name }) => `"${name}"`).join(', ')}`,
  );
  process.exitCode = 2;
} else {
  const failed = await runAll(steps);
  for (const { name, output } of failed) console.error(`\n── ${name} ──\n${output.trim()}`);
  console.log(
    failed.length === 0 ? '\nall in order' : `\nnot in order: ${failed.map(({ name }) => name).join(', ')}`,
  );
  process.exitCode = failed.length === 0 ? 0 : 1;
}

async function runAll(all: readonly Step[]): Promise<{ name: string; output: string }[]> {
  const failed: { name: string; output: string }[] = [];
  const queue = [...all];
  const work = async (): Promise<void> => {
    for (let step = queue.shift(); step; step = queue.shift()) {
      const startedAt = performance.now();
      const { ok, output } = await step.run();
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      console.log(`${ok ? '✓' : '✗'} ${step.name.padEnd(18)} ${seconds.padStart(5)} s`);
      if (!ok) failed.push({ name: step.name, output });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return failed;
}

function findings(lines: string[]): Outcome {
  return { ok: lines.length === 0, output: lines.join('\n') };
}

function tool(name: string, ...args: string[]): Promise<Outcome> {
  return execute(path.join(ROOT, 'node_modules/.bin', name), args);
}

function node(file: string, ...args: string[]): Promise<Outcome> {
  return execute(process.execPath, [file, ...args]);
}

function execute(command: string, args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', (error) => resolve({ ok: false, output: error.message }));
    child.on('close', (code) => resolve({ ok: code === 0, output: Buffer.concat(chunks).toString() }));
  });
}
