import { DEVELOPMENT_PASSWORDS } from './users';
import { usersConfig } from './users.config';

const URLS = {
  PAYMENT_DATABASE_URL: 'mysql://payment_api:a%40b@db:3307/payment_eda',
  WALLET_DATABASE_URL: 'mysql://wallet_service:w@db:3307/payment_eda',
  OPS_DATABASE_URL: 'mysql://ops:o@db:3307/payment_eda',
  MIGRATOR_DATABASE_URL: 'mysql://migrator:m@db:3307/payment_eda',
};
const PRODUCTION = {
  ...URLS,
  NODE_ENV: 'production',
  MYSQL_ROOT_URL: 'mysql://root:r@db:3307/mysql',
  CDC_DATABASE_PASSWORD: 'c',
};

describe('who creates which users', () => {
  it('When nothing is set, then it is the development server with its default passwords', () => {
    expect(usersConfig({ MYSQL_PORT: '3310' })).toEqual({
      administrator: { host: '127.0.0.1', port: 3310, user: 'root', password: '1234' },
      passwords: DEVELOPMENT_PASSWORDS,
    });
  });

  it('When the processes have URLs of their own, then their passwords are the users’', () => {
    const { administrator, passwords } = usersConfig(PRODUCTION);
    expect(administrator).toEqual({ host: 'db', port: 3307, user: 'root', password: 'r' });
    expect(passwords).toEqual({ paymentApi: 'a@b', wallet: 'w', ops: 'o', migrator: 'm', cdc: 'c' });
  });

  it('When a URL names another user, then that is said, and no password', () => {
    const env = { ...URLS, WALLET_DATABASE_URL: 'mysql://root:hidden@db/payment_eda' };
    expect(() => usersConfig(env)).toThrow(/wallet must name the user wallet_service/);
    expect(() => usersConfig(env)).not.toThrow(/hidden/);
  });

  it.each([
    ['MYSQL_ROOT_URL', 'mysql://root:1234@db/mysql', /administrator/],
    ['OPS_DATABASE_URL', 'mysql://ops:ops@db/payment_eda', /OPS_DATABASE_URL has a default password/],
    ['CDC_DATABASE_PASSWORD', DEVELOPMENT_PASSWORDS.cdc, /debezium has its default password/],
    [
      'WALLET_DATABASE_URL',
      'mysql://wallet_service@db/payment_eda',
      /WALLET_DATABASE_URL has a default password/,
    ],
  ])('When %s is a default in production, then nothing is created', (variable, value, problem) => {
    expect(() => usersConfig({ ...PRODUCTION, [variable]: value })).toThrow(problem);
  });
});
