import { readFileSync } from 'node:fs';
import type { RegisterHooksOptions } from 'node:module';

/**
 * Errors that can be planted into the engine while it is loaded, to see that the fuzz finds them. Nothing in `src` knows
 * of this: a module hook changes one place of one file's text.
 */
export type Plant = { name: string; says: string; file: string; from: string; to: string };

export const PLANTS: readonly Plant[] = [
  {
    name: 'half-even',
    says: 'halves are rounded to even instead of away from zero (rule 2)',
    file: 'src/domain/money.ts',
    from: 'minorDigits(currency), Decimal.ROUND_HALF_UP)',
    to: 'minorDigits(currency), Decimal.ROUND_HALF_EVEN)',
  },
];

/** Throws when the place to change is not there once: a plant that changes nothing would prove nothing. */
export function hooksOf({ file, from, to, name }: Plant): RegisterHooksOptions {
  return {
    load(url, context, nextLoad) {
      if (!url.endsWith(`/${file}`)) return nextLoad(url, context);
      const loaded = nextLoad(url, context);
      const text = String(loaded.source ?? readFileSync(new URL(url), 'utf8'));
      if (text.split(from).length !== 2)
        throw new Error(`plant ${name}: its place in ${file} is not there once`);
      return { ...loaded, source: text.replace(from, () => to) };
    },
  };
}
