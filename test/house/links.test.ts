import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { brokenLinks } from '../../src/main/house/links.ts';

test('a link to a file that is not there is named, all others pass', async () => {
  const root = await mkdtemp(path.join(tmpdir(), 'perennial-links-'));
  try {
    await writeFile(path.join(root, 'b.md'), 'b');
    await writeFile(
      path.join(root, 'a.md'),
      '[b](b.md#part) [web](https://example.com) [here](#part) [c](docs/c.md)',
    );
    expect(brokenLinks(root)).toEqual(['a.md links to docs/c.md, which is not there']);
  } finally {
    await rm(root, { recursive: true });
  }
});
