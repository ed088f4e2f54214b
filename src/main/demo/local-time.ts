/** The civil day of an instant in a time zone, `2028-02-29`. */
export function localDay(instant: string, timeZone: string): string {
  return parts(instant, timeZone).slice(0, 10);
}

/** The same with hours and minutes, `2028-02-29 00:00`. */
export function localMinute(instant: string, timeZone: string): string {
  return parts(instant, timeZone).slice(0, 16);
}

/** Sweden writes dates as ISO 8601 does. */
function parts(instant: string, timeZone: string): string {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' });
  return format.format(new Date(instant));
}
