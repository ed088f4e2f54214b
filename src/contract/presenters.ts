import { presentCreditNote } from './credit-notes.ts';
import { presentCustomer } from './customers.ts';
import { presentInvoice } from './invoices.ts';
import { presentAttempt, presentManualPayment } from './payments.ts';
import { presentSubscription } from './present-subscription.ts';

/** What events show of an object: the same as the API answers. */
export const presenters = {
  customer: presentCustomer,
  subscription: presentSubscription,
  invoice: presentInvoice,
  creditNote: presentCreditNote,
  payment: presentAttempt,
  manualPayment: presentManualPayment,
};
