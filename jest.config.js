export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2024' },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  // Tests mostly wait for servers and timers, so two files at a time pay even on two cores.
  maxWorkers: 2,
  workerIdleMemoryLimit: '1GB',
  // What a worker process still holds after its last file, such as Temporal's threads, it lets go of within seconds; jest
  // would kill it after half of one and blame the tests.
  workerGracefulExitTimeout: 30_000,
  // Only what hangs takes so long; a slow machine is no fault of the code.
  testTimeout: 300_000,
};
