/** The version of `package.json`, as the world sees it; a test keeps the two equal. */
export const VERSION = '0.3.0';
