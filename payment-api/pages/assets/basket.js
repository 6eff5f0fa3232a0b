// What the shopper has chosen, kept for this tab: the back button of the payment window leads to the same basket.

const KEPT = 'basket';
/** A first visit shows an order that can be paid at once. */
const AT_FIRST = { 1: 1, 2: 1, 3: 1 };

function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT)) ?? AT_FIRST;
  } catch {
    // Storage is forbidden, or holds something else.
    return AT_FIRST;
  }
}

const quantities = { ...kept() };

export const basket = {
  quantity(productNo) {
    const quantity = quantities[productNo];
    return Number.isInteger(quantity) && quantity > 0 ? quantity : 0;
  },
  set(productNo, quantity) {
    quantities[productNo] = quantity;
    try {
      sessionStorage.setItem(KEPT, JSON.stringify(quantities));
    } catch {
      // It then lives as long as the page.
    }
  },
};
