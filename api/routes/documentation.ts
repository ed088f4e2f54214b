import { buildOpenApi } from '../openapi.ts';
import { PAGE_CSS, problemPage } from '../problem-page.ts';
import { type RawAnswer, type Route, rawRoute } from '../route.ts';

/** Scripts and styles from here only; the reference draws with inline styles and data images. */
const PAGE_POLICY = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'",
};

const REFERENCE_PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Perennial API</title>
<link rel="stylesheet" href="/docs/assets/swagger-ui.css"><link rel="icon" href="/docs/assets/favicon-32x32.png"></head>
<body><div id="reference"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>
`;
const REFERENCE_SCRIPT = `window.SwaggerUIBundle({ url: '/openapi.json', dom_id: '#reference', deepLinking: true, persistAuthorization: true, docExpansion: 'none', defaultModelsExpandDepth: 0 });
`;

const page = (path: string, operationId: string, summary: string, contentType: string, body: string): Route =>
  rawRoute({
    method: 'get',
    path,
    operationId,
    summary,
    tag: 'Operations',
    auth: 'public',
    response: { description: summary, contentType },
    handler: () => Promise.resolve<RawAnswer>({ status: 200, contentType, headers: PAGE_POLICY, body }),
  });

/** The reference, from the same schemas that validate. It describes the routes it is given and itself. */
export function documentationRoutes(described: readonly Route[]): Route[] {
  const pages = [
    page('/docs', 'showReference', 'The API reference', 'text/html; charset=utf-8', REFERENCE_PAGE),
    page(
      '/docs/start.js',
      'startReference',
      'What starts the API reference',
      'text/javascript; charset=utf-8',
      REFERENCE_SCRIPT,
    ),
    page('/docs/page.css', 'stylePages', 'The style of the pages', 'text/css; charset=utf-8', PAGE_CSS),
    page('/docs/errors', 'showErrors', 'All error codes', 'text/html; charset=utf-8', problemPage()),
  ];
  let text: string | null = null;
  const openApi: Route = rawRoute({
    method: 'get',
    path: '/openapi.json',
    operationId: 'getOpenApi',
    summary: 'This description',
    tag: 'Operations',
    auth: 'public',
    response: { description: 'OpenAPI 3.1.', contentType: 'application/json' },
    handler(): Promise<RawAnswer> {
      text ??= JSON.stringify(buildOpenApi([...described, ...pages, openApi]));
      return Promise.resolve({ status: 200, contentType: 'application/json', body: text });
    },
  });
  return [...pages, openApi];
}
