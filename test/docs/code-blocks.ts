import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The code blocks of one language in a page of this repository, in order. */
export function codeBlocks(page: string, language: string): string[] {
  const text = readFileSync(join(import.meta.dirname, '..', '..', page), 'utf8');
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].flatMap(([, of, code = '']) =>
    of === language ? [code] : [],
  );
}

/** Those between a heading of the second level and the next one: for pages to which several tests belong. */
export function codeBlocksUnder(page: string, heading: string, language: string): string[] {
  const text = readFileSync(join(import.meta.dirname, '..', '..', page), 'utf8');
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].flatMap(([, of, code = '']) =>
    of === language ? [code] : [],
  );
}
