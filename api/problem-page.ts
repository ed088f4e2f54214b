import { ERROR_CODES } from '../src/domain/errors.ts';
import { PROBLEMS } from './problem.ts';

/** Where the `type` of every problem leads: all codes on one page, which needs no script and no other host. */
export function problemPage(): string {
  const rows = ERROR_CODES.map((code) => {
    const { status, title } = PROBLEMS[code];
    return `<tr id="${code}"><td><code>${code}</code></td><td>${status}</td><td>${title}</td></tr>`;
  });
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Errors</title>
<link rel="stylesheet" href="/docs/page.css"></head>
<body><main><h1>Errors</h1>
<p>Everything that goes wrong is answered as <code>application/problem+json</code> (RFC 9457). Programs look at
<code>code</code>, people at <code>detail</code>, and <code>errors</code> names every field that is wrong with its remedy.
<code>instance</code> is the id of the request: quote it when you ask.</p>
<table><thead><tr><th>code</th><th>status</th><th>meaning</th></tr></thead><tbody>
${rows.join('\n')}
</tbody></table></main></body></html>
`;
}

export const PAGE_CSS = `body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1c1e21}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.35rem .75rem .35rem 0;border-bottom:1px solid #ddd}
tr:target{background:#fff3c4}code{font-size:.9em}
`;
