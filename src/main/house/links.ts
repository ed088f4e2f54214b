import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Every link of a Markdown page to a file that is not there, one sentence each. */
export function brokenLinks(root: string): string[] {
  const pages = globSync(['*.md', '{src,workflows,activities,api,migrations,test,bench,docs}/**/*.md'], {
    cwd: root,
  });
  return pages.sort().flatMap((page) =>
    [...readFileSync(path.join(root, page), 'utf8').matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target = '']) => target.split('#')[0] ?? '')
      .filter((target) => target !== '' && !/^[a-z]+:/.test(target))
      // A page may show how a link looks.
      .filter((target) => !target.includes('…'))
      .filter((target) => !existsSync(path.join(root, path.dirname(page), target)))
      .map((target) => `${page} links to ${target}, which is not there`),
  );
}
