/**
 * One error of Toss's reference (docs.tosspayments.com/reference/error-codes): HTTP status and Korean
 * message.
 */
interface TossErrorEntry {
  status: number;
  message: string;
  /** The card company said no: an approval that fails so leaves the payment ABORTED. */
  refusal?: true;
}

type Refusal = Required<TossErrorEntry>;

const TEMPORARY = '일시적인 오류가 발생했습니다. 잠시 후 다시 시도해주세요.';
const NOT_COMPLETED = '결제가 완료되지 않았어요. 다시 시도해주세요.';

const refused = (status: number, message: string): Refusal => ({ status, message, refusal: true });
const error = (status: number, message: string): TossErrorEntry => ({ status, message });

export const TOSS_ERRORS = {
  // Approval: requests that cannot be processed as they are.
  ALREADY_PROCESSED_PAYMENT: error(400, '이미 처리된 결제 입니다.'),
  ALREADY_COMPLETED_PAYMENT: error(400, '이미 완료된 결제 입니다.'),
  DUPLICATED_ORDER_ID: error(
    400,
    '이미 승인 및 취소가 진행된 중복된 주문번호 입니다. 다른 주문번호로 진행해주세요.',
  ),
  INVALID_REQUEST: error(400, '잘못된 요청입니다.'),
  INVALID_API_KEY: error(400, '잘못된 시크릿키 연동 정보 입니다.'),
  UNAPPROVED_ORDER_ID: error(400, '아직 승인되지 않은 주문번호입니다.'),
  INVALID_AUTHORIZE_AUTH: error(400, '유효하지 않은 인증 방식입니다.'),
  NOT_FOUND_TERMINAL_ID: error(400, '단말기번호(Terminal Id)가 없습니다. 토스페이먼츠로 문의 바랍니다.'),
  INVALID_UNREGISTERED_SUBMALL: error(
    400,
    '등록되지 않은 서브몰입니다. 서브몰이 없는 가맹점이라면 안심클릭이나 ISP 결제가 필요합니다.',
  ),
  NOT_REGISTERED_BUSINESS: error(400, '등록되지 않은 사업자 번호입니다.'),
  UNAUTHORIZED_KEY: error(401, '인증되지 않은 시크릿 키 혹은 클라이언트 키 입니다.'),
  FORBIDDEN_REQUEST: error(403, '허용되지 않은 요청입니다.'),
  INCORRECT_BASIC_AUTH_FORMAT: error(403, "잘못된 요청입니다. ':' 를 포함해 인코딩해주세요."),
  NOT_FOUND: error(404, '존재하지 않는 정보 입니다.'),
  NOT_FOUND_PAYMENT: error(404, '존재하지 않는 결제 정보 입니다.'),
  NOT_FOUND_PAYMENT_SESSION: error(404, '결제 시간이 만료되어 결제 진행 데이터가 존재하지 않습니다.'),

  // Approval: the card, the account or a limit refused.
  BELOW_MINIMUM_AMOUNT: refused(
    400,
    '신용카드는 결제금액이 100원 이상, 계좌는 200원이상부터 결제가 가능합니다.',
  ),
  INVALID_CARD_NUMBER: refused(400, '카드번호를 다시 확인해주세요.'),
  INVALID_CARD_EXPIRATION: refused(400, '카드 정보를 다시 확인해주세요. (유효기간)'),
  INVALID_STOPPED_CARD: refused(400, '정지된 카드 입니다.'),
  INVALID_REJECT_CARD: refused(400, '카드 사용이 거절되었습니다. 카드사 문의가 필요합니다.'),
  INVALID_CARD_LOST_OR_STOLEN: refused(400, '분실 혹은 도난 카드입니다.'),
  INVALID_CARD_INSTALLMENT_PLAN: refused(400, '할부 개월 정보가 잘못되었습니다.'),
  EXCEED_MAX_CARD_INSTALLMENT_PLAN: refused(400, '설정 가능한 최대 할부 개월 수를 초과했습니다.'),
  NOT_SUPPORTED_INSTALLMENT_PLAN_CARD_OR_MERCHANT: refused(
    400,
    '할부가 지원되지 않는 카드 또는 가맹점 입니다.',
  ),
  NOT_SUPPORTED_MONTHLY_INSTALLMENT_PLAN: refused(400, '할부가 지원되지 않는 카드입니다.'),
  NOT_SUPPORTED_MONTHLY_INSTALLMENT_PLAN_BELOW_AMOUNT: refused(
    400,
    '5만원 이하의 결제는 할부가 불가능해서 결제에 실패했습니다.',
  ),
  NOT_ALLOWED_POINT_USE: refused(400, '포인트 사용이 불가한 카드로 카드 포인트 결제에 실패했습니다.'),
  EXCEED_MAX_AMOUNT: refused(400, '거래금액 한도를 초과했습니다.'),
  EXCEED_MAX_DAILY_PAYMENT_COUNT: refused(400, '하루 결제 가능 횟수를 초과했습니다.'),
  EXCEED_MAX_PAYMENT_AMOUNT: refused(400, '하루 결제 가능 금액을 초과했습니다.'),
  EXCEED_MAX_MONTHLY_PAYMENT_AMOUNT: refused(400, '당월 결제 가능금액인 1,000,000원을 초과 하셨습니다.'),
  EXCEED_MAX_ONE_DAY_WITHDRAW_AMOUNT: refused(400, '1일 출금 한도를 초과했습니다.'),
  EXCEED_MAX_ONE_TIME_WITHDRAW_AMOUNT: refused(400, '1회 출금 한도를 초과했습니다.'),
  RESTRICTED_TRANSFER_ACCOUNT: refused(400, '계좌는 등록 후 12시간 뒤부터 결제할 수 있습니다.'),
  INVALID_ACCOUNT_INFO_RE_REGISTER: refused(400, '유효하지 않은 계좌입니다. 계좌 재등록 후 시도해주세요.'),
  NOT_AVAILABLE_PAYMENT: refused(400, '결제가 불가능한 시간대입니다.'),
  REJECT_CARD_PAYMENT: refused(403, '한도초과 혹은 잔액부족으로 결제에 실패했습니다.'),
  REJECT_CARD_COMPANY: refused(403, '결제 승인이 거절되었습니다.'),
  REJECT_ACCOUNT_PAYMENT: refused(403, '잔액부족으로 결제에 실패했습니다.'),
  REJECT_TOSSPAY_INVALID_ACCOUNT: refused(
    403,
    '선택하신 출금 계좌가 출금이체 등록이 되어 있지 않아요. 계좌를 다시 등록해 주세요.',
  ),
  EXCEED_MAX_AUTH_COUNT: refused(403, '최대 인증 횟수를 초과했습니다. 카드사로 문의해주세요.'),
  EXCEED_MAX_ONE_DAY_AMOUNT: refused(403, '일일 한도를 초과했습니다.'),
  NOT_AVAILABLE_BANK: refused(403, '은행 서비스 시간이 아닙니다.'),
  INVALID_PASSWORD: refused(403, '결제 비밀번호가 일치하지 않습니다.'),
  FDS_ERROR: refused(403, '[토스페이먼츠] 위험거래가 감지되어 결제가 제한됩니다.'),

  // Temporary: the outcome is not known from the answer.
  PROVIDER_ERROR: error(400, TEMPORARY),
  CARD_PROCESSING_ERROR: error(400, '카드사에서 오류가 발생했습니다.'),
  COMMON_ERROR: error(500, TEMPORARY),
  UNKNOWN: error(500, TEMPORARY),
  UNKNOWN_PAYMENT_ERROR: error(
    500,
    '결제에 실패했어요. 같은 문제가 반복된다면 은행이나 카드사로 문의해주세요.',
  ),
  FAILED_INTERNAL_SYSTEM_PROCESSING: error(
    500,
    '내부 시스템 처리 작업이 실패했습니다. 잠시 후 다시 시도해주세요.',
  ),
  FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING: error(500, NOT_COMPLETED),

  // Idempotency key.
  INVALID_IDEMPOTENCY_KEY: error(400, '멱등키는 300자 이하여야 합니다.'),
  IDEMPOTENT_REQUEST_PROCESSING: error(409, '이전 멱등 요청이 처리중입니다.'),

  // Cancel.
  ALREADY_CANCELED_PAYMENT: error(400, '이미 취소된 결제 입니다.'),
  ALREADY_REFUND_PAYMENT: error(400, '이미 환불된 결제입니다.'),
  NOT_MATCHES_REFUNDABLE_AMOUNT: error(400, '잔액 결과가 일치하지 않습니다.'),
  REFUND_REJECTED: error(400, '환불이 거절됐습니다. 결제사에 문의 부탁드립니다.'),
  EXCEED_CANCEL_AMOUNT_DISCOUNT_AMOUNT: error(400, '즉시할인금액보다 적은 금액은 부분취소가 불가능합니다.'),
  INVALID_BANK: error(400, '유효하지 않은 은행입니다.'),
  INVALID_REFUND_ACCOUNT_INFO: error(400, '환불 계좌번호와 예금주명이 일치하지 않습니다.'),
  INVALID_REFUND_ACCOUNT_NUMBER: error(400, '잘못된 환불 계좌번호입니다.'),
  FORBIDDEN_BANK_REFUND_REQUEST: error(400, '고객 계좌가 입금이 되지 않는 상태입니다.'),
  NOT_CANCELABLE_AMOUNT: error(403, '취소 할 수 없는 금액 입니다.'),
  NOT_CANCELABLE_PAYMENT: error(403, '취소 할 수 없는 결제 입니다.'),
  NOT_CANCELABLE_PAYMENT_FOR_DORMANT_USER: error(403, '휴면 처리된 회원의 결제는 취소할 수 없습니다.'),
  NOT_ALLOWED_PARTIAL_REFUND: error(403, '에스크로 주문, 현금 카드 결제일 때는 부분 환불이 불가합니다.'),
  NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT: error(403, '입금 대기중인 결제는 부분 환불이 불가합니다.'),
  EXCEED_MAX_REFUND_DUE: error(403, '환불 가능한 기간이 지났습니다.'),
  EXCEED_CANCEL_LIMIT: error(403, '취소 한도 금액을 초과 하였습니다.'),
  FORBIDDEN_CONSECUTIVE_REQUEST: error(403, '반복적인 요청은 허용되지 않습니다. 잠시 후 다시 시도해주세요.'),
  FAILED_REFUND_PROCESS: error(500, '은행 응답시간 지연이나 일시적인 오류로 환불요청에 실패했습니다.'),
  FAILED_PARTIAL_REFUND: error(500, '은행 점검, 해약 계좌 등의 사유로 부분 환불이 실패했습니다.'),
  FAILED_METHOD_HANDLING_CANCEL: error(
    500,
    '취소 중 결제 시 사용한 결제 수단 처리과정에서 일시적인 오류가 발생했습니다.',
  ),

  // List of transactions.
  INVALID_TRANSACTION_KEY: error(400, '잘못된 페이징 키 입니다.'),

  // Given to the failUrl by the payment window, or standing in the `failure` of a payment; no call answers
  // them.
  PAY_PROCESS_CANCELED: error(400, '사용자에 의해 결제가 취소되었습니다.'),
  PAY_PROCESS_ABORTED: error(400, '결제 진행 중 승인에 실패하여 결제가 중단되었습니다.'),
  EXPIRED_PAYMENT: error(400, '결제가 만료되었습니다. 다시 시도해주세요.'),
} satisfies Record<string, TossErrorEntry>;

export type TossErrorCode = keyof typeof TOSS_ERRORS;

function isKnown(code: string): code is TossErrorCode {
  return Object.hasOwn(TOSS_ERRORS, code);
}

/** What Toss refuses with: `status` is the HTTP status, `code` and `message` the body. */
export class TossError extends Error {
  override readonly name = 'TossError';
  readonly code: string;
  readonly status: number;
  readonly refusal: boolean;

  /**
   * A code outside the table is allowed (clients must cope with new ones): status 400 unless told
   * otherwise.
   */
  constructor(code: string, options: { message?: string; status?: number } = {}) {
    const entry = isKnown(code) ? TOSS_ERRORS[code] : undefined;
    super(options.message ?? entry?.message ?? TEMPORARY);
    this.code = code;
    this.status = options.status ?? entry?.status ?? 400;
    this.refusal = entry !== undefined && 'refusal' in entry;
  }
}

/** Typed shorthand for the codes of the table. */
export function tossError(code: TossErrorCode, message?: string): TossError {
  return new TossError(code, message === undefined ? {} : { message });
}
