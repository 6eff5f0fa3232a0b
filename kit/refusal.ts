/** One refusal: its HTTP status, and what a shopper reads, in Korean and in English. */
interface RefusalKind {
  http: number;
  ko: string;
  en: string;
}

/** Every refusal there is. The HTTP layer turns a thrown `Refusal` into an answer; nothing else does. */
export const REFUSALS = {
  PEC0001: { http: 400, ko: '상품이 존재하지 않습니다.', en: 'The product does not exist.' },
  PEC0002: { http: 400, ko: '결제 금액이 유효하지 않습니다.', en: 'The amount is not valid.' },
  PEC0003: { http: 404, ko: '결제 정보를 찾을 수 없습니다.', en: 'There is no such payment.' },
  PEC0004: { http: 402, ko: '결제가 승인되지 않았습니다.', en: 'The payment was refused.' },
  PEC0005: { http: 409, ko: '이 결제를 처리하고 있습니다.', en: 'This payment is being processed.' },
  PEC0006: {
    http: 409,
    ko: '이미 다른 결제로 처리된 주문입니다.',
    en: 'The order was paid by another payment.',
  },
  PEC0007: {
    http: 202,
    ko: '결제 결과를 확인하고 있습니다.',
    en: 'The outcome of the payment is being checked.',
  },
  PEC0008: { http: 400, ko: '요청 형식이 올바르지 않습니다.', en: 'The request is malformed.' },
  PEC0009: { http: 401, ko: '인증이 필요합니다.', en: 'Authentication is required.' },
  PEC0010: {
    http: 429,
    ko: '요청이 너무 많습니다. 잠시 후 다시 시도해 주세요.',
    en: 'Too many requests; try again shortly.',
  },
  PEC0011: { http: 409, ko: '취소할 수 없는 결제입니다.', en: 'The payment cannot be canceled.' },
  PEC0012: {
    http: 422,
    ko: '같은 멱등키로 다른 요청을 보낼 수 없습니다.',
    en: 'The idempotency key was used with another body.',
  },
  PEC0013: { http: 404, ko: '찾을 수 없습니다.', en: 'Not found.' },
  PEC0014: {
    http: 503,
    ko: '일시적으로 결제할 수 없습니다. 결제되지 않았습니다.',
    en: 'Temporarily unavailable; nothing was charged.',
  },
  PEC9999: { http: 500, ko: '알 수 없는 오류가 발생했습니다.', en: 'An unknown error occurred.' },
} as const satisfies Record<string, RefusalKind>;

export type RefusalCode = keyof typeof REFUSALS;

export interface RefusalDetails {
  /** For the log only, never for the answer. */
  internal?: string;
  /** Goes into the answer's `data`. */
  data?: Record<string, unknown>;
  /** Another status of the same code, as PEC0008 has several. */
  http?: number;
  /** Sets `Retry-After`. */
  retryAfterSeconds?: number;
}

/** An expected "no". Thrown by stories, answered by `kit/http`. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly http: number;

  constructor(
    readonly code: RefusalCode,
    readonly details: RefusalDetails = {},
  ) {
    super(details.internal ?? REFUSALS[code].en);
    this.http = details.http ?? REFUSALS[code].http;
  }
}
