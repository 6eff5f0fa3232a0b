import { lintOpenApi } from '#kit/openapi-lint.fixture';
import { OPERATIONS, openApi } from './routes';

test('The document is valid OpenAPI 3.1, and the linter finds nothing', () => {
  expect(openApi()).toMatchObject({ openapi: '3.1.1' });
  expect(lintOpenApi(openApi())).toBe('');
  expect(OPERATIONS.every(({ access }) => access === 'admin')).toBe(true);
});
