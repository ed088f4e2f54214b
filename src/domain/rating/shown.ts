import { minorDigits } from '../currency.ts';
import { Decimal } from '../money.ts';

/** More decimals than this are the endless kind; a sentence shows their beginning. */
const DECIMALS_MAX = 12;
const DECIMALS_OF_THE_ENDLESS = 6;

/** An amount or a unit price as people read it: at least the digits of the currency, all that a price may have. */
export function shown(text: string, currency: string): string {
  const amount = new Decimal(text);
  const decimals = amount.decimalPlaces();
  return decimals > DECIMALS_MAX
    ? `${amount.toFixed(DECIMALS_OF_THE_ENDLESS, Decimal.ROUND_DOWN)}…`
    : amount.toFixed(Math.max(decimals, minorDigits(currency)));
}
