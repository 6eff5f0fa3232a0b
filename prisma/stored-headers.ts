import type { ConsumedMessage } from '#kit/kafka-consumer';

/**
 * A header as `dead_letters` keeps it: its name, and its value as text, as `base64` where the bytes are no UTF-8, or `null`
 * where there was none. A name that came several times stands there several times.
 */
export type StoredHeader = readonly [name: string, value: string | { base64: string } | null];

const storedValue = (bytes: Buffer | null): StoredHeader[1] => {
  if (bytes === null) return null;
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : { base64: bytes.toString('base64') };
};

/**
 * A message's headers for the column `headers`. They are a list, not an object: MySQL takes no name of more than 65,535
 * bytes in an object, and a message that cannot be parked stops its partition.
 */
export function storedHeaders({ headers, originalHeaders }: ConsumedMessage): StoredHeader[] {
  if (originalHeaders === undefined) return Object.entries(headers);
  return originalHeaders.map(([name, bytes]) => [name, storedValue(bytes)]);
}

/** What the column says. Rows of before have an object of texts. */
export function readStoredHeaders(column: unknown): StoredHeader[] {
  if (Array.isArray(column)) return column as StoredHeader[];
  return Object.entries((column ?? {}) as Record<string, string>);
}

/** The text of the first header of this name, as consumers read it; `undefined` when it has none. */
export function headerText(headers: readonly StoredHeader[], name: string): string | undefined {
  const value = headers.find(([one]) => one === name)?.[1];
  return typeof value === 'string' ? value : undefined;
}
