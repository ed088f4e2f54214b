import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import express, { type RequestHandler } from 'express';

/** The files of the reference page, from the installed package: no other host is asked for anything. */
export function documentationFiles(): RequestHandler {
  const folder = dirname(fileURLToPath(import.meta.resolve('swagger-ui-dist/package.json')));
  const files = new Set(['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png']);
  const serve = express.static(folder, { index: false, redirect: false, maxAge: '1d' });
  const router = express.Router();
  router.use('/docs/assets', (request, response, next) => {
    if (files.has(request.path.slice(1))) serve(request, response, next);
    else next();
  });
  return router;
}
