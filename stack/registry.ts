import { mkdirSync } from 'node:fs';
import { LOOPBACK, answersOk, jvmOptions, serverEnvironment, type Resource } from './resource';

const HEAP_MIB = 256;
// Relative to the working directory, so that no character of the folder's path can be taken for an H2 option.
// WRITE_DELAY=0: a commit is in the file when it is answered, not half a second later. Ids lost with it would
// stand in stored rows.
const JDBC_URL = 'jdbc:h2:file:./registry;WRITE_DELAY=0;DB_CLOSE_ON_EXIT=FALSE';

export const registry: Resource = {
  name: 'registry',
  title: 'schema registry',
  dependsOn: [],
  startLimitMs: 120_000,
  stopLimitMs: 15_000,
  configFiles: [],

  async prepare(place) {
    mkdirSync(place.folder.data('registry'), { recursive: true, mode: 0o700 });
  },

  command(place) {
    const properties = {
      'quarkus.http.host': LOOPBACK,
      'quarkus.http.port': String(place.ports.registry),
      'quarkus.log.level': 'WARN',
      'quarkus.log.console.color': 'false',
      'quarkus.banner.enabled': 'false',
      'apicurio.storage.kind': 'sql',
      'apicurio.storage.sql.kind': 'h2',
      'apicurio.datasource.url': JDBC_URL,
      'apicurio.datasource.username': 'sa',
      'apicurio.datasource.password': 'sa',
    };
    return {
      file: place.java,
      args: [
        ...jvmOptions(place, 'registry', HEAP_MIB),
        ...Object.entries(properties).map(([key, value]) => `-D${key}=${value}`),
        '-jar',
        place.distribution.registryJar,
      ],
      env: serverEnvironment(place.settings),
      cwd: place.folder.data('registry'),
    };
  },

  healthy: (place) => answersOk(`http://${LOOPBACK}:${place.ports.registry}/apis/ccompat/v7/subjects`),
};
