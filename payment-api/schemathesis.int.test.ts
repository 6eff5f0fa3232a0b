import { describeWith } from '#kit/optional-tool.fixture';
import { fuzz, schemathesis } from '#kit/schemathesis.fixture';
import { ADMIN_KEY, startTestApi } from './payment-api.fixture';
import { OPERATIONS } from './routes';

describeWith(schemathesis, 'Schemathesis', (program) => {
  test('finds no answer of the payment API that is not described, and no 5xx', async () => {
    const api = await startTestApi();
    try {
      // It has asked: a run that tested nothing would end well, too.
      expect(await fuzz(program, api.url, ADMIN_KEY)).toBe(OPERATIONS.length);
    } finally {
      await api.close();
    }
  });
});
