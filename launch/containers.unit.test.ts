import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { connectSettings } from '#connect/config';
import type * as ConfigModule from '#kit/config';
import { opsConfig } from '#ops/config';
import { serverConfig, workerConfig } from '#payment-api/config';
import { databaseUrl } from '#prisma/config';
import { usersConfig } from '#prisma/users.config';
import { readSimulatorConfig } from '#psp-simulator/config';
import { composeText, environmentOf, readCompose, serviceOf } from '#stack/compose.fixture';
import { projectFolder } from '#stack/project';
import { readWalletConfig } from '#wallet-consumer/config';
import { NODE_FLAGS, SERVICES } from './services';

const mockKnown = new Set<string>();
/** The real one, which also tells which variables were looked for. */
jest.mock<typeof ConfigModule>('#kit/config', () => {
  const real = jest.requireActual<typeof ConfigModule>('#kit/config');
  return {
    ...real,
    readConfig: (schema, env) => {
      for (const variable of Object.keys(schema.shape)) mockKnown.add(variable);
      return real.readConfig(schema, env);
    },
  };
});

type Env = Record<string, string>;
const project = projectFolder();
const textOf = (path: string): string => readFileSync(join(project, path), 'utf8');

/** What each service of ours reads from its environment. */
const READERS: Record<string, (env: Env) => unknown> = {
  'psp-simulator': readSimulatorConfig,
  'payment-api': serverConfig,
  'payment-worker': workerConfig,
  'wallet-consumer': readWalletConfig,
  deploy: (env) => [usersConfig(env), databaseUrl('migrator', env), opsConfig(env), connectSettings(env)],
  'connector-watch': connectSettings,
};
const NAMES = Object.keys(READERS);
/** The watch is given no secret. */
const WITH_SECRETS = NAMES.filter((name) => name !== 'connector-watch');

function knownTo(name: string, env: Env): Set<string> {
  mockKnown.clear();
  READERS[name]?.(env);
  // Read beside the schemas: it decides whether default passwords may stand.
  return new Set([...mockKnown, 'NODE_ENV']);
}

/** Their defaults mean this machine, which inside a container is the container. */
const PLACES = [
  'BIND_HOST',
  'KAFKA_BROKERS',
  'SCHEMA_REGISTRY_URL',
  'CONNECT_URL',
  'CDC_DATABASE_HOST',
  'PSP_BASE_URL',
];

const dockerfile = textOf('Dockerfile');

describe('our processes in containers', () => {
  it.each(NAMES)('When %s is started, then it knows every variable that it is given', (name) => {
    const env = environmentOf(readCompose(), name);
    const known = knownTo(name, env);
    expect(Object.keys(env).filter((variable) => !known.has(variable))).toEqual([]);
    expect(known.has('PAYMENT_API_PROT')).toBe(false);
  });

  it.each(NAMES)('When %s looks for another server, then it is told where that is', (name) => {
    const env = environmentOf(readCompose(), name);
    const known = knownTo(name, env);
    const untold = PLACES.filter((variable) => known.has(variable) && env[variable] === undefined);
    expect(untold).toEqual([]);
    expect(JSON.stringify(READERS[name]?.(env))).not.toMatch(/127\.0\.0\.1/);
  });

  it.each(WITH_SECRETS)('When %s is for production with nothing else set, then it does not start', (name) => {
    const env = environmentOf(readCompose({ NODE_ENV: 'production' }), name);
    expect(env['NODE_ENV']).toBe('production');
    expect(() => READERS[name]?.(env)).toThrow(/production|default/);
  });

  it('When all secrets are set, then everything starts in production', () => {
    const secrets = Object.fromEntries(
      [...composeText().matchAll(/\$\{(\w*(?:PASSWORD|SECRET_KEY|API_KEYS))\b/g)].map(([, name = '']) => [
        name,
        'a-secret-of-its-own',
      ]),
    );
    const production = { NODE_ENV: 'production', ...secrets };
    // The simulator approves whatever it is asked: with it in the PSP's place nobody would ever pay.
    expect(() => serverConfig(environmentOf(readCompose(production), 'payment-api'))).toThrow(/https/);
    const toss = { PSP_BASE_URL: 'https://api.tosspayments.com', TOSS_CLIENT_KEY: 'live_ck' };
    const compose = readCompose({ ...production, ...toss });
    for (const name of NAMES) expect(() => READERS[name]?.(environmentOf(compose, name))).not.toThrow();
  });

  it('When the browser goes to the payment window and returns, then both addresses are its own', () => {
    const compose = readCompose({ PAYMENT_API_PORT: '18080', PSP_SIMULATOR_PORT: '18090' });
    const { paymentWindow, psp } = serverConfig(environmentOf(compose, 'payment-api'));
    expect(paymentWindow).toEqual({ kind: 'simulator', url: 'http://localhost:18090/window' });
    expect(psp.baseUrl).toBe('http://psp-simulator:8090');
    const { allowedOrigins } = readSimulatorConfig(environmentOf(compose, 'psp-simulator'));
    expect(allowedOrigins).toEqual(['http://localhost:18080']);
  });

  it('When the administrator goes on to the wallets, then at an address that a browser reaches', () => {
    const compose = readCompose({ WALLET_PORT: '18081' });
    expect(serverConfig(environmentOf(compose, 'payment-api')).walletPageUrl).toBe('http://localhost:18081');
    const elsewhere = readCompose({ WALLET_PAGE_URL: 'https://wallets.example/' });
    expect(serverConfig(environmentOf(elsewhere, 'payment-api')).walletPageUrl).toBe(
      'https://wallets.example',
    );
  });

  it('When a process is started, then it is by the same script as without containers', () => {
    const scripts = ['psp-simulator', 'payment-api', 'payment-worker', 'wallet-consumer'].map(
      (name) => serviceOf(readCompose(), name).command?.[0],
    );
    const { simulator, api, worker, wallet } = SERVICES;
    expect(scripts).toEqual([simulator, api, worker, wallet].map(({ script }) => `dist/${script}`));
  });

  it('When a container is stopped, then its process has had its time to release everything', () => {
    const limitsMs = Object.values(SERVICES)
      .map(({ script }) => textOf(script.replace('.js', '.ts')))
      .concat(textOf('kit/process.ts'))
      .flatMap((source) => /RELEASE_TIMEOUT_MS = ([\d_]+)/.exec(source)?.[1]?.replaceAll('_', '') ?? [])
      .map(Number);
    expect(limitsMs.length).toBeGreaterThanOrEqual(3);
    for (const name of NAMES) {
      const graceS = Number(serviceOf(readCompose(), name).stop_grace_period?.replace('s', ''));
      expect(graceS * 1_000).toBeGreaterThan(Math.max(...limitsMs));
    }
  });

  it('When a health check asks, then it asks the port that the process listens on', () => {
    for (const [name, variable] of [
      ['psp-simulator', 'PSP_SIMULATOR_PORT'],
      ['payment-api', 'PAYMENT_API_PORT'],
      ['payment-worker', 'WORKER_PORT'],
      ['wallet-consumer', 'WALLET_PORT'],
    ] as const) {
      const test = serviceOf(readCompose(), name).healthcheck?.test;
      expect(test?.slice(0, 3)).toEqual(['CMD', 'node', '-e']);
      expect(test?.[3]).toContain('`http://127.0.0.1:${process.argv[1]}/health/ready`');
      expect(test?.[4]).toBe(environmentOf(readCompose(), name)[variable]);
    }
  });
});

describe('Dockerfile', () => {
  it('When it names Node, then it is one exact version that package.json accepts', () => {
    const versions = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image);
    expect(new Set(versions).size).toBe(1);
    const [, major, minor] = /^node:(\d+)\.(\d+)\.\d+-bookworm-slim$/.exec(versions[0] ?? '') ?? [];
    const { engines } = JSON.parse(textOf('package.json')) as { engines: { node: string } };
    const [, majorMin, minorMin] = /^>=(\d+)\.(\d+)$/.exec(engines.node) ?? [];
    expect(Number(major) * 1_000 + Number(minor)).toBeGreaterThanOrEqual(
      Number(majorMin) * 1_000 + Number(minorMin),
    );
  });

  it('When a process starts, then with the flags of the launcher', () => {
    const entry = JSON.parse(/^ENTRYPOINT (.*)$/m.exec(dockerfile)?.[1] ?? '[]') as string[];
    expect(entry).toEqual(['node', ...NODE_FLAGS]);
  });

  it('When it runs, then not as root, and without what only building needs', () => {
    expect(/^USER (.*)$/m.exec(dockerfile)?.[1]).toBe('node');
    expect(dockerfile).toMatch(/npm ci --ignore-scripts/);
    expect(dockerfile).toMatch(/npm prune --omit=dev/);
  });

  it('When it copies the repository, then neither data nor secrets nor builds of this machine', () => {
    const ignored = textOf('.dockerignore').split('\n');
    expect(ignored).toEqual(
      expect.arrayContaining(['.git', '.env*', '.stack', '**/node_modules', 'dist', 'prisma/generated']),
    );
    const needed = ['package.json', 'package-lock.json', '.npmrc', 'tsconfig.json', 'tsconfig.build.json'];
    for (const file of needed) {
      expect(existsSync(join(project, file))).toBe(true);
      expect(ignored).not.toContain(file);
    }
    const rooms = readdirSync(project, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    for (const { name } of rooms.filter((room) => existsSync(join(project, 'dist', room.name))))
      expect(ignored).not.toContain(name);
  });
});
