import type { Express } from 'express';

// What an application answers to, as its router has it: for comparing with what is described.

interface Layer {
  route?: { path: string; stack: { method?: string }[] };
  handle: { stack?: Layer[] };
  /** Mounted at `/`. */
  slash: boolean;
}

/**
 * Every route of an application as OpenAPI writes it: `get /api/payments/{orderId}`. `all /path` is there when a path
 * is answered in no other way; behind a path's routes it refuses the other methods.
 *
 * @throws Error when a router with routes is mounted below a path: where its routes are cannot be read
 */
export function routesOf(app: Express): string[] {
  const named = new Set<string>();
  const others = new Set<string>();
  const walk = (layers: readonly Layer[]): void => {
    for (const { route, handle, slash } of layers) {
      if (route === undefined) {
        if (handle.stack === undefined) continue;
        if (!slash) throw new Error('a router below a path: give its routes their whole paths');
        walk(handle.stack);
        continue;
      }
      const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
      for (const { method } of route.stack) {
        if (method === undefined) others.add(path);
        else named.add(`${method} ${path}`);
      }
    }
  };
  walk((app.router as unknown as { stack: Layer[] }).stack);
  const paths = new Set([...named].map((one) => one.slice(one.indexOf(' ') + 1)));
  return [
    ...named,
    ...[...others].filter((path) => !paths.has(path)).map((path) => `all ${path}`),
  ].toSorted();
}

/** Routes that every service has and no document describes. */
export const ROUTES_OF_ALL_SERVICES = [
  'get /health/live',
  'get /health/ready',
  'get /metrics',
  'get /openapi.json',
  'get /docs',
  'get /docs/docs.js',
  'get /docs/assets/swagger-ui.css',
  'get /docs/assets/swagger-ui-bundle.js',
  'get /docs/assets/favicon-32x32.png',
  'all /docs{/*rest}',
];
