import { contractTarget } from './toss-contract.config';

test('When no key is set, then the suite speaks to the simulator', () => {
  expect(contractTarget({})).toEqual({ kind: 'simulator' });
});

test('When a test key is set, then the suite speaks to Toss', () => {
  expect(contractTarget({ TOSS_SECRET_KEY: 'test_sk_abc' })).toEqual({
    kind: 'toss',
    baseUrl: 'https://api.tosspayments.com',
    secretKey: 'test_sk_abc',
    payment: undefined,
  });
});

test('When an authenticated payment is named, then it is confirmed and canceled', () => {
  const env = {
    TOSS_SECRET_KEY: 'test_gsk_abc',
    TOSS_CONTRACT_PAYMENT_KEY: 'key',
    TOSS_CONTRACT_ORDER_ID: 'order-1',
    TOSS_CONTRACT_AMOUNT: '1000',
  };
  expect(contractTarget(env)).toMatchObject({
    payment: { paymentKey: 'key', orderId: 'order-1', amount: 1000 },
  });
  expect(() => contractTarget({ ...env, TOSS_CONTRACT_AMOUNT: '' })).toThrow('name all of');
});

test.each([
  ['live_sk_secret', /TOSS_SECRET_KEY is a live key: .* takes test_sk_… keys only/],
  ['live_gsk_secret', /is a live key/],
  ['test_ck_secret', /is no secret key of a test environment/],
])('When the key is %s, then it is refused, and not repeated', (secretKey, sentence) => {
  expect(() => contractTarget({ TOSS_SECRET_KEY: secretKey })).toThrow(sentence);
  expect(() => contractTarget({ TOSS_SECRET_KEY: secretKey })).not.toThrow('secret"');
});
