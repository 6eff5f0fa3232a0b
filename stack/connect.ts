import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  LOOPBACK,
  answersOk,
  jvmOptions,
  propertyLine,
  serverEnvironment,
  type Place,
  type Resource,
} from './resource';

const HEAP_MIB = 384;

/** The worker settings that depend on the place. */
export function connectPlaceSettings(place: Place): Record<string, string> {
  const { settings, ports, distribution } = place;
  return {
    'bootstrap.servers': settings.connectBootstrapServers ?? `${LOOPBACK}:${ports.kafka}`,
    listeners: `http://${LOOPBACK}:${ports.connect}`,
    'rest.advertised.host.name': LOOPBACK,
    'rest.advertised.port': String(ports.connect),
    'plugin.path': distribution.plugins,
    ...settings.connectOverrides,
  };
}

export const connect: Resource = {
  name: 'connect',
  title: 'Kafka Connect',
  dependsOn: ['kafka'],
  startLimitMs: 120_000,
  stopLimitMs: 20_000,
  configFiles: ['connect/worker.properties'],

  async prepare(place) {
    const shared = readFileSync(join(place.settings.projectDir, 'connect', 'worker.properties'), 'utf8');
    const here = Object.entries(connectPlaceSettings(place));
    writeFileSync(
      place.folder.conf('connect.properties'),
      `${shared}\n${here.map(([key, value]) => propertyLine(key, value)).join('\n')}\n`,
      { mode: 0o600 },
    );
  },

  command(place) {
    const { settings, distribution, folder } = place;
    return {
      file: place.java,
      args: [
        ...jvmOptions(place, 'connect', HEAP_MIB),
        `-Dlog4j2.configurationFile=${join(settings.projectDir, 'stack', 'log4j2.properties')}`,
        '-cp',
        distribution.kafkaClassPath,
        'org.apache.kafka.connect.cli.ConnectDistributed',
        folder.conf('connect.properties'),
      ],
      env: {
        ...serverEnvironment(settings),
        CDC_DATABASE_USER: settings.cdcUser,
        CDC_DATABASE_PASSWORD: settings.cdcPassword,
      },
      cwd: folder.path,
    };
  },

  healthy: (place) => answersOk(`http://${LOOPBACK}:${place.ports.connect}/connectors`),

  identity: (settings) => [
    settings.cdcUser,
    settings.cdcPassword,
    settings.connectBootstrapServers,
    settings.connectOverrides,
  ],
};
