import { z } from 'zod';
import type { Operation } from './endpoint';
import { statusName } from './http';
import { REFUSALS, type RefusalCode } from './refusal';

type Json = Record<string, unknown>;

const ISSUES = z.object({ issues: z.array(z.object({ path: z.string(), message: z.string() })) });

/** What stands in `data` of a refusal, where something does. */
const PSP = z.object({ psp: z.object({ code: z.string(), message: z.string() }) });
const REFUSAL_DATA: Partial<Record<RefusalCode, z.ZodType>> = {
  PEC0004: PSP,
  /** The PSP's words, or the lines that are canceled already. */
  PEC0011: z.union([PSP, z.object({ paymentOrderNos: z.array(z.number()) })]),
  PEC0007: z.object({ orderId: z.string(), cancelId: z.string().optional() }),
  PEC0008: ISSUES,
};
const WITH_RETRY_AFTER: readonly RefusalCode[] = ['PEC0005', 'PEC0010', 'PEC0014'];

/** PEC0008 has a status for each kind of malformation. */
const MALFORMED: Readonly<Record<number, string>> = {
  400: 'malformed',
  413: 'the body is too large',
  415: 'the content type is not application/json',
};

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Json => {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, target: 'draft-2020-12' }) as Json;
  return rest;
};

/**
 * Every refusal of an operation by HTTP status, those included that any call of its kind can meet: malformed, not
 * authorized, too often, the database down, and our own defects.
 */
export function refusalsOf(operation: Operation): Map<number, RefusalCode[]> {
  const { input, access, isRateLimited = false, refusals } = operation;
  const takesInput = Object.values(input).some((part) => part !== undefined);
  const codes: RefusalCode[] = [
    ...refusals,
    // Who shows too many wrong keys is turned away, too.
    ...(access === 'admin' ? (['PEC0009', 'PEC0010'] as const) : []),
    ...(isRateLimited ? (['PEC0010'] as const) : []),
    'PEC0014',
    'PEC9999',
  ];
  const byStatus = new Map<number, RefusalCode[]>();
  const add = (http: number, code: RefusalCode): void => {
    const known = byStatus.get(http) ?? [];
    if (!known.includes(code)) byStatus.set(http, [...known, code].toSorted());
  };
  for (const code of codes) add(REFUSALS[code].http, code);
  if (takesInput) add(400, 'PEC0008');
  if (input.body !== undefined) for (const http of [413, 415]) add(http, 'PEC0008');
  return byStatus;
}

function refusalSchema(http: number, code: RefusalCode): Json {
  const data = REFUSAL_DATA[code];
  return {
    type: 'object',
    required: ['code', 'status', 'errorCode', 'message', 'data'],
    properties: {
      code: { const: http },
      status: { const: statusName(http) },
      errorCode: { const: code },
      message: {
        type: 'string',
        description: 'For a shopper; Korean unless `Accept-Language` asks for English.',
      },
      data: data === undefined ? {} : { anyOf: [schemaOf(data, 'output'), { type: 'null' }] },
    },
  };
}

function refusalAnswer(http: number, codes: readonly RefusalCode[]): Json {
  const says = (code: RefusalCode): string =>
    code === 'PEC0008' ? (MALFORMED[http] ?? 'malformed') : REFUSALS[code].en;
  const schemas = codes.map((code) => refusalSchema(http, code));
  return {
    description: codes.map((code) => `${code}: ${says(code)}`).join('\n\n'),
    ...(codes.some((code) => WITH_RETRY_AFTER.includes(code))
      ? {
          headers: {
            'Retry-After': {
              description: 'Seconds.',
              schema: { type: 'string', pattern: String.raw`^\d+$` },
            },
          },
        }
      : {}),
    content: { 'application/json': { schema: schemas.length === 1 ? schemas[0] : { anyOf: schemas } } },
  };
}

const CSV = { 'text/csv': { schema: { type: 'string' } } };

function successContent({ http, data, csv }: Operation['answer']): Json {
  const envelope = {
    type: 'object',
    required: ['code', 'status', 'message', 'data'],
    properties: {
      code: { const: http },
      status: { const: statusName(http) },
      message: { type: 'string' },
      data: schemaOf(data, 'output'),
    },
  };
  if (csv === 'only') return CSV;
  return { 'application/json': { schema: envelope }, ...(csv === 'also' ? CSV : {}) };
}

function successAnswer({ answer }: Operation): Json {
  const { description, headers = {}, links } = answer;
  const described = Object.entries(headers).map(([name, text]) => [
    name,
    { description: text, schema: { type: 'string' } },
  ]);
  return {
    description,
    ...(links === undefined ? {} : { links }),
    ...(described.length === 0 ? {} : { headers: Object.fromEntries(described) }),
    content: successContent(answer),
  };
}

/** 202 is an answer of PEC0007, and could be one of an operation too: both stand under one status. */
function responsesOf(operation: Operation): Json {
  const responses: Json = { [operation.answer.http]: successAnswer(operation) };
  for (const [http, codes] of [...refusalsOf(operation)].toSorted(([a], [b]) => a - b)) {
    if (http === operation.answer.http) throw new Error(`${operation.id} answers and refuses with ${http}`);
    responses[http] = refusalAnswer(http, codes);
  }
  return responses;
}

function parametersOf({ input: { params, query, headers } }: Operation): Json[] {
  const places = [
    ['path', params],
    ['header', headers],
    ['query', query],
  ] as const;
  return places.flatMap(([place, schema]) => {
    if (schema === undefined) return [];
    const { properties = {}, required = [] } = schemaOf(schema, 'input') as {
      properties?: Record<string, Json>;
      required?: string[];
    };
    return Object.entries(properties).map(([name, { description, ...property }]) => ({
      name,
      in: place,
      required: required.includes(name),
      ...(description === undefined ? {} : { description }),
      schema: property,
    }));
  });
}

function operationObject(operation: Operation): Json {
  const { id, tag, summary, description, access, input } = operation;
  const parameters = parametersOf(operation);
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    security: access === 'admin' ? [{ adminKey: [] }] : [],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(input.body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: schemaOf(input.body, 'input') } },
          },
        }),
    responses: responsesOf(operation),
  };
}

export interface ApiDescription {
  title: string;
  version: string;
  description: string;
  /** Tags in the order of the page, with what they are about. */
  tags: Record<string, string>;
}

/** The OpenAPI 3.1 document of a service (spec.openapis.org/oas/v3.1.1), written from its operations. */
export function openApiDocument(
  { title, version, description, tags }: ApiDescription,
  operations: readonly Operation[],
): Json {
  const paths: Record<string, Json> = {};
  for (const operation of operations) {
    const path = (paths[operation.path] ??= {});
    if (operation.method in path) throw new Error(`${operation.method} ${operation.path} is described twice`);
    if (!(operation.tag in tags)) throw new Error(`${operation.id} has the unknown tag ${operation.tag}`);
    path[operation.method] = operationObject(operation);
  }
  return {
    openapi: '3.1.1',
    info: {
      title,
      version,
      description,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    // Where the document came from: the host is whatever the client used.
    servers: [{ url: '/' }],
    tags: Object.entries(tags).map(([name, text]) => ({ name, description: text })),
    paths,
    components: {
      securitySchemes: {
        adminKey: { type: 'http', scheme: 'bearer', description: 'One of `ADMIN_API_KEYS`.' },
      },
    },
  };
}
