import { createHash } from 'node:crypto';
import type { Place } from './journal';

/** Longest `Idempotency-Key` that Toss takes. */
export const IDEMPOTENCY_KEY_LENGTH_MAX = 300;
/** A key is bound to its first answer for 15 days from its first use. */
export const IDEMPOTENCY_MS = 15 * 86_400_000;

/** What makes two requests the same one; the body is not part of it. Hashed, so that no API key is stored. */
export function idempotencyIdentity(parts: {
  key: string;
  apiKey: string;
  method: string;
  url: string;
}): string {
  return createHash('sha256')
    .update(JSON.stringify([parts.key, parts.apiKey, parts.method, parts.url]))
    .digest('base64url');
}

export type Beginning = { kind: 'first' } | { kind: 'running' } | { kind: 'answered'; place: Place };

/** Remembers which requests run and where in the journal the answers of the finished ones stand. */
export class Idempotency {
  readonly #running = new Set<string>();
  /** In order of first use, so the expired ones are at the front. */
  readonly #answers = new Map<string, { place: Place; firstUsedAtMs: number }>();

  /** Marks a request as running unless it runs already or has its answer. */
  begin(identity: string, nowMs: number): Beginning {
    if (this.#running.has(identity)) return { kind: 'running' };
    this.#forgetExpired(nowMs);
    const answer = this.#answers.get(identity);
    if (answer !== undefined) return { kind: 'answered', place: answer.place };
    this.#running.add(identity);
    return { kind: 'first' };
  }

  /** The request has its answer, at `place`. Also used to replay the journal. */
  finish(identity: string, place: Place, firstUsedAtMs: number): void {
    this.#running.delete(identity);
    this.#answers.delete(identity);
    this.#answers.set(identity, { place, firstUsedAtMs });
  }

  /** The request ended without an answer: the next one with this key is a first one again. */
  abandon(identity: string): void {
    this.#running.delete(identity);
  }

  #forgetExpired(nowMs: number): void {
    for (const [identity, answer] of this.#answers) {
      if (nowMs - answer.firstUsedAtMs < IDEMPOTENCY_MS) return;
      this.#answers.delete(identity);
    }
  }
}
