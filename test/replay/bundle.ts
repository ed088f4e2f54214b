import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundleOption } from '@temporalio/worker';

/** Workflow code as a worker runs it: that of today, with or without ears, and that of released versions. */

const BUNDLES = fileURLToPath(new URL('./bundles', import.meta.url));
export const bundleFile = (version: string): string => `${BUNDLES}/${version}.js.gz`;

type Bundle = Extract<WorkflowBundleOption, { code: string }>;

/** @param root the folder whose `workflows/` is meant: this house's, or a copy's. */
const workflowsOf = (root: URL) => fileURLToPath(new URL('workflows/index.ts', root));
const HOUSE = new URL('../../', import.meta.url);

/** The workflows of a folder, telling every command they give while they are replayed. */
export function bundleForReplay(root: URL = HOUSE): Promise<Bundle> {
  return bundleWorkflowCode({
    workflowsPath: workflowsOf(root),
    workflowInterceptorModules: [fileURLToPath(new URL('./tell-commands.ts', import.meta.url))],
    logger: new DefaultLogger('ERROR'),
  });
}

/** Today's workflows as a worker runs them, without the map to their sources: compressed it is 120 kB instead of 500. */
export async function bundleToKeep(): Promise<Buffer> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: workflowsOf(HOUSE),
    logger: new DefaultLogger('ERROR'),
  });
  return gzipSync(code.slice(0, code.lastIndexOf(SOURCE_MAP)), { level: 9 });
}

const SOURCE_MAP = '//# sourceMappingURL=data:application/json;';
const EMPTY_MAP = { version: 3, file: 'workflows.js', sources: [], names: [], mappings: '' };

/** What was kept, for a worker to run. The SDK insists on a map. */
export function unpacked(compressed: Buffer): Bundle {
  const code = gunzipSync(compressed).toString('utf8');
  const map = Buffer.from(JSON.stringify(EMPTY_MAP)).toString('base64');
  return { code: `${code}\n${SOURCE_MAP}charset=utf-8;base64,${map}` };
}

/** The compressed workflows as a released version had them. */
export const keptBundle = (version: string): Buffer => readFileSync(bundleFile(version));

/** The versions of which the workflows were kept, oldest first. */
export function keptVersions(): string[] {
  const versions = readdirSync(BUNDLES).map((file) => file.replace(/\.js\.gz$/, ''));
  return versions.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

/** Tells one compressed bundle from another, whatever compressed it. */
export const digest = (compressed: Buffer): string =>
  createHash('sha256').update(gunzipSync(compressed)).digest('hex');
