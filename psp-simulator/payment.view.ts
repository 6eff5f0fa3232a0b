import { wonToNumber, type Won } from '#kit/money';
import { kstText } from './kst';
import type { CancelLine, Payment, Transaction } from './payments';

/** Merchant id of every simulated payment. */
const MERCHANT_ID = 'tsimulator';
const PAGES = 'https://dashboard-sandbox.tosspayments.com';
const API = 'https://api.tosspayments.com';

/** The VAT inside an amount: an eleventh, rounded half up, as Toss reckons it (15000 → 1364). */
export function vatOf(amount: Won): Won {
  return (2n * amount + 11n) / 22n;
}

/** Toss's Payment object, version 2022-11-16 (docs.tosspayments.com/reference#payment-객체). */
export function paymentView(payment: Payment): Record<string, unknown> {
  const approved = payment.approvedAtMs !== null;
  const vat = vatOf(payment.balanceAmount);
  return {
    mId: MERCHANT_ID,
    version: '2022-11-16',
    lastTransactionKey: payment.cancels.at(-1)?.transactionKey ?? payment.approvalTransactionKey,
    paymentKey: payment.paymentKey,
    orderId: payment.orderId,
    orderName: payment.orderName,
    currency: 'KRW',
    method: '카드',
    status: payment.status,
    requestedAt: kstText(payment.requestedAtMs),
    approvedAt: payment.approvedAtMs === null ? null : kstText(payment.approvedAtMs),
    useEscrow: false,
    cultureExpense: false,
    card: payment.authenticatedAtMs === null ? null : cardView(payment),
    virtualAccount: null,
    transfer: null,
    mobilePhone: null,
    giftCertificate: null,
    cashReceipt: null,
    cashReceipts: null,
    receipt: approved
      ? { url: `${PAGES}/receipt/redirection?transactionId=${payment.paymentKey}&ref=PX` }
      : null,
    checkout: { url: `${API}/v1/payments/${payment.paymentKey}/checkout` },
    discount: null,
    cancels: payment.cancels.length === 0 ? null : payment.cancels.map(cancelView),
    secret: null,
    type: 'NORMAL',
    easyPay: null,
    country: 'KR',
    failure: payment.failure,
    isPartialCancelable: true,
    totalAmount: wonToNumber(payment.totalAmount),
    balanceAmount: wonToNumber(payment.balanceAmount),
    suppliedAmount: wonToNumber(payment.balanceAmount - vat),
    vat: wonToNumber(vat),
    taxFreeAmount: 0,
    taxExemptionAmount: 0,
    metadata: null,
  };
}

function cardView(payment: Payment): Record<string, unknown> {
  return {
    amount: wonToNumber(payment.totalAmount),
    issuerCode: '61',
    acquirerCode: '31',
    number: '12345678****123*',
    installmentPlanMonths: 0,
    isInterestFree: false,
    interestPayer: null,
    approveNo: payment.approveNo ?? '00000000',
    useCardPoint: false,
    cardType: '신용',
    ownerType: '개인',
    acquireStatus: 'READY',
  };
}

function cancelView(cancel: CancelLine): Record<string, unknown> {
  return {
    transactionKey: cancel.transactionKey,
    cancelReason: cancel.cancelReason,
    taxExemptionAmount: 0,
    canceledAt: kstText(cancel.canceledAtMs),
    easyPayDiscountAmount: 0,
    receiptKey: null,
    cancelAmount: wonToNumber(cancel.cancelAmount),
    taxFreeAmount: 0,
    refundableAmount: wonToNumber(cancel.refundableAmount),
    cancelStatus: 'DONE',
    cancelRequestId: null,
  };
}

/** Toss's Transaction object: one approval or cancel. */
export function transactionView(transaction: Transaction, payment: Payment): Record<string, unknown> {
  return {
    mId: MERCHANT_ID,
    transactionKey: transaction.transactionKey,
    paymentKey: payment.paymentKey,
    orderId: payment.orderId,
    method: '카드',
    customerKey: null,
    useEscrow: false,
    receiptUrl: `${PAGES}/receipt/redirection?transactionId=${payment.paymentKey}&ref=PX`,
    status: transaction.status,
    transactionAt: kstText(transaction.atMs),
    currency: 'KRW',
    amount: wonToNumber(transaction.amount),
  };
}
