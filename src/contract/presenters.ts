import { presentCustomer } from './customers.ts';
import { presentInvoice } from './invoices.ts';
import { presentAttempt, presentManualPayment } from './payments.ts';
import { presentSubscription } from './subscriptions.ts';

/** What events show of an object: the same as the API answers. */
export const presenters = {
  customer: presentCustomer,
  subscription: presentSubscription,
  invoice: presentInvoice,
  payment: presentAttempt,
  manualPayment: presentManualPayment,
};
