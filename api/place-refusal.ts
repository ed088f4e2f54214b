import { unchangedField } from '../src/contract/unchanged-field.ts';
import { DomainError } from '../src/domain/errors.ts';

/** A refusal of the engine that knows no fields, with the field of the request that it is about. */
export function placedRefusal(refusal: DomainError, body: unknown): DomainError {
  const { code, message, details } = refusal;
  if (code !== 'change_without_effect' || details.errors) return refusal;
  return new DomainError(code, message, {
    ...details,
    errors: [{ path: unchangedField(body), code, message }],
  });
}
