import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The code blocks of one language in a page of this repository, in order. */
export function codeBlocks(page: string, language: string): string[] {
  return blocksIn(textOf(page), language);
}

/** Those between a heading of the second level and the next one: for pages to which several tests belong. */
export function codeBlocksUnder(page: string, heading: string, language: string): string[] {
  const sections = textOf(page).split(/^## /m);
  return blocksIn(sections.find((part) => part.startsWith(`${heading}\n`)) ?? '', language);
}

const textOf = (page: string) => readFileSync(join(import.meta.dirname, '..', '..', page), 'utf8');

function blocksIn(text: string, language: string): string[] {
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].flatMap(([, of, code = '']) =>
    of === language ? [code] : [],
  );
}
