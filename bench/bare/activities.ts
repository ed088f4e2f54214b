export const bareActivities = {
  async noop(_input: string): Promise<null> {
    return null;
  },
};

export type BareActivities = typeof bareActivities;
