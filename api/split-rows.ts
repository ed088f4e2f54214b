import { DomainError } from '../src/domain/errors.ts';
import type { ImportFormat } from '../src/domain/usage-import.ts';

/** Some rows of a file, which follow each other. */
export type Rows = { firstRow: number; rows: number; content: Buffer };

const CHUNK_BYTES = 1024 * 1024;
/** What one statement may have to insert. */
const CHUNK_ROWS = 5_000;
const ROW_BYTES_MAX = 256 * 1024;

const QUOTE = 0x22;
const LINE_FEED = 0x0a;
const BLANK = new Set([0x20, 0x09, 0x0d]);

/**
 * Takes a file apart at ends of rows while it arrives: a line break between quotes of a CSV ends none. Holds one chunk
 * and what follows of one row, however large the file. The first record of a CSV file comes alone, as row 0.
 */
export class RowSplitter {
  readonly #isCsv: boolean;
  #parts: Buffer[] = [];
  #bytes = 0;
  /** Bytes of the row that has no end yet. */
  #open = 0;
  #rows = 0;
  #nextRow: number;
  #isQuoted = false;
  #isBlank = true;
  #isFirst = true;

  constructor(format: ImportFormat) {
    this.#isCsv = format === 'csv';
    this.#nextRow = this.#isCsv ? 0 : 1;
  }

  /** The chunks that these bytes complete. Throws `usage_import_unreadable` for a row without end. */
  *push(piece: Buffer): Generator<Rows> {
    const bytes = this.#isFirst ? withoutMark(piece) : piece;
    this.#isFirst = false;
    let from = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at] ?? 0;
      this.#open += 1;
      if (byte === LINE_FEED && !this.#isQuoted) {
        if (!this.#isBlank) this.#rows += 1;
        this.#isBlank = true;
        this.#open = 0;
        if (this.#isFull(at + 1 - from)) {
          yield* this.#take(bytes.subarray(from, at + 1));
          from = at + 1;
        }
      } else if (byte === QUOTE && this.#isCsv) {
        this.#isQuoted = !this.#isQuoted;
        this.#isBlank = false;
      } else if (!BLANK.has(byte)) this.#isBlank = false;
    }
    if (this.#open > ROW_BYTES_MAX) throw this.#endless();
    this.#parts.push(bytes.subarray(from));
    this.#bytes += bytes.length - from;
  }

  /** What is left when the file has ended. */
  *end(): Generator<Rows> {
    if (this.#isQuoted) throw this.#endless();
    if (!this.#isBlank) this.#rows += 1;
    yield* this.#take(Buffer.alloc(0));
  }

  #isFull(more: number): boolean {
    const isHeader = this.#nextRow === 0 && this.#rows === 1;
    return isHeader || this.#rows >= CHUNK_ROWS || this.#bytes + more >= CHUNK_BYTES;
  }

  *#take(last: Buffer): Generator<Rows> {
    const content = Buffer.concat([...this.#parts, last]);
    const taken = { firstRow: this.#nextRow, rows: this.#rows, content };
    this.#parts = [];
    this.#bytes = 0;
    this.#rows = 0;
    if (taken.rows === 0) return;
    this.#nextRow += taken.rows;
    yield taken;
  }

  #endless(): DomainError {
    const row = this.#nextRow + this.#rows;
    const quotes = this.#isCsv ? ' Look whether a quote is missing.' : '';
    return new DomainError(
      'usage_import_unreadable',
      `Row ${row} has no end within ${ROW_BYTES_MAX / 1024} KB.${quotes}`,
      { row },
    );
  }
}

/** What some programs write before UTF-8. */
function withoutMark(bytes: Buffer): Buffer {
  return bytes.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf])) ? bytes.subarray(3) : bytes;
}
