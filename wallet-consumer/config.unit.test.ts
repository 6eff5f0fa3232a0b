import { readWalletConfig } from './config';

const PRODUCTION = {
  NODE_ENV: 'production',
  ADMIN_API_KEYS: 'long-and-random-one',
  WALLET_DATABASE_URL: 'mysql://wallet_service:long-and-random@db:3306/payment_eda',
};

describe('configuration of the wallet service', () => {
  it('When nothing is set, then it fits the development stack', () => {
    expect(readWalletConfig({})).toMatchObject({
      port: 8081,
      host: '127.0.0.1',
      databaseUrl: 'mysql://wallet_service:wallet_service@127.0.0.1:3306/payment_eda',
      registry: { url: 'http://127.0.0.1:8085/apis/ccompat/v7' },
      adminApiKeys: ['dev-admin-key'],
      rateLimitPerMinute: 600,
      trustedProxies: [],
      batchSizeMax: 500,
      sessionTimeoutMs: 10_000,
    });
  });

  it('When it is production with secrets of its own, then it is accepted', () => {
    expect(readWalletConfig(PRODUCTION)).toMatchObject({ databaseUrl: PRODUCTION.WALLET_DATABASE_URL });
  });

  it.each([
    ['ADMIN_API_KEYS', undefined],
    ['ADMIN_API_KEYS', 'long-and-random-one,dev-admin-key'],
    ['ADMIN_API_KEYS', 'long-and-random-one,short'],
    ['TRUSTED_PROXIES', '10.0.0.0/33'],
    ['WALLET_DATABASE_URL', undefined],
    ['WALLET_DATABASE_URL', 'mysql://wallet_service:wallet_service@db:3306/payment_eda'],
    ['WALLET_DATABASE_URL', 'mysql://root:1234@db:3306/payment_eda'],
  ])('When it is production and %s is %s, then the process refuses and names it', (name, value) => {
    expect(() => readWalletConfig({ ...PRODUCTION, [name]: value })).toThrow(name);
  });

  it('When several variables are wrong, then all are named at once', () => {
    expect(() => readWalletConfig({ WALLET_PORT: 'x', WALLET_BATCH_SIZE_MAX: '0' })).toThrow(
      /WALLET_PORT[^]*WALLET_BATCH_SIZE_MAX/,
    );
  });
});
