import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Operation } from '#kit/endpoint';
import { lintOpenApi as lint } from '#kit/openapi-lint.fixture';
import { OPERATIONS, openApi } from './routes';

test('The document is valid OpenAPI 3.1, and the linter finds nothing', () => {
  expect(openApi()).toMatchObject({ openapi: '3.1.1' });
  expect(lint(openApi())).toBe('');
});

test('When the document is broken, then the linter says so', () => {
  expect(lint({ ...openApi(), paths: { '/x/{id}': { get: { responses: {} } } } })).toMatch(/error/);
});

test('Every operation that a verb describes is in the document', () => {
  const files = readdirSync(__dirname, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.operation.ts'),
  );
  const described = files.flatMap((path) =>
    // oxlint-disable-next-line typescript/no-require-imports -- whatever files there are
    Object.values(require(join(__dirname, path)) as Record<string, Operation>).filter(
      (exported) => typeof exported === 'object' && 'id' in exported && 'path' in exported,
    ),
  );
  expect(described.length).toBeGreaterThan(5);
  expect(new Set(described)).toEqual(new Set(OPERATIONS));
  expect(new Set(OPERATIONS.map(({ id }) => id)).size).toBe(OPERATIONS.length);
});

test('What a call of a kind can always be refused for is documented', () => {
  const { paths } = openApi() as { paths: Record<string, Record<string, { responses: object }>> };
  const statuses = (path: string, method: string) => Object.keys(paths[path]?.[method]?.responses ?? {});
  expect(statuses('/api/payments/confirm', 'post')).toEqual(
    ['200', '202', '400', '402', '404', '409', '413', '415', '429', '500', '503'].toSorted(),
  );
  expect(statuses('/api/payments', 'get')).toEqual(['200', '400', '401', '429', '500', '503']);
  expect(statuses('/api/products', 'get')).toEqual(['200', '500', '503']);
});
