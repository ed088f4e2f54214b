import { describe, expect, test } from '@jest/globals';
import { Decimal as SharedDecimal } from 'decimal.js';
import fc from 'fast-check';
import { CURRENCY_CODES, minorDigits } from '../../src/domain/currency.ts';
import {
  allocate,
  Decimal,
  formatAmount,
  formatUnitPrice,
  parseAmount,
  parseUnitPrice,
  roundToMinor,
  sum,
} from '../../src/domain/money.ts';

const dec = (text: string) => new Decimal(text);
const texts = (amounts: readonly Decimal[]) => amounts.map((amount) => amount.toFixed());

const currency = fc.constantFrom(...CURRENCY_CODES);
/** Any decimal with up to 15 digits before and 12 after the point. */
const anyDecimal = fc
  .tuple(fc.bigInt({ min: -(10n ** 27n), max: 10n ** 27n }), fc.integer({ min: 0, max: 12 }))
  .map(([digits, places]) => dec(digits.toString()).div(dec('10').pow(places)));
/** An amount on the grid of its currency. */
const amountIn = (code: string) =>
  fc
    .bigInt({ min: -(10n ** 15n), max: 10n ** 15n })
    .map((units) => dec(units.toString()).div(dec('10').pow(minorDigits(code))));

describe('the number type', () => {
  test('does not follow what another library sets on the shared Decimal', () => {
    const before = SharedDecimal.precision;
    SharedDecimal.set({ precision: 3, rounding: SharedDecimal.ROUND_DOWN });
    try {
      expect(dec('1').div(3).toFixed()).toBe(`0.${'3'.repeat(40)}`);
      expect(roundToMinor(dec('1234.565'), 'USD').toFixed()).toBe('1234.57');
    } finally {
      SharedDecimal.set({ precision: before, rounding: SharedDecimal.ROUND_HALF_UP });
    }
  });

  test('never prints an exponent', () => {
    expect(dec('0.000000000001').toString()).toBe('0.000000000001');
    expect(dec('1e30').toString()).toBe(`1${'0'.repeat(30)}`);
    expect(JSON.stringify({ amount: dec('1e-12') })).toBe('{"amount":"0.000000000001"}');
  });
});

describe('rounding to the minor unit', () => {
  test.each([
    ['half a cent goes up', '0.005', 'USD', '0.01'],
    ['half a cent below zero goes down, away from zero', '-0.005', 'USD', '-0.01'],
    ['just under half stays', '0.00499999999999', 'USD', '0'],
    ['2.675 is exact here, unlike in binary', '2.675', 'USD', '2.68'],
    ['Kill Bill stub, golden B34', '74.985', 'USD', '74.99'],
    ['a yen has no decimals', '1234.5', 'JPY', '1235'],
    ['a dinar has three', '0.0005', 'KWD', '0.001'],
    ['an unidad de fomento has four', '1.00005', 'CLF', '1.0001'],
    ['an amount on the grid is left alone', '19.99', 'USD', '19.99'],
    ['negative zero becomes zero', '-0.001', 'USD', '0'],
  ])('%s', (_, amount, code, rounded) => {
    const result = roundToMinor(dec(amount), code);
    expect(result.toFixed()).toBe(rounded);
    expect(Object.is(result.toNumber(), -0)).toBe(false);
  });

  test('is symmetric, idempotent and never further than half a unit away', () => {
    fc.assert(
      fc.property(anyDecimal, currency, (amount, code) => {
        const rounded = roundToMinor(amount, code);
        const half = dec('0.5').div(dec('10').pow(minorDigits(code)));
        expect(roundToMinor(amount.negated(), code).eq(rounded.negated())).toBe(true);
        expect(roundToMinor(rounded, code).eq(rounded)).toBe(true);
        expect(rounded.minus(amount).abs().lte(half)).toBe(true);
      }),
    );
  });

  test('refuses what is not a finite number and a currency nobody knows', () => {
    expect(() => roundToMinor(new Decimal(Number.NaN), 'USD')).toThrow(RangeError);
    expect(() => roundToMinor(new Decimal(Number.POSITIVE_INFINITY), 'USD')).toThrow(RangeError);
    expect(() => roundToMinor(dec('1'), 'ZZZ')).toThrow(
      expect.objectContaining({ code: 'currency_unknown' }),
    );
  });
});

describe('a sum', () => {
  test('of nothing is zero', () => expect(sum([]).toFixed()).toBe('0'));
  test('is exact', () => expect(sum([dec('0.1'), dec('0.2'), dec('-0.05')]).toFixed()).toBe('0.25'));
});

describe('allocation by largest remainder', () => {
  test.each<[string, string, string[], string, string[]]>([
    [
      'ten over three gives the odd cent to the first',
      '10.00',
      ['1', '1', '1'],
      'USD',
      ['3.34', '3.33', '3.33'],
    ],
    ['two odd cents go to the first two', '0.05', ['1', '1', '1'], 'USD', ['0.02', '0.02', '0.01']],
    ['the largest remainder wins over the first place', '1.00', ['1', '2'], 'USD', ['0.33', '0.67']],
    [
      'a negative total mirrors the positive one',
      '-10.00',
      ['1', '1', '1'],
      'USD',
      ['-3.34', '-3.33', '-3.33'],
    ],
    ['a zero weight gets nothing', '0.01', ['0', '1', '0'], 'USD', ['0', '0.01', '0']],
    ['all weights zero means equal parts', '0.03', ['0', '0'], 'USD', ['0.02', '0.01']],
    ['a zero total gives zeros', '0', ['3', '0', '1'], 'USD', ['0', '0', '0']],
    ['a zero total over nothing is nothing', '0', [], 'USD', []],
    ['one part takes all', '19.99', ['0.0001'], 'USD', ['19.99']],
    ['yen have no cents to give', '100', ['1', '1', '1'], 'JPY', ['34', '33', '33']],
    ['dinars have thousandths', '0.100', ['1', '1', '1'], 'KWD', ['0.034', '0.033', '0.033']],
    ['weights with many decimals', '1.00', ['0.000000000001', '0.000000000002'], 'USD', ['0.33', '0.67']],
  ])('%s', (_, total, weights, code, parts) => {
    expect(texts(allocate(dec(total), weights.map(dec), code))).toEqual(parts);
  });

  test('sums to the total exactly, each part within a unit of its share, signs kept, zero weights untouched', () => {
    const split = currency.chain((code) =>
      fc.tuple(
        fc.constant(code),
        amountIn(code),
        fc.array(
          anyDecimal.map((weight) => weight.abs()),
          { minLength: 1, maxLength: 30 },
        ),
      ),
    );
    fc.assert(
      fc.property(split, ([code, total, weights]) => {
        const parts = allocate(total, weights, code);
        const whole = sum(weights);
        const unit = dec('1').div(dec('10').pow(minorDigits(code)));
        expect(sum(parts).eq(total)).toBe(true);
        parts.forEach((part, index) => {
          const weight = weights[index] ?? dec('0');
          expect(part.isZero() || part.isNegative() === total.isNegative()).toBe(true);
          expect(part.decimalPlaces()).toBeLessThanOrEqual(minorDigits(code));
          if (whole.isZero()) return;
          expect(part.minus(total.times(weight).div(whole)).abs().lt(unit)).toBe(true);
          if (weight.isZero()) expect(part.isZero()).toBe(true);
        });
        expect(texts(allocate(total.negated(), weights, code))).toEqual(
          texts(parts.map((part) => (part.isZero() ? part : part.negated()))),
        );
      }),
    );
  });

  test('stays exact where 40 digits would not do', () => {
    const weights = [dec('999999999999999.999999999999'), dec('999999999999999.999999999998')];
    const parts = allocate(dec('999999999999999.99'), weights, 'USD');
    expect(texts(parts)).toEqual(['500000000000000', '499999999999999.99']);
  });

  test('refuses what only a programming mistake produces', () => {
    expect(() => allocate(dec('1.005'), [dec('1')], 'USD')).toThrow(RangeError);
    expect(() => allocate(dec('1'), [dec('1'), dec('-1')], 'USD')).toThrow(RangeError);
    expect(() => allocate(dec('1'), [], 'USD')).toThrow(RangeError);
  });
});

describe('reading an amount', () => {
  test.each([
    ['19.99', 'USD', '19.99'],
    ['20', 'USD', '20'],
    ['20.5', 'USD', '20.5'],
    ['0', 'USD', '0'],
    ['-0.00', 'USD', '0'],
    ['-5.25', 'USD', '-5.25'],
    ['1500', 'JPY', '1500'],
    ['0.001', 'KWD', '0.001'],
    ['999999999999999.99', 'USD', '999999999999999.99'],
  ])('"%s" %s is read exactly', (text, code, amount) =>
    expect(parseAmount(text, code).toFixed()).toBe(amount),
  );

  test.each([
    ['nothing', ''],
    ['a word', 'ten'],
    ['an exponent', '1e3'],
    ['a plus', '+1'],
    ['a comma', '1,50'],
    ['grouping', '1 000'],
    ['a trailing point', '1.'],
    ['a leading point', '.5'],
    ['leading zeros', '007'],
    ['spaces around', ' 1 '],
    ['a newline behind', '1\n'],
    ['hexadecimal', '0x10'],
    ['NaN', 'NaN'],
    ['Infinity', 'Infinity'],
    ['digits of another script', '١٢'],
    ['three decimals in dollars', '1.999'],
    ['a needless third decimal', '1.990'],
    ['a sum of 10^15', '1000000000000000'],
    ['minus 10^15', '-1000000000000000'],
    ['a very long number', '9'.repeat(5000)],
    ['very many decimals', `1.${'0'.repeat(5000)}`],
  ])('%s is refused', (_, text) => {
    expect(() => parseAmount(text, 'USD')).toThrow(expect.objectContaining({ code: 'amount_invalid' }));
  });

  test('decimals are refused where the currency has none, and the message says so', () => {
    expect(() => parseAmount('1500.0', 'JPY')).toThrow(/JPY has no decimals/);
    expect(() => parseAmount('1.234', 'USD')).toThrow(/USD has 2 decimals/);
  });

  test('an unknown currency is its own error', () => {
    expect(() => parseAmount('1', 'ZZZ')).toThrow(expect.objectContaining({ code: 'currency_unknown' }));
  });

  test('what was printed is read back unchanged', () => {
    const printed = currency.chain((code) => fc.tuple(fc.constant(code), amountIn(code)));
    fc.assert(
      fc.property(printed, ([code, amount]) => {
        fc.pre(amount.abs().lt(dec('1e15')));
        const text = formatAmount(amount, code);
        expect(parseAmount(text, code).eq(amount)).toBe(true);
        expect(text.split('.')[1]?.length ?? 0).toBe(minorDigits(code));
      }),
    );
  });
});

describe('reading a unit price', () => {
  test.each(['0', '0.000000000001', '19.99', '999999999999999.999999999999'])(
    '"%s" is kept to the last digit',
    (text) => {
      expect(formatUnitPrice(parseUnitPrice(text))).toBe(text);
    },
  );

  test.each([
    ['a thirteenth decimal', '0.0000000000001'],
    ['a negative price', '-0.01'],
    ['10^15', '1000000000000000'],
    ['an exponent', '1e-3'],
  ])('%s is refused', (_, text) => {
    expect(() => parseUnitPrice(text)).toThrow(expect.objectContaining({ code: 'amount_invalid' }));
  });
});

describe('printing an amount', () => {
  test.each([
    ['19.99', 'USD', '19.99'],
    ['20', 'USD', '20.00'],
    ['-0.5', 'USD', '-0.50'],
    ['1500', 'JPY', '1500'],
    ['1.5', 'KWD', '1.500'],
    ['0', 'CLF', '0.0000'],
  ])('%s %s', (amount, code, text) => expect(formatAmount(dec(amount), code)).toBe(text));

  test('an amount nobody rounded is refused instead of hiding money', () => {
    expect(() => formatAmount(dec('0.005'), 'USD')).toThrow(RangeError);
  });
});
