import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

const run = promisify(execFile);
const tools = ['demo', 'budget', 'openapi', 'schema', 'check-invariants', 'recount'];

test.each(tools)('%s says which flags there are instead of guessing at one', async (tool) => {
  const bogus = run(process.execPath, [`src/main/${tool}.ts`, '--bogus']);
  await expect(bogus).rejects.toMatchObject({ code: 2, stdout: '' });
  await expect(bogus).rejects.toHaveProperty('stderr', expect.stringMatching(/Unknown option '--bogus'/));
});

test.each(tools)('%s has help', async (tool) => {
  const { stdout } = await run(process.execPath, [`src/main/${tool}.ts`, '--help']);
  expect(stdout).toMatch(new RegExp(`npm run ${tool}`));
});
