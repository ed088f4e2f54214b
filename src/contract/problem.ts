import { z } from 'zod';
import { ERROR_CODES } from '../domain/errors.ts';

/** The body of every answer that is not a success: RFC 9457 with a stable `code`. */
export const problemOut = z
  .object({
    type: z.string().meta({ description: 'A page that explains the code.' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: 'What is wrong and what to do, for a person.' }),
    instance: z.string().meta({ description: 'The id of the request, also in `X-Request-Id`.' }),
    code: z.enum(ERROR_CODES).meta({ description: 'Stable; for programs.' }),
    errors: z
      .array(z.object({ path: z.string(), code: z.string(), message: z.string() }))
      .optional()
      .meta({ description: 'All fields that are wrong, each with the remedy.' }),
    details: z
      .record(z.string(), z.unknown())
      .optional()
      .meta({ description: 'Facts for programs, such as `command_id`.' }),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof problemOut>;
