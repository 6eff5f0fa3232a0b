export interface Answer {
  status: number;
  /** Of a refusal of ours. */
  errorCode: string | undefined;
  /** What the envelope holds, or the whole answer where there is none. */
  // oxlint-disable-next-line typescript/no-explicit-any -- JSON of any shape
  data: any;
}

/**
 * One request from outside, JSON both ways.
 *
 * @param timeoutMs how long its answer is waited for
 * @throws whatever `fetch` throws: then nobody knows whether the request arrived
 */
export async function ask(
  method: 'GET' | 'POST' | 'PUT',
  url: string,
  body?: unknown,
  { headers = {}, timeoutMs = 8_000 }: { headers?: Record<string, string>; timeoutMs?: number } = {},
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    signal: AbortSignal.timeout(timeoutMs),
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as { data?: unknown; errorCode?: string };
  return { status: response.status, errorCode: answer.errorCode, data: answer.data ?? answer };
}
