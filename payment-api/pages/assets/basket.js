// What the shopper has chosen, kept for this tab: the back button of the payment window leads to the same basket.

const KEPT = 'basket';

function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT)) ?? {};
  } catch {
    // Storage is forbidden, or holds something else.
    return {};
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
