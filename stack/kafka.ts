import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { freePorts } from './ports';
import { LOOPBACK, jvmOptions, propertyLine, serverEnvironment, type Place, type Resource } from './resource';
import { runTool } from './tool';

const HEAP_MIB = 512;
const REQUEST_TIMEOUT_MS = 2_000;

/**
 * A cluster id as Kafka makes them: 16 bytes in URL-safe base64, never beginning with the dash of an option.
 */
export function clusterId(bytes: Buffer): string {
  const copy = Buffer.from(bytes);
  // A dash stands for six bits that begin with a one.
  copy[0] = (copy[0] ?? 0) & 0x7f;
  return copy.toString('base64url');
}

/** The settings that depend on the place. The second door is there when a proxy is to stand before Kafka. */
export function kafkaPlaceSettings(place: Place, controllerPort: number): Record<string, string> {
  const { kafkaProxied } = place.settings;
  const own = `PLAINTEXT://${LOOPBACK}:${place.ports.kafka}`;
  const controller = `CONTROLLER://${LOOPBACK}:${controllerPort}`;
  return {
    listeners: [
      own,
      controller,
      ...(kafkaProxied === undefined ? [] : [`PROXIED://${LOOPBACK}:${kafkaProxied.port}`]),
    ].join(','),
    'advertised.listeners': [
      own,
      ...(kafkaProxied === undefined ? [] : [`PROXIED://${LOOPBACK}:${kafkaProxied.advertisedPort}`]),
    ].join(','),
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT',
    // Voters named here, not in the data: the controller's port may be another one at each start.
    'controller.quorum.voters': `1@${LOOPBACK}:${controllerPort}`,
    'log.dirs': place.folder.data('kafka'),
  };
}

function java(place: Place, mainClass: string, args: string[]): string[] {
  const { settings, distribution } = place;
  return [
    ...jvmOptions(place, 'kafka', HEAP_MIB),
    `-Dlog4j2.configurationFile=${join(settings.projectDir, 'stack', 'log4j2.properties')}`,
    '-cp',
    distribution.kafkaClassPath,
    mainClass,
    ...args,
  ];
}

export const kafka: Resource = {
  name: 'kafka',
  title: 'Kafka',
  dependsOn: [],
  startLimitMs: 120_000,
  stopLimitMs: 20_000,
  configFiles: ['stack/kafka.properties'],

  async prepare(place) {
    const [controllerPort = 0] = await freePorts(1);
    const shared = readFileSync(join(place.settings.projectDir, 'stack', 'kafka.properties'), 'utf8');
    const here = Object.entries(kafkaPlaceSettings(place, controllerPort));
    const conf = place.folder.conf('kafka.properties');
    writeFileSync(conf, `${shared}\n${here.map(([key, value]) => propertyLine(key, value)).join('\n')}\n`);
    // Written last by the formatter: without it the folder was not formatted, or not to the end.
    if (existsSync(join(place.folder.data('kafka'), 'meta.properties'))) return;
    const args = ['format', '--ignore-formatted', '-t', clusterId(randomBytes(16)), '-c', conf];
    const { exitCode, output } = await runTool(place.java, java(place, 'kafka.tools.StorageTool', args), {
      cwd: place.folder.path,
      env: serverEnvironment(place.settings),
      signal: place.signal,
      logPath: place.folder.log('kafka'),
    });
    if (exitCode !== 0) throw new Error(`Kafka could not make its data folder: ${output.trim()}`);
  },

  command(place) {
    return {
      file: place.java,
      args: java(place, 'kafka.Kafka', [place.folder.conf('kafka.properties')]),
      env: serverEnvironment(place.settings),
      cwd: place.folder.path,
    };
  },

  async healthy(place) {
    const admin = new Kafka({
      clientId: 'stack-health',
      brokers: [`${LOOPBACK}:${place.ports.kafka}`],
      logLevel: logLevel.NOTHING,
      connectionTimeout: REQUEST_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      retry: { retries: 0 },
    }).admin();
    try {
      await admin.connect();
      const { brokers, controller } = await admin.describeCluster();
      return brokers.length > 0 && controller !== null && controller >= 0;
    } catch {
      // Not listening yet, or without a controller: not healthy, which is the answer.
      return false;
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  },

  identity: (settings) => settings.kafkaProxied,
};
