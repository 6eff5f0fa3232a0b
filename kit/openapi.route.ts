import { dirname, join } from 'node:path';
import { Router } from 'express';
import { otherMethods } from './http';

/** The package's own entry would load the whole page's script into this process. */
const ASSETS_DIR = dirname(require.resolve('swagger-ui-dist/package.json'));
const PAGE_DIR = join(__dirname, 'openapi-page');
/** All of Swagger UI that the page needs; the rest of the package is not served. */
const ASSETS = ['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png'];
/** Swagger UI puts its icons into the style sheet, and styles onto its elements. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** `GET /openapi.json`, and `/docs`: the same document for people. Nothing of the page comes from elsewhere. */
export function openApiRoutes(document: object): Router {
  const router = Router();
  router.get('/openapi.json', (_req, res) => void res.json(document));
  router.all('/openapi.json', otherMethods('GET', 'HEAD'));
  router.get('/docs', (_req, res) => {
    res.set('Content-Security-Policy', CONTENT_SECURITY_POLICY);
    res.sendFile('docs.html', { root: PAGE_DIR });
  });
  router.get('/docs/docs.js', (_req, res) => res.sendFile('docs.js', { root: PAGE_DIR }));
  for (const name of ASSETS) {
    router.get(`/docs/assets/${name}`, (_req, res) => res.sendFile(name, { root: ASSETS_DIR, maxAge: '1h' }));
  }
  router.all('/docs{/*rest}', otherMethods('GET', 'HEAD'));
  return router;
}
