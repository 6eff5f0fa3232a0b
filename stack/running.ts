import { DATABASE_NAME } from '#prisma/users';
import { ROOT_PASSWORD, ROOT_USER, type ServerName } from './config';
import { StackError } from './errors';
import { withFolderLock } from './lock';
import { isAlive, signalGroup, waitForEnd, type ProcessIdentity } from './process';
import { LOOPBACK, type Place, type Resource } from './resource';
import { isUsable, startServer, stopServer, type StackReport } from './server';
import { supervise, type Run, type Supervisor, type SupervisorEvent } from './supervisor';

const WATCH_MS = 500;
const RESTART_PATIENCE_MS = 1_000;

/** Where the servers answer. */
export interface Endpoints {
  mysql: { host: string; port: number; rootUser: string; rootPassword: string; database: string };
  /** `host:port` */
  kafkaBrokers: string[];
  /** Base URL of the Confluent-compatible API, without a slash at the end. */
  registryUrl: string;
  connectUrl: string;
}

interface Parts {
  place: Place;
  resources: readonly Resource[];
  startedByUs: readonly ServerName[];
  stopAll: (resources: readonly Resource[], report: StackReport) => Promise<void>;
}

/**
 * Servers that `stackUp` has brought up. They go on running when this process ends, unless `down` is called.
 */
export class RunningStack {
  readonly endpoints: Endpoints;
  /** Those that were not running before. */
  readonly startedByUs: readonly ServerName[];
  readonly #parts: Parts;
  #supervisors: Supervisor[] = [];

  constructor(parts: Parts) {
    const { ports } = parts.place;
    this.#parts = parts;
    this.startedByUs = parts.startedByUs;
    this.endpoints = {
      mysql: {
        host: LOOPBACK,
        port: ports.mysql,
        rootUser: ROOT_USER,
        rootPassword: ROOT_PASSWORD,
        database: DATABASE_NAME,
      },
      kafkaBrokers: [`${LOOPBACK}:${ports.kafka}`],
      registryUrl: `http://${LOOPBACK}:${ports.registry}/apis/ccompat/v7`,
      connectUrl: `http://${LOOPBACK}:${ports.connect}`,
    };
  }

  /** The servers of this stack, in the order of starting. */
  get servers(): ServerName[] {
    return this.#parts.resources.map(({ name }) => name);
  }

  /** Process id of a server; undefined while it is down. */
  pidOf(name: ServerName): number | undefined {
    return this.#process(name)?.pid;
  }

  /** Asks the server itself. */
  healthy(name: ServerName): Promise<boolean> {
    return this.#resource(name).healthy(this.#parts.place);
  }

  /**
   * Sends a signal to a server; after SIGKILL it waits until the process is gone. Supervision sees a death.
   */
  async kill(name: ServerName, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const identity = this.#process(name);
    if (identity === undefined) return;
    signalGroup(identity, signal);
    if (signal === 'SIGKILL') await waitForEnd(identity);
  }

  /** Stops a server if it runs, starts it and waits until it is healthy; its data stay. @throws StackError */
  async restart(name: ServerName, report: StackReport = () => undefined): Promise<void> {
    const { place } = this.#parts;
    const resource = this.#resource(name);
    await withFolderLock(place.folder.path, async () => {
      await stopServer(place.folder, resource, report);
      await startServer(resource, place, report);
    });
  }

  /**
   * From now on a server that dies is started again after a growing delay, each event being reported; one
   * that some other command stops (`npm run stack -- down`) is let go.
   */
  supervise(report: (event: SupervisorEvent) => void): void {
    if (this.#supervisors.length > 0) throw new Error('these servers are supervised already');
    this.#supervisors = this.#parts.resources.map((resource) => {
      const running = this.#runOf(resource.name);
      const start = (signal: AbortSignal): Promise<Run | undefined> => this.#startAgain(resource, signal);
      return supervise({ name: resource.name, start, ...(running === undefined ? {} : { running }) }, report);
    });
  }

  /** Ends the supervision; servers go on running. */
  async unsupervise(): Promise<void> {
    const supervisors = this.#supervisors;
    this.#supervisors = [];
    await Promise.all(supervisors.map((supervisor) => supervisor.stop()));
  }

  /**
   * Stops what `stackUp` started (`all`: the servers found running too), dependents first. Resolves when the
   * processes are gone. Repeating it does nothing.
   */
  async down(options: { all?: boolean; report?: StackReport } = {}): Promise<void> {
    await this.unsupervise();
    const { resources, place, stopAll } = this.#parts;
    const which = resources.filter(({ name }) => options.all === true || this.startedByUs.includes(name));
    await withFolderLock(place.folder.path, () => stopAll(which, options.report ?? (() => undefined)));
  }

  #resource(name: ServerName): Resource {
    const resource = this.#parts.resources.find((candidate) => candidate.name === name);
    if (resource === undefined) throw new StackError(`${name} is not among the servers of this stack.`);
    return resource;
  }

  #process(name: ServerName): ProcessIdentity | undefined {
    const record = this.#parts.place.folder.record(name);
    return record !== undefined && isAlive(record) ? record : undefined;
  }

  #runOf(name: ServerName): Run | undefined {
    const identity = this.#process(name);
    if (identity === undefined) return undefined;
    const ended = waitForEnd(identity, undefined, undefined, WATCH_MS).then(() => 'ended');
    return { pid: identity.pid, ended };
  }

  async #startAgain(resource: Resource, signal: AbortSignal): Promise<Run | undefined> {
    const { place } = this.#parts;
    const { folder } = place;
    return withFolderLock(
      folder.path,
      async () => {
        const record = folder.record(resource.name);
        // Without a record, or with one that says so, somebody stopped it on purpose.
        if (record === undefined || record.stopping) return undefined;
        if (!(await isUsable(resource, place, RESTART_PATIENCE_MS, signal))) {
          await stopServer(folder, resource, () => undefined);
          await this.#startKeepingRecord(resource, { ...place, signal });
        }
        return this.#runOf(resource.name);
      },
      { signal },
    );
  }

  /** A failed start removes the record, which would read as "stopped on purpose" at the next try. */
  async #startKeepingRecord(resource: Resource, place: Place): Promise<void> {
    try {
      await startServer(resource, place, () => undefined);
    } catch (error) {
      place.folder.writeRecord({
        pid: 0,
        startTicks: 'never',
        bootId: '',
        name: resource.name,
        port: place.ports[resource.name],
        fingerprint: '',
        startedAt: new Date().toISOString(),
        stopping: false,
      });
      throw error;
    }
  }
}
