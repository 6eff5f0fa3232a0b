import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { databaseUrl } from './config';
import { DatabaseUrlError, connectionOptions, poolOptions } from './connection';

describe('connectionOptions', () => {
  it('When a URL is whole, then user and password are decoded and times are UTC', () => {
    expect(connectionOptions('mysql://a%40b:p%2F%3A%23@db.example:3307/payment_eda')).toMatchObject({
      host: 'db.example',
      port: 3307,
      user: 'a@b',
      password: 'p/:#',
      database: 'payment_eda',
      timezone: 'Z',
      charset: 'utf8mb4',
      allowPublicKeyRetrieval: true,
    });
  });

  it('When no port is named, then it is MySQL’s; an IPv6 host loses its brackets', () => {
    expect(connectionOptions('mysql://u@[::1]/x')).toMatchObject({ host: '::1', port: 3306, password: '' });
  });

  it.each([
    ['on', { rejectUnauthorized: false }],
    ['verify', { rejectUnauthorized: true }],
  ])(
    'When tls=%s, then the connection is encrypted and keys are never asked for in the clear',
    (tls, ssl) => {
      const options = connectionOptions(`mysql://u:p@h/x?tls=${tls}`);
      expect(options.ssl).toEqual(ssl);
      expect(options.allowPublicKeyRetrieval).toBeUndefined();
    },
  );

  it('When a certificate authority is named, then it is the one that is trusted', () => {
    const dir = mkdtempSync(join(tmpdir(), 'ca-'));
    writeFileSync(join(dir, 'ca.pem'), 'CERTIFICATE');
    const url = `mysql://u:p@h/x?tls=verify&tlsCa=${encodeURIComponent(join(dir, 'ca.pem'))}`;
    expect(connectionOptions(url).ssl).toEqual({ rejectUnauthorized: true, ca: 'CERTIFICATE' });
    rmSync(dir, { recursive: true });
  });

  it.each([
    'not a url',
    'postgres://u:hidden@h/x',
    'mysql://u:hidden@h/',
    'mysql://u:hidden@h',
    'mysql://u:hidden@h/a;b',
    'mysql://u:hidden@h/x?tls=maybe',
    'mysql://u:hidden%@h/x',
  ])('When the URL is %s, then it is refused without repeating the password', (url) => {
    expect(() => connectionOptions(url)).toThrow(DatabaseUrlError);
    expect(() => connectionOptions(url)).not.toThrow(/hidden/);
  });

  it('When a pool is asked for, then its size and its waiting have limits', () => {
    expect(
      poolOptions('mysql://u:p@h/x', 7, { acquireTimeoutMs: 1_500, answerTimeoutMs: 9_000 }),
    ).toMatchObject({
      connectionLimit: 7,
      acquireTimeout: 1_500,
      socketTimeout: 9_000,
      connectTimeout: 5_000,
      database: 'x',
    });
  });
});

describe('databaseUrl', () => {
  it.each([
    ['paymentApi', 'PAYMENT_DATABASE_URL', 'payment_api'],
    ['wallet', 'WALLET_DATABASE_URL', 'wallet_service'],
    ['ops', 'OPS_DATABASE_URL', 'ops'],
    ['migrator', 'MIGRATOR_DATABASE_URL', 'migrator'],
  ] as const)('When %s has no %s, then it is the development server’s', (role, variable, user) => {
    expect(databaseUrl(role, { MYSQL_PORT: '3310' })).toBe(
      `mysql://${user}:${user}@127.0.0.1:3310/payment_eda`,
    );
    expect(databaseUrl(role, { [variable]: 'mysql://x' })).toBe('mysql://x');
    const inProduction = (url?: string) => () =>
      databaseUrl(role, { NODE_ENV: 'production', ...(url === undefined ? {} : { [variable]: url }) });
    expect(inProduction()).toThrow(variable);
    for (const url of [
      `mysql://${user}:${user}@db/x`,
      `mysql://${user}@db/x`,
      `mysql://${user}:%31234@db/x`,
    ]) {
      expect(inProduction(url)).toThrow(`not for production: ${variable} has a default password`);
    }
    for (const url of [`mysql://${user}:own@db/x`, `mysql://${user}:own%@db/x`]) {
      expect(inProduction(url)()).toBe(url);
    }
  });
});
