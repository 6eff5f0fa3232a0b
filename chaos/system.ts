import { join } from 'node:path';
import { existsSync, writeFileSync } from 'node:fs';
import { createConnection, type Connection } from 'mariadb';
import { connectSettings } from '#connect/config';
import { watchConnectors } from '#connect/watch';
import { readLaunchConfig, type LaunchConfig } from '#launch/config';
import { ownPorts } from '#launch/own-ports';
import { SERVICE_NAMES, startService, urlOf, type Service, type ServiceName } from '#launch/services';
import { prepare } from '#launch/system';
import { databaseUrl } from '#prisma/config';
import { openDatabase, type Database } from '#prisma/database';
import { closeDatabase } from '#prisma/transaction';
import { SERVER_NAMES, type ServerName } from '#stack/config';
import { freePorts } from '#stack/ports';
import type { RunningStack } from '#stack/running';
import { stackReset, stackUp } from '#stack/stack';
import { supervise, type Supervisor, type SupervisorEvent } from '#stack/supervisor';
import { openLink, together, type Disturbable, type Link } from './proxy';

// The whole system as the target of attacks: real servers, our processes behind disturbable links, all supervised.

export const TARGETS = [...SERVICE_NAMES, ...SERVER_NAMES] as const;
export type Target = ServiceName | ServerName;
export const LINKS = ['mysql', 'binlog', 'kafka', 'registry', 'psp'] as const;
/** Between our processes and a server; `binlog` is Debezium's own way to MySQL. */
export type LinkName = (typeof LINKS)[number];
/** Those of our processes that talk to MySQL, each by a link of its own. */
export type Client = 'api' | 'worker' | 'wallet';
/** Those that ask the registry, likewise. */
export type ConsumerName = 'wallet' | 'worker';
export interface Links extends Record<Exclude<LinkName, 'mysql' | 'registry'>, Link> {
  /** All of the processes' links to MySQL. */
  mysql: Disturbable;
  mysqlOf: Record<Client, Link>;
  /** Both consumers' links to the registry. */
  registry: Disturbable;
  registryOf: Record<ConsumerName, Link>;
}

export interface ChaosSystem {
  config: LaunchConfig;
  stack: RunningStack;
  links: Links;
  urls: { api: string; wallet: string; simulator: string };
  /** Reads what is to be judged. */
  ops: Database;
  /** A connection as the database's administrator, not through a link. */
  asRoot(): Promise<Connection>;
  /** From its next start on, MySQL has more room. */
  enlargeDisk(): void;
  signal(target: Target, signal: NodeJS.Signals): Promise<void>;
  /** Sets the clock of our process off by so many seconds; false where that cannot be done. */
  shiftClock(target: ServiceName, seconds: number): boolean;
  /** One more wallet consumer, in the same group. */
  secondWallet(): Promise<Service>;
  down(): Promise<void>;
}

/** Short, so that what a fault leaves behind is over within a run; the lease follows from the time limit. */
const SETTINGS = {
  PSP_TIMEOUT_MS: '1000',
  PSP_PAUSE_MS: '200',
  PSP_BREAKER_OPEN_MS: '2000',
  CLAIM_LEASE_MS: '61000',
  RATE_LIMIT_PER_MINUTE: '0',
  KAFKA_SESSION_TIMEOUT_MS: '6000',
} as const;
const RESTART_FIRST_MS = 500;
const RESTART_MAX_MS = 4_000;
/** The tablespace that all tables lie in, so that it can be full. */
const TABLESPACE_MIB = 768;
const MORE_TABLESPACE_MIB = 128;
const mysqlOptions = (tablespaceMib: number): string[] => [
  '--innodb-file-per-table=0',
  `--innodb-data-file-path=ibdata1:12M:autoextend:max:${tablespaceMib}M`,
];

const FAKETIME_PATHS = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1',
  '/usr/lib/faketime/libfaketime.so.1',
  '/usr/lib64/faketime/libfaketime.so.1',
];

/** Ports and folder of this run alone: a running system is never touched. */
const environment = async (stackDir: string, base: NodeJS.ProcessEnv): Promise<NodeJS.ProcessEnv> => ({
  ...base,
  STACK_DIR: stackDir,
  ...(await ownPorts()),
  ...SETTINGS,
});

async function openLinks(config: LaunchConfig, kafkaProxiedPort: number): Promise<Links> {
  const { ports } = config.stack;
  const [api, worker, wallet, binlog, kafka, schemasOfWallet, schemasOfWorker, psp] = await Promise.all([
    openLink(ports.mysql),
    openLink(ports.mysql),
    openLink(ports.mysql),
    openLink(ports.mysql),
    openLink(kafkaProxiedPort),
    openLink(ports.registry),
    openLink(ports.registry),
    openLink(config.ports.simulator),
  ]);
  const mysql = together([api, worker, wallet]);
  const registryOf = { wallet: schemasOfWallet, worker: schemasOfWorker };
  const registry = together([schemasOfWallet, schemasOfWorker]);
  return { mysql, mysqlOf: { api, worker, wallet }, binlog, kafka, registry, registryOf, psp };
}

/** What our processes are told: every server is reached by its link. */
function throughLinks(env: NodeJS.ProcessEnv, links: Links, name: ServiceName): NodeJS.ProcessEnv {
  const byLink = (url: string): string => {
    const through = new URL(url);
    // The simulator has no database.
    through.port = String(links.mysqlOf[name === 'simulator' ? 'api' : name].port);
    return through.href;
  };
  return {
    ...env,
    PAYMENT_DATABASE_URL: byLink(databaseUrl('paymentApi', env)),
    WALLET_DATABASE_URL: byLink(databaseUrl('wallet', env)),
    KAFKA_BROKERS: `127.0.0.1:${links.kafka.port}`,
    SCHEMA_REGISTRY_URL: `http://127.0.0.1:${links.registryOf[name === 'worker' ? 'worker' : 'wallet'].port}/apis/ccompat/v7`,
    PSP_BASE_URL: `http://127.0.0.1:${links.psp.port}`,
  };
}

/** Our processes under libfaketime, which reads how far each clock is off from a file of its own. */
function clocksOf(stackDir: string) {
  const library = FAKETIME_PATHS.find((path) => existsSync(path));
  const fileOf = (name: ServiceName): string => join(stackDir, `clock-${name}`);
  return {
    set(name: ServiceName, seconds: number): boolean {
      writeFileSync(fileOf(name), `${seconds < 0 ? '' : '+'}${seconds}s\n`);
      return library !== undefined;
    },
    environmentOf(name: ServiceName): NodeJS.ProcessEnv {
      if (library === undefined) return {};
      return {
        LD_PRELOAD: library,
        FAKETIME_TIMESTAMP_FILE: fileOf(name),
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      };
    },
  };
}

export interface ChaosOptions {
  stackDir: string;
  env: NodeJS.ProcessEnv;
  say: (line: string) => void;
  /** What dies and what is started again. */
  report: (event: SupervisorEvent) => void;
  signal?: AbortSignal;
}

/** Our processes: started through the links, under a clock that can be set, and started again when they die. */
class Processes {
  readonly #services = new Map<ServiceName, Service>();
  readonly #clocks: ReturnType<typeof clocksOf>;
  #supervisors: Supervisor[] = [];

  constructor(
    private readonly config: LaunchConfig,
    private readonly links: Links,
    stackDir: string,
  ) {
    this.#clocks = clocksOf(stackDir);
    for (const name of SERVICE_NAMES) this.#clocks.set(name, 0);
  }

  start(name: ServiceName, signal?: AbortSignal, port?: number): Promise<Service> {
    const { config, links } = this;
    const env = { ...throughLinks(config.env, links, name), ...this.#clocks.environmentOf(name) };
    const ports = port === undefined ? config.ports : { ...config.ports, [name]: port };
    return startService({ ...config, ports, env }, name, signal);
  }

  async startAll(report: (event: SupervisorEvent) => void, signal?: AbortSignal): Promise<void> {
    await Promise.all(
      SERVICE_NAMES.map(async (name) => this.#services.set(name, await this.start(name, signal))),
    );
    this.#supervisors = SERVICE_NAMES.map((name) => {
      const running = this.#services.get(name);
      const start = async (abort: AbortSignal): Promise<Service> => {
        const again = await this.start(name, abort);
        this.#services.set(name, again);
        return again;
      };
      const delays = { firstDelayMs: RESTART_FIRST_MS, delayMaxMs: RESTART_MAX_MS };
      return supervise({ name, start, ...delays, ...(running === undefined ? {} : { running }) }, report);
    });
  }

  async signal(name: ServiceName, signalName: NodeJS.Signals): Promise<void> {
    const service = this.#services.get(name);
    service?.kill(signalName);
    if (signalName === 'SIGKILL') await service?.ended;
  }

  shiftClock(name: ServiceName, seconds: number): boolean {
    return this.#clocks.set(name, seconds);
  }

  async stopAll(): Promise<void> {
    await Promise.all(this.#supervisors.map((supervisor) => supervisor.stop()));
    for (const service of this.#services.values()) {
      // What is stopped cannot end.
      service.kill('SIGCONT');
      await service.stop();
    }
  }
}

async function stackOf(
  config: LaunchConfig,
  links: Links,
  { say, signal }: ChaosOptions,
  kafkaProxiedPort: number,
): Promise<RunningStack> {
  config.stack.kafkaProxied = { port: kafkaProxiedPort, advertisedPort: links.kafka.port };
  config.stack.mysqlOptions = mysqlOptions(TABLESPACE_MIB);
  // Debezium's way to the database is a link, too.
  config.env['CDC_DATABASE_PORT'] = String(links.binlog.port);
  return stackUp(config.stack, {
    report: ({ title, phase }) => phase === 'healthy' && say(`${title} is healthy`),
    ...(signal === undefined ? {} : { signal }),
  });
}

const isServer = (target: Target): target is ServerName =>
  (SERVER_NAMES as readonly string[]).includes(target);

/** Brings the system up. @throws StackError */
export async function chaosSystemUp(options: ChaosOptions): Promise<ChaosSystem> {
  const { stackDir, say, report, signal } = options;
  const [kafkaProxiedPort = 0] = await freePorts(1);
  const config = readLaunchConfig(await environment(stackDir, options.env));
  const links = await openLinks(config, kafkaProxiedPort);
  const stack = await stackOf(config, links, options, kafkaProxiedPort);
  const processes = new Processes(config, links, stackDir);
  const tearDown = async (): Promise<void> => {
    for (const name of LINKS) links[name].heal();
    await stack.unsupervise();
    for (const name of SERVER_NAMES) await stack.kill(name, 'SIGCONT');
    await processes.stopAll();
    await stack.down();
    await Promise.all(LINKS.map((name) => links[name].close()));
    await stackReset(config.stack);
  };
  try {
    await prepare(config, { server: () => {}, step: (title, detail) => say(`${title}: ${detail}`) });
    await processes.startAll(report, signal);
  } catch (error) {
    await tearDown();
    throw error;
  }
  say('API, worker, wallet consumer and simulator run');
  stack.supervise(report);
  const connectors = watchConnectors(connectSettings(config.env), (event) =>
    say(event.event === 'running' ? 'connector runs again' : `connector: ${event.reason}`),
  );
  const ops = openDatabase(databaseUrl('ops', config.env), 3);
  let tablespaceMib = TABLESPACE_MIB;
  const { rootUser: user, rootPassword: password, database, port, host } = stack.endpoints.mysql;
  return {
    config,
    stack,
    links,
    ops,
    urls: {
      api: urlOf(config, 'api'),
      wallet: urlOf(config, 'wallet'),
      simulator: urlOf(config, 'simulator'),
    },
    async asRoot() {
      const account = { host, port, user, password, database, allowPublicKeyRetrieval: true };
      const connection = await createConnection(account);
      // Whoever uses it hears of its end by the next statement. Without a listener it would end the process.
      connection.on('error', () => {});
      return connection;
    },
    enlargeDisk() {
      tablespaceMib += MORE_TABLESPACE_MIB;
      config.stack.mysqlOptions = mysqlOptions(tablespaceMib);
    },
    signal: (target, name) => (isServer(target) ? stack.kill(target, name) : processes.signal(target, name)),
    shiftClock: (target, seconds) => processes.shiftClock(target, seconds),
    async secondWallet() {
      const [free = 0] = await freePorts(1);
      return processes.start('wallet', undefined, free);
    },
    async down() {
      await connectors.stop();
      await closeDatabase(ops);
      await tearDown();
    },
  };
}
