/** The only place that reads the wall clock; everything else is handed an instant. */
export const clock = {
  now: (): Date => new Date(),
};
