import { DomainError } from './errors.ts';

/** Currencies of ISO 4217 whose minor unit is a hundredth. */
const TWO_DIGITS =
  'AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF ' +
  'CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF ' +
  'IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN ' +
  'MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS ' +
  'SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG';

/** Currencies whose minor unit is not a hundredth; the digits are ISO's, which for IQD or ISK differ from CLDR's habits. */
const OTHER_DIGITS: ReadonlyArray<readonly [digits: number, codes: string]> = [
  [0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'],
  [3, 'BHD IQD JOD KWD LYD OMR TND'],
  [4, 'CLF UYW'],
];

const DIGITS: ReadonlyMap<string, number> = new Map(
  [[2, TWO_DIGITS] as const, ...OTHER_DIGITS].flatMap(([digits, codes]) =>
    codes.split(' ').map((code) => [code, digits] as const),
  ),
);

/** Every currency that can be billed: ISO 4217 codes that have a minor unit (so no metals, no test codes), sorted. */
export const CURRENCY_CODES: readonly string[] = [...DIGITS.keys()].sort();

/** Whether `code` is an ISO 4217 currency that can be billed; three capital letters. */
export function isCurrency(code: string): boolean {
  return DIGITS.has(code);
}

/**
 * How many decimals the currency's minor unit has: JPY 0, USD 2, KWD 3, CLF 4 (billing rule 2).
 * Throws `currency_unknown` for anything that is not a billable ISO 4217 code.
 */
export function minorDigits(code: string): number {
  const digits = DIGITS.get(code);
  if (digits === undefined) {
    throw new DomainError(
      'currency_unknown',
      `"${code.slice(0, 16)}" is not an ISO 4217 currency code; write one such as "USD".`,
    );
  }
  return digits;
}
