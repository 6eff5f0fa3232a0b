/** The environment of `npm test` with a test's own variables over it, for commands that a test starts. */
export function environmentWith(over: Record<string, string>): NodeJS.ProcessEnv {
  return { ...process.env, ...over };
}
