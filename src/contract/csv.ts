/** CSV as RFC 4180 has it, with any of the usual line ends; nothing else is guessed. */

/**
 * The records of a text, as they stand there, without their line ends and without empty ones. A line break between two
 * quotes belongs to its record, so what is a record depends on the quotes alone and not on where a file was taken apart.
 */
export function splitRecords(text: string): string[] {
  const records: string[] = [];
  let start = 0;
  let isQuoted = false;
  const take = (end: number) => {
    const record = text.slice(start, text[end - 1] === '\r' ? end - 1 : end);
    if (!isBlank(record)) records.push(record);
    start = end + 1;
  };
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) isQuoted = !isQuoted;
    else if (code === LINE_FEED && !isQuoted) take(at);
  }
  if (start < text.length) take(text.length);
  return records;
}

const QUOTE = 0x22;
const LINE_FEED = 0x0a;
const COMMA = 0x2c;

/** The same is asked of bytes where files are taken apart, so that rows have the same numbers there. */
function isBlank(record: string): boolean {
  return /^[ \t\r]*$/.test(record);
}

/** The cells of one record; null when a quote stands where none may. */
export function readRecord(record: string): string[] | null {
  const cells: string[] = [];
  let at = 0;
  for (;;) {
    let end: number;
    if (record.charCodeAt(at) === QUOTE) {
      end = closingQuote(record, at);
      if (end < 0) return null;
      cells.push(record.slice(at + 1, end).replaceAll('""', '"'));
      end += 1;
    } else {
      end = record.indexOf(',', at);
      if (end < 0) end = record.length;
      const cell = record.slice(at, end);
      if (cell.includes('"')) return null;
      cells.push(cell);
    }
    if (end >= record.length) return cells;
    if (record.charCodeAt(end) !== COMMA) return null;
    at = end + 1;
  }
}

/** Where a quoted cell ends; -1: nowhere. Two quotes are one that belongs to the cell. */
function closingQuote(record: string, opening: number): number {
  for (let at = opening + 1; at < record.length; at += 1) {
    if (record.charCodeAt(at) !== QUOTE) continue;
    if (record.charCodeAt(at + 1) !== QUOTE) return at;
    at += 1;
  }
  return -1;
}

/**
 * One record for others to read. A cell that a spreadsheet would take for a formula begins with an apostrophe, because
 * what stands in it may be a stranger's.
 */
export function writeRecord(cells: readonly (string | number | null)[]): string {
  return `${cells.map((cell) => writeCell(cell === null ? '' : String(cell))).join(',')}\r\n`;
}

function writeCell(cell: string): string {
  const safe = /^[=+\-@\t\r\n]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
