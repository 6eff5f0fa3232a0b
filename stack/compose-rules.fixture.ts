import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv';
import addFormats from 'ajv-formats';
import { TOPICS } from '#contracts/topics';
import { DATABASE_NAME, DEVELOPMENT_PASSWORDS, USERS, type UserRole } from '#prisma/users';
import {
  connectProperties,
  environmentOf,
  kafkaProperties,
  readProperties,
  serviceOf,
  type Compose,
} from './compose.fixture';
import { ROOT_PASSWORD, ROOT_USER, readStackSettings } from './config';
import { connectPlaceSettings } from './connect';
import { kafkaPlaceSettings } from './kafka';
import { projectFolder } from './project';
import { registry } from './registry';
import type { Place } from './resource';
import { RESOURCES } from './stack';

const project = projectFolder();
const textOf = (path: string): string => readFileSync(join(project, path), 'utf8');
const pom = (property: string): string =>
  new RegExp(`<${property}>(.+)</${property}>`).exec(textOf('stack/pom.xml'))?.[1] ?? `no ${property}`;

/** As much of a place as is needed to ask the embedded servers for their settings. */
const place = {
  settings: readStackSettings({}),
  ports: readStackSettings({}).ports,
  java: 'java',
  distribution: { plugins: 'plugins', registryJar: 'registry.jar' },
  folder: { data: (name: string) => name, emptyTmp: (name: string) => name },
} as unknown as Place;

/** Sentences about where two records differ. */
function differing(
  is: Record<string, string | undefined>,
  should: Record<string, string | undefined>,
): string[] {
  return [...new Set([...Object.keys(is), ...Object.keys(should)])]
    .filter((key) => is[key] !== should[key])
    .map((key) => `${key} is ${is[key] ?? 'absent'}, not ${should[key] ?? 'absent'}`);
}

/** What is published, the variable that moves it, and where it is by default. */
export const PORTS: [service: string, variable: string, port: number][] = [
  ['mysql', 'MYSQL_PORT', place.ports.mysql],
  ['kafka', 'KAFKA_PORT', place.ports.kafka],
  ['registry', 'REGISTRY_PORT', place.ports.registry],
  ['connect', 'CONNECT_PORT', place.ports.connect],
  ['kafka-ui', 'KAFKA_UI_PORT', 8989],
  ['payment-api', 'PAYMENT_API_PORT', 8080],
  ['wallet-consumer', 'WALLET_PORT', 8081],
  ['payment-worker', 'WORKER_PORT', 8082],
  ['psp-simulator', 'PSP_SIMULATOR_PORT', 8090],
];

/** Who waits for whom, in every condition's strictest form. */
const ORDER: Record<string, string[]> = {
  registry: ['registry-folder completed_successfully'],
  connect: ['kafka healthy', 'mysql healthy'],
  'kafka-ui': ['connect healthy', 'kafka healthy', 'registry healthy'],
  deploy: ['connect healthy', 'kafka healthy', 'mysql healthy', 'registry healthy'],
  'connector-watch': ['connect healthy', 'deploy completed_successfully'],
  'payment-api': ['deploy completed_successfully', 'mysql healthy', 'psp-simulator healthy'],
  'payment-worker': ['deploy completed_successfully', 'kafka healthy', 'mysql healthy', 'registry healthy'],
  'wallet-consumer': ['deploy completed_successfully', 'kafka healthy', 'mysql healthy', 'registry healthy'],
};

const NETWORKS: Record<string, string[]> = {
  mysql: ['data'],
  kafka: ['events'],
  registry: ['events'],
  connect: ['data', 'events'],
  'kafka-ui': ['events'],
  deploy: ['data', 'events'],
  'connector-watch': ['events'],
  'psp-simulator': ['psp'],
  'payment-api': ['data', 'psp'],
  'payment-worker': ['data', 'events', 'psp'],
  'wallet-consumer': ['data', 'events'],
};

/** Whose database URLs a service has; `deploy` makes the users. */
const DATABASE_ROLES: Record<string, UserRole[]> = {
  deploy: ['paymentApi', 'wallet', 'ops', 'migrator', 'cdc'],
  'payment-api': ['paymentApi'],
  'payment-worker': ['paymentApi'],
  'wallet-consumer': ['wallet'],
  connect: ['cdc'],
};

export const DEPLOY_STEPS = [
  'node dist/prisma/users.main.js',
  'node dist/prisma/migrate.main.js --seed',
  'node dist/ops/contracts.main.js publish',
  'node dist/connect/main.js apply',
];

const ONE_SHOT = ['deploy', 'registry-folder'];
const seconds = (duration = ''): number => Number(/^(\d+)s$/.exec(duration)?.[1]);

/** Each rule says what is wrong with a resolved file; nothing, when it holds. */
export const RULES: Record<string, (compose: Compose) => string[]> = {
  'the file is a Compose file': (compose) => {
    const ajv = addFormats(new Ajv({ strict: false, allErrors: true }));
    const schema = JSON.parse(textOf('stack/compose-spec.schema.json')) as Record<string, unknown>;
    // The schema names its own draft by an address that ajv knows only as http://….
    const validate = ajv.compile({ ...schema, $schema: 'http://json-schema.org/draft-07/schema' });
    return validate(compose) ? [] : [ajv.errorsText(validate.errors)];
  },

  'versions are those of the embedded stack': (compose) => {
    const image = (name: string): string => serviceOf(compose, name).image;
    const { version } = JSON.parse(textOf('package.json')) as { version: string };
    const differences = differing(
      {
        kafka: image('kafka'),
        connect: image('connect'),
        registry: image('registry'),
        // The one exception: 8.4 here. The embedded server is another 8.
        mysql: image('mysql').replace(/\.\d+$/, ''),
      },
      {
        kafka: `apache/kafka:${pom('kafka.version')}`,
        connect: `quay.io/debezium/connect:${pom('debezium.version')}`,
        registry: `apicurio/apicurio-registry:${pom('apicurio.version')}`,
        mysql: `mysql:${pom('mysql.version').split('.')[0]}.4`,
      },
    );
    const ours = Object.entries(compose.services)
      .filter(([, { image: name }]) => name.startsWith('payment-eda:') && name !== `payment-eda:${version}`)
      .map(([name]) => `${name} is not of version ${version}`);
    return [...differences, ...ours];
  },

  'every image has a whole version': (compose) =>
    Object.entries(compose.services)
      .filter(([, { image }]) => !/:v?\d+\.\d+\.\d+(\.Final)?$/.test(image))
      .map(([name, { image }]) => `${name}: ${image}`),

  'ports are the documented ones, on this machine only': (compose) => {
    const published = Object.entries(compose.services).flatMap(([name, { ports = [] }]) =>
      ports.map((port) => [name, port.split(':').slice(0, 2).join(':')]),
    );
    const documented = PORTS.map(([name, , port]) => [name, `127.0.0.1:${port}`]);
    return differing(Object.fromEntries(published), Object.fromEntries(documented));
  },

  'a port is published to the one that the process listens on': (compose) => {
    const inside = Object.fromEntries(
      PORTS.map(([name]) => [name, serviceOf(compose, name).ports?.[0]?.split(':')[2]]),
    );
    const said = (name: string, variable: string): string | undefined =>
      environmentOf(compose, name)[variable];
    return differing(inside, {
      mysql: '3306',
      kafka: /EXTERNAL:\/\/0\.0\.0\.0:(\d+)/.exec(said('kafka', 'KAFKA_LISTENERS') ?? '')?.[1],
      registry: '8080',
      connect: new URL(said('connect', 'CONNECT_LISTENERS') ?? '').port,
      'kafka-ui': '8080',
      'payment-api': said('payment-api', 'PAYMENT_API_PORT'),
      'wallet-consumer': said('wallet-consumer', 'WALLET_PORT'),
      'payment-worker': said('payment-worker', 'WORKER_PORT'),
      'psp-simulator': said('psp-simulator', 'PSP_SIMULATOR_PORT'),
    });
  },

  'Connect’s worker has the embedded worker’s properties': (compose) => {
    const is = connectProperties(environmentOf(compose, 'connect'));
    // Kafka's own default, which the image would change.
    const should: Record<string, string> = {
      ...readProperties('connect/worker.properties'),
      'task.shutdown.graceful.timeout.ms': '5000',
    };
    const ofPlace = new Set(Object.keys(connectPlaceSettings(place)));
    return differing(
      Object.fromEntries(Object.entries(is).filter(([key]) => !ofPlace.has(key))),
      should,
    ).concat(is['bootstrap.servers'] === 'kafka:19092' ? [] : ['bootstrap.servers is not kafka:19092']);
  },

  'Kafka reads kafka.properties, and only the place is added': (compose) => {
    const added = kafkaProperties(environmentOf(compose, 'kafka'));
    const shared = readProperties('stack/kafka.properties');
    const mounted = './stack/kafka.properties:/mnt/shared/config/server.properties:ro';
    return [
      ...(serviceOf(compose, 'kafka').volumes?.includes(mounted) === true ? [] : [`${mounted} is missing`]),
      ...Object.keys(added)
        .filter((key) => key in shared)
        .map((key) => `${key} is overridden`),
      ...differing(
        Object.fromEntries(Object.keys(added).map((key) => [key, 'there'])),
        Object.fromEntries(Object.keys(kafkaPlaceSettings(place, 1)).map((key) => [key, 'there'])),
      ),
      ...(added['log.dirs'] === '/var/lib/kafka/data' ? [] : ['Kafka’s data is not on the volume']),
      ...(added['advertised.listeners'] ===
      `PLAINTEXT://kafka:19092,EXTERNAL://127.0.0.1:${place.ports.kafka}`
        ? []
        : ['Kafka is not advertised inside and outside']),
    ];
  },

  'MySQL reads mysql.cnf, and nothing overrides it': (compose) => {
    const { volumes = [], command, entrypoint } = serviceOf(compose, 'mysql');
    const mounted = './stack/mysql.cnf:/etc/mysql/conf.d/payment-eda.cnf:ro';
    return [
      ...(volumes.includes(mounted) ? [] : [`${mounted} is missing`]),
      ...(command === undefined && entrypoint === undefined ? [] : ['options stand on the command line']),
    ];
  },

  'the registry keeps its ids like the embedded one': (compose) => {
    const flags = registry
      .command(place)
      .args.flatMap((arg) => /^-D((?:apicurio|quarkus)[^=]*)=(.*)$/.exec(arg) ?? []);
    const should: Record<string, string> = {};
    for (let at = 0; at < flags.length; at += 3) {
      const name = (flags[at + 1] ?? '').toUpperCase().replaceAll('.', '_');
      // The image sets the address and the port.
      if (!name.startsWith('QUARKUS_HTTP'))
        should[name] = (flags[at + 2] ?? '').replace('file:./', 'file:/data/');
    }
    const { JAVA_TOOL_OPTIONS: _heap, ...is } = environmentOf(compose, 'registry');
    return [
      ...differing(is, should),
      ...(serviceOf(compose, 'registry').volumes?.includes('registry-data:/data') === true
        ? []
        : ['its file is not on a volume']),
    ];
  },

  'deploying is the four commands, and names no topic of its own': (compose) => {
    const steps = serviceOf(compose, 'deploy').command?.join('\n').trim().split('\n') ?? [];
    const missing = steps
      .map((step) => (/dist\/(\S+)\.js/.exec(step)?.[1] ?? '').concat('.ts'))
      .filter((source) => !existsSync(join(project, source)));
    const named = Object.keys(TOPICS).filter((topic) =>
      Object.values(compose.services).some(({ environment = {} }) =>
        Object.values(environment).some((value) => value.split(',').includes(topic)),
      ),
    );
    return [
      ...(steps.join() === DEPLOY_STEPS.join() ? [] : [`deploy does ${steps.join('; ')}`]),
      ...missing.map((source) => `there is no ${source}`),
      ...named.map((topic) => `the topic ${topic} stands in the file`),
    ];
  },

  'each service has its own database user and no other': (compose) =>
    Object.entries(compose.services).flatMap(([name, { environment = {} }]) => {
      const urls = Object.entries(environment).filter(([, value]) => value.startsWith('mysql://'));
      const found = urls.filter(([variable]) => variable !== 'MYSQL_ROOT_URL').map(([, value]) => value);
      if ('CDC_DATABASE_PASSWORD' in environment) found.push(`cdc:${environment['CDC_DATABASE_PASSWORD']}`);
      const wanted = (DATABASE_ROLES[name] ?? []).map((role) =>
        role === 'cdc'
          ? `cdc:${DEVELOPMENT_PASSWORDS.cdc}`
          : `mysql://${USERS[role]}:${DEVELOPMENT_PASSWORDS[role]}@mysql:3306/${DATABASE_NAME}`,
      );
      const root = environment['MYSQL_ROOT_URL'] ?? environment['MYSQL_ROOT_PASSWORD'];
      const wantedRoot = {
        deploy: `mysql://${ROOT_USER}:${ROOT_PASSWORD}@mysql:3306/mysql`,
        mysql: ROOT_PASSWORD,
      }[name];
      return [
        ...(found.sort().join() === wanted.sort().join() ? [] : [`${name} has ${found.join() || 'nothing'}`]),
        ...(root === wantedRoot ? [] : [`${name} knows the administrator as ${root ?? 'nothing'}`]),
      ];
    }),

  'Debezium’s user is the one that is created': (compose) =>
    environmentOf(compose, 'connect')['CDC_DATABASE_USER'] === USERS.cdc ? [] : ['it is another one'],

  'what runs on has a healthcheck and comes back': (compose) =>
    Object.entries(compose.services)
      .filter(([name, { healthcheck, restart }]) =>
        ONE_SHOT.includes(name)
          ? restart !== 'no'
          : healthcheck === undefined || restart !== 'unless-stopped',
      )
      .map(([name]) => name),

  'the order of starting': (compose) =>
    differing(
      Object.fromEntries(
        Object.entries(compose.services).map(([name, { depends_on: needs = {} }]) => [
          name,
          Object.entries(needs)
            .map(([other, { condition }]) => `${other} ${condition.replace('service_', '')}`)
            .sort()
            .join(', '),
        ]),
      ),
      Object.fromEntries(Object.keys(compose.services).map((name) => [name, (ORDER[name] ?? []).join(', ')])),
    ),

  'who can reach whom': (compose) =>
    differing(
      Object.fromEntries(
        Object.entries(compose.services)
          .filter(([name]) => name !== 'registry-folder')
          .map(([name, { networks = ['default'] }]) => [name, [...networks].sort().join(', ')]),
      ),
      Object.fromEntries(Object.entries(NETWORKS).map(([name, networks]) => [name, networks.join(', ')])),
    ),

  'what is mounted exists': (compose) =>
    Object.entries(compose.services).flatMap(([name, { volumes = [] }]) =>
      volumes.flatMap((volume) => {
        if (typeof volume !== 'string') return volume.type === 'tmpfs' ? [] : [`${name}: a ${volume.type}`];
        const [source = ''] = volume.split(':');
        const isThere = source.startsWith('.')
          ? existsSync(join(project, source))
          : Object.hasOwn(compose.volumes, source);
        return isThere ? [] : [`${name}: ${source}`];
      }),
    ),

  'no container may more than it needs, or fill the disk with its log': (compose) =>
    Object.entries(compose.services)
      .filter(
        ([, { security_opt: options, cap_drop: dropped, logging }]) =>
          options[0] !== 'no-new-privileges:true' ||
          dropped[0] !== 'ALL' ||
          logging.options['max-size'] !== '10m',
      )
      .map(([name]) => name),

  'a server has longer to stop than the embedded one': (compose) =>
    RESOURCES.filter(
      ({ name, stopLimitMs }) => !(seconds(serviceOf(compose, name).stop_grace_period) * 1_000 > stopLimitMs),
    ).map(({ name }) => name),
};
