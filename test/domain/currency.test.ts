import { describe, expect, test } from '@jest/globals';
import { CURRENCY_CODES, isCurrency, minorDigits } from '../../src/domain/currency.ts';

describe('currencies', () => {
  test.each([
    ['JPY', 0],
    ['KRW', 0],
    ['CLP', 0],
    ['ISK', 0],
    ['UGX', 0],
    ['VND', 0],
    ['XOF', 0],
    ['USD', 2],
    ['EUR', 2],
    ['CHF', 2],
    ['XCG', 2],
    ['BHD', 3],
    ['KWD', 3],
    ['TND', 3],
    ['CLF', 4],
    ['UYW', 4],
  ])('%s has %i digits', (code, digits) => expect(minorDigits(code)).toBe(digits));

  test.each([
    ['IQD', 3],
    ['RSD', 2],
    ['HUF', 2],
    ['IDR', 2],
    ['LBP', 2],
    ['MGA', 2],
    ['COP', 2],
  ])('%s follows ISO 4217 (%i), where CLDR drops digits nobody uses in cash', (code, digits) =>
    expect(minorDigits(code)).toBe(digits),
  );

  test('every code is three capital letters, listed once', () => {
    expect(CURRENCY_CODES.every((code) => /^[A-Z]{3}$/.test(code))).toBe(true);
    expect(new Set(CURRENCY_CODES).size).toBe(CURRENCY_CODES.length);
  });

  test('every code but funds codes and the digital bolivar is known to the platform too, so none is a slip of the pen', () => {
    const known = new Set(Intl.supportedValuesOf('currency'));
    expect(CURRENCY_CODES.filter((code) => !known.has(code)).join(' ')).toBe(
      'BOV CHE CHW CLF COU MXV USN UYI UYW VED',
    );
  });

  test.each(['usd', 'US', 'USDD', '', 'XXX', 'XAU', 'XTS', 'BTC', 'DEM', 'constructor', '__proto__'])(
    '"%s" is not a billable currency',
    (code) => {
      expect(isCurrency(code)).toBe(false);
      expect(() => minorDigits(code)).toThrow(expect.objectContaining({ code: 'currency_unknown' }));
    },
  );
});
