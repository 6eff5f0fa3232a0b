import { serverConfig, workerConfig } from './config';

const PRODUCTION = {
  NODE_ENV: 'production',
  ADMIN_API_KEYS: 'long-and-random-one,long-and-random-two',
  PAYMENT_DATABASE_URL: 'mysql://payment_api:long-and-random@db:3306/payment_eda',
  PSP_BASE_URL: 'https://api.tosspayments.com',
  TOSS_SECRET_KEY: 'live_sk_of_ours',
  TOSS_CLIENT_KEY: 'live_ck_of_ours',
};

test('When nothing is set, then it fits the development stack', () => {
  expect(serverConfig({})).toMatchObject({
    port: 8080,
    host: '127.0.0.1',
    adminKeys: ['dev-admin-key'],
    psp: { baseUrl: 'http://127.0.0.1:8090' },
    rateLimitPerMinute: 600,
    trustedProxies: [],
    paymentWindow: { kind: 'simulator', url: 'http://127.0.0.1:8090/window' },
  });
});

test('When it is production with secrets of its own, then it is accepted, several keys for a rotation', () => {
  expect(serverConfig(PRODUCTION)).toMatchObject({
    adminKeys: ['long-and-random-one', 'long-and-random-two'],
    paymentWindow: { kind: 'toss', clientKey: 'live_ck_of_ours' },
  });
  expect(workerConfig(PRODUCTION)).toMatchObject({ psp: { secretKey: 'live_sk_of_ours' } });
});

test.each([
  ['ADMIN_API_KEYS', undefined],
  ['ADMIN_API_KEYS', 'long-and-random-one,dev-admin-key'],
  ['ADMIN_API_KEYS', 'long-and-random-one,short'],
  ['ADMIN_API_KEYS', ' , '],
  ['PAYMENT_DATABASE_URL', undefined],
  ['PAYMENT_DATABASE_URL', 'mysql://payment_api:payment_api@db:3306/payment_eda'],
  ['PSP_BASE_URL', undefined],
  ['PSP_BASE_URL', 'http://api.tosspayments.com'],
  ['TOSS_SECRET_KEY', undefined],
  ['TOSS_SECRET_KEY', 'test_sk_simulator'],
  ['TOSS_CLIENT_KEY', undefined],
])('When it is production and %s is %s, then the server refuses and names it', (name, value) => {
  expect(() => serverConfig({ ...PRODUCTION, [name]: value })).toThrow(name);
});

test.each(['10.0.0.0/33', 'proxy', '1.2.3', '::1/129', '10.0.0.1/x'])(
  'When %s is to be trusted as a proxy, then it is no network',
  (network) => {
    expect(() => serverConfig({ TRUSTED_PROXIES: `10.0.0.0/8,${network}` })).toThrow('TRUSTED_PROXIES');
  },
);

test('When a number is none, then all bad variables are named at once and their values are not', () => {
  const bad = { RATE_LIMIT_PER_MINUTE: '-1', PSP_TIMEOUT_MS: 's3cret', PSP_BREAKER_OPEN_MS: '0' };
  expect(() => serverConfig(bad)).toThrow(/PSP_TIMEOUT_MS[^]*PSP_BREAKER_OPEN_MS[^]*RATE_LIMIT_PER_MINUTE/);
  expect(() => serverConfig(bad)).not.toThrow(/s3cret/);
});

test('When a claim would end while its process still asks the PSP, then the process refuses to start', () => {
  expect(() => serverConfig({ CLAIM_LEASE_MS: '60000' })).toThrow('CLAIM_LEASE_MS');
  expect(() => workerConfig({ CLAIM_LEASE_MS: '60000' })).toThrow('CLAIM_LEASE_MS');
});
