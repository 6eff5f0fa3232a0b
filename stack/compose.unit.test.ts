import { DEVELOPMENT_ADMINISTRATOR } from '#prisma/users.config';
import { DEPLOY_STEPS, PORTS, RULES } from './compose-rules.fixture';
import {
  environmentOf,
  interpolate,
  rawCompose,
  readCompose,
  serviceOf,
  type Compose,
} from './compose.fixture';
import { ROOT_PASSWORD, ROOT_USER } from './config';

/** For each rule, what it must notice. */
const BREAKS: [rule: string, what: string, change: (compose: Compose) => void][] = [
  [
    'the file is a Compose file',
    'a misspelt key',
    (c) => Object.assign(serviceOf(c, 'kafka'), { healthchek: {} }),
  ],
  [
    'versions are those of the embedded stack',
    'another Kafka',
    (c) => void (serviceOf(c, 'kafka').image = 'apache/kafka:4.3.0'),
  ],
  [
    'versions are those of the embedded stack',
    'MySQL 9',
    (c) => void (serviceOf(c, 'mysql').image = 'mysql:9.4.10'),
  ],
  [
    'versions are those of the embedded stack',
    'an old image',
    (c) => void (serviceOf(c, 'payment-api').image = 'payment-eda:0.0.9'),
  ],
  [
    'every image has a whole version',
    'latest',
    (c) => void (serviceOf(c, 'kafka-ui').image = 'ghcr.io/kafbat/kafka-ui:latest'),
  ],
  ['every image has a whole version', 'no tag', (c) => void (serviceOf(c, 'mysql').image = 'mysql')],
  [
    'ports are the documented ones, on this machine only',
    'every address',
    (c) => void (serviceOf(c, 'mysql').ports = ['3306:3306']),
  ],
  [
    'ports are the documented ones, on this machine only',
    'another port',
    (c) => void (serviceOf(c, 'kafka-ui').ports = ['127.0.0.1:8988:8080']),
  ],
  [
    'ports are the documented ones, on this machine only',
    'one too many',
    (c) => void (serviceOf(c, 'deploy').ports = ['127.0.0.1:1:1']),
  ],
  [
    'a port is published to the one that the process listens on',
    'another one',
    (c) => void (environmentOf(c, 'payment-api')['PAYMENT_API_PORT'] = '8088'),
  ],
  [
    'Connect’s worker has the embedded worker’s properties',
    'no exactly-once',
    (c) => void delete environmentOf(c, 'connect')['CONNECT_EXACTLY_ONCE_SOURCE_SUPPORT'],
  ],
  [
    'Connect’s worker has the embedded worker’s properties',
    'the image’s converter',
    (c) => void delete environmentOf(c, 'connect')['KEY_CONVERTER'],
  ],
  [
    'Connect’s worker has the embedded worker’s properties',
    'one more',
    (c) => void (environmentOf(c, 'connect')['CONNECT_TOPIC_CREATION_ENABLE'] = 'true'),
  ],
  [
    'Kafka reads kafka.properties, and only the place is added',
    'an override',
    (c) => void (environmentOf(c, 'kafka')['KAFKA_MESSAGE_MAX_BYTES'] = '1'),
  ],
  [
    'Kafka reads kafka.properties, and only the place is added',
    'no file',
    (c) => void (serviceOf(c, 'kafka').volumes = []),
  ],
  [
    'Kafka reads kafka.properties, and only the place is added',
    'data that is lost',
    (c) => void (environmentOf(c, 'kafka')['KAFKA_LOG_DIRS'] = '/tmp'),
  ],
  [
    'MySQL reads mysql.cnf, and nothing overrides it',
    'no file',
    (c) => void (serviceOf(c, 'mysql').volumes = []),
  ],
  [
    'MySQL reads mysql.cnf, and nothing overrides it',
    'an option',
    (c) => void (serviceOf(c, 'mysql').command = ['--sync-binlog=0']),
  ],
  [
    'the registry keeps its ids like the embedded one',
    'delayed writes',
    (c) => void (environmentOf(c, 'registry')['APICURIO_DATASOURCE_URL'] = 'jdbc:h2:file:/data/registry'),
  ],
  [
    'the registry keeps its ids like the embedded one',
    'no volume',
    (c) => void (serviceOf(c, 'registry').volumes = []),
  ],
  [
    'deploying is the four commands, and names no topic of its own',
    'no connector',
    (c) => void (serviceOf(c, 'deploy').command = DEPLOY_STEPS.slice(0, 3)),
  ],
  [
    'deploying is the four commands, and names no topic of its own',
    'a topic',
    (c) => void (environmentOf(c, 'kafka')['KAFKA_CREATE_TOPICS'] = 'payment,wallet'),
  ],
  [
    'each service has its own database user and no other',
    'the wallet’s in the API',
    (c) =>
      void Object.assign(environmentOf(c, 'payment-api'), {
        WALLET_DATABASE_URL: environmentOf(c, 'wallet-consumer')['WALLET_DATABASE_URL'],
      }),
  ],
  [
    'each service has its own database user and no other',
    'root in a service',
    (c) =>
      void (environmentOf(c, 'wallet-consumer')['MYSQL_ROOT_URL'] = 'mysql://root:1234@mysql:3306/mysql'),
  ],
  [
    'Debezium’s user is the one that is created',
    'root',
    (c) => void (environmentOf(c, 'connect')['CDC_DATABASE_USER'] = 'root'),
  ],
  [
    'what runs on has a healthcheck and comes back',
    'no healthcheck',
    (c) => void delete serviceOf(c, 'kafka-ui').healthcheck,
  ],
  [
    'what runs on has a healthcheck and comes back',
    'stays dead',
    (c) => void (serviceOf(c, 'connect').restart = 'no'),
  ],
  [
    'the order of starting',
    'before deploy',
    (c) => void delete serviceOf(c, 'payment-api').depends_on?.['deploy'],
  ],
  [
    'the order of starting',
    'started is enough',
    (c) => void (serviceOf(c, 'deploy').depends_on = { connect: { condition: 'service_started' } }),
  ],
  [
    'who can reach whom',
    'the API and Kafka',
    (c) => void serviceOf(c, 'payment-api').networks?.push('events'),
  ],
  [
    'what is mounted exists',
    'a file that is gone',
    (c) => void serviceOf(c, 'kafka').volumes?.push('./stack/kafka.conf:/x:ro'),
  ],
  [
    'what is mounted exists',
    'an undeclared volume',
    (c) => void serviceOf(c, 'kafka').volumes?.push('kafka-logs:/x'),
  ],
  [
    'no container may more than it needs, or fill the disk with its log',
    'capabilities',
    (c) => void (serviceOf(c, 'connect').cap_drop = []),
  ],
  [
    'no container may more than it needs, or fill the disk with its log',
    'a log without end',
    (c) => void (serviceOf(c, 'connect').logging = { driver: 'json-file', options: {} }),
  ],
  [
    'a server has longer to stop than the embedded one',
    'a short one',
    (c) => void (serviceOf(c, 'mysql').stop_grace_period = '10s'),
  ],
];

describe('docker-compose.yaml and the embedded stack', () => {
  it.each(Object.keys(RULES))('%s', (rule) => {
    expect(RULES[rule]?.(readCompose())).toEqual([]);
  });

  it.each(BREAKS)('%s: %s is noticed', (rule, _what, change) => {
    const compose = structuredClone(readCompose());
    change(compose);
    expect(RULES[rule]?.(compose)).not.toEqual([]);
  });

  it('When a rule is added, then something is known that it notices', () => {
    expect(Object.keys(RULES).filter((rule) => !BREAKS.some(([broken]) => broken === rule))).toEqual([]);
  });

  it.each(PORTS)('When %s’s port is moved by %s, then only that moves', (name, variable) => {
    const moved = readCompose({ [variable]: '18181' });
    expect(serviceOf(moved, name).ports?.[0]).toMatch(/^127\.0\.0\.1:18181:/);
    expect(serviceOf(moved, name).ports?.[0]?.split(':')[2]).toBe(
      serviceOf(readCompose(), name).ports?.[0]?.split(':')[2],
    );
    const advertised = environmentOf(moved, 'kafka')['KAFKA_ADVERTISED_LISTENERS'];
    expect(advertised).toContain(`127.0.0.1:${name === 'kafka' ? 18181 : 9092}`);
  });

  it('When a password or key is looked for, then every one can be set', () => {
    const secrets = Object.entries(rawCompose().services).flatMap(([name, { environment = {} }]) =>
      Object.entries(environment)
        .filter(([variable, value]) => /PASSWORD|SECRET|_KEYS?$/.test(variable) || /:\/\/[^/]*@/.test(value))
        .map(([variable, value]): [string, string] => [`${name} ${variable}`, value]),
    );
    expect(secrets.length).toBeGreaterThanOrEqual(14);
    expect(secrets.filter(([, value]) => !/\$\{\w+:-/.test(value))).toEqual([]);
  });

  it('When the demo data is not wanted, then migrating is all', () => {
    expect(serviceOf(readCompose({ MIGRATE_OPTIONS: '' }), 'deploy').command?.[0]).not.toContain('--seed');
  });

  it('When nothing names an administrator, then it is the embedded server’s', () => {
    expect(DEVELOPMENT_ADMINISTRATOR).toEqual({ user: ROOT_USER, password: ROOT_PASSWORD });
  });

  it('When a value is interpolated, then it is as Compose does it', () => {
    const env = { A: 'a', EMPTY: '' };
    const cases = ['${A}-$${A}', '${B:-x${A:-y}z}', '${EMPTY:-d}', '[${EMPTY-d}]', '${B---seed}'];
    expect(cases.map((text) => interpolate(text, env))).toEqual(['a-${A}', 'xaz', 'd', '[]', '--seed']);
    expect(() => interpolate('${B}', env)).toThrow('B has no default');
  });
});
