import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { buildOpenApi } from '../../api/openapi.ts';
import { ROUTES } from '../../api/routes/index.ts';
import { readFlags } from './flags.ts';

/** Writes `openapi.json` from the routes; with `--check` only compares, for `npm run check`. */
const { check } = readFlags('openapi', { check: 'only compare; exit code 1 when openapi.json differs' });
const path = fileURLToPath(new URL('../../openapi.json', import.meta.url));
const text = `${JSON.stringify(buildOpenApi(ROUTES), null, 2)}\n`;

if (!check) {
  await writeFile(path, text);
  console.log(`openapi.json: ${ROUTES.length} operations`);
} else if ((await readFile(path, 'utf8').catch(() => '')) !== text) {
  console.error('openapi.json is not what the routes say. Write it again: npm run openapi');
  process.exitCode = 1;
}
