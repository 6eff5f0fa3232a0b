import type { ConnectSettings } from './config';
import type { ConnectorDefinition } from './definition';

const REQUEST_TIMEOUT_MS = 15_000;

/** Kafka Connect refused or could not be asked; the message is for the operator. */
export class ConnectError extends Error {
  override readonly name: string = 'ConnectError';
  constructor(
    message: string,
    /** HTTP status; `undefined` when there was no answer. */
    readonly status?: number,
  ) {
    super(message);
  }
}

/** Connect is there, but busy: while its workers rebalance, requests wait. Asking again later is worth it. */
export class ConnectBusyError extends ConnectError {
  override readonly name = 'ConnectBusyError';
}

export interface ConnectorStatus {
  name: string;
  connector: { state: string; trace?: string };
  tasks: { id: number; state: string; trace?: string }[];
}

type Access = Pick<ConnectSettings, 'url' | 'username' | 'password'>;

async function call(access: Access, method: string, path: string, body?: unknown): Promise<unknown> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (access.username !== undefined) {
    const credentials = Buffer.from(`${access.username}:${access.password ?? ''}`).toString('base64');
    headers['authorization'] = `Basic ${credentials}`;
  }
  let response: Response;
  try {
    response = await fetch(`${access.url}${path}`, {
      method,
      headers,
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (error) {
    if ((error as Error).name === 'TimeoutError') {
      throw new ConnectBusyError(
        `Kafka Connect at ${access.url} did not answer within ${REQUEST_TIMEOUT_MS / 1000} s`,
      );
    }
    throw new ConnectError(
      `Kafka Connect does not answer at ${access.url}. Is it running? (npm run stack -- status)`,
    );
  }
  const text = await response.text();
  if (!response.ok) {
    const { message } = parse(text) as { message?: string };
    const sentence = `${method} ${path}: ${response.status} ${message ?? text}`;
    // A rebalance is under way (409, or 500 when it has just begun), or the herder had no time.
    const isBusy = response.status === 409 || /timed out|rebalance/i.test(message ?? '');
    throw isBusy
      ? new ConnectBusyError(sentence, response.status)
      : new ConnectError(sentence, response.status);
  }
  return parse(text);
}

function parse(text: string): unknown {
  try {
    return text === '' ? {} : (JSON.parse(text) as unknown);
  } catch {
    return { message: text };
  }
}

const at = (name: string): string => `/connectors/${encodeURIComponent(name)}`;

/** @returns `undefined` for a connector that does not exist */
export async function getConfig(access: Access, name: string): Promise<Record<string, string> | undefined> {
  try {
    return (await call(access, 'GET', `${at(name)}/config`)) as Record<string, string>;
  } catch (error) {
    if (error instanceof ConnectError && error.status === 404) return undefined;
    throw error;
  }
}

/** @returns `undefined` for a connector that does not exist */
export async function getStatus(access: Access, name: string): Promise<ConnectorStatus | undefined> {
  try {
    return (await call(access, 'GET', `${at(name)}/status`)) as ConnectorStatus;
  } catch (error) {
    if (error instanceof ConnectError && error.status === 404) return undefined;
    throw error;
  }
}

export const putConfig = (access: Access, { name, config }: ConnectorDefinition): Promise<unknown> =>
  call(access, 'PUT', `${at(name)}/config`, config);

/** Restarts what has failed, the connector and its tasks. */
export const restart = (access: Access, name: string, onlyFailed: boolean): Promise<unknown> =>
  call(access, 'POST', `${at(name)}/restart?includeTasks=true&onlyFailed=${onlyFailed}`);

/** pause and resume keep the task's place; stop also frees it, which changing offsets needs. */
export const command = (access: Access, name: string, verb: 'pause' | 'resume' | 'stop'): Promise<unknown> =>
  call(access, 'PUT', `${at(name)}/${verb}`);

export const getOffsets = (access: Access, name: string): Promise<unknown> =>
  call(access, 'GET', `${at(name)}/offsets`);

export const remove = (access: Access, name: string): Promise<unknown> => call(access, 'DELETE', at(name));

/**
 * What is wrong with a configuration, in the connector's own words, its connection check included. Asked for apart,
 * because a failing connection check makes `PUT /config` answer 500 with a NullPointerException instead of the reason.
 *
 * @returns sentences `key: reason`; empty when nothing is wrong
 */
export async function validate(access: Access, { name, config }: ConnectorDefinition): Promise<string[]> {
  const plugin = (config['connector.class'] ?? '').split('.').at(-1) ?? '';
  const answer = (await call(access, 'PUT', `/connector-plugins/${plugin}/config/validate`, {
    ...config,
    name,
  })) as {
    configs?: { value?: { name: string; errors?: string[] } }[];
  };
  return (answer.configs ?? []).flatMap(({ value }) =>
    (value?.errors ?? []).map((reason) => `${value?.name ?? '?'}: ${reason}`),
  );
}
