import { proxySinks, type Sinks, type WorkflowInterceptorsFactory } from '@temporalio/workflow';

/**
 * Bundled beside the workflows when they are replayed, and never in production: tells every command that a workflow
 * task gives the server, with its data. Temporal's own replay compares the kinds and the order of commands only.
 */

/** A command as the SDK hands it to its core; `calls.ts` reads what it looks for. */
export type Command = Record<string, unknown>;

export interface CommandSinks extends Sinks {
  commands: { tell(commands: readonly Command[]): void };
}

const { commands: sink } = proxySinks<CommandSinks>();

export const interceptors: WorkflowInterceptorsFactory = () => ({
  internals: [
    {
      concludeActivation(input, next) {
        const output = next(input);
        sink.tell(output.commands as Command[]);
        return output;
      },
    },
  ],
});
