import fc from 'fast-check';
import { judgeOf, nearly } from './openapi.fixture';

// A document against the running API: requests made from the document's own schemas, well-formed and not. What the
// document allows is never malformed to the API, what it forbids always is, and every answer is one it describes.

/** Any JSON: documents are looked into without ceremony. */
// oxlint-disable-next-line typescript/no-explicit-any
type Json = any;

export interface Called {
  method: string;
  path: string;
  operation: Json;
}

export interface Made {
  params: Record<string, string>;
  query: Record<string, string>;
  headers: Record<string, string>;
  body: unknown;
  /** Chance, for a test that puts in something that exists. */
  chance: number;
}

export interface GivenAnswer {
  status: number;
  headers: Headers;
  body: Json;
}

/** Every operation of a document. */
export const operationsOf = (document: Json): Called[] =>
  Object.entries<Json>(document.paths).flatMap(([path, methods]) =>
    Object.entries<Json>(methods).map(([method, operation]) => ({ method, path, operation })),
  );

const isText = (text: unknown): text is string => typeof text === 'string';
/** Half an emoji cannot be written into an address. */
const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text);
/** What HTTP itself transports as it is: printable, not trimmed. */
const isHeaderText = (text: unknown): boolean =>
  isText(text) && /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(text);
const isSegment = (text: unknown): boolean =>
  isText(text) && text !== '' && !/^\.{1,2}$/.test(text) && isWellFormed(text);
const isQueryText = (text: unknown): boolean => isText(text) && isWellFormed(text);

function partOf(operation: Json, place: string, isUsable: (text: unknown) => boolean) {
  const parameters = (operation.parameters ?? []).filter((parameter: Json) => parameter.in === place);
  const arbitraries = parameters.map(({ name, schema }: Json) => [name, nearly(schema).filter(isUsable)]);
  return fc
    .record(Object.fromEntries(arbitraries), {
      requiredKeys: place === 'path' ? parameters.map(({ name }: Json) => name) : [],
    })
    .map((record) => record as Record<string, string>);
}

function requestOf(operation: Json): fc.Arbitrary<Made> {
  const schema = operation.requestBody?.content['application/json'].schema;
  return fc.record({
    params: partOf(operation, 'path', isSegment),
    query: partOf(operation, 'query', isQueryText),
    headers: partOf(operation, 'header', isHeaderText),
    body: schema === undefined ? fc.constant(undefined) : nearly(schema).filter((body) => body !== undefined),
    chance: fc.nat(),
  });
}

/** What the document says against the request; `undefined` when it allows it. */
function verdictOn(judge: ReturnType<typeof judgeOf>, { operation }: Called, made: Made): string | undefined {
  for (const { name, in: place, required, schema } of operation.parameters ?? []) {
    const given = { path: made.params, query: made.query, header: made.headers }[place as 'path']?.[name];
    if (given === undefined) {
      if (required) return `${name} is missing`;
      continue;
    }
    const problem = judge(schema, given);
    if (problem !== undefined) return `${name}: ${problem}`;
  }
  const bodySchema = operation.requestBody?.content['application/json'].schema;
  // As it arrives: JSON has no -0 and no undefined.
  return bodySchema === undefined ? undefined : judge(bodySchema, JSON.parse(JSON.stringify(made.body)));
}

/** @throws Error when the answer is not one that the document describes */
function checkAnswer(judge: ReturnType<typeof judgeOf>, { operation }: Called, answer: GivenAnswer): void {
  const described = operation.responses[answer.status];
  if (described === undefined)
    throw new Error(`${answer.status} is not described: ${JSON.stringify(answer.body)}`);
  if (answer.status >= 500) throw new Error(`${answer.status}: ${JSON.stringify(answer.body)}`);
  const type = answer.headers.get('content-type')?.split(';')[0] ?? 'none';
  const content = described.content[type];
  if (content === undefined) throw new Error(`${answer.status} as ${type} is not described`);
  const problem = judge(content.schema, answer.body);
  if (problem !== undefined) throw new Error(`${answer.status}: ${problem}: ${JSON.stringify(answer.body)}`);
}

export interface Conformity {
  /** The request on its way: path with query, filled in. */
  send: (called: Called, made: Made, path: string) => Promise<GivenAnswer>;
  /** The same request about something that exists. */
  about?: (made: Made, called: Called) => Made;
  /** What only the rows can tell, and is malformed all the same. */
  isBeyondSchemas: (issue: { path: string; message: string }) => boolean;
  runs: number;
}

const filledPath = (path: string, { params, query }: Made): string => {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) =>
    encodeURIComponent(params[name] ?? ''),
  );
  const text = new URLSearchParams(query).toString();
  return `${filled}${text === '' ? '' : `?${text}`}`;
};

/**
 * Sends `runs` requests to one operation and compares.
 *
 * @returns the statuses seen
 * @throws Error with the seed and the smallest request that shows it
 */
export async function checkConformity(called: Called, conformity: Conformity): Promise<Set<number>> {
  const { send, about = (made) => made, isBeyondSchemas, runs } = conformity;
  const judge = judgeOf();
  const seen = new Set<number>();
  await fc.assert(
    fc.asyncProperty(requestOf(called.operation), async (arbitrary) => {
      const made = about(arbitrary, called);
      const verdict = verdictOn(judge, called, made);
      const answer = await send(called, made, filledPath(called.path, made));
      seen.add(answer.status);
      checkAnswer(judge, called, answer);
      const issues: { path: string; message: string }[] = answer.body?.data?.issues ?? [];
      const isMalformed =
        answer.body?.errorCode === 'PEC0008' && (verdict !== undefined || !issues.some(isBeyondSchemas));
      if (isMalformed !== (verdict !== undefined)) {
        throw new Error(
          `the document says ${verdict ?? 'well-formed'}, the API ${answer.status} ${JSON.stringify(answer.body)}`,
        );
      }
    }),
    { numRuns: runs },
  );
  return seen;
}
