import { z } from 'zod';

/** What ties a command to the preview that somebody has seen. */
export const previewToken = z.string().min(1).max(500).optional().meta({
  description: 'The token of a preview: the command is refused if its outcome is no longer the one shown.',
});
