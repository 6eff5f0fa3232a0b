import { ConfigError } from '#kit/config';
import { readSimulatorConfig } from './config';

describe('configuration', () => {
  it('When nothing is set, then it listens on this machine only', () => {
    expect(readSimulatorConfig({})).toEqual({
      port: 8090,
      host: '127.0.0.1',
      dir: '.stack/data/psp-simulator',
      sessionMs: 600_000,
      secretKey: 'test_sk_simulator',
      allowedOrigins: [],
      webhookUrl: undefined,
      logLevel: 'info',
    });
  });

  it('When several variables are wrong, then each is named', () => {
    const env = {
      PSP_SIMULATOR_PORT: '99999',
      ALLOWED_ORIGINS: 'https://shop.example/path',
      WEBHOOK_URL: 'ftp://a',
    };
    expect(() => readSimulatorConfig(env)).toThrow(ConfigError);
    for (const name of Object.keys(env)) expect(() => readSimulatorConfig(env)).toThrow(name);
  });

  it('When it is production, then the default key is refused', () => {
    expect(() => readSimulatorConfig({ NODE_ENV: 'production' })).toThrow('TOSS_SECRET_KEY');
    expect(readSimulatorConfig({ NODE_ENV: 'production', TOSS_SECRET_KEY: 'test_sk_a' }).secretKey).toBe(
      'test_sk_a',
    );
  });
});
