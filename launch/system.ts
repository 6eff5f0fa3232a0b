import { apply } from '#connect/apply';
import { connectSettings } from '#connect/config';
import { watchConnectors, type Watch, type WatchEvent } from '#connect/watch';
import { createLog } from '#kit/log';
import { publishContracts } from '#ops/publish-contracts';
import { opsConfig } from '#ops/config';
import { databaseUrl } from '#prisma/config';
import { openDatabase } from '#prisma/database';
import { closeDatabase } from '#prisma/transaction';
import { migrate, seed } from '#prisma/migrate';
import { throwIfInterrupted } from '#stack/errors';
import type { RunningStack } from '#stack/running';
import type { StackReport } from '#stack/server';
import { stackUp } from '#stack/stack';
import { supervise, type Supervisor, type SupervisorEvent } from '#stack/supervisor';
import type { LaunchConfig } from './config';
import {
  SERVICES,
  SERVICE_NAMES,
  requireServicePorts,
  startService,
  type Service,
  type ServiceName,
} from './services';

export interface SystemReport {
  /** A server's change of state. */
  server: StackReport;
  /** A step that has ended, or a process of ours that is ready. */
  step: (title: string, detail: string, seconds: number) => void;
}

/** Everything that runs together. */
export interface RunningSystem {
  config: LaunchConfig;
  stack: RunningStack;
  /** Those that run now; `down` stops them. */
  services: Map<ServiceName, Service>;
  /** Starts again what dies, until `down`. */
  superviseAll(report: (event: SupervisorEvent) => void, reportConnector: (event: WatchEvent) => void): void;
  /** Stops our processes, then the servers that this system started. */
  down(): Promise<void>;
}

async function timed<T>(report: SystemReport, title: string, work: () => Promise<[T, string]>): Promise<T> {
  const startedMs = Date.now();
  const [result, detail] = await work();
  report.step(title, detail, (Date.now() - startedMs) / 1000);
  return result;
}

/** Which of our processes this system has. */
export const serviceNamesOf = (config: LaunchConfig): ServiceName[] =>
  SERVICE_NAMES.filter((name) => name !== 'simulator' || config.withSimulator);

/** The deploy steps: tables, contracts, topics, connector. Each changes nothing when it is repeated. */
export async function prepare(config: LaunchConfig, report: SystemReport): Promise<void> {
  const { env } = config;
  const migratorUrl = databaseUrl('migrator', env);
  await timed(report, 'migrations', async () => {
    const applied = await migrate(migratorUrl);
    // Demo data are for the embedded server; a database that somebody has named keeps its own.
    if (config.embedded.includes('mysql')) await seed(migratorUrl);
    return [undefined, applied.length === 0 ? 'nothing pending' : `${applied.length} applied`];
  });
  await timed(report, 'contracts', async () => {
    const db = openDatabase(migratorUrl, 1);
    try {
      const published = await publishContracts(opsConfig(env).registry, db);
      return [undefined, `${published.length} published`];
    } finally {
      await closeDatabase(db);
    }
  });
  await timed(report, 'connector', async () => {
    await apply(connectSettings(env), { log: createLog('connect', 'silent') });
    return [undefined, 'topics there, connector and task running'];
  });
}

async function startServices(
  config: LaunchConfig,
  report: SystemReport,
  signal: AbortSignal | undefined,
): Promise<Map<ServiceName, Service>> {
  const names = serviceNamesOf(config);
  const results = await Promise.allSettled(
    names.map((name) =>
      timed(report, SERVICES[name].title, async () => {
        const service = await startService(config, name, signal);
        return [service, `ready at ${service.url}`];
      }),
    ),
  );
  const started = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await Promise.all(started.map((service) => service.stop()));
    throw failed.reason;
  }
  return new Map(started.map((service) => [service.name, service]));
}

/**
 * Brings everything up: the servers that the environment does not name, the deploy steps, our processes. When one of it
 * fails, or `signal` aborts, what was started is stopped again.
 *
 * @throws StackError with what to do; StackInterrupted
 */
export async function systemUp(
  config: LaunchConfig,
  report: SystemReport,
  signal?: AbortSignal,
): Promise<RunningSystem> {
  await requireServicePorts(config, serviceNamesOf(config));
  const stack = await stackUp(config.stack, {
    servers: config.embedded,
    report: report.server,
    ...(signal === undefined ? {} : { signal }),
  });
  try {
    throwIfInterrupted(signal);
    await prepare(config, report);
    throwIfInterrupted(signal);
    return systemOf(config, stack, await startServices(config, report, signal), report);
  } catch (error) {
    await stack.down({ report: report.server });
    throw error;
  }
}

function systemOf(
  config: LaunchConfig,
  stack: RunningStack,
  services: Map<ServiceName, Service>,
  report: SystemReport,
): RunningSystem {
  let supervisors: Supervisor[] = [];
  let connectors: Watch | undefined;
  return {
    config,
    stack,
    services,
    superviseAll(say, sayConnector) {
      if (config.embedded.length > 0) stack.supervise(say);
      // A connector of somebody else's Connect is watched by whoever runs that.
      if (config.embedded.includes('connect'))
        connectors = watchConnectors(connectSettings(config.env), sayConnector);
      supervisors = [...services].map(([name, running]) =>
        supervise(
          {
            name: SERVICES[name].title,
            running,
            start: async (signal) => {
              const again = await startService(config, name, signal);
              services.set(name, again);
              return again;
            },
          },
          say,
        ),
      );
    },
    async down() {
      await connectors?.stop();
      await stack.unsupervise();
      await Promise.all(supervisors.map((supervisor) => supervisor.stop()));
      // The doors first, the consumers behind them last: what was paid is still settled.
      for (const name of SERVICE_NAMES.toReversed()) await services.get(name)?.stop();
      await stack.down({ report: report.server });
    },
  };
}
