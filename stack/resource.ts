import type { ServerName, StackSettings } from './config';
import type { Distribution } from './distribution';
import type { StackFolder } from './folder';
import type { ServerCommand } from './process';

/** Everything a server is made from. */
export interface Place {
  settings: StackSettings;
  distribution: Distribution;
  folder: StackFolder;
  java: string;
  /** The ports in use: those of the settings, 0 replaced. */
  ports: Record<ServerName, number>;
  signal: AbortSignal | undefined;
}

/** What a health check needs; a running server can be asked without knowing where its program lies. */
export type HealthPlace = Pick<Place, 'settings' | 'ports' | 'folder'>;

/**
 * A server, as data: what it needs, how it comes up, how it shows that it is well, how long it may take to
 * end.
 */
export interface Resource {
  name: ServerName;
  title: string;
  dependsOn: readonly ServerName[];
  startLimitMs: number;
  stopLimitMs: number;
  /** Its shared configuration, relative to the project; a change there makes it another server. */
  configFiles: readonly string[];
  /** Brings its data folder and its configuration about; repeatable, and safe to be killed at any point. */
  prepare(place: Place): Promise<void>;
  command(place: Place): ServerCommand;
  /** Answers within a second or two; never throws. */
  healthy(place: HealthPlace): Promise<boolean>;
  /** After it became healthy, and again on every `up`. */
  settle?(place: HealthPlace): Promise<void>;
  /** Makes a stop quick; what it throws is passed over, for the stop follows anyway. */
  beforeStop?(port: number): Promise<void>;
  /** What makes this server another one beside its port, program and shared configuration. */
  identity?(settings: StackSettings): unknown;
}

export const LOOPBACK = '127.0.0.1';

const HTTP_TIMEOUT_MS = 2_000;

/** Whether GET answers 2xx. */
export async function answersOk(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(HTTP_TIMEOUT_MS) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    // Refused, reset or too slow: not healthy, which is the answer.
    return false;
  }
}

/** The environment of a server: what it needs and nothing of ours, since it may hold secrets. */
export function serverEnvironment(settings: StackSettings): Record<string, string> {
  const names = ['PATH', 'HOME', 'USER', 'LANG', 'LC_ALL'];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = settings.environment[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** A line of a Java properties file. */
export function propertyLine(key: string, value: string): string {
  return `${key}=${value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`;
}

/**
 * Options of every JVM here: quick to start, and small. The first compiler alone also carries a full load: after a minute
 * of it, the second one still costs more CPU than it saves.
 */
export function jvmOptions(place: Place, name: ServerName, heapMiB: number): string[] {
  return [
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    `-Xmx${heapMiB}m`,
    '-Xshare:auto',
    // No files under /tmp that a killed process would leave behind.
    '-XX:-UsePerfData',
    `-Djava.io.tmpdir=${place.folder.emptyTmp(name)}`,
    '-Djava.awt.headless=true',
    // An exhausted heap ends the process, and the supervisor starts it again, instead of leaving it half
    // alive.
    '-XX:+ExitOnOutOfMemoryError',
  ];
}
