/** Stops what `global-setup.ts` started; jest calls it in the same process. */
export async function globalTeardown(): Promise<void> {
  await globalThis.perennialTestServers?.stop();
}

// jest calls the default export.
export default globalTeardown;
