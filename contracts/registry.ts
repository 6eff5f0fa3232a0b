import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import type { SchemaRegistryAPIClientArgs } from '@kafkajs/confluent-schema-registry/dist/api';
import type { Type } from 'avsc';
import { RegistryUnavailableError, UndecodableError, type WriterSchemas } from './codec';
import { avroOptions } from './logical-types';
import type { RecordSchema } from './records';
import { fingerprintOf } from './records';

/** Compatibility of every subject: a new version can read all old ones and is readable by all of them. */
export const COMPATIBILITY = 'FULL_TRANSITIVE';
const REQUEST_TIMEOUT_MS = 10_000;
/** Below a Kafka session: who waits for a schema in the middle of a chunk stays in the group. */
const LOOK_UP_TIMEOUT_MS = 5_000;

export interface RegistryAccess {
  /** Base of the Confluent-compatible API, for Apicurio `http://…/apis/ccompat/v7`. */
  url: string;
  username?: string | undefined;
  password?: string | undefined;
}

/** The registry refused; `status` is its HTTP status, `code` its `error_code`, and `message` has its own words. */
export class RegistryRefusal extends Error {
  override readonly name = 'RegistryRefusal';
  constructor(
    readonly status: number,
    message: string,
    readonly code?: unknown,
  ) {
    super(message);
  }
}

/** Looks writers' schemas up by id and keeps them: ids are immutable. What failed is asked again the next time. */
export function openWriterSchemas(access: RegistryAccess): WriterSchemas {
  const registry = new SchemaRegistry(
    { host: access.url, middlewares: [askedBy(access)] },
    { [SchemaType.AVRO]: avroOptions() },
  );
  return {
    async get(schemaId) {
      try {
        return (await registry.getSchema(schemaId)) as unknown as Type;
      } catch (error) {
        if (error instanceof RegistryUnavailableError) throw error;
        if (error instanceof RegistryRefusal)
          throw new UndecodableError(`the registry does not know schema id ${schemaId}`);
        // Something else than an Avro schema of ours (a decimal of another scale, say): waiting would block its partition.
        throw new UndecodableError(`schema id ${schemaId} is not Avro: ${String(error)}`);
      }
    },
  };
}

type Middleware = NonNullable<SchemaRegistryAPIClientArgs['middlewares']>[number];
type MiddlewareAnswer = Awaited<ReturnType<NonNullable<ReturnType<Middleware>['response']>>>;

/**
 * The client library's requests go by `request`: its own gateway waits for ever, and its promise never settles when an
 * error's body is no JSON object.
 */
const askedBy =
  (access: RegistryAccess): Middleware =>
  () => ({
    async response(_next, _renew, asked) {
      const answer = await schemaAt(access, asked.path());
      return { data: () => answer } as MiddlewareAnswer;
    },
  });

/** Confluent's code of an unknown schema: a proxy's or a wrong address's 404 does not carry it. */
const SCHEMA_NOT_FOUND = 40_403;

const unavailable = (access: RegistryAccess, cause: unknown): RegistryUnavailableError =>
  new RegistryUnavailableError(`the registry at ${access.url} did not answer: ${String(cause)}`);

/**
 * @throws RegistryRefusal when the registry says itself that it knows no schema of this id
 * @throws RegistryUnavailableError for anything less certain: it may be over in a moment
 */
async function schemaAt(access: RegistryAccess, path: string): Promise<unknown> {
  let answer: unknown;
  try {
    answer = await request(access, 'GET', path, { timeoutMs: LOOK_UP_TIMEOUT_MS });
  } catch (error) {
    if (!(error instanceof RegistryRefusal)) throw error;
    if (error.status === 404 && error.code === SCHEMA_NOT_FOUND) throw error;
    throw unavailable(access, error);
  }
  if (typeof (answer as { schema?: unknown } | null)?.schema !== 'string')
    throw unavailable(access, `GET ${path}: no schema in the answer`);
  return answer;
}

async function request(
  access: RegistryAccess,
  method: string,
  path: string,
  { body, timeoutMs = REQUEST_TIMEOUT_MS }: { body?: unknown; timeoutMs?: number } = {},
): Promise<unknown> {
  const headers: Record<string, string> = { 'content-type': 'application/vnd.schemaregistry.v1+json' };
  if (access.username !== undefined) {
    const credentials = Buffer.from(`${access.username}:${access.password ?? ''}`).toString('base64');
    headers['authorization'] = `Basic ${credentials}`;
  }
  let response: Response;
  let text: string;
  try {
    response = await fetch(`${access.url}${path}`, {
      method,
      headers,
      signal: AbortSignal.timeout(timeoutMs),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    text = await response.text();
  } catch (error) {
    throw unavailable(access, error);
  }
  if (!response.ok) {
    const code = (jsonOf(text) as { error_code?: unknown } | null | undefined)?.error_code;
    throw new RegistryRefusal(response.status, `${method} ${path}: ${response.status} ${text}`, code);
  }
  const answer = jsonOf(text);
  // A proxy's page, or half an answer.
  if (answer === undefined) throw unavailable(access, `${method} ${path}: no JSON`);
  return answer;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const subjectPath = (record: string): string => encodeURIComponent(record);

/** A contract as the registry has it. */
export interface PublishedSchema {
  record: string;
  version: number;
  schemaId: number;
  fingerprint: string;
}

/**
 * Would the registry take this version? Sets nothing.
 *
 * @returns `new` for a subject that does not exist yet.
 */
export async function checkCompatibility(
  access: RegistryAccess,
  schema: RecordSchema,
): Promise<{ verdict: 'new' | 'compatible' | 'incompatible'; messages: string[] }> {
  try {
    const answer = (await request(
      access,
      'POST',
      `/compatibility/subjects/${subjectPath(schema.record)}/versions?verbose=true`,
      { body: { schema: schema.text } },
    )) as { is_compatible: boolean; messages?: string[] };
    const subjectExists = await hasSubject(access, schema.record);
    if (!subjectExists) return { verdict: 'new', messages: [] };
    return {
      verdict: answer.is_compatible ? 'compatible' : 'incompatible',
      messages: answer.messages ?? [],
    };
  } catch (error) {
    if (error instanceof RegistryRefusal && error.status === 404) return { verdict: 'new', messages: [] };
    throw error;
  }
}

async function hasSubject(access: RegistryAccess, record: string): Promise<boolean> {
  const subjects = (await request(access, 'GET', '/subjects')) as string[];
  return subjects.includes(record);
}

/**
 * Publishes one contract: the subject's compatibility level first, so that it holds for the first version too, then
 * the version. Publishing what is there already changes nothing.
 *
 * @throws RegistryRefusal 409 when the version is not compatible.
 */
export async function publishSchema(access: RegistryAccess, schema: RecordSchema): Promise<PublishedSchema> {
  const subject = subjectPath(schema.record);
  await request(access, 'PUT', `/config/${subject}`, { body: { compatibility: COMPATIBILITY } });
  await request(access, 'POST', `/subjects/${subject}/versions`, { body: { schema: schema.text } });
  const found = (await request(access, 'POST', `/subjects/${subject}`, {
    body: { schema: schema.text },
  })) as {
    id: number;
    version: number;
  };
  return {
    record: schema.record,
    version: found.version,
    schemaId: found.id,
    fingerprint: schema.fingerprint,
  };
}

/** Every subject of the registry with its versions and ids. */
export async function listSchemas(access: RegistryAccess): Promise<PublishedSchema[]> {
  const published: PublishedSchema[] = [];
  for (const record of (await request(access, 'GET', '/subjects')) as string[]) {
    const versions = (await request(access, 'GET', `/subjects/${subjectPath(record)}/versions`)) as number[];
    for (const version of versions) {
      const found = (await request(
        access,
        'GET',
        `/subjects/${subjectPath(record)}/versions/${version}`,
      )) as {
        id: number;
        schema: string;
      };
      published.push({ record, version, schemaId: found.id, fingerprint: fingerprintOf(found.schema) });
    }
  }
  return published;
}

/**
 * Proves that ids recorded earlier still mean the same schemas: stored rows and topics carry the ids, so a registry
 * that was rebuilt with other ids would make them unreadable, or readable as something else.
 *
 * @returns one sentence per id that does not resolve to its schema; empty when all do.
 */
export async function findMovedIds(access: RegistryAccess, recorded: PublishedSchema[]): Promise<string[]> {
  const moved: string[] = [];
  for (const { record, version, schemaId, fingerprint } of recorded) {
    try {
      const { schema } = (await request(access, 'GET', `/schemas/ids/${schemaId}`)) as { schema: string };
      if (fingerprintOf(schema) !== fingerprint) {
        moved.push(`schema id ${schemaId} was ${record} version ${version}, but is another schema now`);
      }
    } catch (error) {
      if (!(error instanceof RegistryRefusal && error.status === 404)) throw error;
      moved.push(`schema id ${schemaId} was ${record} version ${version}, but the registry does not know it`);
    }
  }
  return moved;
}
