import { createHmac, randomInt, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Mode } from '../src/domain/tenant.ts';

/**
 * `prn_test_` or `prn_live_`, 32 random letters and digits (190 bits), and a checksum of six, so that a mistyped or cut
 * key is recognised before anybody asks the database.
 */
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const RANDOM_LENGTH = 32;
const CHECKSUM_LENGTH = 6;
const KEY = /^prn_(?:live|test)_[0-9A-Za-z]{38}$/;

/** A new key; the caller shows it once and keeps only its hash. */
export function makeApiKey(mode: Mode): string {
  const random = Array.from({ length: RANDOM_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  const body = `prn_${mode}_${random}`;
  return body + checksum(body);
}

/** Whether the text has the form and the checksum of a key. */
export function isApiKey(text: string): boolean {
  if (!KEY.test(text)) return false;
  const body = text.slice(0, -CHECKSUM_LENGTH);
  return checksum(body) === text.slice(-CHECKSUM_LENGTH);
}

/** What is stored of a key. The pepper is not in the database, so a stolen table recognises no key. */
export function hashApiKey(key: string, pepper: string): Buffer {
  return createHmac('sha256', pepper).update(key).digest();
}

/** Compares two secrets without telling by time how much of them agrees. */
export function sameSecret(a: string, b: string): boolean {
  const digest = (text: string) => createHmac('sha256', 'perennial compare').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

function checksum(body: string): string {
  let rest = crc32(body);
  let text = '';
  for (let n = 0; n < CHECKSUM_LENGTH; n += 1) {
    text = (ALPHABET[rest % ALPHABET.length] ?? '') + text;
    rest = Math.floor(rest / ALPHABET.length);
  }
  return text;
}
