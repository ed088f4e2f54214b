import { DomainError, type FieldError } from '../domain/errors.ts';
import type { SimulationAction } from './simulation-actions.ts';
import { unchangedField } from './unchanged-field.ts';

/** Where an action has a field whose command calls it otherwise. */
const CALLED: Partial<Record<SimulationAction['action'], (path: string) => string>> = {
  set_quantity: (path) => path.replace(/^items\[0\]\.?/, ''),
  remove: (path) => path.replace(/^remove/, 'keys'),
  cancel: (path) => path.replace(/^at$/, 'cancel_at'),
};

/**
 * A refusal of the engine with the place of its fields in the body of the simulation: `timeline[3].items[0].key`. One that
 * names no field is about the action as such.
 */
export function locatedRefusal(error: DomainError, action: SimulationAction, index: number): DomainError {
  const place = `timeline[${index}]`;
  const inAction = CALLED[action.action] ?? ((path: string) => path);
  // What names no instant of its own was used at that of the action.
  const isUsedThen = action.action === 'use' && action.timestamp === undefined;
  const errors = (error.details.errors ?? [whole(error, action)]).map((field): FieldError => {
    const path = isUsedThen && field.path === 'timestamp' ? 'at' : inAction(field.path);
    return { ...field, path: path === '' ? place : `${place}.${path}` };
  });
  return new DomainError(error.code, detailOf(error, errors), { ...error.details, errors, action: index });
}

/** What the engine calls unknown, or no change, has a field of its own where the action names one. */
function whole({ code, message }: DomainError, action: SimulationAction): FieldError {
  if (code === 'change_without_effect') return { path: unchangedField(action), code, message };
  return { path: code === 'item_unknown' && 'key' in action ? 'key' : '', code, message };
}

/** A sentence that begins with the path of its field begins with where that is now. */
function detailOf({ code, message }: DomainError, [first]: readonly FieldError[]): string {
  return code === 'validation_failed' && first ? `${first.path}: ${first.message}` : message;
}
