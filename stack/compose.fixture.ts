import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { projectFolder } from './project';

export interface Container {
  image: string;
  build?: string;
  user?: string;
  restart: string;
  environment?: Record<string, string>;
  command?: string[];
  entrypoint?: string[];
  ports?: string[];
  networks?: string[];
  volumes?: (string | { type: string; target: string })[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
  stop_grace_period?: string;
  security_opt: string[];
  cap_drop: string[];
  logging: { driver: string; options: Record<string, string> };
}

/** docker-compose.yaml, its anchors merged. */
export interface Compose {
  services: Record<string, Container>;
  networks: Record<string, unknown>;
  volumes: Record<string, unknown>;
}

export const composeText = (): string => readFileSync(join(projectFolder(), 'docker-compose.yaml'), 'utf8');

/** The file as it stands, `${…}` and all. */
export const rawCompose = (): Compose => parse(composeText(), { merge: true }) as Compose;

/** Where the `}` of a `${` is, whose content begins at `start`; a default may hold others. */
function closingBrace(text: string, start: number): number {
  let depth = 1;
  for (let at = start; at < text.length; at += 1) {
    if (text.startsWith('${', at)) depth += 1;
    else if (text[at] === '}') depth -= 1;
    if (depth === 0) return at;
  }
  throw new Error(`an unclosed \${ in: ${text}`);
}

/**
 * Replaces `${NAME}`, `${NAME:-default}` and `${NAME-default}` as Compose does; `$$` is a dollar.
 *
 * @throws Error for a variable without a default that is not set
 */
export function interpolate(text: string, env: Record<string, string>): string {
  const at = text.indexOf('$');
  if (at < 0) return text;
  const before = text.slice(0, at);
  if (text[at + 1] === '$') return `${before}$${interpolate(text.slice(at + 2), env)}`;
  if (text[at + 1] !== '{') throw new Error(`write \${…} or $$ in: ${text}`);
  const end = closingBrace(text, at + 2);
  const [, name = '', operator, byDefault = ''] =
    /^(\w+)(?:(:-|-)([^]*))?$/.exec(text.slice(at + 2, end)) ?? [];
  const value = env[name];
  const isAbsent = value === undefined || (operator === ':-' && value === '');
  if (isAbsent && operator === undefined) throw new Error(`${name} has no default`);
  const stands = isAbsent ? interpolate(byDefault, env) : value;
  return `${before}${stands}${interpolate(text.slice(end + 1), env)}`;
}

function interpolated(node: unknown, env: Record<string, string>): unknown {
  if (typeof node === 'string') return interpolate(node, env);
  if (Array.isArray(node)) return node.map((item) => interpolated(item, env));
  if (typeof node !== 'object' || node === null) return node;
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, interpolated(value, env)]));
}

/** The file as Compose resolves it with these variables set and no others. */
export const readCompose = (env: Record<string, string> = {}): Compose =>
  interpolated(rawCompose(), env) as Compose;

export function serviceOf(compose: Compose, name: string): Container {
  const service = compose.services[name];
  if (service === undefined) throw new Error(`docker-compose.yaml has no service ${name}`);
  return service;
}

export const environmentOf = (compose: Compose, name: string): Record<string, string> =>
  serviceOf(compose, name).environment ?? {};

/** Reads a Java properties file of plain `key=value` lines. */
export function readProperties(path: string): Record<string, string> {
  const lines = readFileSync(join(projectFolder(), path), 'utf8').split('\n');
  return Object.fromEntries(
    lines
      .filter((line) => line.trim() !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.indexOf('=')).trim(), line.slice(line.indexOf('=') + 1).trim()]),
  );
}

/** What Debezium's image sets from variables with names of their own; these win over `CONNECT_…`. */
const CONNECT_NAMES: Record<string, string> = {
  BOOTSTRAP_SERVERS: 'bootstrap.servers',
  GROUP_ID: 'group.id',
  CONFIG_STORAGE_TOPIC: 'config.storage.topic',
  OFFSET_STORAGE_TOPIC: 'offset.storage.topic',
  STATUS_STORAGE_TOPIC: 'status.storage.topic',
  KEY_CONVERTER: 'key.converter',
  VALUE_CONVERTER: 'value.converter',
  OFFSET_FLUSH_INTERVAL_MS: 'offset.flush.interval.ms',
  OFFSET_FLUSH_TIMEOUT_MS: 'offset.flush.timeout.ms',
  SHUTDOWN_TIMEOUT: 'task.shutdown.graceful.timeout.ms',
  ADVERTISED_HOST_NAME: 'rest.advertised.host.name',
  ADVERTISED_PORT: 'rest.advertised.port',
};

/** Set by the image's entry whether named or not, with other values than ours. */
const CONNECT_NAMES_DEFAULTS: Record<string, string> = {
  GROUP_ID: '1',
  KEY_CONVERTER: 'org.apache.kafka.connect.json.JsonConverter',
  VALUE_CONVERTER: 'org.apache.kafka.connect.json.JsonConverter',
  OFFSET_FLUSH_INTERVAL_MS: '60000',
  OFFSET_FLUSH_TIMEOUT_MS: '5000',
  SHUTDOWN_TIMEOUT: '10000',
};

const propertyOf = (variable: string, prefix: string): string =>
  variable.slice(prefix.length).toLowerCase().replaceAll('_', '.');

/** The worker properties that the entry of quay.io/debezium/connect makes from its environment. */
export function connectProperties(environment: Record<string, string>): Record<string, string> {
  const direct = Object.entries(environment)
    .filter(([name]) => name.startsWith('CONNECT_'))
    .map(([name, value]) => [propertyOf(name, 'CONNECT_'), value]);
  const named = Object.entries({ ...CONNECT_NAMES_DEFAULTS, ...environment }).flatMap(([name, value]) => {
    const property = CONNECT_NAMES[name];
    return property === undefined ? [] : [[property, value]];
  });
  return Object.fromEntries([...direct, ...named]) as Record<string, string>;
}

const KAFKA_OWN = new Set(['KAFKA_HEAP_OPTS', 'KAFKA_OPTS', 'KAFKA_JVM_PERFORMANCE_OPTS']);

/** The properties that apache/kafka appends to the mounted file. */
export function kafkaProperties(environment: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment)
      .filter(([name]) => name.startsWith('KAFKA_') && !KAFKA_OWN.has(name))
      .map(([name, value]) => [propertyOf(name, 'KAFKA_'), value]),
  );
}
