import { resolve } from 'node:path';
import { loadEnv } from '../platform/config.ts';
import { Lifecycle, stopOnSignals } from '../platform/lifecycle.ts';
import { quickstart } from './quickstart.ts';
import { type Stack, startStack } from './stack.ts';

/** `npm start`: everything that Perennial needs, in one command, until Ctrl-C. */
const say = (line: string) => console.log(line);
const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
const lifecycle = new Lifecycle({ onTrouble: (name, error) => say(`  ${name}: ${messageOf(error)}`) });
stopOnSignals(lifecycle, say);

try {
  const env = loadEnv();
  const dataDir = resolve(env.PERENNIAL_DATA_DIR);
  say('Perennial starts.');
  const startedMs = performance.now();
  const stack = await startStack({ env, dataDir, ephemeral: false, say, lifecycle, onLoss: giveUp });
  say(`Ready after ${((performance.now() - startedMs) / 1000).toFixed(1)} s.\n`);
  for (const line of summary(stack)) say(line);
} catch (error) {
  // What fails because the start was interrupted is no news, and whoever interrupted it ends the process.
  if (!lifecycle.isClosing) {
    say(messageOf(error));
    await lifecycle.close();
    process.exit(1);
  }
}

function summary({ apiUrl, temporalUiUrl, gatewayUrl, keys, dataDir }: Stack): string[] {
  const rows = [
    ['API', apiUrl],
    ['API reference', `${apiUrl}/docs`],
    ['Temporal UI', temporalUiUrl ?? 'the one of your Temporal server'],
    ['Sandbox gateway', gatewayUrl],
    ['Operator key', keys.operatorKey],
    ['Sandbox tenant', keys.tenantId],
    ['API key', keys.apiKey],
    ['Data and logs', dataDir],
  ];
  return [
    ...rows.map(([name = '', value = '']) => `  ${name.padEnd(16)} ${value}`),
    '',
    'Paste these to see a subscription begin and its first invoice paid:',
    ...quickstart(apiUrl, keys.apiKey).map((line) => `  ${line}`),
    '',
    'Ctrl-C stops everything; the next start goes on where this one ended.',
  ];
}

/** Without one of its servers the rest is of no use, and half a system running on would only confuse. */
function giveUp(sentence: string): void {
  say(`${sentence}; stopping the rest. Its log is in the data directory, under logs.`);
  process.exitCode = 1;
  void lifecycle.close().then(() => process.exit(1));
}
