import {
  amountColumn,
  countColumn,
  periodColumn,
  rateColumn,
  termsColumn,
  thresholdsColumn,
} from './column-types.ts';

/** The column kinds of `data.md`, so that a mapping reads like the table. */
export const id = { type: 'text', primary: true } as const;
export const text = { type: 'text' } as const;
export const optionalText = { type: 'text', nullable: true } as const;
export const instant = { type: 'datetime', columnType: 'timestamptz(3)' } as const;
export const optionalInstant = { type: 'datetime', columnType: 'timestamptz(3)', nullable: true } as const;
export const integer = { type: 'integer' } as const;
export const optionalInteger = { type: 'integer', nullable: true } as const;
/** A `bigint` that counts things, within what a number holds exactly. */
export const optionalCount = { type: countColumn, nullable: true } as const;
export const flag = { type: 'boolean' } as const;
export const optionalFlag = { type: 'boolean', nullable: true } as const;
export const json = { type: 'json' } as const;
export const optionalJson = { type: 'json', nullable: true } as const;
export const textList = { type: 'array', columnType: 'text[]' } as const;
export const currency = { type: 'character', columnType: 'char(3)' } as const;
export const optionalCurrency = { type: 'character', columnType: 'char(3)', nullable: true } as const;
export const amount = { type: amountColumn } as const;
export const optionalAmount = { type: amountColumn, nullable: true } as const;
export const rate = { type: rateColumn } as const;
export const optionalRate = { type: rateColumn, nullable: true } as const;
export const terms = { type: termsColumn } as const;
export const thresholds = { type: thresholdsColumn } as const;
export const period = { type: periodColumn } as const;
