import { Router, type Request, type RequestHandler, type Response } from 'express';
import type { z } from 'zod';
import { jsonBody, otherMethods, parse } from './http';
import type { RefusalCode } from './refusal';

/** What a call takes from outside. Every part is validated before the story sees it. */
export interface OperationInput {
  params?: z.ZodObject;
  query?: z.ZodObject;
  /** Keyed by the header's name as it is written in documents. */
  headers?: z.ZodObject;
  body?: z.ZodType;
}

/** An answer that is no refusal. */
export interface OperationAnswer {
  http: number;
  description: string;
  /** The envelope's `data`. */
  data: z.ZodType;
  /** `only`: CSV in place of JSON. `also`: CSV for who asks for it with `Accept`. */
  csv?: 'only' | 'also';
  /** Headers the answer may carry, with what they say. */
  headers?: Record<string, string>;
  /** Operations that take what is answered: the name of the link, and where each parameter comes from. */
  links?: Record<string, { operationId: string; parameters: Record<string, string> }>;
}

/**
 * One call of a REST API: what it takes, answers and refuses. The route validates by it and the OpenAPI document is
 * written from it, so the two cannot disagree.
 */
export interface Operation<I extends OperationInput = OperationInput> {
  id: string;
  method: 'get' | 'post';
  /** As OpenAPI writes it: `/api/payments/{orderId}`. */
  path: string;
  tag: string;
  summary: string;
  description?: string;
  /** Who may call: everybody, or who has an API key. */
  access: 'public' | 'admin';
  isRateLimited?: boolean;
  input: I;
  answer: OperationAnswer;
  /** Refusals of its own. What any call of its kind can be refused for is added by `refusalsOf`. */
  refusals: readonly RefusalCode[];
}

type Parsed<I extends OperationInput> = {
  [K in keyof I & keyof OperationInput]: I[K] extends z.ZodType ? z.output<I[K]> : undefined;
};

/** Keeps the types of the inputs. */
export function operation<const I extends OperationInput>(described: Operation<I>): Operation<I> {
  return described;
}

/** Who is let through to an operation; asserted against what the operation says. */
export interface Guards {
  admin?: RequestHandler;
  rateLimit?: RequestHandler;
}

function guardsOf({ id, access, isRateLimited = false }: Operation, guards: Guards): RequestHandler[] {
  if ((access === 'admin') !== (guards.admin !== undefined))
    throw new Error(`${id} is ${access}: its guards say otherwise`);
  if (isRateLimited !== (guards.rateLimit !== undefined))
    throw new Error(`${id} ${isRateLimited ? 'needs a' : 'has no'} rate limit: its guards say otherwise`);
  // Who asks too often is turned away before anything is computed for him.
  return [guards.rateLimit, guards.admin].filter((guard) => guard !== undefined);
}

/** OpenAPI's `{name}` is Express's `:name`. */
const expressPath = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ':$1');

function inputOf<I extends OperationInput>({ input }: Operation<I>, req: Request): Parsed<I> {
  const { params, query, headers, body } = input;
  const given = (schema: z.ZodObject): Record<string, string | undefined> =>
    Object.fromEntries(Object.keys(schema.shape).map((name) => [name, req.get(name)]));
  return {
    ...(params === undefined ? {} : { params: parse(params, req.params) }),
    ...(headers === undefined ? {} : { headers: parse(headers, given(headers)) }),
    ...(query === undefined ? {} : { query: parse(query, req.query) }),
    ...(body === undefined ? {} : { body: parse(body, req.body) }),
  } as Parsed<I>;
}

/**
 * The route of an operation: guards, body, validation, then `handle`. Other methods of its path are refused with 405.
 *
 * @throws Error at once when guards and operation disagree
 */
export function endpoint<I extends OperationInput>(
  described: Operation<I>,
  guards: Guards,
  handle: (input: Parsed<I>, req: Request, res: Response) => Promise<void> | void,
): Router {
  const { method, path, input } = described;
  const route = expressPath(path);
  const router = Router();
  router[method](
    route,
    ...guardsOf(described, guards),
    ...(input.body === undefined ? [] : jsonBody),
    async (req: Request, res: Response) => {
      await handle(inputOf(described, req), req, res);
    },
  );
  return router.all(route, otherMethods(...(method === 'get' ? ['GET', 'HEAD'] : ['POST'])));
}
